"""Say what a call of simulate() means: how many patients, their regimens, parameters, output times and covariates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.nonmem import EventTable
from immunode.regimen import Regimen, prescribe
from immunode.simulation.covariates import is_course
from immunode.simulation.dose_events import moments
from immunode.simulation.engine_input import Outputs
from immunode.units import factor, in_days


@dataclass(frozen=True)
class Wanted:
    """Hold n patients: `which` of the regimens each gets, when it starts, output times, parameters, covariates.

    `records` is whose each output is, where patients have their own times, with `more` coordinates of the outputs.
    """

    n: int
    single: bool
    regimens: Sequence[Regimen]
    which: np.ndarray
    start: np.ndarray
    outputs: Outputs
    parameters: Mapping[str, Any]
    covariates: Mapping[str, Any]
    text: str
    records: np.ndarray | None = None
    more: Mapping[str, np.ndarray] = field(default_factory=dict)


def from_table(
    model: Model, table: EventTable, times: Any, parameters: Mapping[str, Any] | None, covariates: Any, rule: str
) -> Wanted:
    """Return what an event table asks for; `parameters` may be arrays, one value a subject in the table's order."""
    if times is not None or covariates:
        raise BadValue("an event table brings its own times and covariates; leave times= and covariates= out")
    if table.model is not model:
        raise BadValue(f"the event table was read for {table.model.name}; read it for {model.name}")
    n = len(table.ids)
    subjects: dict[Any, int] = {}
    place = np.array([subjects.setdefault(i, len(subjects)) for i in table.ids], dtype=np.int64)
    wide = {}
    for name, value in (parameters or {}).items():
        if np.ndim(value) > 0 and len(value) not in (len(subjects), n):
            raise BadValue(f"parameter '{name}' has {len(value)} values; the event table has {len(subjects)} subjects")
        wide[name] = np.asarray(value)[place] if np.ndim(value) > 0 and len(value) == len(subjects) else value
    first = np.concatenate([[0], np.cumsum([len(t) for t in table.times])]).astype(np.int64)
    when = np.concatenate(table.times) if n else np.zeros(0)
    order = np.concatenate([np.asarray(a, float) - 0.5 for a in table.after]) if n else np.zeros(0)
    records = np.repeat(np.arange(n), np.diff(first))
    names = np.array(table.ids)
    return Wanted(
        n=n,
        single=False,
        regimens=table.regimens,
        which=np.arange(n),
        start=np.array(table.begin, dtype=float),
        outputs=Outputs(when, order, first),
        parameters=wide,
        covariates={name: [_once(*c, rule) for c in courses] for name, courses in table.covariates.items()},
        text=f"event table of {len(subjects)} subjects",
        records=records,
        more={"id": names[records], "row": np.concatenate([np.asarray(r) for r in table.rows]) if n else np.zeros(0)},
    )


