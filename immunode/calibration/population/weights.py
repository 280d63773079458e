"""Weights that make patients drawn from some populations stand for another: exact for what varies between patients.

A patient is what was drawn of him. His course, the decisions of rules and his events belong to him, so another
population needs no simulation: each of its patients is there already, only more or less often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.virtual_trials.population import factor_of

RIDGE = 1e-9  # part of the features' sizes
TILTS = (0.5, 2.0)  # of a weight, at most


@dataclass(frozen=True, eq=False)
class Law:
    """Hold the normal law of what varies between patients: means and Cholesky factor of the covariance of logarithms
    (log odds of fractions)."""

    mean: np.ndarray
    factor: np.ndarray

    def whitened(self, coordinates: np.ndarray) -> np.ndarray:
        """Return coordinates (n, k) as standard normal ones of this law."""
        z = coordinates - self.mean
        for j in range(z.shape[1]):  # forward substitution: the last bits of BLAS change with the batch
            for m in np.flatnonzero(self.factor[j, :j]):
                z[:, j] -= self.factor[j, m] * z[:, m]
            z[:, j] /= self.factor[j, j]
        return z

    def log_density(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the logarithm of the density of patients (n, k), less a constant of k alone."""
        return self.log_density_of(self.whitened(coordinates))

    def log_density_of(self, z: np.ndarray) -> np.ndarray:
        """Return the same of patients whose whitened coordinates are known."""
        return np.asarray(-0.5 * (z**2).sum(axis=1) - np.log(np.diag(self.factor)).sum())


def law(
    names: Sequence[str], centres: Sequence[float], omega: Mapping[str, float],
    correlation: Mapping[tuple[str, str], float],
) -> Law:  # fmt: skip
    """Return the law of logarithms with these centres, SDs and correlations; raise BadValue where it is none."""
    return Law(np.array(centres, dtype=float), factor_of(names, omega, correlation))


def mixture_density(components: Sequence[tuple[float, Law]], coordinates: np.ndarray) -> np.ndarray:
    """Return the logarithm of the density of patients (n, k) drawn from laws by their shares."""
    parts = [one.log_density(coordinates) + np.log(share) for share, one in components]
    return np.asarray(np.logaddexp.reduce(parts, axis=0))


def weights(
    target: Law, coordinates: np.ndarray, proposed: np.ndarray, ok: np.ndarray, settled: np.ndarray
) -> np.ndarray:
    """Return weights that add to 1, 0 for who is not `ok`.

    They are tilted so that means and variances of the coordinates of all patients are the law's, and of what is
    `settled` (n, b) of them, standard normal in every population: what chance did to the draws is then a fraction of
    what it was in the medians of most measures.
    """
    z = target.whitened(coordinates)
    log = target.log_density_of(z) - proposed
    raw = np.exp(np.minimum(log - log[ok].max(), 0.0))  # who has no course counts at most as the heaviest who has one
    known = np.where(ok, _tilted(raw / raw.sum(), np.concatenate([z, settled], axis=1)), 0.0)
    return np.asarray(known / known.sum())


def _tilted(weight: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return weights under which standard normal coordinates have mean 0 and variance 1, nearest to these."""
    features = np.concatenate([z, z**2 - 1], axis=1)
    off = weight @ features
    size = (weight[:, None] * features).T @ features
    size += RIDGE * np.diag(1.0 + np.diag(size))  # one patient who has all the weight knows no variance
    tilt = 1.0 - features @ np.linalg.solve(size, off)
    tilted = weight * np.clip(tilt, *TILTS)
    return np.asarray(tilted / tilted.sum())


def effective(weight: np.ndarray) -> float:
    """Return how many equal patients the weights are worth (Kish's effective sample size)."""
    return float(1.0 / (weight**2).sum())
