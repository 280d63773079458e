"""How well a number of so many virtual patients is known: 95 % intervals, of one schedule and of paired differences.

They are of the draw of patients alone: what the model's parameters leave open is not in them.
"""

import numpy as np

from immunode.measures.statistics import quantile, statistic
from immunode.simulation.measuring import Asked, over_members

_Z = 1.959963984540054  # of the normal distribution, 97.5 %
_RESAMPLES = 400
SAME = 1e-6  # of a number: what the solver and measures promise
_RANKS = {"median": 0.5, "q1": 0.25, "q3": 0.75}


def interval(one: Asked, values: np.ndarray, start: np.ndarray, end: np.ndarray, seed: int = 1) -> tuple[float, float]:
    """Return the 95 % interval of an endpoint over patients (n,): Wilson's for percentages
    (doi:10.1080/01621459.1927.10502953), normal for means, between order statistics for quantiles, of whose
    distribution nothing is assumed, else of resampled patients."""
    if is_share(one):
        return _wilson(_counted(one, values))
    from scipy import stats

    name, known = one.endpoint.statistic, values[~np.isnan(values)]
    if known.size < 2:
        return np.nan, np.nan
    if name == "mean":
        with np.errstate(invalid="ignore"):  # of times that are never reached
            half = float(stats.t.ppf(0.975, known.size - 1) * np.std(known, ddof=1) / np.sqrt(known.size))
        return float(known.mean()) - half, float(known.mean()) + half
    if name in _RANKS:
        return _between_ranks(np.sort(known), _RANKS[name])
    picks = resampled(len(values), seed)[1:]
    return middle(over_members(one, *(part[picks] for part in (values, start, end))))


def is_share(one: Asked) -> bool:
    """Return whether an endpoint is a percentage of patients."""
    return one.endpoint.statistic in ("percent", "percent_above", "percent_below")


def _wilson(counted: np.ndarray) -> tuple[float, float]:
    known = counted[~np.isnan(counted)]
    n = known.size
    if n < 2:
        return np.nan, np.nan
    share, z = float(known.mean()), _Z**2 / n
    middle = (share + z / 2) / (1 + z)
    half = _Z / (1 + z) * float(np.sqrt(share * (1 - share) / n + z / (4 * n)))
    return 100 * max(middle - half, 0.0), 100 * min(middle + half, 1.0)


def _between_ranks(ordered: np.ndarray, share: float) -> tuple[float, float]:
    """Return the order statistics between which a quantile lies with 95 % or more: ranks are binomial; none of so few
    patients that there are none."""
    from scipy import stats

    n = len(ordered)
    low, high = int(stats.binom.ppf(0.025, n, share)), int(stats.binom.ppf(0.975, n, share)) + 1
    return (float(ordered[low - 1]), float(ordered[high - 1])) if low >= 1 and high <= n else (np.nan, np.nan)


def difference(
    one: Asked, values: np.ndarray, other: np.ndarray, ends: tuple[np.ndarray, ...], seed: int = 1
) -> tuple[float, float, float]:
    """Return the difference between two schedules in the same patients and its 95 % interval.

    Of a median or mean it is that of each patient's difference, 0 where neither ever reaches a level; of a percentage,
    another quantile or an SD, and of the change of medians or means, the difference of the two. `ends` are start and
    end of the values, then of the other's.
    """
    if is_share(one):
        return _matched(_counted(one, values), _counted(one, other))
    if one.endpoint.statistic in ("median", "mean"):
        paired = _paired(values, other)
        return float(statistic(one.endpoint.statistic).reduce(paired, 0.0)), *interval(
            one, paired, paired, paired, seed
        )
    both = _resampled(one, values, other, ends, seed)
    with np.errstate(invalid="ignore"):
        each = both[0] - both[1]
    return float(each[0]), *middle(each[1:])


