"""Measures of a course: what a paper prints of a patient (a count, a change, a peak, a half-life).

Each is a function of a Window of n patients, and returns a number for each of them; its row says what it needs to know.
A window starts after what is given on its first day and ends before what is given on its last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from immunode.errors import UnknownName, unknown
from immunode.measures import polynomials
from immunode.measures.window import Pieces, Window

Needs = Literal["day", "ends", "visits", "window", "doses", "events"]

YEAR = 365.25
LEAST = 1e-6  # of its largest value: below, a course that dies out is the solver's tolerance, and has no logarithm


@dataclass(frozen=True)
class Measure:
    """Join what is made of a window, what it needs of it (`needs`, a `level`), and its unit, in which "{observable}"
    and "{dose}" stand for theirs.

    It needs the one day, both ends, visits, the course between, what is given, or events. A rule, which sees visits
    alone, needs so many `points`; 0 is for what no rule looks at.
    """

    reduce: Callable[[Window], np.ndarray]
    needs: Needs
    unit: str
    level: bool = False
    points: int = 0

    @property
    def per_dose(self) -> bool:
        """Return whether the measure means nothing without a dose."""
        return "{dose}" in self.unit

    @property
    def window(self) -> bool:
        """Return whether the measure is of the days between two, not of one."""
        return self.needs not in ("day", "events")

    @property
    def of_course(self) -> bool:
        """Return whether the measure is of a course alone, and not of doses or events, which have no observable."""
        return self.needs not in ("doses", "events")

    def unit_of(self, observable: str, dose: str) -> str:
        """Return the measure's unit, given those of the observable and of the dose."""
        return self.unit.format(observable=observable, dose=dose)


def value(w: Window) -> np.ndarray:
    """Return the value on the day."""
    return w.end


def change(w: Window) -> np.ndarray:
    """Return the change between the two days."""
    return w.end - w.start


def percent_change(w: Window) -> np.ndarray:
    """Return the change in percent of the value on the first day; none of 0, of which there is no percentage."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(w.start == 0, np.nan, 100 * (w.end / w.start - 1))


def change_per_year(w: Window) -> np.ndarray:
    """Return the mean slope between the two days, per year."""
    return (w.end - w.start) / (w.last - w.first) * YEAR


def slope(w: Window) -> np.ndarray:
    """Return the slope of the straight line that lies closest to the course (least squares)."""
    return w.between.slope()


def auc(w: Window) -> np.ndarray:
    """Return the area under the course."""
    return w.between.integral()


def auc_change(w: Window) -> np.ndarray:
    """Return the area between the course and its first value: what stands above it, less what stands below."""
    return auc(w) - w.start * (w.last - w.first)


def time_average(w: Window) -> np.ndarray:
    """Return the average over the time: the integral by its length."""
    return auc(w) / (w.last - w.first)


def time_average_change(w: Window) -> np.ndarray:
    """Return the average over the time less the first value."""
    return time_average(w) - w.start


def visit_average(w: Window) -> np.ndarray:
    """Return the average over visits, by trapezia: what a paper has of counts at its visits."""
    return np.asarray(np.trapezoid(w.seen, w.visits, axis=-1) / (w.last - w.first))


def visit_average_change(w: Window) -> np.ndarray:
    """Return the average over visits less the first value."""
    return visit_average(w) - w.seen[:, 0]


def visit_mean(w: Window) -> np.ndarray:
    """Return the plain mean of the values at visits, each of one weight, however far apart they are."""
    return np.asarray(w.seen.mean(axis=1))


def nadir(w: Window) -> np.ndarray:
    """Return the lowest value of the visits."""
    return np.asarray(w.seen.min(axis=1))


def rebound(w: Window) -> np.ndarray:
    """Return 1 for who has a visit above the level after the first one below it, 0 for who has none."""
    below, above = w.seen < w.level[:, None], w.seen > w.level[:, None]
    out = ((np.cumsum(below, axis=1) > 0) & above).any(axis=1)
    return np.where(np.isnan(w.seen).any(axis=1), np.nan, out)


def cmax(w: Window) -> np.ndarray:
    """Return the peak, also between doses."""
    return w.between.peak()[1]


def tmax(w: Window) -> np.ndarray:
    """Return the time of the peak after the first day of the window."""
    return w.between.peak()[0] - w.first


def cmin(w: Window) -> np.ndarray:
    """Return the lowest value, also between doses; 0 of what died out, which the solver knows to its tolerance."""
    low = w.between.peak(-1.0)[1]
    if not (low < 0).any():
        return low
    return np.where((low < 0) & (-low < LEAST * w.between.peak()[1]), 0.0, low)


def tmin(w: Window) -> np.ndarray:
    """Return the time of the lowest value after the first day of the window."""
    return w.between.peak(-1.0)[0] - w.first


def time_above(w: Window) -> np.ndarray:
    """Return how long the course is above the level."""
    return w.between.above(w.level)[0]


def time_below(w: Window) -> np.ndarray:
    """Return how long the course is below the level."""
    return w.between.below(w.level)


def time_to_above(w: Window) -> np.ndarray:
    """Return when the course is first above the level, after the first day of the window; inf where it never is."""
    return w.between.above(w.level)[1] - w.between.begin


def time_to_below(w: Window) -> np.ndarray:
    """Return when the course is first below the level, after the first day of the window; inf where it never is."""
    return w.between.above(w.level)[2] - w.between.begin


def half_life(w: Window) -> np.ndarray:
    """Return the half-life of a straight line through the logarithms over the window, as one reads it from
    evenly spaced samples; nan for a course that is nowhere above zero."""
    p = w.between
    assert isinstance(p, Pieces), "of visits there is no half-life"
    top = np.maximum.reduceat(p.y.max(axis=1), p.begins)[p.patient, None]
    above = (p.y > LEAST * top) & (p.y > 0)
    weights, x = np.where(above, polynomials.weights(p.t), 0.0), p.t - w.first
    z = np.log(np.where(above, p.y, 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        x = x - (p.summed((weights * x).sum(axis=1)) / p.summed(weights.sum(axis=1)))[p.patient, None]
        fall = p.summed((weights * x * z).sum(axis=1)) / p.summed((weights * x**2).sum(axis=1))
        return np.where(fall != 0, -np.log(2) / fall, np.nan)


def clearance(w: Window) -> np.ndarray:
    """Return dose over area: the clearance after a dose into blood when the window holds the whole course; none where
    there is no area."""
    area = auc(w)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(area == 0, np.nan, w.amount / area)


def level_per_dose(w: Window) -> np.ndarray:
    """Return the average level over the window per unit of dose."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return time_average(w) / w.amount


