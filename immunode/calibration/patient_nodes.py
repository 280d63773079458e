"""Points that stand for a population's patients: standard normal coordinates and weights, the same at every step of a
fit, so that what is fitted is smooth."""

from dataclasses import dataclass

import numpy as np

MOST_NODES = 21  # of one parameter: moments of a log-normal of SD 1 to 8 digits
LEAST_NODES = 5  # exact to degree 9


@dataclass(frozen=True, eq=False)
class PatientNodes:
    """Hold `z` (patients, parameters that vary), standard normal, and `weights` (patients,), which add up to 1."""

    z: np.ndarray
    weights: np.ndarray


def patient_nodes(dimensions: int, patients: int, seed: int) -> PatientNodes:
    """Return at most so many patients for parameters that vary: Gauss-Hermite nodes where there is room for 5 or more
    a parameter, else points of a scrambled Sobol sequence (a power of 2, as its balance asks)."""
    if dimensions == 0:
        return PatientNodes(np.zeros((1, 0)), np.ones(1))
    each = min(int(patients ** (1 / dimensions) + 1e-9), MOST_NODES)
    if each >= LEAST_NODES:
        return _grid(dimensions, each)
    return _sobol(dimensions, patients, seed)


def _grid(dimensions: int, each: int) -> PatientNodes:
    nodes, weights = np.polynomial.hermite_e.hermegauss(each)
    weights = weights / weights.sum()
    z = np.stack([one.ravel() for one in np.meshgrid(*[nodes] * dimensions, indexing="ij")], axis=1)
    joint = np.ones(1)
    for _ in range(dimensions):
        joint = np.multiply.outer(joint, weights).ravel()
    return PatientNodes(z, joint)


def _sobol(dimensions: int, patients: int, seed: int) -> PatientNodes:
    from scipy.special import ndtri
    from scipy.stats import qmc

    points = qmc.Sobol(dimensions, rng=np.random.default_rng(seed)).random_base2(int(np.log2(patients)))
    inside = np.clip(points, 2.0**-40, 1 - 2.0**-40)  # a point may be 0, whose quantile is none
    return PatientNodes(ndtri(inside), np.full(len(points), 1 / len(points)))
