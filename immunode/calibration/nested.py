"""The variance of a number by what it is due to: a nested analysis of variance of its draws."""

from dataclasses import dataclass

import numpy as np

LEVELS = ("parameter", "trial", "patients", "sampling")


@dataclass(frozen=True)
class Variance:
    """Hold what of the variance of a number is due to each of LEVELS."""

    parameter: float
    trial: float
    patients: float
    sampling: float

    @property
    def percent(self) -> dict[str, float]:
        """Return the shares in percent, of one decimal, which add to 100; all 0 where nothing varies."""
        each = np.array([getattr(self, level) for level in LEVELS])
        if not each.sum() > 0:
            return dict.fromkeys(LEVELS, 0.0)
        return dict(zip(LEVELS, _rounded(1000 * each / each.sum()), strict=True))


def _rounded(tenths: np.ndarray) -> list[float]:
    """Return tenths of a percent rounded so that they add to 1000: those with the largest rests are rounded up."""
    down = np.floor(tenths)
    up = np.argsort(down - tenths, kind="stable")[: round(1000 - down.sum())]
    down[up] += 1
    return [float(one) / 10 for one in down]


def components(draws: np.ndarray, *, parts: int) -> Variance:
    """Return the variance of a number by what it is due to, from draws (parameters, trials, patients, samples).

    Trials are nested in parameters and samples in patients, who are one of `parts` equal parts of all: the same ones
    for all parameters and trials. What is returned is of all of them. No component is biased; one that comes out below
    zero is zero. Draws that are not known (nan) are left out.
    """
    samples, patients, trials = draws, _mean(draws, 3), _mean(_mean(draws, 3), 2)
    within, size = _variance(samples, 3)
    of_patients, k = _variance(patients, 2)
    of_trials, j = _variance(trials, 1)
    of_parameters, _ = _variance(_mean(trials, 1), 0)
    sampling = within
    patient = of_patients - sampling / size if k > 1 else 0.0  # one draw tells of no variance
    trial = of_trials - sampling / (k * size) if j > 1 else 0.0
    parameter = of_parameters - trial / j - sampling / (j * k * size)
    return Variance(*(max(one, 0.0) for one in (parameter, trial, patient / parts, sampling)))


def _variance(values: np.ndarray, axis: int) -> tuple[float, float]:
    """Return the mean variance along an axis, and how many numbers it is of."""
    known = (~np.isnan(values)).sum(axis=axis)
    squares = np.nansum((values - np.expand_dims(_mean(values, axis), axis)) ** 2, axis=axis)
    some = known > 1
    count = float(known[known > 0].mean()) if (known > 0).any() else 1.0
    return (float((squares[some] / (known[some] - 1)).mean()) if some.any() else 0.0), count


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    known = (~np.isnan(values)).sum(axis=axis)
    return np.where(known > 0, np.nansum(values, axis=axis) / np.maximum(known, 1), np.nan)