def doses(w: Window) -> np.ndarray:
    """Return how many doses are given."""
    return w.doses


def given(w: Window) -> np.ndarray:
    """Return the amount that is given."""
    return w.amount


def event(w: Window) -> np.ndarray:
    """Return 1 for who has had an event by the day, 0 for who has not."""
    return np.where(np.isnan(w.event_day), np.nan, w.event_day <= w.last)


MEASURES = {  # one row, one measure: evidence, fits, trials, comparisons and rules know it as soon as it stands here
    "value": Measure(value, "day", "{observable}"),
    "change": Measure(change, "ends", "{observable}", points=2),
    "percent_change": Measure(percent_change, "ends", "1", points=2),
    "change_per_year": Measure(change_per_year, "ends", "({observable})/year", points=2),
    "slope": Measure(slope, "window", "({observable})/day", points=2),
    "time_average": Measure(time_average, "window", "{observable}", points=2),
    "time_average_change": Measure(time_average_change, "window", "{observable}", points=2),
    "visit_average": Measure(visit_average, "visits", "{observable}", points=2),
    "visit_average_change": Measure(visit_average_change, "visits", "{observable}", points=2),
    "visit_mean": Measure(visit_mean, "visits", "{observable}", points=1),
    "nadir": Measure(nadir, "visits", "{observable}", points=1),
    "rebound": Measure(rebound, "visits", "1", level=True),
    "cmax": Measure(cmax, "window", "{observable}", points=1),
    "tmax": Measure(tmax, "window", "day", points=1),
    "cmin": Measure(cmin, "window", "{observable}", points=1),
    "tmin": Measure(tmin, "window", "day", points=1),
    "time_above": Measure(time_above, "window", "day", level=True, points=2),
    "time_below": Measure(time_below, "window", "day", level=True, points=2),
    "time_to_above": Measure(time_to_above, "window", "day", level=True, points=2),
    "time_to_below": Measure(time_to_below, "window", "day", level=True, points=2),
    "half_life": Measure(half_life, "window", "day"),
    "auc": Measure(auc, "window", "({observable})*day", points=2),
    "auc_change": Measure(auc_change, "window", "({observable})*day", points=2),
    "clearance": Measure(clearance, "window", "{dose}/(({observable})*day)"),
    "level_per_dose": Measure(level_per_dose, "window", "({observable})/{dose}"),
    "doses": Measure(doses, "doses", "1"),
    "given": Measure(given, "doses", "{dose}"),
    "event": Measure(event, "events", "1"),
}


_MEANT = {
    "min": "cmin", "minimum": "cmin", "lowest": "cmin", "trough": "cmin", "max": "cmax", "maximum": "cmax",
    "highest": "cmax", "peak": "cmax", "average": "time_average", "area": "auc",
}  # fmt: skip


def measure(name: str) -> Measure:
    """Return the measure called `name`; raise UnknownName with what is meant, or the nearest one."""
    if meant := _MEANT.get(name.lower()):
        raise UnknownName(f"there is no measure '{name}'; did you mean '{meant}'?")
    if name not in MEASURES:
        raise unknown("measure", name, MEASURES)
    return MEASURES[name]
