"""Distributions of baselines by their quantile function: what is printed of them holds after the cuts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from immunode.engine.draws import lognormal
from immunode.errors import BadValue, unknown
from immunode.evidence.baseline import Baseline
from immunode.evidence.csv_file import read_table
from immunode.virtual_trials.roots import bracketed_root

_EXACT = 1e-12  # of a share, as a log: what rounding leaves far out in a tail
_LEAST = 1e-12  # of a uniform draw, whose 0 is no value of a distribution without a lower cut
_WIDEST = 50.0  # SD of the log beyond which a log-normal between two cuts is uniform in the log


@dataclass(frozen=True, eq=False)
class Distribution:
    """Hold a distribution of positive numbers: `quantile(u)` and `cdf(x)` act on arrays."""

    quantile: Callable[[np.ndarray], np.ndarray]
    cdf: Callable[[np.ndarray], np.ndarray]


def distribution(baseline: Baseline) -> Distribution:
    """Return the distribution of a baseline; raise BadValue for numbers that no distribution of its kind has."""
    match baseline.way:
        case "log_sd":
            return _by_median(baseline)
        case "mean":
            return _by_mean(baseline)
        case "quartiles":
            return _by_quartiles(baseline)
        case "range":
            low, high = baseline.range or (0.0, 0.0)
            edges = [low, high] if baseline.median is None else [low, baseline.median, high]
            return _by_edges(np.array(edges))
    return _by_values(np.sort(table_values(baseline)))


def table_values(baseline: Baseline) -> np.ndarray:
    """Return the values of a baseline's list or table; raise BadValue for a cell that is no number above 0."""
    if baseline.values is not None:
        return np.array(baseline.values)
    path, column = Path(str(baseline.table)), (baseline.column or baseline.observable).lower()
    columns, lines = read_table(path, column)
    if column not in columns:
        raise unknown("column", column, columns, f"baseline: '{path}'")
    if not lines:
        raise BadValue(f"baseline: '{path}' has a header and no rows; expected one for each patient")
    return np.array([_cell(path, row, column, line.get(column, "")) for row, line in enumerate(lines, 1)])


