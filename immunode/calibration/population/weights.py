"""Weights that make patients drawn from some populations stand for another: exact for what varies between patients.

A patient is what was drawn of him. His course, the decisions of rules and his events belong to him, so another
population needs no simulation: each of its patients is there already, only more or less often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.errors import BadValue


@dataclass(frozen=True, eq=False)
class Law:
    """Hold the normal law of what varies between patients: means and Cholesky factor of the covariance of logarithms
    (log odds of fractions)."""

    mean: np.ndarray
    factor: np.ndarray

    def log_density(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the logarithm of the density of patients (n, k), less a constant of k alone."""
        z = coordinates - self.mean
        for j in range(z.shape[1]):  # forward substitution: the last bits of BLAS change with the batch
            for m in range(j):
                z[:, j] -= self.factor[j, m] * z[:, m]
            z[:, j] /= self.factor[j, j]
        return np.asarray(-0.5 * (z**2).sum(axis=1) - np.log(np.diag(self.factor)).sum())


def law(
    names: Sequence[str], centres: Sequence[float], omega: Mapping[str, float],
    correlation: Mapping[tuple[str, str], float],
) -> Law:  # fmt: skip
    """Return the law of logarithms with these centres, SDs and correlations; raise BadValue where it is none."""
    sd, matrix = np.array([omega[name] for name in names]), np.eye(len(names))
    for (a, b), value in correlation.items():
        if a in names and b in names:
            i, j = names.index(a), names.index(b)
            matrix[i, j] = matrix[j, i] = value
    try:
        return Law(np.array(centres, dtype=float), sd[:, None] * np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError as error:
        raise BadValue(f"the correlations {dict(correlation)} do not form a correlation matrix") from error


def mixture_density(components: Sequence[tuple[float, Law]], coordinates: np.ndarray) -> np.ndarray:
    """Return the logarithm of the density of patients (n, k) drawn from laws by their shares."""
    parts = [one.log_density(coordinates) + np.log(share) for share, one in components]
    return np.asarray(np.logaddexp.reduce(parts, axis=0))


def weights(target: Law, coordinates: np.ndarray, proposed: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """Return weights that add to 1, 0 for who is not `ok`."""
    log = np.where(ok, target.log_density(coordinates) - proposed, -np.inf)
    raw = np.exp(log - log.max())
    return np.asarray(raw / raw.sum())


def effective(weight: np.ndarray) -> float:
    """Return how many equal patients the weights are worth (Kish's effective sample size)."""
    return float(1.0 / (weight**2).sum())
