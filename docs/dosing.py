"""Draw the pictures of dosing.md, each from a simulation: `python docs/dosing.py` writes them into docs/dosing/."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import immunode as im

FOLDER = Path(__file__).with_suffix("")
LINE, DOSE, MARK = im.plot.COLOURS[0], im.plot.COLOURS[1], im.plot.COLOURS[6]
GREY = im.plot.GREY
SMALL = 8

MODEL = im.Model(
    name="example",
    states=[
        im.State("depot", "MIU", lag="tlag", bioavailability="F"),
        im.State("central", "MIU", lag="tlag", bioavailability="F", duration="D", rate="R", initial="rest"),
    ],
    routes={"sc": "depot", "iv": "central"},
    parameters=[
        im.Parameter("ka", 6.0, "1/day", "absorption", source="made up"),
        im.Parameter("k", 1.5, "1/day", "elimination", source="made up"),
        im.Parameter("rest", 0.0, "MIU", "where the body itself keeps it", source="made up"),
        im.Parameter("tlag", 0.0, "day", "lag", source="made up"),
        im.Parameter("F", 1.0, "1", "bioavailability", source="made up"),
        im.Parameter("D", 0.25, "day", "modelled duration", source="made up"),
        im.Parameter("R", 12.0, "MIU/day", "modelled rate", source="made up"),
    ],
    derivative=lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.k * (x.central - p.rest)},
)


@dataclass(frozen=True)
class Panel:
    """Hold a course and what is marked on it: a regimen with `times`, or records of a table, "TIME EVID AMT, 0 1 3"."""

    title: str
    until: float
    doses: im.Regimen | str
    times: Sequence[float] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def records(self) -> list[list[str]]:
        """Return the records of a table in cells, the header first; none of a regimen."""
        return [line.split() for line in self.doses.split(",")] if isinstance(self.doses, str) else []

    def plan(self) -> Any:
        """Return the regimen, or the event table of the records: IV doses of one patient."""
        if isinstance(self.doses, im.Regimen):
            return self.doses
        head, *rows = self.records
        return im.read_events(pandas.DataFrame(rows, columns=head).assign(ID=1, CMT="iv"), MODEL)

    def run(self, plan: Any, **how: Any) -> Any:
        """Return the amounts in the body; what is warned of is what a picture is about."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="a lag is as long|example is not empty")
            return im.simulate(MODEL, plan, parameters=self.parameters, outputs="central", **self.options, **how)

    def marks(self) -> list[tuple[float, float, str]]:
        """Return (time, amount, side) of every mark; of a table, in the order of its records."""
        how: dict[str, Any] = {} if self.records else {"times": list(self.times), "at_dose": "both"}
        course = self.run(self.plan(), **how)
        sides = list("abcdef"[: course.sizes["record"]]) if self.records else course["side"].values.tolist()
        return list(zip(course["time"].values.tolist(), course["central"].values.tolist(), sides, strict=True))


def iv(amount: float, *times: float, **how: Any) -> im.Regimen:
    """Give MIU into the body at days."""
    return im.dose(f"{amount} MIU", "iv", times=list(times), **how)


def steady(amount: float, time: float, into: str = "replace", **how: Any) -> im.Regimen:
    """Give MIU on a day as if for ever every day."""
    return iv(amount, time, steady_state=into, every="1 d", **how)


