"""What each patient does of a plan: which doses are taken and when, and the day on which a patient leaves."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from immunode.engine.draws import draws, exponential
from immunode.evidence.adherence import Adherence, Dropout
from immunode.internal.memory import need
from immunode.regimen import Dose, Regimen, at_times
from immunode.virtual_trials.protocol import Assay

_BYTES = 400.0  # of a dose that is moved
_SAME = 1e-9  # days: a dose at the time of a decision is one that the decision may change


def leaving_days(dropout: Dropout | None, n: int, assay: Assay) -> np.ndarray:
    """Return the day on which each patient leaves (n,), inf for who stays; drawn by seed, arm and patient."""
    if dropout is None or dropout.rate == 0:
        return np.full(n, np.inf)
    u = draws(assay.seed, f"{assay.arm}/dropout", n, first=assay.first, kind="uniform")
    return dropout.from_day + exponential(u) / dropout.rate


@dataclass(frozen=True, eq=False)
class Attendance:
    """Hold how doses are taken: by whom, rows `patients` (m,) of those who are drawn with `left` (n,), the days on
    which these leave, from which day on the arm is followed, and the days `deciding` (n, k) on which each patient's
    doses may be changed."""

    adherence: Adherence | None
    left: np.ndarray
    assay: Assay
    start: float
    patients: np.ndarray
    deciding: np.ndarray

    def of(self, some: np.ndarray) -> "Attendance":
        """Return the same of some of the patients (m,)."""
        return replace(self, patients=self.patients[some])

    def taken(self, plans: Sequence[Regimen], which: np.ndarray) -> tuple[list[Regimen], np.ndarray]:
        """Return the regimens that patients take of what they are prescribed, `which` (m,) of `plans`, and which is
        each patient's.

        A dose is missed or late by a draw of seed, arm, patient and its planned time, so that a patient misses the
        same times under another plan with the same doses. Who has left takes none; states are set for all. No dose
        comes before the start, or before the last day up to its planned time on which it might have been changed: one
        that is drawn earlier comes then, so that what was decided of it holds.
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
    n = len(left)
    everyone = Attendance(adherence, left, assay, start, np.arange(n), np.empty((n, 0)))
    return everyone.taken([plan], np.zeros(n, dtype=np.int64))


def _drawn(assay: Assay, n: int, what: str, key: str) -> np.ndarray:
    kind = "uniform" if what == "missed" else "normal"
    return draws(assay.seed, f"{assay.arm}/{what}/{key}", n, first=assay.first, kind=kind)


def _taken(
    plan: Regimen, attendance: Attendance, patients: np.ndarray, drawn: Callable[[str, str], np.ndarray]
) -> tuple[list[Regimen], np.ndarray]:
    """Return what some patients, rows of those who are drawn, take of one plan, and which is each one's."""
    adherence, n, keys = attendance.adherence, len(patients), _doses(plan)
    taken = np.ones((n, len(plan.doses)), dtype=bool)
    moves = adherence is not None and bool(adherence.delay or adherence.delay_sd)
    if moves:
        need(_BYTES * n * len(keys), f"the delays of {len(keys)} doses of {n} patients", "take fewer patients")
    times = np.tile([dose.time for dose in plan.doses], (n, 1))
    for column, key in keys.items():
        if adherence is not None and moves:
            late = adherence.delay_sd * drawn("delay", key)[patients] if adherence.delay_sd else 0.0
            earliest = _earliest(attendance, plan.doses[column].time, patients)
            times[:, column] = np.maximum(times[:, column] + (adherence.delay + late), earliest)
        taken[:, column] = times[:, column] < attendance.left[patients]
        if adherence is not None and adherence.missed:
            taken[:, column] &= drawn("missed", key)[patients] >= adherence.missed
    if not moves:
        return _alike(plan, taken)
    return [_moved(plan, taken[i], times[i], keys) for i in range(n)], np.arange(n)


def _earliest(attendance: Attendance, planned: float, patients: np.ndarray) -> np.ndarray:
    """Return before which day each of some patients does not take a dose that is planned for a day."""
    days = attendance.deciding[patients]
    return np.where(days <= planned + _SAME, days, -np.inf).max(axis=1, initial=attendance.start)


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


def _moved(plan: Regimen, taken: np.ndarray, times: np.ndarray, added: Collection[int]) -> Regimen:
    doses: list[Dose] = []
    for place in np.flatnonzero(taken):
        dose = plan.doses[place]
        doses += at_times(dose, [float(times[place])]) if place in added else (dose,)
    return Regimen(tuple(doses))
