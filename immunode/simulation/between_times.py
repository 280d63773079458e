"""What lies between the times of a result and is in none of them: looked for behind a dose, in a few patients."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.engine import Solution
from immunode.engine.constants import VECTOR
from immunode.errors import ImmunodeError
from immunode.internal.coarse_times import BETWEEN, BETWEEN_TIME
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.ensemble_run import solve_ensemble
from immunode.simulation.ties import PRE
from immunode.simulation.times import OutputTimes

SHARE = 0.3  # of the whole range: what leaves that of the times by less is in the picture nearly as it is
_FINE = (np.arange(1, 48) / 48.0) ** 2  # of the time from a dose to the next output, closer behind the dose
_RTOL = 1e-4
_MOST = 12  # patients among whom the first who are dosed are looked for


@dataclass(frozen=True, eq=False)
class Looks:
    """Hold the outputs to solve for, and which of them are `kept` in the result (None: all); the others are looks."""

    outputs: OutputTimes
    kept: np.ndarray | None = None

    def without(self, solution: Solution) -> Solution:
        """Return a solution without the looks."""
        if self.kept is None:
            return solution
        return replace(solution, values=solution.values[:, self.kept], along=solution.along[:, self.kept])


def look(ensemble: Ensemble, outputs: OutputTimes, *, copied: bool) -> Looks:
    """Return the outputs of one patient alone with looks among them, which cost hardly anything; of others as they are.

    Outputs move no step, so that those that are kept keep their bits.
    """
    if copied or len(ensemble.which) != 1 or not _possible(ensemble, outputs):
        return Looks(outputs)
    gap = _widest(ensemble.regimens[int(ensemble.which[0])], outputs.time, ensemble.model.per_day)
    if gap is None:
        return Looks(outputs)
    time = np.concatenate([outputs.time, gap[0] + (gap[1] - gap[0]) * _FINE])
    order = np.concatenate([outputs.order, np.full(_FINE.size, PRE)])
    at = np.lexsort((order, time))
    return Looks(OutputTimes(time[at], order[at]), at < len(outputs.time))


def _possible(ensemble: Ensemble, outputs: OutputTimes) -> bool:
    plain = ensemble.covariates is None and ensemble.along is None
    return plain and outputs.first is None and outputs.time.size > 1


def missed(
    ensemble: Ensemble, looks: Looks, names: Sequence[str], options: SolveOptions, solution: Solution
) -> dict[str, dict[str, float]]:
    """Return what a result's variables reach between its times and at none of them, and when, by name.

    It is looked for in the first patients, from the dose that is followed by the longest gap to the end of this gap: of
    one patient among its outputs, of others once more, with a looser tolerance. Not looked for is it with covariates in
    time, with sensitivities, and where patients have times of their own.
    """
    if looks.kept is not None:
        fine = looks.outputs.time[~looks.kept][None]
        return _beyond(names, fine, solution.values[:, ~looks.kept], solution.values[:, looks.kept])
    if not _possible(ensemble, looks.outputs):
        return {}
    time = looks.outputs.time
    n = min(len(ensemble.which), VECTOR + 1)  # as many as make the lanes of all, so that nothing is compiled for it
    gaps: Any = {
        int(i): _widest(ensemble.regimens[int(i)], time, ensemble.model.per_day) for i in ensemble.which[:_MOST]
    }
    dosed = [patient for patient, i in enumerate(ensemble.which[:_MOST]) if gaps[int(i)] is not None]
    if not dosed:
        return {}
    patients = np.resize(dosed, n)
    which, place = np.unique(ensemble.which[patients], return_inverse=True)
    # what is given later makes no difference there
    ends = [gaps[int(i)][1] / ensemble.model.per_day for i in which]
    regimens = tuple(
        Regimen(tuple(dose for dose in ensemble.regimens[int(i)].doses if dose.time < end))
        for i, end in zip(which, ends)
    )
    first, last = np.array([gaps[int(i)] for i in which], dtype=float)[place.ravel()].T
    fine = first[:, None] + (last - first)[:, None] * _FINE
    parameters, start = ensemble.parameters[patients].tobytes(), ensemble.start[patients].tobytes()
    looked = _Looked(
        ensemble.model, tuple(names), regimens, options.method, options.max_step,
        place.ravel().tobytes(), parameters, start, fine.tobytes(),
    )  # fmt: skip
    courses = _courses(looked)
    return {} if courses is None else _beyond(names, fine, courses, solution.values[patients])


def _widest(regimen: Regimen, time: np.ndarray, clock: float) -> tuple[float, float] | None:
    """Return from which dose to which output is the longest time, None where no dose has an output before and after."""
    doses = np.array([dose.time for dose in regimen.doses if dose.action == "add"]) * clock
    after = np.searchsorted(time, doses, side="right")
    between = (after > 0) & (after < len(time))
    doses, after = doses[between], after[between]
    if not doses.size:
        return None
    gaps = time[after] - doses
    at = int(np.argmax(gaps > 0.999 * gaps.max()))
    return float(doses[at]), float(time[after[at]])


@dataclass(frozen=True)
class _Looked:
    """Hold what is looked at: the bytes are of arrays, so that it can be remembered."""

    model: Model
    names: tuple[str, ...]
    regimens: tuple[Regimen, ...]
    method: str
    max_step: float
    which: bytes
    parameters: bytes
    start: bytes
    fine: bytes


@lru_cache(maxsize=256)
def _courses(looked: _Looked) -> np.ndarray | None:
    """Return the courses of few patients at fine times, (patients, times, names); None where they cannot be solved."""
    start = np.frombuffer(looked.start)
    n = len(start)
    parameters, fine = (np.frombuffer(part).reshape(n, -1) for part in (looked.parameters, looked.fine))
    which = np.frombuffer(looked.which, dtype=np.int64)
    ensemble = Ensemble(looked.model, parameters.copy(), looked.regimens, which, start)
    outputs = OutputTimes(fine.ravel(), np.full(fine.size, PRE), fine.shape[1] * np.arange(n + 1))
    options = SolveOptions(_RTOL, looked.method, looked.max_step)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the result itself has told
            solution = solve_ensemble(ensemble, outputs, looked.names, options)[0]
    except ImmunodeError:
        return None
    return solution.values.reshape(n, fine.shape[1], -1)


def _beyond(
    names: Sequence[str], fine: np.ndarray, courses: np.ndarray, values: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return what lies beyond the values of a result by more than SHARE of all, of each variable in whom it is most."""
    top, low = courses.max(axis=1), courses.min(axis=1)
    seen_top, seen_low = values.max(axis=1), values.min(axis=1)
    above, below = top - seen_top, seen_low - low
    span = np.maximum(top, seen_top) - np.minimum(low, seen_low)
    moves = span > 1e-6 * np.maximum(np.abs(top), np.abs(low))  # else it is the tolerance
    share = np.divide(np.maximum(above, below), span, out=np.zeros_like(span), where=moves & np.isfinite(span))
    noted: dict[str, dict[str, float]] = {}
    for i, name in enumerate(names):
        beyond = np.where(share[:, i] > SHARE, np.maximum(above, below)[:, i], 0.0)
        who = int(np.argmax(beyond))
        if beyond[who] > 0:
            course: Any = courses[who, :, i]
            at = int(np.argmax(course) if above[who, i] >= below[who, i] else np.argmin(course))
            noted[name] = {BETWEEN: float(course[at]), BETWEEN_TIME: float(fine[who, at])}
    return noted