def _cell(path: Path, row: int, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = np.nan
    if not (np.isfinite(value) and value > 0):
        raise BadValue(
            f"baseline: '{path}' row {row}, column '{column}': '{cell[:40]}' is no number above 0; leave out the row "
            "of a patient without a value"
        )
    return value


def _lognormal(centre: float, sd: float, low: float = -np.inf, high: float = np.inf) -> Distribution:
    """Return a log-normal distribution between two cuts, SDs of the log from its centre."""
    if low > 0:
        return _upper_tail(centre, sd, low, high)
    from scipy.special import ndtr, ndtri

    tail = ndtr(low)
    share = ndtr(high) - tail
    return Distribution(
        lambda u: lognormal(centre, sd, ndtri(tail + np.maximum(u, _LEAST) * share)),
        lambda x: np.clip((ndtr(np.log(np.maximum(x, 1e-300) / centre) / sd) - tail) / share, 0.0, 1.0),
    )


def _upper_tail(centre: float, sd: float, low: float, high: float) -> Distribution:
    """Return the same where both cuts are above the centre: by logs of the shares above, since shares below are all
    but 1 there."""
    from scipy.special import log_ndtr, ndtri_exp

    above = log_ndtr(-low)
    part = -np.expm1(log_ndtr(-high) - above)  # of what is above the lower cut, what is below the upper one
    return Distribution(
        lambda u: lognormal(centre, sd, -ndtri_exp(above + np.log1p(-np.minimum(u, 1 - _LEAST) * part))),
        lambda x: np.clip(-np.expm1(log_ndtr(-np.log(np.maximum(x, 1e-300) / centre) / sd) - above) / part, 0.0, 1.0),
    )


def _by_median(baseline: Baseline) -> Distribution:
    """Return the log-normal distribution that has the median after its cuts."""
    median, sd = float(baseline.median or 0), float(baseline.log_sd or 0)
    if baseline.below is None and baseline.above is None:
        return _lognormal(median, sd)
    from scipy.special import log_ndtr

    high = np.inf if baseline.below is None else np.log(baseline.below / median)
    low = -np.inf if baseline.above is None else np.log(baseline.above / median)

    def lower(shift: float) -> float:
        """Return the log share below the median, of the distribution that is shifted down, cut below alone."""
        return float(log_ndtr(shift / sd))

    def miss(shift: float) -> float:
        """Return by how much the median of the cut distribution misses: the share under it over that above, as logs."""
        if baseline.above is None:
            return lower(shift) - float(log_ndtr((high + shift) / sd)) - float(np.log(0.5))
        if baseline.below is None:
            return float(np.log(0.5)) + float(log_ndtr(-(low + shift) / sd)) - float(log_ndtr(-shift / sd))
        under, over = _log_between((low + shift) / sd, shift / sd), _log_between(shift / sd, (high + shift) / sd)
        return under - over

    if miss(-20 * sd) * miss(20 * sd) > 0:
        cuts = " and ".join(
            f"{name} {cut:g}" for name, cut in (("above", baseline.above), ("below", baseline.below)) if cut is not None
        )
        raise BadValue(f"baseline: a median of {median:g} cannot be reached {cuts} with an SD of the log of {sd:g}")
    shift = _root(miss, -20 * sd, 20 * sd)
    return _lognormal(median * float(np.exp(-shift)), sd, (low + shift) / sd, (high + shift) / sd)


def _root(miss: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a rising function, as logs of shares or shares: scipy.optimize takes half a second to import,
    and a trial needs no more of it."""
    both = np.array([low]), np.array([high])
    best, _ = bracketed_root(lambda at, _: np.array([miss(float(at[0]))]), np.zeros(1, int), *both, np.array([_EXACT]))
    return float(best[0])


def _log_between(a: float, b: float) -> float:
    """Return the log of the share of a normal distribution between two SDs, also far out."""
    from scipy.special import log_ndtr

    if a > 0:
        a, b = -b, -a
    upper, lower = float(log_ndtr(b)), float(log_ndtr(a))
    return upper + float(np.log1p(-np.exp(lower - upper)))


def _by_mean(baseline: Baseline) -> Distribution:
    """Return the log-normal distribution that has the mean and the SD after its cuts."""
    mean, sd = float(baseline.mean or 0), float(baseline.sd or 0)
    log_sd = float(np.sqrt(np.log1p((sd / mean) ** 2)))
    if baseline.below is None and baseline.above is None:
        return _lognormal(mean * float(np.exp(-0.5 * log_sd**2)), log_sd)
    from scipy.optimize import least_squares

    low = -np.inf if baseline.above is None else np.log(baseline.above / mean)
    high = np.inf if baseline.below is None else np.log(baseline.below / mean)

    def missed(at: Any) -> list[float]:
        """Return by how much the log of the mean and of the SD miss, for a centre over the mean and an SD, as logs."""
        centre, spread = float(at[0]), float(np.exp(at[1]))
        a, b = (low - centre) / spread, (high - centre) / spread
        whole = _log_between(a, b)
        first, second = (
            float(np.exp(k * centre + 0.5 * (k * spread) ** 2 + _log_between(a - k * spread, b - k * spread) - whole))
            for k in (1, 2)
        )
        return [float(np.log(first)), 0.5 * float(np.log(max(second - first**2, 1e-300))) - float(np.log(sd / mean))]

    solved = least_squares(
        missed, [-0.5 * log_sd**2, np.log(log_sd)], bounds=([-50, -20], [50, np.log(_WIDEST)]), xtol=1e-15, ftol=1e-15
    )
    if np.abs(solved.fun).max() > 1e-8:
        raise BadValue(
            f"baseline: no log-normal distribution between its cuts has a mean of {mean:g} and an SD of {sd:g}; "
            "give a smaller SD, or other cuts"
        )
    centre, spread = float(solved.x[0]), float(np.exp(solved.x[1]))
    return _lognormal(mean * float(np.exp(centre)), spread, (low - centre) / spread, (high - centre) / spread)


def _by_edges(edges: np.ndarray) -> Distribution:
    """Return the distribution that is uniform between each two of its edges, with equal shares."""
    ranks = np.linspace(0.0, 1.0, len(edges))
    return Distribution(lambda u: np.interp(u, ranks, edges), lambda x: np.interp(x, edges, ranks))


def _by_values(values: np.ndarray) -> Distribution:
    """Return the distribution of sorted values, each as likely as another."""
    n = len(values)
    return Distribution(
        lambda u: values[np.minimum((np.asarray(u) * n).astype(np.int64), n - 1)],
        lambda x: np.searchsorted(values, x, side="right") / n,
    )


def _by_quartiles(baseline: Baseline) -> Distribution:
    """Return the distribution whose halves are log-normal, each with its quartile, joined at the median.

    A half whose quartile lies so far from the median that no log-normal has it within the cut is uniform in the log
    up to the quartile and beyond it.
    """
    lower, upper = baseline.quartiles or (0.0, 0.0)
    median = float(baseline.median or 0)
    down = _half(np.log(median / lower), None if baseline.above is None else np.log(median / baseline.above))
    up = _half(np.log(upper / median), None if baseline.below is None else np.log(baseline.below / median))

    def quantile(u: np.ndarray) -> np.ndarray:
        share = np.abs(2 * np.maximum(np.asarray(u), _LEAST) - 1)
        return lognormal(median, 1.0, np.where(np.asarray(u) < 0.5, -down.quantile(share), up.quantile(share)))

    def cdf(x: np.ndarray) -> np.ndarray:
        distance = np.log(np.maximum(x, 1e-300) / median)
        return np.where(distance < 0, 0.5 - 0.5 * down.cdf(-distance), 0.5 + 0.5 * up.cdf(distance))

    return Distribution(quantile, cdf)


def _half(quartile: float, cut: float | None) -> Distribution:
    """Return the distribution of the distance from the median, as a log: half of it is below `quartile`, all below
    `cut`."""
    from scipy.special import ndtr, ndtri

    if cut is not None and quartile / cut >= 0.5 - 1e-9:
        return _by_edges(np.array([0.0, quartile, cut]))

    def inside(distance: Any, spread: float) -> Any:
        return 2 * ndtr(distance / spread) - 1

    spread = quartile / float(ndtri(0.75))
    if cut is not None:

        def miss(log_times: float) -> float:
            wide = spread * np.exp(log_times)
            return 0.5 * float(inside(cut, wide)) - float(inside(quartile, wide))

        spread *= float(np.exp(_root(miss, np.log(0.5), np.log(1e6))))
    whole = 1.0 if cut is None else float(inside(cut, spread))
    return Distribution(
        lambda u: spread * ndtri(0.5 + 0.5 * np.minimum(u * whole, 1 - 1e-15)),
        lambda x: np.minimum(inside(np.maximum(x, 0.0), spread) / whole, 1.0),
    )
