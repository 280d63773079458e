"""Draw the pictures of docs/switches.md from simulations: `python docs/switches.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import immunode as im
from immunode.functions import maximum, minimum, mod, sin, where

FOLDER = Path(__file__).parent / "switches"
Slope = Callable[[Any, Any, Any], Any]


def model(slope: Slope, *triggers: im.Trigger, **values: float) -> im.Model:
    """Return a model of one state that a dose may enter."""
    names = {"k": "1/day", "on": "day", "off": "day", "amp": "mg/day", "c": "mg", "turn": "rad/day", "late": "day"}
    typical = {"k": 1.0, "on": 1.0, "off": 1.05, "amp": 20.0, "c": 5.0, "turn": 2 * np.pi, "late": 0.5} | values
    parameters = [im.Parameter(name, typical[name], unit) for name, unit in names.items()]
    states = [im.State("y", "mg", scale=1.0)]
    slopes = lambda t, x, p: {"y": slope(t, x, p)}  # noqa: E731
    return im.Model("switched", states, slopes, parameters, routes={"iv": "y"}, triggers=triggers)


@dataclass(frozen=True)
class Panel:
    """Hold one panel: a model, its doses, the end, and where slopes jump (`lines` in time, `level` in mg)."""

    title: str
    model: im.Model
    doses: im.Regimen | None
    end: float
    lines: tuple[float, ...] = ()
    level: float | None = None
    max_step: float | None = None  # of a second curve


WINDOW = model(lambda t, x, p: where(t > p.on, where(t < p.off, p.amp, 0 * p.amp), 0 * p.amp) - p.k * x.y)
MEALS = model(lambda t, x, p: where(mod(t, p.on) < p.late / 5, p.amp, 0 * p.amp) - 3 * p.k * x.y)
LIGHT = model(lambda t, x, p: where(sin(p.turn * t) > 0.5, p.amp, 0 * p.amp) - 3 * p.k * x.y)
THRESHOLD = model(lambda t, x, p: where(x.y > p.c, -p.amp / 8, -p.k * x.y))
HUMP = model(lambda t, x, p: p.amp * sin(p.turn * t / 8) / 4 - where(x.y > p.c, p.amp / 40, 0 * p.amp), c=11.9)
BEND = model(lambda t, x, p: -p.k * maximum(x.y - p.c, 0 * p.c) - p.amp / 20)
SATURATED = model(lambda t, x, p: -p.k * minimum(x.y, p.c))
RECTIFIED = model(lambda t, x, p: p.amp * abs(sin(p.turn * t / 2)) - 3 * p.k * x.y)
TOP = 40.0 / np.pi  # of the hump where nothing turns
TOUCHED = model(lambda t, x, p: p.amp * sin(p.turn * t / 8) / 4 - where(x.y > p.c, p.amp, 0 * p.amp), c=TOP)
WASHOUT = model(
    lambda t, x, p: -p.k * x.y / 4, im.Trigger(lambda t, x, p: t >= p.on, lambda t, x, p: {"y": 0 * x.y}), on=3.0
)
STAYS = model(lambda t, x, p: where(x.y >= p.c, -p.k * x.y, 0 * p.amp))


KINK = model(lambda t, x, p: -p.k * where(x.y > p.c, x.y - p.c, 0 * p.c) - p.amp / 20)


def narrow(holds: Slope) -> im.Model:
    """Return a model of a state that gains 500 mg/day while a condition holds; u is the time, and v is u**2 / 20."""
    states = [im.State("u", "1", scale=1.0), im.State("v", "1", scale=1.0), im.State("y", "mg", scale=1.0)]
    parameters = [
        im.Parameter("one", 1.0, "1/day"),
        im.Parameter("gain", 500.0, "mg/day"),
        im.Parameter("k", 0.2, "1/day"),
    ]

    def slopes(t: Any, x: Any, p: Any) -> dict[str, Any]:
        return {"u": p.one, "v": x.u * p.one / 10, "y": where(holds(t, x, p), p.gain, 0 * p.gain) - p.k * x.y}

    return im.Model("narrow", states, slopes, parameters)


DIP = narrow(lambda t, x, p: (x.u - 16) ** 2 + (x.v - 12.8) ** 2 < 1e-6)
QUARTIC = narrow(lambda t, x, p: (x.u - 16) ** 2 * ((x.u - 20) ** 2 + 1) < 1e-6)
MOMENT = narrow(lambda t, x, p: (t * p.one - 16) ** 2 * ((t * p.one - 20) ** 2 + 1) < 1e-8)


def rescued(**more: Any) -> im.Model:
    """Return a model whose trigger brings 5 mg below 2 mg."""
    low = im.Trigger(lambda t, x, p: x.y < p.c, lambda t, x, p: {"y": x.y + 2.5 * p.c}, **more)
    return model(lambda t, x, p: -p.k * x.y, low, c=2.0)


def found() -> list[Panel]:
    """Return the panels of what ends a step, and of what does not."""
    day, light = np.arange(4.0), (np.arange(3.0)[:, None] + [1 / 12, 5 / 12]).ravel()
    dose = im.dose("12 mg", "iv")
    return [
        Panel("By formula: a window of 0.05 days", WINDOW, None, 3.0, (1.0, 1.05)),
        Panel("By formula: a window each day", MEALS, None, 3.0, (*day[:3], *(day[:3] + 0.1))),
        Panel("On a fine mesh: sin(2 pi t) > 0.5", LIGHT, None, 3.0, tuple(light)),
        Panel("In the dense output: a threshold at 5 mg", THRESHOLD, dose, 4.0, (2.8,), 5.0),
        Panel("In the dense output: up and down again", HUMP, None, 8.0, (), 11.9),
        Panel("Not sought: maximum(y - 5, 0) only bends", BEND, dose, 4.0, (), 5.0),
        Panel("Not sought: minimum(y, 5) only bends", SATURATED, dose, 4.0, (), 5.0),
        Panel("Not sought: abs(sin(pi t)) only bends", RECTIFIED, None, 3.0),
        Panel("Touched and not crossed: nothing turns", TOUCHED, None, 8.0, (), TOP),
    ]


def order() -> list[Panel]:
    """Return the panels of what comes first, and of triggers."""
    dose, later = im.dose("8 mg", "iv"), im.dose("4 mg", "iv", times=[3.0])
    stays = im.dose("4.9 mg", "iv") + im.dose("3 mg", "iv", times=[2.0])
    return [
        Panel("Doses of 4.9 and 3 mg, held below 5 mg", STAYS, stays, 4.0, (2.0,), 5.0),
        Panel("A trigger below 2 mg: 5 mg at once", rescued(), dose, 5.0, (), 2.0),
        Panel("The same with a delay of half a day", rescued(delay="late"), dose, 5.0, (), 2.0),
        Panel("Day 3: washout, then 4 mg", WASHOUT, dose + later, 5.0, (3.0,)),
    ]


def missed() -> list[Panel]:
    """Return the panels of what is not located, without and with `max_step`."""
    dose, step = im.dose("12 mg", "iv"), 0.01
    return [
        Panel("Not sought: where(y > 5, y - 5, 0) only bends", KINK, dose, 4.0, (), 5.0, step),
        Panel("Two states: (u - 16)**2 + (v - 12.8)**2 < 1e-6", DIP, None, 30.0, (16.0,), None, step),
        Panel("Of higher power: (u - 16)**2 * ((u - 20)**2 + 1) < 1e-6", QUARTIC, None, 30.0, (16.0,), None, step),
        Panel(
            "Narrower than the mesh: (t - 16)**2 * ((t - 20)**2 + 1) < 1e-8", MOMENT, None, 30.0, (16.0,), None, step
        ),
    ]


def draw(panels: list[Panel], columns: int) -> Figure:
    """Return a picture with so many panels in a row."""
    rows = len(panels) // columns
    figure = Figure(figsize=(12, 3.0 * rows), layout="constrained")
    for axes, panel in zip(figure.subplots(rows, columns).ravel(), panels, strict=True):
        times = np.linspace(0.0, panel.end, 801)
        axes.plot(times, im.simulate(panel.model, panel.doses, times=times, at_dose="post")["y"], color="C0")
        if panel.max_step is not None:
            finer = im.simulate(panel.model, panel.doses, times=times, at_dose="post", max_step=panel.max_step)
            axes.plot(times, finer["y"], color="C1", linestyle="--")
            axes.legend(["as it is", f"max_step={panel.max_step:g}"], frameon=False)
        for line in panel.lines:
            axes.axvline(line, color="0.8", linewidth=0.8, zorder=0)
        if panel.level is not None:
            axes.axhline(panel.level, color="0.6", linestyle=":")
        below = 0.0 if panel.max_step is None else -0.05 * axes.get_ylim()[1]  # where a curve of zeros can be seen
        axes.set(xlabel="day", ylabel="mg", ylim=(below, None))
        axes.set_title(panel.title, fontsize=9)
    return figure


PICTURES = {"found.png": (found, 3), "missed.png": (missed, 2), "order.png": (order, 4)}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, (panels, columns) in PICTURES.items():
        draw(panels(), columns).savefig(FOLDER / name, dpi=100)
