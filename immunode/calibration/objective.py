"""What a fit makes small: residuals of printed numbers, their table, and their slopes over the varied parameters."""

from collections.abc import Mapping

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import LOG, model_values
from immunode.calibration.predict import predict
from immunode.calibration.problem import FitProblem

STEP = 1e-3  # of a parameter, for central differences: its error ~ STEP^2 stays above the solver's noise, rtol / STEP


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
    """Return d residual / d varied parameter, shape (rows, varied), by central differences (one-sided at a bound)."""
    work = params.copy()
    names = [name for name, p in work.items() if p.vary]
    sets, widths = [], []
    for name in names:
        centre = float(work[name].value)
        step = STEP * (1.0 if name.startswith(LOG) or centre == 0 else abs(centre))
        ends = [max(centre - step, work[name].min), min(centre + step, work[name].max)]
        for end in ends:
            work[name].value = end
            work.update_constraints()
            sets.append(model_values(problem.model, work, held))
        work[name].value = centre
        widths.append(ends[1] - ends[0])
    work.update_constraints()
    each = np.array([residuals(problem, row) for row in predict(problem, sets)])
    return ((each[1::2] - each[0::2]) / np.array(widths)[:, None]).T
