"""The likelihood of what a trial prints: the normal law of its statistics, binomial laws of its counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, xlogy

from immunode.calibration.population.margins import beyond_normal
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.printed_row import Row

LOG_2_PI = float(np.log(2 * np.pi))
LIFT = 100.0  # added to the log-determinant, so that its root is a number; no estimate depends on it


@dataclass(frozen=True, eq=False)
class Seen:
    """Hold what is printed: statistics (..., d) on the scale of each, and counts (..., e) of `size` (e,) patients."""

    statistics: np.ndarray
    counts: np.ndarray
    size: np.ndarray


def whitening(covariance: np.ndarray) -> np.ndarray:
    """Return the lower triangular W with W C W' = 1, so that W (seen - mean) are independent with variance 1."""
    factor = np.linalg.cholesky(covariance)
    return np.linalg.solve(factor, np.eye(len(covariance)))


def parts(seen: Seen, moments: Moments) -> tuple[np.ndarray, float, np.ndarray]:
    """Return whitened residuals (d,), the log-determinant of the covariance, and deviance residuals of counts (e,)."""
    if len(moments.mean):
        w = whitening(moments.covariance)
        residuals, log_det = w @ (seen.statistics - moments.mean), -2.0 * float(np.log(np.diag(w)).sum())
    else:
        residuals, log_det = np.zeros(0), 0.0
    return residuals, log_det, deviance_residuals(seen.counts, seen.size, moments.share)


def deviance_residuals(counts: np.ndarray, size: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return signed roots of the binomial deviance of counts, whose squares are -2 log of the likelihood over the one
    of the share that is seen."""
    seen = counts / size
    twice = 2 * (xlogy(counts, seen) - counts * np.log(share))
    twice += 2 * (xlogy(size - counts, 1 - seen) - (size - counts) * np.log1p(-share))
    return np.asarray(np.sign(seen - share) * np.sqrt(np.maximum(twice, 0.0)))


def margins(seen: Seen, moments: Moments) -> float:
    """Return what -2 log L is more by the laws that single statistics really have, where patients are of several
    kinds."""
    if moments.replicates is None:
        return 0.0
    each = zip(moments.replicates.T, seen.statistics, strict=True)
    return float(sum(beyond_normal(replicates, one) for replicates, one in each))


def constant(seen: Seen) -> float:
    """Return what -2 log L has beside the sums of squares and the log-determinant."""
    k, n = seen.counts, seen.size
    saturated = xlogy(k, k / n) + xlogy(n - k, 1 - k / n) + gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return float(seen.statistics.shape[-1] * LOG_2_PI - 2 * saturated.sum())


def integrated_constant(every: Sequence[Seen]) -> float:
    """Return what -2 log L of one data set of trials and priors has beside what surfaces tell of it."""
    total = 0.0
    for seen in every:
        k, n = seen.counts, seen.size
        ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        total += float(seen.statistics.shape[-1] * LOG_2_PI - 2 * ways.sum())
    return total


def residual_vector(seen: Seen, moments: Moments, log_det_then: float) -> np.ndarray:
    """Return a vector whose squares add to -2 log L plus a constant: for minimisers of sums of squares.

    `log_det_then` is the log-determinant at the anchor, by which the last entry is lifted.
    """
    residuals, log_det, counts = parts(seen, moments)
    lifted = max(LIFT + log_det - log_det_then + margins(seen, moments), 1e-3)
    return np.concatenate([residuals, counts, [np.sqrt(lifted)]])


def deviance(seen: Seen, moments: Moments) -> float:
    """Return -2 log L, with every constant."""
    residuals, log_det, counts = parts(seen, moments)
    return float(residuals @ residuals + log_det + counts @ counts) + margins(seen, moments) + constant(seen)


def seen_of(kept: Sequence[Row], logs: np.ndarray, binary: Sequence[Row]) -> Seen:
    """Return what is printed of rows, on their scales."""
    numbers = np.array([row.observed for row in kept], dtype=float)
    statistics = np.where(logs, np.log(np.where(logs, numbers, 1.0)), numbers)
    counts = [row.observed if row.kind == "binomial" else 1.0 for row in binary]
    sizes = [row.size if row.kind == "binomial" else 1 for row in binary]
    return Seen(statistics, np.array(counts, dtype=float), np.array(sizes, dtype=float))


def fit_of(seen: Sequence[Seen], moments: Sequence[Moments]) -> tuple[float, int]:
    """Return how far off all trials are, the squares of what is whitened and of deviance residuals, and of how many
    numbers."""
    total, numbers = 0.0, 0
    for one, predicted in zip(seen, moments, strict=True):
        residuals, _, counts = parts(one, predicted)
        total += float(residuals @ residuals + counts @ counts)
        numbers += len(residuals) + len(counts)
    return total, numbers
