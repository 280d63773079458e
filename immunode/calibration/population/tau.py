"""What the data tell of tau, the SD of an effect of trials: its posterior, everything else integrated.

Other taus are integrated over their priors by quadrature, the parameters that are fitted by Laplace's method around
their estimate given tau, under a flat prior: were they held at theirs, trials would seem to differ less than they do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from immunode.calibration.population.effects import Effects, prior_quantiles
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.refits import refit, slopes
from immunode.calibration.population.surface import Coordinates, Surface

GRID = 60  # values of tau, each as probable before the data
UNTOLD = 1e-6  # of the information at the estimate: a parameter that nothing tells of


@dataclass(frozen=True, eq=False)
class TauPosterior:
    """Hold values of an effect's SD, rising, and the share of its posterior up to each."""

    taus: np.ndarray
    up_to: np.ndarray

    def quantiles(self, shares: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return the quantiles of these shares."""
        return np.asarray(self.taus[np.searchsorted(self.up_to, shares)])


def tau_posteriors(
    surfaces: Sequence[Surface], seen: Sequence[Seen], at: Coordinates, effects: Effects, x: np.ndarray,
    count: int = GRID,
) -> list[TauPosterior]:  # fmt: skip
    """Return the posterior of every tau on `count` values; the estimates given it are looked for from x (1, p) on."""
    out = []
    for e, scale in enumerate(effects.scales):
        taus, logs, start = prior_quantiles(count) * scale, [], x
        for tau in taus:
            holding = effects.holding(e, float(tau))
            start = refit(surfaces, seen, at, holding, start=start).x
            there = slopes(surfaces, seen, at.inner(start), holding)
            information = there.curvature[0] + UNTOLD * np.eye(x.shape[1])
            logs.append(-0.5 * (there.deviance[0] + np.linalg.slogdet(information)[1]))
        weight = np.cumsum(np.exp(np.array(logs) - max(logs)))
        out.append(TauPosterior(taus, weight / weight[-1]))
    return out


def tau_table(effects: Effects, posteriors: Sequence[TauPosterior]) -> pd.DataFrame:
    """Return a row an effect: median and 95 % interval of tau after the data."""
    rows = {name: one.quantiles((0.5, 0.025, 0.975)) for name, one in zip(effects.names, posteriors, strict=True)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["median", "low", "high"])


def tau_draws(posteriors: Sequence[TauPosterior], effects: Effects, seed: int, count: int) -> pd.DataFrame:
    """Return a row a draw of the SD of every effect of trials after the data, each effect by itself."""
    columns = {}
    for e, (name, one) in enumerate(zip(effects.names, posteriors, strict=True)):
        shares = (np.random.default_rng([seed, 13, e]).permutation(count) + 0.5) / count
        columns[name] = one.quantiles(shares)
    return pd.DataFrame(columns, index=range(count))
