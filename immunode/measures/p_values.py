"""p-values of tests between two groups, as papers print them: of the numbers of each group, and of a limit.

Numbers are in the last dimension, nan is nobody's; p is nan where a group is too small to test.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from immunode.measures.differences import degrees_of_freedom, difference_se
from immunode.measures.statistics import mean


def p_mann_whitney(first: np.ndarray, second: np.ndarray, limit: float) -> np.ndarray:
    """Return two-sided p of the Mann-Whitney U test, by the normal law, with ties and the correction for continuity."""
    n, m = ((~np.isnan(values)).sum(axis=-1) for values in (first, second))
    p = of_rank_sums(*rank_sums(first, second, n, m), n * m)
    return np.where(np.minimum(n, m) > 1, p, np.nan)


def p_t_test(first: np.ndarray, second: np.ndarray, limit: float) -> np.ndarray:
    """Return two-sided p of the t test of Welch, whose variances are not pooled."""
    from scipy.special import stdtr  # slow to import

    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean(first) - mean(second)) / difference_se(first, second)
    return np.asarray(2 * stdtr(degrees_of_freedom(first, second), -t))


def p_fisher(first: np.ndarray, second: np.ndarray, limit: float) -> np.ndarray:
    """Return two-sided p of Fisher's exact test of who is above the limit or, without one, of whom a measure is 1."""
    counts = []
    for values in (first, second):
        known = ~np.isnan(values)
        so = values > (0.5 if np.isnan(limit) else limit)
        counts += [(so & known).sum(axis=-1), known.sum(axis=-1)]
    each = zip(*(np.ravel(count).tolist() for count in counts), strict=True)
    p = [fisher_exact(*row) if row[1] and row[3] else np.nan for row in each]
    return np.array(p, dtype=float).reshape(counts[0].shape)


def rank_sums(left: np.ndarray, right: np.ndarray, n: np.ndarray, m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return U of the first of two groups of n and m counts in each row (nan is none), and its variance.

    The variance is that of the ranks which there are, so that ties are in it.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([left, right], axis=1), axis=1, nan_policy="omit")
    u = np.nansum(ranks[:, : left.shape[1]], axis=1) - 0.5 * n * (n + 1)
    total = n + m
    squares = np.nansum(ranks**2, axis=1) - 0.25 * total * (total + 1.0) ** 2
    return u, n * m / np.maximum(total * (total - 1.0), 1.0) * squares


def of_rank_sums(u: np.ndarray, variance: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return two-sided p of U of so many pairs, by the normal law with the correction for continuity."""
    from scipy.special import ndtr  # slow to import

    with np.errstate(divide="ignore", invalid="ignore"):
        z = (np.abs(u - 0.5 * pairs) - 0.5) / np.sqrt(variance)
    return np.asarray(np.minimum(2.0 * ndtr(-z), 1.0))


@lru_cache(maxsize=4096)
def fisher_exact(a: int, n: int, b: int, m: int) -> float:
    """Return Fisher's exact two-sided p for a of n against b of m."""
    from scipy import stats

    return float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue)


P_VALUES: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "p_mann_whitney": p_mann_whitney,
    "p_t_test": p_t_test,
    "p_fisher": p_fisher,
}
