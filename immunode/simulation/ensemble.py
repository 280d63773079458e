"""Hold the patients of a run, and how they are to be solved."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from immunode.engine import Directions
from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.covariates import Covariates
from immunode.simulation.sensitivities import directions


@dataclass(frozen=True)
class Ensemble:
    """Hold n patients: the model, parameters (n, P), which of the regimens each gets, when it starts, covariates.

    `along` are the directions of sensitivities to `names`, without those of the start.
    """

    model: Model
    parameters: np.ndarray
    regimens: Sequence[Regimen]
    which: np.ndarray
    start: np.ndarray
    covariates: Covariates | None = None
    along: Directions | None = None
    names: Sequence[str] = ()

    def at(self, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the parameters of patients at times, (m, P)."""
        if self.covariates is None:
            return self.parameters[patient]
        return self.covariates.at(self.parameters, patient, time)

    def at_doses(self, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the parameters at all doses of all patients, (m, P), each as its own record has them."""
        if self.covariates is None:
            return self.parameters[patient]
        return self.covariates.at_doses(self.parameters, patient, time)


@dataclass(frozen=True)
class SolveOptions:
    """Hold how an ensemble is solved: tolerance, method, longest step, threads, stops of all patients, what is watched.

    What each means is said at `run`.
    """

    rtol: float = 1e-6
    method: str = "auto"
    max_step: float = math.inf
    threads: int = 1
    stops: Sequence[float] = ()
    end: float | np.ndarray | None = None
    watch: str | None = None
    threshold: np.ndarray | None = None
    progress: Callable[[int, int], None] | None = None


def with_sensitivities(ensemble: Ensemble, names: Sequence[str]) -> Ensemble:
    """Return the ensemble with directions along `names`.

    Raise UnknownName, or BadValue for a parameter that changes in time.
    """
    changing = [name for name in names if ensemble.covariates is not None and name in ensemble.covariates.names]
    if changing:
        raise BadValue(f"no sensitivity to '{changing[0]}': it is a covariate that changes in time")
    return replace(ensemble, names=tuple(names), along=directions(ensemble.model, ensemble.parameters, names))
