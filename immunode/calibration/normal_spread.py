"""How far estimates by the normal law scatter: a sandwich, for patients who are not normal and visits that are not
independent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from immunode.calibration.normal_objective import ADDITIVE, NOISE, NormalProblem, Predicted, Summary, courses
from immunode.calibration.patient_nodes import PatientNodes
from immunode.engine.draws import draws

PATIENTS = 16_384  # behind the covariance of scores: some 1 % of a standard error


def sampling_covariance(
    problem: NormalProblem, values: Mapping[str, float], at: Sequence[Predicted], slopes: np.ndarray
) -> np.ndarray:
    """Return the covariance matrix of the estimates (named, named): H^-1 J H^-1 (Godambe).

    H is the information that the normal law claims (the slopes of its residuals squared), J the covariance of its
    slopes over trials of patients such as those at the estimates, n of each arm; where patients are normal and the
    matrix is given both are one. Patients of several summaries of an arm are the same, and of days with fewer
    patients some of those of the others.
    """
    information = slopes.T @ slopes
    named = slopes.shape[1]
    variety = np.zeros((named, named))
    drawn = _drawn(problem, values)
    for index in range(len(problem.arms)):
        scores, sizes = [], []
        for number, (summary, now) in enumerate(zip(problem.summaries, at, strict=True)):
            if summary.arm == index:
                seen = _with_noise(drawn[index][:, summary.columns], summary, values, number)
                for part, size in _scores(summary, now, seen):
                    scores.append(part - part.mean(axis=0))
                    sizes.append(size)
        for one, n in zip(scores, sizes, strict=True):
            for other, m in zip(scores, sizes, strict=True):
                variety += min(n, m) * one.T @ other / len(one)
    try:
        inverse = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return np.full((named, named), np.nan)
    return inverse @ variety @ inverse


def _drawn(problem: NormalProblem, values: Mapping[str, float]) -> list[np.ndarray]:
    """Return the true values of randomly drawn patients of every arm."""
    count = len(problem.population.omega)
    z = np.column_stack([draws(0, f"sandwich/{i}", PATIENTS) for i in range(count)] or [np.zeros((1, 0))])
    nodes = PatientNodes(z, np.full(len(z), 1 / len(z)))
    chosen = []
    for one in courses(replace(problem, nodes=nodes), values, ()):
        order = np.searchsorted(np.cumsum(one.weights), (np.arange(PATIENTS) + 0.5) / PATIENTS)
        chosen.append(one.values[np.minimum(order, len(one.values) - 1)])
    return chosen


def _with_noise(true: np.ndarray, summary: Summary, values: Mapping[str, float], number: int) -> np.ndarray:
    """Return what is measured of true values (patients, visits): a log-normal factor, mean 1, and an error."""
    name = summary.printed.observable
    cv, sd = values.get(f"{NOISE}{name}", 0.0), values.get(f"{ADDITIVE}{name}", 0.0)
    log_sd = np.sqrt(np.log1p(cv**2))
    seen = true.copy()
    for i in range(true.shape[1]):
        factor = draws(0, f"sandwich/{number}/noise/{i}", len(true))
        error = draws(0, f"sandwich/{number}/additive/{i}", len(true))
        seen[:, i] = seen[:, i] * np.exp(log_sd * factor - log_sd**2 / 2) + sd * error
    return seen


def _scores(summary: Summary, at: Predicted, seen: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Return slopes of each patient's log likelihood (patients, named) with how many patients have it: one of a matrix,
    one a visit of variances."""
    if summary.spread.ndim == 2:
        return [(_score(at.mean, at.covariance, at.mean_slopes, at.covariance_slopes, seen), float(summary.sizes[0]))]
    parts = []
    for i, n in enumerate(summary.sizes):
        one = np.array([i])
        cut = np.ix_(one, one)
        slopes = at.covariance_slopes[:, one[:, None], one]
        parts.append((_score(at.mean[one], at.covariance[cut], at.mean_slopes[:, one], slopes, seen[:, one]), float(n)))
    return parts


def _score(
    mean: np.ndarray, covariance: np.ndarray, by_mean: np.ndarray, by_covariance: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """Return the slopes of the log density of a normal law at what was seen (patients, named), but for a constant."""
    turned = np.linalg.solve(covariance, (seen - mean).T).T
    return turned @ by_mean.T + 0.5 * np.einsum("ni,pij,nj->np", turned, by_covariance, turned, optimize=True)
