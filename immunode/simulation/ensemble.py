"""Hold what a run is about: patients, their regimens and covariates, along which names sensitivities go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from immunode.engine import Directions
from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.model.evaluate import changes_of, values_of
from immunode.model.trace import Trace, infusing
from immunode.regimen import Regimen
from immunode.simulation.covariates import Covariates
from immunode.simulation.dose_events import BOLUS, Columns
from immunode.steady_state.start import directions, initial_changes, initial_states


@dataclass(frozen=True)
class Setting:
    """Hold what a run is about: model, patients (n, P), their regimens, and along which names sensitivities go."""

    model: Model
    parameters: np.ndarray
    regimens: Sequence[Regimen]
    which: np.ndarray
    start: np.ndarray
    covariates: Covariates | None = None
    along: Directions | None = None
    names: Sequence[str] = ()
    rtol: float = 1e-6
    method: str = "auto"

    def trace(self, doses: Columns) -> Trace:
        """Return what is solved: the model, with infusions where there are some."""
        return infusing(self.model.lazy_trace(), tuple(np.unique(doses.state[doses.mode != BOLUS]).tolist()))

    def at(self, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the parameters of patients at times, (m, P)."""
        if self.covariates is None:
            return self.parameters[patient]
        return self.covariates.at(self.parameters, patient, time)

    def quantity(self, patient: np.ndarray, time: np.ndarray, state: np.ndarray) -> Callable[[str], Any]:
        """Return the function that `schedule.given` asks for lags and the like."""
        fixed = self.covariates is None  # then each patient's are evaluated once, not each dose's
        values = self.parameters if fixed else self.at(patient, time)
        row = patient if fixed else np.arange(len(patient))

        def of(which: str) -> tuple[np.ndarray, np.ndarray]:
            found = values_of(self.model, which, values)[row, state]
            if self.along is None:
                return found, np.zeros((len(patient), 0))
            scale = self.along.scale if fixed else self.along.scale[patient]
            change = changes_of(self.model, which, values, self.names, scale)
            return found, np.moveaxis(change, 2, 1)[row, state]

        return of


def first_states(this: Setting) -> tuple[np.ndarray, Directions | None]:
    """Return the initial states of all patients, (n, S), and the directions with the changes of these."""
    values = this.at(np.arange(len(this.parameters)), this.start)
    y0 = initial_states(this.model, values)
    if this.along is None:
        return y0, None
    start = initial_changes(this.model, values, y0, this.names, this.along.scale)
    return y0, Directions(this.along.parameter, this.along.scale, start)


def setting(this: Setting, names: Sequence[str]) -> Setting:
    """Return the setting with sensitivities to `names`; raise UnknownName, or BadValue for one that changes in time."""
    if not names:
        return this
    changing = [name for name in names if this.covariates is not None and name in this.covariates.names]
    if changing:
        raise BadValue(f"no sensitivity to '{changing[0]}': it is a covariate that changes in time")
    return replace(this, names=tuple(names), along=directions(this.model, this.parameters, names))
