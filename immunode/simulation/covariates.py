"""Let parameters change in time: the next record's value (NONMEM's rule), the last one's, or a line between them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.internal.arguments import short
from immunode.model.clock import Days, list_in_days
from immunode.model.declaration import Model
from immunode.model.trace import Trace
from immunode.simulation.parameters import factor_of
from immunode.simulation.ties import FIRST, LAST, rounding
from immunode.simulation.timeline import EventRows, joined
from immunode.units import with_unit

RULES = ("nocb", "locf", "linear")


@dataclass(frozen=True)
class OwnValues:
    """Hold what the records of a patient say of a covariate where those of one time differ.

    `doses` are the values of its doses, nan where the rule says it (additional doses); outputs at `time` see `value`
    from `order` on.
    """

    doses: np.ndarray
    time: np.ndarray
    order: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Covariates:
    """Hold the records of parameters that change in time: for each name one (times, values) a patient, sorted in time.

    `rule` "nocb": a value holds from after the record before it up to its own; "locf": from its own record up to the
    next; "linear": straight lines. Outside its records a parameter keeps the nearest one. Of several records of one
    time the first ends what was before and the last begins what follows; doses and outputs among them have `tied`
    values, by name one a patient.
    """

    rule: str
    names: tuple[str, ...]
    columns: tuple[int, ...]
    records: tuple[tuple[tuple[np.ndarray, np.ndarray], ...], ...]
    tied: Mapping[str, tuple[OwnValues, ...]] = field(default_factory=dict)

    def at(self, parameters: np.ndarray, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the parameters of `patient` (m,) at `time` (m,), shape (m, P)."""
        out = parameters[patient].copy()
        order = np.argsort(patient, kind="stable")
        who, begins = np.unique(patient[order], return_index=True)
        for rows, i in zip(np.split(order, begins)[1:], who, strict=True):  # nobody has doses: no rows
            for column, records in zip(self.columns, self.records, strict=True):
                out[rows, column] = self._value(records[i], time[rows])
        return out

    def at_doses(self, parameters: np.ndarray, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the parameters of all doses, those of each patient as its regimen has them, as `at` does."""
        out = self.at(parameters, patient, time)
        for column, name in zip(self.columns, self.names, strict=True):
            if name in self.tied:
                said = np.concatenate([one.doses for one in self.tied[name]])
                out[:, column] = np.where(np.isnan(said), out[:, column], said)
        return out

    def _value(self, records: tuple[np.ndarray, np.ndarray], at: np.ndarray) -> np.ndarray:
        times, first, last = _ends(*records)
        same = rounding(at)  # a dose at a record is there, whichever way its time was written
        following = np.minimum(np.searchsorted(times, at - same, side="left"), len(times) - 1)
        if self.rule == "nocb":
            return first[following]
        if self.rule == "locf":
            value = last[np.maximum(np.searchsorted(times, at + same, side="right") - 1, 0)]
        else:
            value = np.interp(at, *records)
        return np.where(np.abs(times[following] - at) <= same, first[following], value) if _tied(*records) else value

    def moments(self, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return patients and times, of each its `start` and those of its records."""
        each = [np.concatenate([[s], *(records[i][0] for records in self.records)]) for i, s in enumerate(start)]
        return np.repeat(np.arange(len(each)), [len(times) for times in each]), np.concatenate([[], *each])

    def changes(self, model: Model, start: np.ndarray, directions: int) -> EventRows:
        """Return the events that change the parameters of each patient after its `start`."""
        width, parts = len(model.typical), [EventRows.none(directions)]
        for which, (name, column, records) in enumerate(zip(self.names, self.columns, self.records, strict=True)):
            for i, (times, values) in enumerate(records):
                if np.all(values == values[0]):  # as it began: nothing changes, and the solver need not stop
                    continue
                lines = self._lines(times, values, column, width + 2 * which)
                if name in self.tied and _tied(times, values):
                    one, known = self.tied[name][i], ~np.isnan(self.tied[name][i].value)
                    lines.append((one.time[known], one.value[known], column, one.order[known]))
                for when, value, into, order in lines:
                    keep = when >= start[i]
                    place = order[keep] if np.ndim(order) else order
                    parts.append(EventRows.parameters(i, when[keep], place, into, value[keep], directions))
        return joined(parts)

    def _lines(self, times: np.ndarray, values: np.ndarray, column: int, more: int) -> list[tuple[Any, ...]]:
        """Return when what changes to what value and where in its time, for one covariate of a patient."""
        tied = _tied(times, values)
        times, first, last = _ends(times, values)
        several = first != last
        if tied and not several.any():
            several = np.ones(len(times), dtype=bool)  # others between may differ
        back = [(times[several], last[several], column, LAST)] if tied else []
        if self.rule == "linear":
            slope = np.append((first[1:] - last[:-1]) / np.diff(times), 0.0)
            return [(times, v, k, FIRST) for v, k in ((first, column), (slope, more), (times, more + 1))] + back
        if self.rule == "locf":
            new = first[1:] != last[:-1]
            return [(times[1:][new], first[1:][new], column, FIRST), *back]
        new = (first[1:] != first[:-1]) | tied
        return [(times[:-1][new], first[1:][new], column, LAST)]

    def begin(self, parameters: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return the parameters at each patient's `start`, with what a line needs beside them."""
        out = self.at(parameters, np.arange(len(parameters)), start)
        if self.rule != "linear":
            return out
        more = np.zeros((len(out), 2 * len(self.names)))
        for which, (column, records) in enumerate(zip(self.columns, self.records, strict=True)):
            for i, (times, first, last) in enumerate(_ends(*one) for one in records):
                k = np.searchsorted(times, start[i], side="right") - 1
                if 0 <= k < len(times) - 1:
                    out[i, column] = last[k]
                    more[i, 2 * which] = (first[k + 1] - last[k]) / (times[k + 1] - times[k])
                    more[i, 2 * which + 1] = times[k]
        return np.hstack([out, more])


def _tied(times: np.ndarray, values: np.ndarray) -> bool:
    """Return whether records of one time have several values."""
    return bool(np.any((np.diff(times) == 0) & (values[1:] != values[:-1])))


def _ends(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each time once, and the first and the last of its values."""
    new = np.diff(times) > 0
    first, last = np.append(True, new), np.append(new, True)
    return times[first], values[first], values[last]


def in_time_of(model: Model, courses: Mapping[str, Any]) -> dict[str, Any]:
    """Return courses as they are said in Python, "24 h" or a number of days, with times in the unit of the model's."""
    return {
        name: _timed(model, name, course) if is_pair(course) else [_timed(model, name, pair) for pair in course]
        for name, course in courses.items()
    }


def _timed(model: Model, name: str, pair: Any) -> Any:
    if name not in model.typical:
        raise unknown("parameter", name, model.typical, model.name)
    try:
        times, values = pair
    except (TypeError, ValueError):  # refused with its patient when it is read
        return pair
    return list_in_days(times, model, f"times of covariate '{name}'") * model.per_day, _in_unit(model, name, values)


def _in_unit(model: Model, name: str, values: Any) -> Any:
    """Return values of a parameter as numbers in its unit, where they all, or some of a list, say theirs."""
    values, unit = with_unit(values)
    if unit is not None:
        return np.asarray(values, float) * factor_of(model, name, unit)
    mixed = isinstance(values, Collection) and getattr(getattr(values, "dtype", None), "kind", "O") == "O"
    if mixed and any(isinstance(one, str) or hasattr(type(one), "magnitude") for one in values):
        return [model.values({name: one})[name] for one in values]
    return values


def read_covariates(
    model: Model, courses: Mapping[str, Any], rule: str, n: int, tied: Mapping[str, tuple[OwnValues, ...]] | None = None
) -> Covariates:
    """Return the covariates of n patients from {name: (times, values)}, or a list of such pairs, one a patient.

    Times are in the model's time unit, values in the parameter's; those of a table, which has `tied` values where its
    records differ, may be there several times. Raise UnknownName or BadValue.
    """
    records = []
    for name, one_or_each in courses.items():
        if name not in model.typical:
            raise unknown("parameter", name, model.typical, model.name)
        listed: Sequence[Any] = [one_or_each] * n if is_pair(one_or_each) else list(one_or_each)
        if len(listed) != n:
            raise BadValue(f"covariate '{name}' has {len(listed)} courses for {n} patients; give one, or one a patient")
        records.append(tuple(_record(model, name, i, pair, tied is not None) for i, pair in enumerate(listed)))
    columns = tuple(list(model.typical).index(name) for name in courses)
    return Covariates(rule, tuple(courses), columns, tuple(records), tied or {})


def is_pair(records: Any) -> bool:
    """Return whether something is one (times, values), not a list of such pairs; raise BadValue if it is neither.

    Two rows of two numbers may be times and values, or a time and its value each: only a tuple of lists is clear.
    """
    listed = isinstance(records, Iterable) and getattr(records, "ndim", 1) > 0
    if not listed or isinstance(records, (str, bytes, Mapping)):
        raise BadValue(f"covariate {short(records)}: expected (times, values), or a list of such pairs, one a patient")
    try:
        depth = [_depth(part) for part in records]
    except ValueError:  # parts that are ragged themselves
        depth = [2]
    if depth and set(depth) == {1} and all(len(part) == 2 and np.ndim(part[0]) == 0 for part in map(list, records)):
        rows = [list(part) for part in records]
        plain = isinstance(records, tuple) and not any(isinstance(part, tuple) for part in records)
        if len(rows) != 2 or not (plain or _above(*records)):
            rows = [[getattr(cell, "tolist", lambda cell=cell: cell)() for cell in row] for row in rows]
            times, values = ([row[i] for row in rows] for i in (0, 1))
            raise BadValue(
                f"covariate {str(rows)[:80]}: (times, values) or rows of (time, value)? Write times and values as a "
                f"tuple of two lists, ({times}, {values}) if these are rows"
            )
    return depth == [1, 1]


def _depth(part: Any) -> int:
    """Return how deep a list is, also one of pint quantities."""
    if isinstance(part, list | tuple) and any(hasattr(type(one), "magnitude") for one in part):
        return 1 + max(_depth(one) for one in part)
    return int(np.ndim(getattr(part, "magnitude", part)))


def _above(first: Any, second: Any) -> bool:
    """Return whether of two parts the first can only be times, above values, and not a time and its value."""
    if isinstance(first, Days) or hasattr(type(first), "magnitude"):
        return True
    if any(isinstance(cell, str) or hasattr(type(cell), "magnitude") for cell in (*first, *second)):
        return isinstance(second[0], int | float)  # ["0 h", "24 h"] above [1.0, 2.0]
    return bool(first[0] >= second[0])


def _record(model: Model, name: str, patient: int, pair: Any, again: bool) -> tuple[np.ndarray, np.ndarray]:
    try:
        times, values = (np.array(column, dtype=float, ndmin=1) for column in pair)
    except (TypeError, ValueError) as error:
        raise BadValue(
            f"covariate '{name}' of patient {patient}: expected (times, values), got {short(pair)}"
        ) from error
    if times.shape != values.shape or not times.size or not np.isfinite([times, values]).all():
        raise BadValue(f"covariate '{name}' of patient {patient}: expected as many finite times as values, 1 or more")
    if np.any(np.diff(times) < 0) or (not again and np.any(np.diff(times) == 0)):
        raise BadValue(f"covariate '{name}' of patient {patient}: expected times that rise, got {times.tolist()[:8]}")
    for extreme in (values.min(), values.max()):
        model.values({name: float(extreme)})
    return times, values


@lru_cache(maxsize=64)
def ramped(trace: Trace, names: tuple[str, ...]) -> Trace:
    """Return the trace in which each parameter of `names` is a straight line from its value since a time.

    Behind the parameters stand its slope and that time, for each name.
    """
    import sympy

    whole, changes, more = trace.whole, {}, []
    for name in names:
        symbol = next(s for s in whole.parameters if s.name == name)
        slope, since = (
            sympy.Symbol(f"_{name}_{part}", real=True) for part in ("slope", "since")
        )  # no parameter's name
        changes[symbol] = symbol + slope * (whole.time - since)
        more += [slope, since]
    return replace(
        whole,
        parameters=(*whole.parameters, *more),
        derivative=tuple(sympy.sympify(e).subs(changes, simultaneous=True) for e in whole.derivative),
        observed=tuple(sympy.sympify(e).subs(changes, simultaneous=True) for e in whole.observed),
        triggers=tuple(one.mapped(lambda e: e.subs(changes, simultaneous=True)) for one in whole.triggers),
    )
