"""The steps of a fit by the normal law: predictions over what lmfit varies, residuals, and steps that are refused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import lmfit
import numpy as np

from immunode.calibration.normal_objective import NormalProblem, Predicted, predict_normal, scoring, total_deviance
from immunode.errors import SolveError
from immunode.virtual_trials.population import Population

HALVINGS = 12
EXPRESSION_STEP = 1e-6  # of a varied parameter, for the slopes of what follows from it


@dataclass(frozen=True, eq=False)
class Steps:
    """Hold what a step of a fit needs: the problem, and residual errors that are held."""

    problem: NormalProblem
    errors: tuple[tuple[str, float], ...]

    def values(self, params: lmfit.Parameters) -> dict[str, float]:
        """Return the named values at these parameters."""
        return {**dict(self.errors), **{name: float(p.value) for name, p in params.items()}}

    def predicted(self, params: lmfit.Parameters) -> tuple[Predicted, ...]:
        """Return what is predicted at these parameters, with slopes over those that vary."""
        slopes = chain(params)
        named = tuple(name for name, row in zip(params, slopes, strict=True) if row.any())
        kept = slopes[[name in named for name in params]]
        by_named = _predicted(self, tuple(self.values(params).items()), named)
        return tuple(
            replace(
                one,
                mean_slopes=np.tensordot(kept, one.mean_slopes, axes=(0, 0)),
                covariance_slopes=np.tensordot(kept, one.covariance_slopes, axes=(0, 0)),
            )
            for one in by_named
        )


@lru_cache(maxsize=2)  # residuals and slopes are asked for one after the other
def _predicted(tried: Steps, values: tuple[tuple[str, float], ...], named: tuple[str, ...]) -> tuple[Predicted, ...]:
    return tuple(predict_normal(tried.problem, dict(values), named))


def chain(params: lmfit.Parameters) -> np.ndarray:
    """Return the slopes of every parameter over those that vary (parameters, varied), by central differences of the
    expressions, which cost nothing."""
    work = params.copy()
    columns = []
    for name in free_names(params):
        centre = float(params[name].value)
        step = EXPRESSION_STEP * max(1.0, abs(centre))
        ends = []
        for side in (1, -1):
            work[name].set(value=centre + side * step, min=-np.inf, max=np.inf)
            work.update_constraints()
            ends.append(np.array([float(p.value) for p in work.values()]))
        columns.append((ends[0] - ends[1]) / (2 * step))
        work[name].set(value=centre)
    return np.stack(columns, axis=1)


def free_names(params: lmfit.Parameters) -> list[str]:
    """Return the names of the parameters that vary."""
    return [name for name, p in params.items() if p.vary]


@dataclass(frozen=True, eq=False)
class Weighted:
    """Hold what lmfit calls: residuals at its parameters, with the weights of what is predicted `at` others."""

    tried: Steps
    at: Sequence[Predicted]
    failed: int = 0

    @property
    def population(self) -> Population:
        """Return the population at the start."""
        return self.tried.problem.population

    def __call__(self, params: lmfit.Parameters) -> np.ndarray:
        """Return the residuals; not a number where they cannot be solved, which refuses the step."""
        try:
            return scoring(self.tried.problem, self.at, self.tried.predicted(params))[0]
        except SolveError:
            return np.full(self.tried.problem.data, np.nan)


def slopes_at(params: lmfit.Parameters, tried: Steps, at: Sequence[Predicted]) -> np.ndarray:
    """Return the slopes of the residuals at a point that could be solved."""
    return scoring(tried.problem, at, tried.predicted(params))[1]


def not_worse(
    tried: Steps, begin: lmfit.Parameters, end: lmfit.Parameters, value: float
) -> tuple[lmfit.Parameters, float]:
    """Return the end of a round, or a point between where the deviance is no larger than at its begin."""
    middle = end.copy()
    for _ in range(HALVINGS):
        try:
            reached = total_deviance(tried.problem, tried.predicted(middle))
        except SolveError:
            reached = np.inf
        if reached <= value:
            return middle, reached
        for name in free_names(begin):
            middle[name].value = (middle[name].value + begin[name].value) / 2
        middle.update_constraints()
    return begin, value


def minimiser(tried: Steps, at: Sequence[Predicted], params: lmfit.Parameters) -> lmfit.Minimizer:
    """Return lmfit's minimiser of the residuals whose weights are those `at`."""
    return lmfit.Minimizer(Weighted(tried, at), params, scale_covar=False, nan_policy="propagate")
