"""Measures of a course: what a paper prints (a count, a change, a peak, a half-life), as a time grid and a function
of the course on it.

Each measure is `reduce(times, course, dose)`: days from `from_day` to `day`, the observable there, and what is given
in all, in the unit of the state that it is given into.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from immunode.errors import unknown

Grid = Callable[[float, float], np.ndarray]
Reduce = Callable[[np.ndarray, np.ndarray, float], float]

YEAR = 365.25
MONTHLY = 30.0
POINTS = 401  # Simpson's error for a course with rates up to 50/day over two days stays below 1e-5


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

    def unit_of(self, observable: str, dose: str) -> str:
        """Return the measure's unit, given those of the observable and of the dose."""
        return self.unit.format(observable=observable, dose=dose)


def last(first: float, day: float) -> np.ndarray:
    """Return the one day."""
    return np.array([day])


def ends(first: float, day: float) -> np.ndarray:
    """Return the two days."""
    return np.array([first, day])


def monthly(first: float, day: float) -> np.ndarray:
    """Return days about 30 apart, both ends included."""
    return np.linspace(first, day, max(2, round((day - first) / MONTHLY) + 1))


def fine(first: float, day: float) -> np.ndarray:
    """Return an odd number of even steps, for peaks and areas."""
    return np.linspace(first, day, POINTS)


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
    """Return the average over the time, by trapezia."""
    return float(np.trapezoid(y, t) / (t[-1] - t[0]))


def time_average_change(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the average over the time less the first value."""
    return time_average(t, y, dose) - float(y[0])


def _peak(t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return time and height of the largest value, by the parabola through it and its neighbours, so that both move
    smoothly."""
    i = int(np.clip(np.argmax(y), 1, len(y) - 2))
    below, at, above = y[i - 1], y[i], y[i + 1]
    bend = below - 2 * at + above
    shift = 0.0 if bend == 0 else float(np.clip(0.5 * (below - above) / bend, -1, 1))
    return float(t[i] + shift * (t[1] - t[0])), float(at - 0.25 * (below - above) * shift)


def cmax(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the peak."""
    return _peak(t, y)[1]


def tmax(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the time of the peak after the first day of the window."""
    return _peak(t, y)[0] - float(t[0])


def half_life(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the half-life of a straight line through the logarithms over the window, as one reads it from samples."""
    slope = np.polyfit(t - t[0], np.log(np.maximum(y, np.finfo(float).tiny)), 1)[0]
    return float(-np.log(2) / slope)


def auc(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the area under the course, by Simpson's rule."""
    from scipy.integrate import simpson  # slow to import, and files of trials name measures without taking them

    return float(simpson(y, x=t))


def clearance(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return dose over area: the clearance after a dose into blood when the window holds the whole course."""
    return dose / auc(t, y, dose)


def level_per_dose(t: np.ndarray, y: np.ndarray, dose: float) -> float:
    """Return the average level over the window per unit of dose."""
    return auc(t, y, dose) / (t[-1] - t[0]) / dose


MEASURES = {  # one row, one measure: fits and evidence know it as soon as it stands here
    "value": Measure(last, value, "{observable}"),
    "change": Measure(ends, change, "{observable}"),
    "percent_change": Measure(ends, percent_change, "1"),
    "change_per_year": Measure(ends, change_per_year, "({observable})/year"),
    "time_average": Measure(monthly, time_average, "{observable}"),
    "time_average_change": Measure(monthly, time_average_change, "{observable}"),
    "cmax": Measure(fine, cmax, "{observable}"),
    "tmax": Measure(fine, tmax, "day"),
    "half_life": Measure(fine, half_life, "day"),
    "auc": Measure(fine, auc, "({observable})*day"),
    "clearance": Measure(fine, clearance, "{dose}/(({observable})*day)"),
    "level_per_dose": Measure(fine, level_per_dose, "({observable})/{dose}"),
}


def measure(name: str) -> Measure:
    """Return the measure called `name`; raise UnknownName with the nearest one."""
    if name not in MEASURES:
        raise unknown("measure", name, MEASURES)
    return MEASURES[name]
