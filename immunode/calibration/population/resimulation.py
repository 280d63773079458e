"""The objective once more at the estimate, by patients who are drawn from it and weigh alike: a check of the weights."""

from dataclasses import dataclass, replace

import numpy as np

from immunode.calibration.population.likelihood import fit_of
from immunode.calibration.population.problem import Anchor, Crowd, anchor, uniforms
from immunode.calibration.population.search import Settled

PATIENTS = 10_000  # an arm
OTHER = 1_000_003  # by which the seed is another
ERRORS = 3.0  # Monte Carlo errors that the two may differ by


@dataclass(frozen=True)
class Resimulated:
    """Hold -2 log L without effects of trials, by weighted patients and by those simulated anew, and the Monte Carlo
    error of their difference."""

    weighted: float
    anew: float
    error: float

    @property
    def agrees(self) -> bool:
        """Return whether they are the same within what chance explains."""
        return abs(self.anew - self.weighted) <= ERRORS * self.error


def resimulated(settled: Settled) -> Resimulated:
    """Return the objective at the estimate with weights, and simulated anew with other draws and picks."""
    here, x = settled.anchor, settled.near.at.centre
    problem = replace(here.problem, patients=PATIENTS, seed=here.problem.seed + OTHER)
    anew = anchor(problem, Crowd(problem, [problem.values(x)]), x, uniforms(problem))
    errors = [_variance(one, x) for one in (here, anew)]
    return Resimulated(here.deviance(x), anew.deviance(x), float(np.sqrt(sum(errors))))


def _variance(here: Anchor, x: np.ndarray) -> float:
    """Return the variance of -2 log L by chance: of the means, by replicates and by patients, and of the
    covariances."""
    total, effective = 0.0, iter(here.effective(x))
    for one, seen, predicted in zip(here.terms, here.seen, here.moments(x), strict=True):
        misfit, numbers = fit_of([seen], [predicted])
        replicates = len(one.anchored.picks[0])
        share = max(size / next(effective) for size in one.anchored.sizes)
        total += 4 * misfit * (1 / replicates + share) + 2 * (misfit**2 + numbers) / replicates
    return total
