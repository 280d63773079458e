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
    whether it counts by one, `of_values` whether it is made of the values on both days, before their change, `of_size`
    whether it is another in a larger group of the same kind of patients (a count, a range, a standard error)."""

    reduce: Reduce
    unit: str
    limit: bool = False
    of_values: bool = False
    of_size: bool = False


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


def se(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the standard error of the mean, the SD by the root of n; nan for one patient."""
    return sd(values) / np.sqrt((~np.isnan(values)).sum(axis=-1))


def _half(values: np.ndarray) -> np.ndarray:
    """Return half the width of the 95 % confidence interval of the mean: Student's t with n - 1 degrees of freedom."""
    from scipy.special import stdtrit  # slow to import

    free = (~np.isnan(values)).sum(axis=-1) - 1
    return np.asarray(stdtrit(np.where(free > 0, free, np.nan), 0.975) * se(values))


def ci_low(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the lower end of the 95 % confidence interval of the mean (Student's t); nan for one patient."""
    return mean(values) - _half(values)


def ci_high(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the upper end of the 95 % confidence interval of the mean (Student's t); nan for one patient."""
    return mean(values) + _half(values)


def _median_rank(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which in order the lower end of the interval of a median is, from 1; 0 for none; and of how many."""
    from scipy.special import bdtr  # slow to import

    n = (~np.isnan(values)).sum(axis=-1)
    ranks = np.arange(values.shape[-1] // 2 + 1)
    with np.errstate(invalid="ignore"):
        below = bdtr(ranks, n[..., None], 0.5) <= 0.025  # so many patients or fewer are below the median
    return (below & (ranks < n[..., None])).sum(axis=-1), n


def _in_order(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the values at a place in order, from 0; nan for a place below 0."""
    each = np.take_along_axis(np.sort(values, axis=-1), np.maximum(place, 0)[..., None], axis=-1)[..., 0]
    return np.where(place < 0, np.nan, each)


def median_ci_low(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the lower end of the 95 % confidence interval of the median, an order statistic by the binomial law; nan
    for fewer than six patients, who have none."""
    rank, _ = _median_rank(values)
    return _in_order(values, rank - 1)


def median_ci_high(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the upper end of the 95 % confidence interval of the median; see `median_ci_low`."""
    rank, n = _median_rank(values)
    return _in_order(values, np.where(rank > 0, n - rank, -1))


def _log(values: np.ndarray) -> np.ndarray:
    """Return the logarithms; a group with a number that has none has no geometric mean, so all of it is nan."""
    none = (values <= 0).any(axis=-1, keepdims=True)
    return np.log(np.where(none | np.isnan(values), np.nan, values))


def geometric_mean(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the geometric mean; nan where a number is not above 0."""
    return np.asarray(np.exp(mean(_log(values))))


def geometric_cv(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the geometric CV in percent, 100 sqrt(exp(SD of the logarithms squared) - 1); nan for one patient, and
    where a number is not above 0."""
    with np.errstate(over="ignore"):
        return np.asarray(100 * np.sqrt(np.expm1(sd(_log(values)) ** 2)))


def geometric_sd(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the geometric SD, exp(SD of the logarithms), a factor of 1 or more; nan for one patient, and where a
    number is not above 0."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(sd(_log(values))))


def geometric_ci_low(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the lower end of the 95 % confidence interval of the geometric mean (Student's t of the logarithms)."""
    return np.asarray(np.exp(ci_low(_log(values))))


def geometric_ci_high(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the upper end of the 95 % confidence interval of the geometric mean (Student's t of the logarithms)."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(ci_high(_log(values))))


def cv(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the SD in percent of the mean; nan where the mean is not above 0."""
    middle = mean(values)
    with np.errstate(invalid="ignore"):
        return 100 * sd(values) / np.where(middle > 0, middle, np.nan)


def smallest(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the lowest of the group, the low end of its range."""
    return np.asarray(np.fmin.reduce(values, axis=-1))


def largest(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the highest of the group, the high end of its range."""
    return np.asarray(np.fmax.reduce(values, axis=-1))


def iqr(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the interquartile range, from the lower quartile to the upper; nan where both are endless."""
    with np.errstate(invalid="ignore"):
        return q3(values) - q1(values)


def count(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the number of patients of whom a measure that is 0 or 1 is so; nan of nobody."""
    return np.where(np.isnan(values).all(axis=-1), np.nan, np.nansum(values, axis=-1))


def count_above(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the number of patients above the limit."""
    return count(np.where(np.isnan(values), np.nan, values > limit))


def count_below(values: np.ndarray, limit: float = 0.0) -> np.ndarray:
    """Return the number of patients below the limit."""
    return count(np.where(np.isnan(values), np.nan, values < limit))


STATISTICS = {  # one row, one statistic
    "median": Statistic(median, "{measure}"),
    "q1": Statistic(q1, "{measure}"),
    "q3": Statistic(q3, "{measure}"),
    "mean": Statistic(mean, "{measure}"),
    "sd": Statistic(sd, "{measure}"),
    "se": Statistic(se, "{measure}", of_size=True),
    "ci_low": Statistic(ci_low, "{measure}", of_size=True),
    "ci_high": Statistic(ci_high, "{measure}", of_size=True),
    "median_ci_low": Statistic(median_ci_low, "{measure}", of_size=True),
    "median_ci_high": Statistic(median_ci_high, "{measure}", of_size=True),
    "geometric_ci_low": Statistic(geometric_ci_low, "{measure}", of_size=True),
    "geometric_ci_high": Statistic(geometric_ci_high, "{measure}", of_size=True),
    "cv": Statistic(cv, "percent"),
    "geometric_mean": Statistic(geometric_mean, "{measure}"),
    "geometric_cv": Statistic(geometric_cv, "percent"),
    "geometric_sd": Statistic(geometric_sd, "1"),
    "min": Statistic(smallest, "{measure}", of_size=True),
    "max": Statistic(largest, "{measure}", of_size=True),
    "iqr": Statistic(iqr, "{measure}"),
    "percent_above": Statistic(percent_above, "percent", limit=True),
    "percent_below": Statistic(percent_below, "percent", limit=True),
    "percent": Statistic(percent, "percent"),
    "count_above": Statistic(count_above, "patients", limit=True, of_size=True),
    "count_below": Statistic(count_below, "patients", limit=True, of_size=True),
    "count": Statistic(count, "patients", of_size=True),
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
