"""How far estimates are known, as draws of them: what predictions are made with."""

import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import LOG
from immunode.calibration.population.neighbourhood import Neighbourhood
from immunode.calibration.population.refits import Fitted


def parameter_draws(near: Neighbourhood, best: Fitted, errors: np.ndarray) -> pd.DataFrame:
    """Return a row a draw of all parameters, on the scales that people read: the estimate less the error of a refit,
    of `errors` (R, p).

    They are those of simulated trials (a basic bootstrap), so that their bias is taken off and their skewness is
    on the right side.
    """
    problem = near.anchor.problem
    rows = []
    for error in errors:
        x = problem.bounded(best.x[0] - error)
        known = problem.expressions.at(problem.named(x))
        rows.append({name: value for name, value in known.items() if not name.startswith(LOG)})
    return pd.DataFrame(rows)
