"""Draw the picture of docs/switches.md from simulations: `python docs/switches.py`."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import immunode as im
from immunode.functions import where

FILE = Path(__file__).parent / "switches" / "switches.png"


def model(slope: object) -> im.Model:
    """Return a model of one state that a dose may enter."""
    names = {"k": "1/day", "on": "day", "off": "day", "amp": "mg/day", "c": "mg"}
    values = {"k": 1.0, "on": 1.0, "off": 1.05, "amp": 20.0, "c": 5.0}
    parameters = [im.Parameter(name, values[name], unit) for name, unit in names.items()]
    return im.Model("switched", [im.State("y", "mg", scale=1.0)], slope, parameters, routes={"iv": "y"})


WINDOW = model(lambda t, x, p: {"y": where(t > p.on, where(t < p.off, p.amp, 0 * p.amp), 0 * p.amp) - p.k * x.y})
THRESHOLD = model(lambda t, x, p: {"y": where(x.y > p.c, -p.amp / 4, -p.k * x.y)})
STAYS = model(lambda t, x, p: {"y": where(x.y >= p.c, -p.k * x.y, 0 * p.amp)})


def panels() -> list[tuple[str, im.Model, im.Regimen | None, float]]:
    """Return title, model, doses and end of each panel."""
    two = im.dose("4.9 mg", "iv") + im.dose("3 mg", "iv", times=[2.0])
    return [
        ("A window of 0.05 days, between two steps", WINDOW, None, 3.0),
        ("A threshold at 5 mg: the slope jumps there", THRESHOLD, im.dose("12 mg", "iv"), 4.0),
        ("Doses to 4.9 and past 5 mg: decided after each", STAYS, two, 4.0),
    ]


def draw() -> Figure:
    """Return the picture."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axes, (title, chosen, doses, end) in zip(figure.subplots(1, 3), panels(), strict=True):
        times = np.linspace(0.0, end, 801)
        axes.plot(times, im.simulate(chosen, doses, times=times, at_dose="post")["y"], color="C0")
        if chosen is not WINDOW:
            axes.axhline(5.0, color="0.6", linestyle=":", label="threshold")
        axes.set(title=title, xlabel="day", ylabel="mg", ylim=(0, None))
        axes.title.set_fontsize(9)
    return figure


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    draw().savefig(FILE, dpi=100)
