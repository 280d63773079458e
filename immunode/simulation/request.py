"""Say what a call of simulate() means: how many patients, their regimens, parameters, output times and covariates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.arguments import by_name
from immunode.internal.per_patient import by_index, one_each
from immunode.model.clock import check_regimens, moment
from immunode.model.declaration import Model
from immunode.nonmem import EventTable
from immunode.regimen import Dose, Regimen, regimens_of
from immunode.simulation.covariates import OwnValues, in_time_of, is_pair
from immunode.simulation.parameters import is_listed
from immunode.simulation.sampling import default_times
from immunode.simulation.times import OutputTimes, as_listed, distinct


@dataclass(frozen=True)
class Request:
    """Hold n patients: `which` of the regimens each gets, when it starts, output times, parameters, covariates.

    `records` is the patient of each output, where patients have their own times, with further `coordinates` of the
    outputs; `tied` are values of covariates where records of a table at one time differ; `subjects` of an event table
    may have several records that begin anew, a patient each.
    """

    n: int
    single: bool
    regimens: Sequence[Regimen]
    which: np.ndarray
    start: np.ndarray
    outputs: OutputTimes
    parameters: Mapping[str, Any]
    covariates: Mapping[str, Any]
    tied: Mapping[str, tuple[OwnValues, ...]] | None = None
    subjects: int | None = None
    records: np.ndarray | None = None
    coordinates: Mapping[str, np.ndarray] = field(default_factory=dict)
    names: np.ndarray | None = None


def from_table(
    model: Model, table: EventTable, times: Any, parameters: Mapping[str, Any] | None, covariates: Any
) -> Request:
    """Return what an event table asks for; `parameters` may be arrays, one value a subject in the table's order, or
    Series, by their ID.
    """
    if times is not None or covariates:
        raise BadValue("an event table brings its own times and covariates; leave times= and covariates= out")
    if table.model is not model:
        other = f"another model named {model.name}" if table.model.name == model.name else table.model.name
        raise BadValue(f"the event table was read for {other}; read it for the {model.name} that is simulated")
    n = len(table.ids)
    subjects = list(dict.fromkeys(table.ids))
    wide = _of_records(by_index(parameters, subjects), table, subjects)
    first = np.concatenate([[0], np.cumsum([len(t) for t in table.times])]).astype(np.int64)
    when = np.concatenate(table.times) if n else np.zeros(0)
    spread = _spread(table)
    order = np.concatenate([one for one, _ in spread]) if n else np.zeros(0)
    tied = {
        name: tuple(OwnValues(d, t, before, seen) for (d, seen), t, (_, before) in zip(values, table.times, spread))
        for name, values in table.at_records.items()
    }
    records = np.repeat(np.arange(n), np.diff(first))
    names = np.array(table.ids)
    row = np.concatenate([np.asarray(rows) for rows in table.rows]) if n else np.zeros(0)
    return Request(
        n=n,
        single=False,
        regimens=table.regimens,
        which=np.arange(n),
        start=np.array(table.begin, dtype=float),
        outputs=OutputTimes(when, order, first),
        parameters=wide,
        covariates=table.covariates,
        tied=tied,
        subjects=len(subjects),
        records=records,
        coordinates={"id": names[records], "row": row},
    )


def _of_records(parameters: Mapping[str, Any], table: EventTable, subjects: Sequence[Any]) -> dict[str, Any]:
    """Return parameters of the patients of a table, of whom one subject may be several."""
    count, n, known = len(subjects), len(table.ids), {subject: i for i, subject in enumerate(subjects)}
    place = np.array([known[i] for i in table.ids], dtype=np.int64)
    wide = {}
    for name, value in parameters.items():
        if np.ndim(value) > 0 and len(value) not in (count, n):
            raise BadValue(f"parameter '{name}' has {len(value)} values; the event table has {count} subjects")
        wide[name] = np.asarray(value)[place] if np.ndim(value) > 0 and len(value) == count else value
    return wide


def _spread(table: EventTable) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the order of the outputs of each patient among the doses, and one just before each, where its covariates
    become its own: outputs between the same doses stand one after the other.
    """
    orders = []
    for times, after in zip(table.times, table.after):
        group = np.cumsum(np.append(False, (np.diff(times) > 0) | (np.diff(after) > 0))[: len(times)])
        size = np.bincount(group)[group] if len(group) else group
        place = np.arange(len(group)) - np.searchsorted(group, group)
        order = np.asarray(after, float) - 0.5 + 0.2 * place / np.maximum(size, 1)
        orders.append((order, order - 0.1 / np.maximum(size, 1)))
    return orders


