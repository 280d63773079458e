"""Statistics of a group of patients: what a paper prints of a measure (a median, quartiles, a percentage above).

Each is a function of the measure of the patients, in the last dimension, and of a limit; nan is nobody's.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from immunode.errors import UnknownName, unknown

Reduce = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Statistic:
    """Join what is made of a group's numbers and its unit, in which "{measure}" stands for the measure's; `limit` says
    whether it counts by one, `of_values` whether it is made of the values on both days, before their change."""

    reduce: Reduce
    unit: str
    limit: bool = False
    of_values: bool = False


def quantile(values: np.ndarray, share: float) -> np.ndarray:
    """Return a quantile; times that are never reached (inf) are later than all others."""
    ordered = np.sort(values, axis=-1)  # nan last
    n = (~np.isnan(values)).sum(axis=-1)
    place = share * np.maximum(n - 1, 0)
    low, up = np.floor(place).astype(int), np.ceil(place).astype(int)
    a, b = (np.take_along_axis(ordered, at[..., None], axis=-1)[..., 0] for at in (low, up))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where((low == up) | (a == b), a, a + (place - low) * (b - a)))


def median(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the median."""
    return quantile(values, 0.5)


def q1(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the lower quartile."""
    return quantile(values, 0.25)


def q3(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the upper quartile."""
    return quantile(values, 0.75)


def mean(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the mean."""
    n = (~np.isnan(values)).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(values, axis=-1) / np.where(n, n, np.nan))


def sd(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the SD of a sample (n - 1); nan for one patient."""
    n = (~np.isnan(values)).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        squares = np.nansum((values - mean(values)[..., None]) ** 2, axis=-1)
        return np.asarray(np.sqrt(squares / np.where(n > 1, n - 1, np.nan)))


def percent_above(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the percentage of patients above the limit."""
    return 100 * mean(np.where(np.isnan(values), np.nan, values > limit))


def percent_below(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the percentage of patients below the limit."""
    return 100 * mean(np.where(np.isnan(values), np.nan, values < limit))


def percent(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the percentage of patients of whom a measure that is 0 or 1 is so."""
    return 100 * mean(values)


STATISTICS = {  # one row, one statistic
    "median": Statistic(median, "{measure}"),
    "q1": Statistic(q1, "{measure}"),
    "q3": Statistic(q3, "{measure}"),
    "mean": Statistic(mean, "{measure}"),
    "sd": Statistic(sd, "{measure}"),
    "percent_above": Statistic(percent_above, "percent", limit=True),
    "percent_below": Statistic(percent_below, "percent", limit=True),
    "percent": Statistic(percent, "percent"),
    "of_medians": Statistic(median, "{measure}", of_values=True),
    "of_means": Statistic(mean, "{measure}", of_values=True),
}


def _at_share(share: float, values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    return quantile(values, share)


_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")


_NTH = r"(\d{1,2}(?:\.\d+)?)"
_PERCENTILE = re.compile(
    rf"{_NTH}\s*(?:(?:st|nd|rd|th)?[- ]?(?:per)?cent(?:ile|il)?s?|%|th)|(?:p|q|percentile)\s*{_NTH}", re.I
)


def _known_as(number: str) -> str:
    name = {25.0: "q1", 50.0: "median", 75.0: "q3"}.get(float(number))
    return f", or {name}" if name else ""


def statistic(name: str) -> Statistic:
    """Return the statistic called `name`, of which "p5" is a quantile, the fifth percentile; raise UnknownName."""
    if name in STATISTICS:
        return STATISTICS[name]
    if (match := _QUANTILE.fullmatch(name)) and float(match[1]) > 0:
        return Statistic(partial(_at_share, float(match[1]) / 100), "{measure}")
    if match := _PERCENTILE.fullmatch(name):
        number = next(part for part in match.groups() if part)
        raise UnknownName(f"there is no statistic '{name}'; write p{number}" + _known_as(number))
    raise unknown("statistic", name, [*STATISTICS, "p5", "p95"])


def quantile_share(name: str) -> float | None:
    """Return which share of patients is below the statistic called `name`; None for what is no quantile."""
    named = {"min": 0.0, "q1": 0.25, "median": 0.5, "q3": 0.75, "max": 1.0}
    if name in named:
        return named[name]
    return float(match[1]) / 100 if (match := _QUANTILE.fullmatch(name)) else None
