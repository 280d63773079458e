"""What each patient does of a plan: which doses are taken and when, and the day on which a patient leaves."""

from collections.abc import Sequence

import numpy as np

from immunode.engine.draws import draws, exponential
from immunode.evidence.adherence import Adherence, Dropout
from immunode.internal.memory import need
from immunode.regimen import Dose, Regimen, at_times
from immunode.virtual_trials.protocol import Assay

_BYTES = 400.0  # of a dose that is moved


def leaving_days(dropout: Dropout | None, n: int, assay: Assay) -> np.ndarray:
    """Return the day on which each patient leaves (n,), inf for who stays; drawn by seed, arm and patient."""
    if dropout is None or dropout.rate == 0:
        return np.full(n, np.inf)
    u = draws(assay.seed, f"{assay.arm}/dropout", n, first=assay.first, kind="uniform")
    return dropout.from_day + exponential(u) / dropout.rate


def plans_taken(
    plan: Regimen, adherence: Adherence | None, left: np.ndarray, assay: Assay, start: float
) -> tuple[list[Regimen], np.ndarray]:
    """Return the regimens that patients take of a plan, and which is each patient's (n,).

    A dose is missed or late by a draw of seed, arm, patient and its planned time, so that a patient misses the same
    times under another plan with the same doses. Who has left takes none; states are set for all. A dose that would
    come before `start` comes then.
    """
    n = len(left)
    if adherence is None and not np.isfinite(left).any():
        return [plan], np.zeros(n, dtype=np.int64)
    drawn = _doses(plan)
    taken = np.ones((n, len(plan.doses)), dtype=bool)
    late = None
    if adherence is not None and (adherence.delay or adherence.delay_sd):
        need(_BYTES * n * len(drawn), f"the delays of {len(drawn)} doses of {n} patients", "take fewer patients")
        late = np.full((n, len(plan.doses)), adherence.delay)
    for column, key in drawn.items():
        taken[:, column] = plan.doses[column].time < left
        if adherence is not None and adherence.missed:
            u = draws(assay.seed, f"{assay.arm}/missed/{key}", n, first=assay.first, kind="uniform")
            taken[:, column] &= u >= adherence.missed
        if adherence is not None and adherence.delay_sd and late is not None:
            late[:, column] += adherence.delay_sd * draws(assay.seed, f"{assay.arm}/delay/{key}", n, first=assay.first)
    if late is None:
        return _alike(plan, taken)
    return [_moved(plan, taken[i], late[i], drawn, start) for i in range(n)], np.arange(n)


def _doses(plan: Regimen) -> dict[int, str]:
    """Return the doses that are given, by their place in the plan, with the key of their draws: where and when, and
    which of those that are alike."""
    keys: dict[int, str] = {}
    met: dict[str, int] = {}
    for place, dose in enumerate(plan.doses):
        if dose.action == "add":
            key = f"{dose.into}/{dose.time:.9g}"
            met[key] = met.get(key, 0) + 1
            keys[place] = f"{key}/{met[key]}"
    return keys


def _alike(plan: Regimen, taken: np.ndarray) -> tuple[list[Regimen], np.ndarray]:
    """Return one regimen for all who take the same doses, and which is each patient's."""
    kinds, which = np.unique(np.packbits(taken, axis=1), axis=0, return_inverse=True)
    masks = np.unpackbits(kinds, axis=1, count=taken.shape[1]).astype(bool)
    return [Regimen(_some(plan.doses, mask)) for mask in masks], which.reshape(-1).astype(np.int64)


def _some(doses: Sequence[Dose], mask: np.ndarray) -> tuple[Dose, ...]:
    return tuple(doses[int(place)] for place in np.flatnonzero(mask))


def _moved(plan: Regimen, taken: np.ndarray, late: np.ndarray, drawn: dict[int, str], start: float) -> Regimen:
    doses: list[Dose] = []
    for place in np.flatnonzero(taken):
        dose = plan.doses[place]
        doses += at_times(dose, [max(dose.time + float(late[place]), start)]) if place in drawn else (dose,)
    return Regimen(tuple(doses))