KNOWN = {"covariates": {"k": ([0, 1, 2, 3], [0.5, 0.5, 3.0, 0.5])}}
RESTS, LAGS, LATER = {"rest": 0.5}, {"tlag": 1.0}, {"tlag": 0.5}
PICTURES: dict[str, list[Panel]] = {
    "observation_at_dose": [
        Panel('Python: pre ○, post ● or "both"', 2.2, iv(3, 0, 1), [0, 1, 2]),
        Panel("Table: the order of the records", 2.2, "TIME EVID AMT, 0 1 3, 1 0 0, 1 1 3, 1 0 0"),
    ],
    "two_doses": [
        Panel("Python: before both, after both", 2, iv(3, 0) + iv(1, 1) + iv(2, 1), [1]),
        Panel("Table: between them, too", 2.5, "TIME EVID AMT, 0 1 3, 1 0 0, 1 1 1, 1 0 0, 1 1 2, 1 0 0"),
    ],
    "additional_dose": [
        Panel("Python: a repeat is a dose as any", 2, iv(3, 0).repeat(every="1 d", times=2), [1]),
        Panel("Table: ADDL comes first", 2, "TIME EVID AMT II ADDL, 0 1 3 1 1, 1 0 0 0 0, 1 1 2 0 0, 1 0 0 0 0"),
    ],
    "arrival": [
        Panel("Python: the arrival is the event", 2.2, iv(3, 0), [0, 1], LAGS),
        Panel("Table: what arrives comes first", 3.2, "TIME EVID AMT, 0 1 3, 1 0 0, 1 1 3, 1 0 0", parameters=LAGS),
    ],
    "end_of_infusion": [
        Panel("Python: either side is the peak", 2, iv(3, 0, duration="1 d"), [1]),
        Panel("Table: the end comes first", 2, "TIME EVID AMT RATE, 0 1 3 3, 1 0 0 0, 1 1 1 0, 1 0 0 0"),
    ],
    "reset": [
        Panel("Python: back to where it rests, 0.5", 2, iv(3, 0) + im.reset(time=1), [1], RESTS),
        Panel("Table: EVID 4 is reset, then dose", 2, "TIME EVID AMT, 0 1 3, 1 0 0, 1 4 2, 1 0 0", parameters=RESTS),
    ],
    "reset_in_infusion": [
        Panel("Infusion of 2 days; reset on day 1", 2.2, iv(6, 0, duration="2 d") + im.reset(time=1), [1, 2]),
        Panel("Lag of 0.5 days; reset on the way", 2.2, iv(3, 0, 0.75) + im.reset(time=1), [0.5, 1, 1.25], LATER),
    ],
    "time_restarts": [
        Panel(
            "Table: TIME starts again at EVID 3 or 4",
            3.2,
            "TIME EVID AMT II ADDL, 0 1 3 1 9, 2 0 0 0 0, 0 4 2 0 0, 0 0 0 0 0, 1 0 0 0 0",
        ),
    ],
    "steady_state": [
        Panel("Python: ○ is the trough, ● the peak", 3.2, iv(3, 0) + steady(3, 1), [1, 2]),
        Panel("Table: a is what was there", 3.2, "TIME EVID AMT SS II, 0 1 3 0 0, 1 0 0 0 0, 1 1 3 1 1, 1 0 0 0 0"),
    ],
    "steady_state_lag": [
        Panel("Lag 0.4 days: first the tail", 3, steady(3, 1), [1, 1.4], {"tlag": 0.4}),
        Panel("Lag 1.4 days: one is on its way", 3, steady(3, 1), [1, 1.4, 2.4], {"tlag": 1.4}),
    ],
    "steady_state_added": [
        Panel("Python: SS = 2 adds trough, then dose", 3, iv(3, 0) + steady(2, 1, "add"), [1, 2]),
        Panel("The same where the body rests at 0.5", 3, steady(2, 1, "add"), [1, 2], RESTS),
    ],
    "steady_state_infusion": [
        Panel("1.5 days, every day: two overlap", 4, steady(3, 1, duration="1.5 d"), [1, 1.5, 2.5]),
        Panel("Without end: it ends at its record", 4, iv(0, 1, rate="3 MIU/day", steady_state="replace"), [1]),
    ],
    "covariates": [
        Panel(f'"{rule}"', 3.2, iv(3, 0), [0, 1, 2, 3], options=KNOWN | {"covariate_rule": rule})
        for rule in ("nocb", "locf", "linear")
    ],
}


def draw(panels: Sequence[Panel]) -> Figure:
    """Return a picture of panels side by side."""
    figure = Figure(figsize=(6.0, 2.4), dpi=100, layout="constrained")
    for panel, ax in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        plan = panel.plan()
        courses = list(plan.regimens) if panel.records else [plan]
        for i, regimen in enumerate(courses):
            until = panel.until if len(courses) == 1 else max(plan.times[i])
            times = np.union1d(
                im.days(0, until, every=until / 400), [dose.time for dose in regimen if dose.time < until]
            )
            fine = panel.run(regimen, times=times, at_dose="both")
            ax.plot(fine["time"], fine["central"], color=LINE, linewidth=1.4, linestyle=im.plot.LINES[i])
        _marks(ax, panel)
        for regimen in courses:
            _doses(ax, regimen, panel)
        ax.set_title(panel.title, fontsize=SMALL + 1, loc="left")
        ax.set_xlabel("day", fontsize=SMALL)
        ax.tick_params(labelsize=SMALL)
        ax.spines[["top", "right"]].set_visible(False)
        if panel.options:
            _covariate(ax, panel)
    figure.axes[0].set_ylabel("in the body (MIU)", fontsize=SMALL)
    return figure


