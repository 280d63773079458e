"""What each patient does of a plan: which doses are taken and when, and the day on which a patient leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

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


@dataclass(frozen=True, eq=False)
class Attendance:
    """Hold how doses are taken: by whom, rows `patients` (m,) of those who are drawn with `left` (n,), the days on
    which these leave, and from which day on the arm is followed."""

    adherence: Adherence | None
    left: np.ndarray
    assay: Assay
    start: float
    patients: np.ndarray

    def of(self, some: np.ndarray) -> "Attendance":
        """Return the same of some of the patients (m,)."""
        return replace(self, patients=self.patients[some])

    def taken(self, plans: Sequence[Regimen], which: np.ndarray) -> tuple[list[Regimen], np.ndarray]:
        """Return the regimens that patients take of what they are prescribed, `which` (m,) of `plans`, and which is
        each patient's.

        A dose is missed or late by a draw of seed, arm, patient and its planned time, so that a patient misses the
        same times under another plan with the same doses. Who has left takes none; states are set for all. A dose
        that would come before the start comes then.
        """
        if self.adherence is None and not np.isfinite(self.left[self.patients]).any():
            return list(plans), which
        drawn = cache(partial(_drawn, self.assay, len(self.left)))
        regimens: list[Regimen] = []
        out = np.empty(len(which), dtype=np.int64)
        for plan in np.unique(which):
            rows = np.flatnonzero(which == plan)
            some, of = _taken(plans[int(plan)], self, self.patients[rows], drawn)
            out[rows] = len(regimens) + of
            regimens += some
        return regimens, out


def plans_taken(
    plan: Regimen, adherence: Adherence | None, left: np.ndarray, assay: Assay, start: float
) -> tuple[list[Regimen], np.ndarray]:
    """Return the regimens that patients take of one plan, and which is each patient's (n,)."""
    everyone = np.arange(len(left))
    return Attendance(adherence, left, assay, start, everyone).taken([plan], np.zeros(len(left), dtype=np.int64))


def _drawn(assay: Assay, n: int, what: str, key: str) -> np.ndarray:
    kind = "uniform" if what == "missed" else "normal"
    return draws(assay.seed, f"{assay.arm}/{what}/{key}", n, first=assay.first, kind=kind)


def _taken(
    plan: Regimen, attendance: Attendance, patients: np.ndarray, drawn: Callable[[str, str], np.ndarray]
) -> tuple[list[Regimen], np.ndarray]:
    """Return what some patients, rows of those who are drawn, take of one plan, and which is each one's."""
    adherence, n, keys = attendance.adherence, len(patients), _doses(plan)
    taken = np.ones((n, len(plan.doses)), dtype=bool)
    late = None
    if adherence is not None and (adherence.delay or adherence.delay_sd):
        need(_BYTES * n * len(keys), f"the delays of {len(keys)} doses of {n} patients", "take fewer patients")
        late = np.full((n, len(plan.doses)), adherence.delay)
    for column, key in keys.items():
        taken[:, column] = plan.doses[column].time < attendance.left[patients]
        if adherence is not None and adherence.missed:
            taken[:, column] &= drawn("missed", key)[patients] >= adherence.missed
        if adherence is not None and adherence.delay_sd and late is not None:
            late[:, column] += adherence.delay_sd * drawn("delay", key)[patients]
    if late is None:
        return _alike(plan, taken)
    return [_moved(plan, taken[i], late[i], keys, attendance.start) for i in range(n)], np.arange(n)


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