def ratio(
    one: Asked, values: np.ndarray, other: np.ndarray, ends: tuple[np.ndarray, ...], seed: int = 1
) -> tuple[float, float, float]:
    """Return the ratio of a schedule to another in the same patients and its 95 % interval; none where 0 or less of
    either makes none.

    Of a median it is that of each patient's ratio, 1 where neither ever reaches a level; of all else the ratio of the
    two. `ends` are as in `difference`.
    """
    if one.endpoint.statistic == "median":
        quotients = _quotients(values, other)
        if quotients is None:
            return np.nan, np.nan, np.nan
        return float(statistic("median").reduce(quotients, 0.0)), *interval(one, quotients, quotients, quotients, seed)
    return over_other(*_resampled(one, values, other, ends, seed))


def over_other(some: np.ndarray, others: np.ndarray) -> tuple[float, float, float]:
    """Return the ratio of two statistics, of all patients (the first) and of resampled ones: it and its interval, none
    where one of them is 0 or less; no interval where one of resampled patients is less."""
    if not (some[0] > 0 and others[0] > 0):
        return np.nan, np.nan, np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        each = some / others
    if (some < 0).any() or (others < 0).any():
        return float(each[0]), np.nan, np.nan
    return float(each[0]), *middle(each[1:])


def middle(replicates: np.ndarray) -> tuple[float, float]:
    """Return the span of the middle 95 %, none without any."""
    return float(quantile(replicates, 0.025)), float(quantile(replicates, 0.975))


def _resampled(
    one: Asked, values: np.ndarray, other: np.ndarray, ends: tuple[np.ndarray, ...], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a statistic under both schedules, of all patients and of resampled ones, the same under both."""
    start, end, other_start, other_end = ends
    picks = resampled(len(values), seed)
    sides = (values, start, end), (other, other_start, other_end)
    first, second = (over_members(one, *(part[picks] for part in side)) for side in sides)
    return first, second


def resampled(n: int, seed: int) -> np.ndarray:
    """Return rows of n patients: all of them, then resampled ones."""
    return np.vstack([np.arange(n), np.random.default_rng(seed).integers(n, size=(_RESAMPLES, n))])


def _quotients(values: np.ndarray, other: np.ndarray) -> np.ndarray | None:
    """Return each patient's ratio: 1 where both are endless or differ by the solver's error; None where somebody has
    0 or less."""
    known = ~np.isnan(values) & ~np.isnan(other)
    if not known.any() or (values[known] <= 0).any() or (other[known] <= 0).any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients = values / other
    return np.where(known & (_paired(values, other) == 0), 1.0, quotients)


def _paired(values: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return each patient's difference: none where both are endless, or where they differ by the solver's error."""
    with np.errstate(invalid="ignore"):
        paired = values - other
    none = np.isinf(values) & (values == other)
    none |= np.isfinite(paired) & (np.abs(paired) <= SAME * np.maximum(np.abs(values), np.abs(other)))
    return np.where(none, 0.0, paired)


def _matched(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Return the difference of two percentages of the same patients and its interval, by Agresti and Min
    (doi:10.1002/sim.1781): half a patient is added to each of the four cells, so that none is sure of nothing."""
    paired = (first - second)[~np.isnan(first - second)]
    n = paired.size
    if n < 2:
        return (100 * float(paired.mean()) if n else np.nan), np.nan, np.nan
    more, less = float((paired > 0).sum()) + 0.5, float((paired < 0).sum()) + 0.5
    middle = (more - less) / (n + 2)
    half = _Z * float(np.sqrt(more + less - (more - less) ** 2 / (n + 2))) / (n + 2)
    return 100 * float(paired.mean()), 100 * max(middle - half, -1.0), 100 * min(middle + half, 1.0)


def _counted(one: Asked, values: np.ndarray) -> np.ndarray:
    """Return 1 for who is counted in a percentage, 0 for who is not."""
    name = one.endpoint.statistic
    if name == "percent":
        return values
    return np.where(np.isnan(values), np.nan, values > one.limit if name == "percent_above" else values < one.limit)