def _once(times: np.ndarray, values: np.ndarray, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Return records of a covariate with each time once: by "nocb" the first one counts, else the last."""
    new = np.diff(times) > 0
    keep = np.append(True, new) if rule == "nocb" else np.append(new, True)
    return times[keep[: len(times)]], values[keep[: len(times)]]


def from_lists(
    model: Model,
    regimen: Any,
    times: Any,
    parameters: Mapping[str, Any] | None,
    covariates: Mapping[str, Any] | None,
    start: float | None,
    sides: Sequence[float],
) -> Wanted:
    """Return what regimens and times ask for, each one for all patients or a list of one a patient."""
    each = regimen if isinstance(regimen, Sequence) and not isinstance(regimen, str) else [regimen]
    regimens = [prescribe(r) if isinstance(r, str) else r if r is not None else Regimen(()) for r in each]
    own = _one_each(times)
    many = {
        "regimens": len(regimens) if each is regimen else None,
        "lists of times": len(times) if own else None,
        **{f"values of '{k}'": len(v) for k, v in (parameters or {}).items() if np.ndim(v) > 0},
        **{f"courses of '{k}'": len(v) for k, v in (covariates or {}).items() if not is_course(v)},
    }
    n, single = _count({name: count for name, count in many.items() if count is not None})
    clock = factor("day", model.time)
    at, count = _times(times, clock) if own and len(sides) == 1 else _sorted(times if own else [times], clock)
    which = np.arange(n) if each is regimen else np.zeros(n, dtype=np.int64)
    doses = np.array([r.doses[0].time * clock if r.doses else 0.0 for r in regimens])[which]
    ends = np.cumsum(count)
    first = at[ends - count]
    begin = np.minimum(np.minimum(doses, first), 0.0) if start is None else np.full(n, float(start))
    if np.any(first < begin):
        raise BadValue(f"time {first.min():g} lies before the start, {start:g} {model.time}")
    k = len(sides)
    outputs = Outputs(
        np.repeat(at, k), np.tile(np.asarray(sides, float), len(at)), np.append(0, k * ends) if own else None
    )
    return Wanted(
        n=n,
        single=single,
        regimens=regimens,
        which=which,
        start=np.broadcast_to(begin, n),
        outputs=outputs,
        parameters=parameters or {},
        covariates=covariates or {},
        text=str(regimens[0]) if len(regimens) == 1 else f"{len(regimens)} regimens, one a patient",
        records=np.repeat(np.arange(n), np.diff(outputs.first)) if outputs.first is not None else None,
    )


def _one_each(times: Any) -> bool:
    """Return whether there is a list of times for each patient."""
    if isinstance(times, np.ndarray):
        return times.ndim == 2
    return isinstance(times, Sequence) and len(times) > 0 and all(np.ndim(t) == 1 for t in times)


def _count(many: Mapping[str, int]) -> tuple[int, bool]:
    """Return how many patients there are, and whether nothing is given for each: then it is a single one."""
    if len(set(many.values())) > 1 or 0 in many.values():
        listed = ", ".join(f"{count} {name}" for name, count in many.items())
        raise BadValue(f"lists of one a patient are empty, or differ in length: {listed}")
    return next(iter(many.values()), 1), not many


def _times(lists: Sequence[Any], clock: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the output times of all patients in the model's unit as they stand, and how many each has.

    They are samples, of which two may be of one time; raise BadValue for a list that is not sorted.
    """
    at, count = _days(lists, clock)
    whose = np.repeat(np.arange(len(count)), count)
    late = np.flatnonzero((np.diff(at) < 0) & (np.diff(whose) == 0))
    if late.size:
        raise BadValue(f"times of patient {whose[late[0]]} are not sorted: {at[late[0] + 1]:g} follows {at[late[0]]:g}")
    return at * clock, count


def _sorted(lists: Sequence[Any], clock: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the same with the times of each list sorted, and each once."""
    at, count = _days(lists, clock)
    whose = np.repeat(np.arange(len(count)), count)
    all_times = np.sort(moments(whose, at), kind="stable")  # usually sorted already: one pass
    distinct = all_times[np.append(True, all_times[1:] != all_times[:-1])]
    return distinct.imag * clock, np.bincount(distinct.real.astype(np.int64), minlength=len(count))


def _days(lists: Sequence[Any], clock: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the output times of all lists in days, and how many each has; `clock` is a day in the model's unit."""
    if any(times is None for times in lists):
        raise BadValue("times are missing: say when outputs are wanted, such as times=days(0, 28)")
    given = [np.atleast_1d(times) for times in lists]
    days = [np.ravel(t if t.dtype.kind in "iuf" else [in_days(value) for value in t]) for t in given]
    size, time = np.array([len(t) for t in days]), np.concatenate(days).astype(float)
    whose = np.repeat(np.arange(len(size)), size)
    finite = np.bincount(whose[np.isfinite(time * clock)], minlength=len(size))
    bad = np.flatnonzero((size == 0) | (finite < size))
    if bad.size:
        raise BadValue(f"times = {lists[bad[0]]!r}: expected at least one finite time")
    return time, size