def from_lists(
    model: Model,
    regimen: Any,
    times: Any,
    parameters: Mapping[str, Any] | None,
    covariates: Mapping[str, Any] | None,
    start: Any,
    sides: Sequence[float],
) -> Request:
    """Return what regimens and times ask for, each one for all patients or a list of one a patient."""
    called = list(by_name(regimen, "regimen", "{'low': '3 MIU SC'}")) if isinstance(regimen, Mapping) else None
    regimens, listed = regimens_of(regimen if called is None else list(regimen.values()))
    times = default_times(regimens) if times is None else times
    parameters = by_index(parameters, None)
    separate = one_each(times)
    many = {"regimens": len(regimens)} if listed else {}
    many |= {"lists of times": len(times)} if separate else {}
    many |= {f"values of '{k}'": len(v) for k, v in (parameters or {}).items() if is_listed(v)}
    many |= {f"courses of '{k}'": len(v) for k, v in (covariates or {}).items() if not is_pair(v)}
    n, single = _count(many)
    check_regimens(regimens, model)
    which = np.arange(n) if listed else np.zeros(n, dtype=np.int64)
    if separate and len(sides) == 1:
        at, count = as_listed(times, model)
    else:
        at, count = distinct(times if separate else [times], model)
    ends, k = np.cumsum(count), len(sides)
    begin = _begin(model, regimens, which, at[ends - count], start)
    outputs = OutputTimes(
        np.repeat(at, k), np.tile(np.asarray(sides, float), len(at)), np.append(0, k * ends) if separate else None
    )
    return Request(
        n=n,
        single=single,
        regimens=regimens,
        which=which,
        start=begin,
        outputs=outputs,
        parameters=parameters,
        covariates=in_time_of(model, covariates or {}),
        records=np.repeat(np.arange(n), k * count) if separate else None,
        names=(_names(regimens) if called is None else np.array(called, dtype=object)) if listed else None,
    )


def _begin(model: Model, regimens: Sequence[Regimen], which: np.ndarray, first: np.ndarray, start: Any) -> np.ndarray:
    """Return when each patient starts: where nobody says, with the first dose or time, at 0 at the latest."""
    n = len(which)
    if start is None:
        doses = np.array([r.doses[0].time * model.per_day if r.doses else 0.0 for r in regimens])[which]
        begin = np.minimum(np.minimum(doses, first), 0.0)
    else:
        begin = np.full(n, moment(start, model, "start"))
    if np.any(first < begin):
        raise BadValue(f"time {first.min():g} lies before the start, {begin.max():g} {model.time}")
    return np.broadcast_to(begin, n)


def _names(regimens: Sequence[Regimen]) -> np.ndarray:
    """Return a name for each of a list of regimens, what it says: equal regimens share it, others never do."""
    known: dict[int, str] = {}  # a list often holds few regimens, many times
    alike: dict[str, dict[tuple[Dose, ...], str]] = {}
    for regimen in regimens:
        if id(regimen) not in known:
            name = str(regimen)
            same = alike.setdefault(name, {})  # a line tells days, no hours: others may say the same
            known[id(regimen)] = same.setdefault(regimen.doses, f"{name} [{len(same) + 1}]" if same else name)
    return np.array([known[id(regimen)] for regimen in regimens], dtype=object)


def _count(many: Mapping[str, int]) -> tuple[int, bool]:
    """Return how many patients there are, and whether nothing is given for each: then it is a single one."""
    if len(set(many.values())) > 1 or 0 in many.values():
        listed = ", ".join(f"{count} {name}" for name, count in many.items())
        raise BadValue(f"lists of one a patient are empty, or differ in length: {listed}")
    return next(iter(many.values()), 1), not many
