"""Numbers that are never above a count, such as the nadir: drawn so that what is printed of both holds.

Of all ways to pair two distributions this is the loosest that keeps the one below the other: patients are taken from
the lowest count up, and each draws from what is left of the numbers up to his count. What is left below his count is,
but for a factor, the same for all later ones, so that a patient's number is drawn from one distribution cut at his
count, and patients stay independent of each other.
"""

from collections.abc import Callable

import numpy as np

from immunode.engine.draws import exponential, lognormal
from immunode.errors import BadValue
from immunode.evidence.baseline import Baseline
from immunode.virtual_trials.distribution import Distribution, distribution

_CELLS = 4000  # of equal share, into which counts are sorted: what is printed holds to one of them
_NOTHING = 1e-12  # share that counts as used up

Drawn = Callable[[np.ndarray, np.ndarray], np.ndarray]  # ranks of the number and of the count -> numbers


def never_above(number: Baseline, count: Baseline) -> Drawn:
    """Return what draws a number that is never above a count, each with its own distribution.

    Where a range is said of the number alone, it is an entry criterion: each patient's number is uniform in what of the
    range lies below his count, and his count where nothing does. Raise BadValue where no pairing keeps both.
    """
    above = distribution(count)
    if number.below is None and number.way in ("log_sd", "quartiles", "mean"):  # what nobody's count allows is cut off
        number = number.model_copy(update={"below": float(above.quantile(np.array([1 - _NOTHING]))[0])})
    below = distribution(number)
    ranks = np.arange(_CELLS) / _CELLS
    counts = above.quantile(ranks)
    known = below.cdf(counts)
    short = ranks - known
    if short.max() <= 2 / _CELLS:
        return _paired(below, above, counts, known)
    if known[-1] <= 0:
        raise BadValue(f"baseline: nobody with {count.numbers} can have {number.numbers}, which is never above it")
    if number.way == "range" and number.median is None:
        return _cut(below, above)
    worst = int(short.argmax())
    raise BadValue(
        f"baseline: {number.numbers} cannot hold beside {count.numbers}, which it is never above: "
        f"{100 * ranks[worst]:.0f} % of the patients have a {count.observable} below {counts[worst]:.3g}, and "
        f"{100 * known[worst]:.0f} % a {number.observable} below that"
    )


def _cut(below: Distribution, above: Distribution) -> Drawn:
    def drawn(rank: np.ndarray, rank_of_count: np.ndarray) -> np.ndarray:
        counts = above.quantile(rank_of_count)
        return np.minimum(below.quantile(rank * below.cdf(counts)), counts)

    return drawn


def _paired(below: Distribution, above: Distribution, counts: np.ndarray, known: np.ndarray) -> Drawn:
    """Return the pairing. `log_k` is the log of the distribution from which all draw, at the counts of the cells: it
    grows where numbers come within reach, by the more the fewer are left."""
    arriving = np.diff(known, prepend=0.0)
    log_k = np.full(_CELLS, -np.inf)
    left, log_left = 0.0, 0.0
    for cell in range(_CELLS):
        available = max(left + arriving[cell], _NOTHING)
        log_k[cell] = np.log(available) - log_left
        left = max(available - 1 / _CELLS, _NOTHING)
        log_left += np.log(left / available)
    log_k = np.maximum.accumulate(log_k)
    before_each = np.concatenate([[-np.inf], log_k[:-1]])

    def drawn(rank: np.ndarray, rank_of_count: np.ndarray) -> np.ndarray:
        cell = np.minimum((rank_of_count * _CELLS).astype(np.int64), _CELLS - 1)
        # logs and exponentials patient by patient: NumPy's own may differ with the place in a batch
        wanted = log_k[cell] - exponential(1.0 - np.maximum(rank, _NOTHING))
        at = np.minimum(np.searchsorted(log_k, wanted, side="left"), cell)
        before = lognormal(1.0, 1.0, before_each[at] - log_k[at])
        share = np.clip((lognormal(1.0, 1.0, wanted - log_k[at]) - before) / np.maximum(1 - before, _NOTHING), 0.0, 1.0)
        numbers = below.quantile(known[at] - (1 - share) * arriving[at])
        return np.minimum(numbers, above.quantile(rank_of_count))

    return drawn