def _marks(ax: Axes, panel: Panel) -> None:
    looks = {"pre": ("o", "white", 7), "post": ("o", MARK, 4.5), "": ("o", GREY, 4)}
    letters: dict[tuple[float, float], str] = {}
    for time, amount, side in panel.marks():
        shape, face, size = looks.get(side, ("D", MARK, 4.5))
        ax.plot(time, amount, shape, color=MARK, markerfacecolor=face, markersize=size, zorder=3)
        if panel.records:
            letters[time, amount] = ", ".join(filter(None, (letters.get((time, amount)), side)))
    for point, text in letters.items():
        ax.annotate(text, point, (5, 3), textcoords="offset points", fontsize=SMALL + 1)
    high = ax.get_ylim()[1]
    ax.set_ylim(-0.12 * high, high * (1.95 if panel.records else 1.1))
    ax.set_xlim(-0.06 * panel.until, panel.until)
    style: dict[str, Any] = {"ha": "right", "va": "top", "fontsize": SMALL - 0.5, "family": "monospace", "color": GREY}
    ax.text(0.99, 1.0, _listed(panel.records), transform=ax.transAxes, **style)


def _listed(records: list[list[str]]) -> str:
    """Return the records, those that are observations with their letter."""
    letters = iter("abcdef")
    lines = [[*row, next(letters) if row[1] == "0" else ""] for row in records]
    return "\n".join(" ".join(f"{cell:>4}" for cell in line) for line in lines)


def _doses(ax: Axes, regimen: im.Regimen, panel: Panel) -> None:
    """Draw a tick for each dose, an arrow for a lag, a bar for an infusion; pale what a steady state stands for."""
    resets = [dose.time for dose in regimen if dose.action == "reset"]
    for time in resets:
        ax.axvline(time, color=GREY, linestyle=":", linewidth=1)
    for dose in regimen:
        if dose.action == "reset":
            continue
        end = min([time for time in resets if time > dose.time], default=np.inf)
        _dose(ax, panel, dose, dose.time, end, 1.0)
        for k in range(1, 5 if dose.every else 1):
            _dose(ax, panel, dose, dose.time - k * dose.every, end, 0.35)
        if dose.steady_state and not dose.every:
            _bar(ax, 0.0, dose.time, 0.35)


def _dose(ax: Axes, panel: Panel, dose: im.Dose, time: float, end: float, alpha: float) -> None:
    arrival, foot = time + panel.parameters.get("tlag", 0.0), _foot(ax)
    if time >= 0:
        ax.plot(time, foot, "|", color=DOSE, alpha=alpha, markersize=11, markeredgewidth=2, clip_on=False, zorder=4)
    if arrival > max(time, 0.0):
        head = "->" if arrival <= end else "-"
        arrow = {"arrowstyle": head, "color": DOSE, "alpha": alpha, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (min(arrival, end), foot), (max(time, 0.0), foot), arrowprops=arrow)
    length = dose.duration or (dose.amount / dose.rate if dose.rate else 0.0)
    _bar(ax, arrival, min(arrival + length, end), alpha)


def _bar(ax: Axes, begin: float, end: float, alpha: float) -> None:
    if end > max(begin, 0.0):
        foot = _foot(ax)
        ax.plot([max(begin, 0.0), end], [foot, foot], color=DOSE, alpha=alpha, linewidth=3, solid_capstyle="butt")


def _foot(ax: Axes) -> float:
    return 0.55 * ax.get_ylim()[0]


def _covariate(ax: Axes, panel: Panel) -> None:
    """Draw the covariate below the course, as the rule has it and as it was recorded."""
    times, values = panel.options["covariates"]["k"]
    rule, high = panel.options["covariate_rule"], ax.get_ylim()[1]
    scale = 0.3 * high / max(values)
    steps = {"nocb": "steps-pre", "locf": "steps-post", "linear": "default"}[rule]
    ax.plot(times, np.multiply(values, scale), color=im.plot.COLOURS[2], drawstyle=steps, linewidth=1.2)
    ax.plot(times, np.multiply(values, scale), "s", color=im.plot.COLOURS[2], markersize=4)
    ax.annotate("k", (2, values[2] * scale), (4, 3), textcoords="offset points", color=im.plot.COLOURS[2], fontsize=9)


def main() -> None:
    """Write all pictures, each with the amounts that it marks, so that a test sees when they are no longer so."""
    FOLDER.mkdir(exist_ok=True)
    for name, panels in PICTURES.items():
        marks = json.dumps([[(t, round(amount, 6), side) for t, amount, side in panel.marks()] for panel in panels])
        options: Any = {"metadata": {"Software": None, "Description": marks}, "pil_kwargs": {"optimize": True}}
        draw(panels).savefig(FOLDER / f"{name}.png", **options)


if __name__ == "__main__":
    main()
