"""What a fit makes small: residuals of printed numbers, their table, and their slopes over the varied parameters."""

from collections.abc import Mapping
from dataclasses import dataclass

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import model_values
from immunode.calibration.predict import predict
from immunode.calibration.problem import FitProblem
from immunode.calibration.slopes import number_slopes
from immunode.errors import ImmunodeError

MOST_SIGMAS = 1e150  # that a number may be from zero: squares of more are no numbers
REFUSED = 1e100  # the residuals of a try that has none: finite, as minimisers want them, and worse than any other


def residuals(problem: FitProblem, predicted: np.ndarray) -> np.ndarray:
    """Return (predicted - observed) / sigma; on the log scale of the logarithms, sigma being relative."""
    out = []
    for datum, value in zip(problem.data, predicted, strict=True):
        seen, sigma = datum.row.observed, datum.sigma
        if datum.row.scale == "log":
            out.append(np.log(max(value, np.finfo(float).tiny) / seen) / (sigma / seen))
        else:
            out.append((value - seen) / sigma)
    return np.array(out)


def table(problem: FitProblem, values: Mapping[str, float]) -> pd.DataFrame:
    """Return observed, predicted and residual of every row at the given parameters."""
    predicted = predict(problem, [values])[0]
    columns = {
        "label": [d.label for d in problem.data],
        "use": [d.row.use for d in problem.data],
        "observed": problem.observed,
        "predicted": predicted,
        "sigma": [d.sigma for d in problem.data],
        "residual": residuals(problem, predicted),
        "note": [d.row.note for d in problem.data],
    }
    return pd.DataFrame(columns)


def jacobian(problem: FitProblem, params: lmfit.Parameters, held: Mapping[str, float]) -> np.ndarray:
    """Return d residual / d varied parameter, shape (rows, varied); raise SolveError where there is none."""
    slopes = number_slopes(problem, params, held)
    sigma = np.array([d.sigma for d in problem.data])
    logs = np.array([d.row.scale == "log" for d in problem.data])
    if logs.any():
        predicted = predict(problem, [model_values(problem.model, params, held)])[0]
        low = np.finfo(float).tiny
        sigma = np.where(logs, sigma / problem.observed * np.maximum(predicted, low), sigma)
        slopes = np.where((logs & (predicted <= low))[:, None], 0.0, slopes)  # held at the least number there is
    return slopes / sigma[:, None]


@dataclass(eq=False)
class Objective:
    """Hold what lmfit calls: residuals at its parameters, and their `slopes`; counts the tries that have `failed`.

    A try whose numbers overflow, or that cannot be solved, is far worse than any other, so that a minimiser refuses the
    step and takes a shorter one.
    """

    problem: FitProblem
    held: Mapping[str, float]
    failed: int = 0

    def __call__(self, params: lmfit.Parameters) -> np.ndarray:
        """Return the residuals, all of them REFUSED where one is no number."""
        try:
            with np.errstate(all="ignore"):
                values = model_values(self.problem.model, params, self.held)
                away = residuals(self.problem, predict(self.problem, [values], must_solve=False)[0])
        except ImmunodeError:  # the start could be solved: here it is the values that have no steady state or the like
            away = np.array([np.nan])
        if np.all(np.abs(away) < REFUSED):
            return away
        self.failed += 1
        return np.full(len(self.problem.data), REFUSED)

    def slopes(self, params: lmfit.Parameters) -> np.ndarray:
        """Return d residual / d varied parameter."""
        return jacobian(self.problem, params, self.held)
