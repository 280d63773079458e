"""Measures of a course: what a paper prints (a count, a change, a peak, a half-life), as a time grid and a function
of the course on it.

Each measure is `reduce(times, course, dose)`: days from `from_day` to `day`, the observable there, and the dose, in
the unit of the state that it is given into. A window starts after what is given on `from_day` and ends before what is
given on `day`; the grid is cut at `breaks`, where doses begin and end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.errors import unknown
from immunode.measures import window

Grid = Callable[[float, float, Sequence[float]], np.ndarray]
Reduce = Callable[[np.ndarray, np.ndarray, float], float]

YEAR = 365.25
MONTHLY = 30.0
LEAST = 1e-6  # of its largest value: below, a course that dies out is the solver's tolerance, and has no logarithm


@dataclass(frozen=True)
class Measure:
    """Join the times a measure needs, the function of the course on them, and its unit, in which "{observable}" and
    "{dose}" stand for theirs."""

    grid: Grid
    reduce: Reduce
    unit: str

    @property
    def per_dose(self) -> bool:
        """Return whether the measure means nothing without a dose."""
        return "{dose}" in self.unit

    @property
    def window(self) -> bool:
        """Return whether the measure is of the days between two, not of one."""
        return self.grid is not last

    def unit_of(self, observable: str, dose: str) -> str:
        """Return the measure's unit, given those of the observable and of the dose."""
        return self.unit.format(observable=observable, dose=dose)


def last(first: float, day: float, breaks: Sequence[float] = ()) -> np.ndarray:
    """Return the one day."""
    return np.array([day])


def ends(first: float, day: float, breaks: Sequence[float] = ()) -> np.ndarray:
    """Return the two days."""
    return np.array([window.begin(first, breaks), day])


def visits(first: float, day: float, breaks: Sequence[float] = ()) -> np.ndarray:
    """Return visits about 30 days apart, both ends included."""
    return np.linspace(window.begin(first, breaks), day, max(2, round((day - first) / MONTHLY) + 1))


def value(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the value on the day."""
    return float(y[-1])


def change(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the change between the two days."""
    return float(y[-1] - y[0])


def percent_change(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the change in percent of the value on the first day."""
    return float(100 * (y[-1] / y[0] - 1))


def change_per_year(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the mean slope between the two days, per year."""
    return float((y[-1] - y[0]) / (t[-1] - t[0]) * YEAR)


def time_average(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the average over the time: the integral by its length."""
    return auc(t, y, dose) / float(t[-1] - t[0])


def time_average_change(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the average over the time less the first value."""
    return time_average(t, y, dose) - float(y[0])


def visit_average(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the average over visits about 30 days apart, by trapezia: what a paper has of counts at its visits."""
    return float(np.trapezoid(y, t) / (t[-1] - t[0]))


def visit_average_change(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the average over visits about 30 days apart less the first value."""
    return visit_average(t, y, dose) - float(y[0])


def cmax(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the peak."""
    return window.peak(t, y)[1]


def tmax(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the time of the peak after the first day of the window."""
    return window.peak(t, y)[0] - float(t[0])


def half_life(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the half-life of a straight line through the logarithms over the window, as one reads it from
    evenly spaced samples; nan for a course that is nowhere above zero."""
    above = (y > LEAST * np.max(y)) & (y > 0)
    w, x = window.weights(t)[above], t[above] - t[0]
    if w.size < 2:
        return float("nan")
    z, x = np.log(y[above]), x - w @ x / w.sum()
    slope = (w @ (x * z)) / (w @ (x * x))
    return float(-np.log(2) / slope) if slope else float("nan")


def auc(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the area under the course."""
    return float(window.weights(t) @ y)


def clearance(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return dose over area: the clearance after a dose into blood when the window holds the whole course."""
    return dose / auc(t, y, dose)


def level_per_dose(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the average level over the window per unit of dose."""
    return time_average(t, y, dose) / dose


MEASURES = {  # one row, one measure: fits and evidence know it as soon as it stands here
    "value": Measure(last, value, "{observable}"),
    "change": Measure(ends, change, "{observable}"),
    "percent_change": Measure(ends, percent_change, "1"),
    "change_per_year": Measure(ends, change_per_year, "({observable})/year"),
    "time_average": Measure(window.days, time_average, "{observable}"),
    "time_average_change": Measure(window.days, time_average_change, "{observable}"),
    "visit_average": Measure(visits, visit_average, "{observable}"),
    "visit_average_change": Measure(visits, visit_average_change, "{observable}"),
    "cmax": Measure(window.days, cmax, "{observable}"),
    "tmax": Measure(window.days, tmax, "day"),
    "half_life": Measure(window.days, half_life, "day"),
    "auc": Measure(window.days, auc, "({observable})*day"),
    "clearance": Measure(window.days, clearance, "{dose}/(({observable})*day)"),
    "level_per_dose": Measure(window.days, level_per_dose, "({observable})/{dose}"),
}


def measure(name: str) -> Measure:
    """Return the measure called `name`; raise UnknownName with the nearest one."""
    if name not in MEASURES:
        raise unknown("measure", name, MEASURES)
    return MEASURES[name]
