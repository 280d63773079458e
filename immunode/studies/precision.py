"""How well a number of so many virtual patients is known: 95 % intervals, of one schedule and of paired differences.

They are of the draw of patients alone: what the model's parameters leave open is not in them.
"""

import numpy as np

from immunode.measures.statistics import statistic
from immunode.simulation.measuring import Asked, over_members

_Z = 1.959963984540054  # of the normal distribution, 97.5 %
_RESAMPLES = 400
_MEAN, _SHARES = ("mean", "percent"), ("percent_above", "percent_below")
_RANKS = {"median": 0.5, "q1": 0.25, "q3": 0.75}


def interval(one: Asked, values: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of an endpoint over patients (n,): normal for means and percentages, between order
    statistics for quantiles (no assumption on their distribution), else of resampled patients."""
    name = one.endpoint.statistic
    if name in _SHARES:
        counted = values > one.limit if name == "percent_above" else values < one.limit
        values, name = np.where(np.isnan(values), np.nan, counted), "percent"
    known = values[~np.isnan(values)]
    if known.size < 2:
        return np.nan, np.nan
    if name in _MEAN:
        times = 100.0 if name == "percent" else 1.0
        half = _Z * float(np.std(known, ddof=1)) / np.sqrt(known.size)
        return times * (float(known.mean()) - half), times * (float(known.mean()) + half)
    if name in _RANKS:
        return _between_ranks(np.sort(known), _RANKS[name])
    picks = np.random.default_rng(1).integers(len(values), size=(_RESAMPLES, len(values)))
    over = over_members(one, *(part[picks] for part in (values, start, end)))
    low, high = np.nanpercentile(over, [2.5, 97.5])
    return float(low), float(high)


def _between_ranks(ordered: np.ndarray, share: float) -> tuple[float, float]:
    """Return the order statistics between which a quantile lies with 95 %: ranks are binomial."""
    n = len(ordered)
    half = _Z * np.sqrt(n * share * (1 - share))
    low, high = int(np.floor(n * share - half)), int(np.ceil(n * share + half))
    return float(ordered[max(low - 1, 0)]), float(ordered[min(high, n - 1)])


def difference(
    one: Asked, values: np.ndarray, other: np.ndarray, ends: tuple[np.ndarray, ...]
) -> tuple[float, float, float]:
    """Return the difference between two schedules in the same patients and its 95 % interval.

    Of a median or mean it is that of each patient's difference; of a percentage, and of the change of medians or means,
    the difference of the two. `ends` are start and end of the values, then of the other's.
    """
    over = statistic(one.endpoint.statistic)
    if over.limit or one.endpoint.statistic == "percent":
        sides = [_counted(one, each) for each in (values, other)]
        paired = sides[0] - sides[1]
        known = paired[~np.isnan(paired)]
        half = _Z * float(np.std(known, ddof=1)) / np.sqrt(known.size) if known.size > 1 else np.nan
        middle = float(known.mean()) if known.size else np.nan
        return 100 * middle, 100 * (middle - half), 100 * (middle + half)
    if over.of_values:
        start, end, other_start, other_end = ends
        picks = np.vstack(
            [np.arange(len(values)), np.random.default_rng(1).integers(len(values), size=(_RESAMPLES, len(values)))]
        )
        all_of = over_members(one, values[picks], start[picks], end[picks])
        each = all_of - over_members(one, other[picks], other_start[picks], other_end[picks])
        return float(each[0]), *(float(q) for q in np.nanpercentile(each[1:], [2.5, 97.5]))  # type: ignore[return-value]
    with np.errstate(invalid="ignore"):
        paired = values - other
    low, high = interval(one, paired, paired, paired)
    return float(over.reduce(paired, one.limit)), low, high


def _counted(one: Asked, values: np.ndarray) -> np.ndarray:
    """Return 1 for who is counted in a percentage, 0 for who is not."""
    name = one.endpoint.statistic
    if name == "percent":
        return values
    return np.where(np.isnan(values), np.nan, values > one.limit if name == "percent_above" else values < one.limit)
