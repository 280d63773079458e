"""How far estimates are known, as draws of them: what predictions are made with."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import LOG
from immunode.calibration.population.effects import Effects, TauPosterior
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


def tau_draws(posteriors: Sequence[TauPosterior], effects: Effects, seed: int, count: int) -> pd.DataFrame:
    """Return a row a draw of the SD of every effect of trials after the data, each effect by itself."""
    columns = {}
    for e, (name, one) in enumerate(zip(effects.names, posteriors, strict=True)):
        shares = (np.random.default_rng([seed, 13, e]).permutation(count) + 0.5) / count
        columns[name] = one.quantiles(shares)
    return pd.DataFrame(columns, index=range(count))
