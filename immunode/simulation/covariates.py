"""Let parameters change in time: the next record's value (NONMEM's rule), the last one's, or a line between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.errors import BadValue, nearest, unknown
from immunode.model.declaration import Model
from immunode.model.trace import Trace
from immunode.simulation.ties import FIRST, LAST, rounding
from immunode.simulation.timeline import EventRows, joined

RULES = ("nocb", "locf", "linear")


@dataclass(frozen=True)
class Covariates:
    """Hold the records of parameters that change in time: for each name one (times, values) a patient, sorted in time.

    `rule` "nocb": a value holds from after the record before it up to its own; "locf": from its own record up to the
    next; "linear": straight lines. Outside its records a parameter keeps the nearest one.
    """

    rule: str
    names: tuple[str, ...]
    columns: tuple[int, ...]
    records: tuple[tuple[tuple[np.ndarray, np.ndarray], ...], ...]

    def at(self, parameters: np.ndarray, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the parameters of `patient` (m,) at `time` (m,), shape (m, P)."""
        out = parameters[patient].copy()
        order = np.argsort(patient, kind="stable")
        who, begins = np.unique(patient[order], return_index=True)
        for rows, i in zip(np.split(order, begins)[1:], who, strict=True):  # nobody has doses: no rows
            for column, records in zip(self.columns, self.records, strict=True):
                out[rows, column] = self._value(records[i], time[rows])
        return out

    def _value(self, records: tuple[np.ndarray, np.ndarray], at: np.ndarray) -> np.ndarray:
        times, values = records
        if self.rule == "linear":
            return np.interp(at, times, values)
        same = rounding(at)  # a dose at a record is there, whichever way its time was written
        if self.rule == "locf":
            return values[np.maximum(np.searchsorted(times, at + same, side="right") - 1, 0)]
        return values[np.minimum(np.searchsorted(times, at - same, side="left"), len(times) - 1)]

    def moments(self, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return patients and times, of each its `start` and those of its records."""
        each = [np.concatenate([[s], *(records[i][0] for records in self.records)]) for i, s in enumerate(start)]
        return np.repeat(np.arange(len(each)), [len(times) for times in each]), np.concatenate([[], *each])

    def changes(self, model: Model, start: np.ndarray, directions: int) -> EventRows:
        """Return the events that change the parameters of each patient after its `start`."""
        width, parts = len(model.typical), [EventRows.none(directions)]
        for which, (column, records) in enumerate(zip(self.columns, self.records, strict=True)):
            for i, (times, values) in enumerate(records):
                if np.all(values == values[0]):  # as it began: nothing changes, and the solver need not stop
                    continue
                if self.rule == "linear":
                    slope = np.append(np.diff(values) / np.diff(times), 0.0)
                    more = width + 2 * which
                    lines = [(times, v, k, FIRST) for v, k in ((values, column), (slope, more), (times, more + 1))]
                else:
                    new = values[1:] != values[:-1]
                    when, order = (times[1:], FIRST) if self.rule == "locf" else (times[:-1], LAST)
                    lines = [(when[new], values[1:][new], column, order)]
                for when, value, into, order in lines:
                    keep = when >= start[i]
                    parts.append(EventRows.parameters(i, when[keep], order, into, value[keep], directions))
        return joined(parts)

    def begin(self, parameters: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return the parameters at each patient's `start`, with what a line needs beside them."""
        out = self.at(parameters, np.arange(len(parameters)), start)
        if self.rule != "linear":
            return out
        more = np.zeros((len(out), 2 * len(self.names)))
        for which, (column, records) in enumerate(zip(self.columns, self.records, strict=True)):
            for i, (times, values) in enumerate(records):
                k = np.searchsorted(times, start[i], side="right") - 1
                if 0 <= k < len(times) - 1:
                    out[i, column] = values[k]
                    more[i, 2 * which] = (values[k + 1] - values[k]) / (times[k + 1] - times[k])
                    more[i, 2 * which + 1] = times[k]
        return np.hstack([out, more])


def read_covariates(model: Model, courses: Mapping[str, Any], rule: str, n: int) -> Covariates:
    """Return the covariates of n patients from {name: (times, values)}, or a list of such pairs, one a patient.

    Times are in the model's time unit, values in the parameter's. Raise UnknownName or BadValue.
    """
    if rule not in RULES:
        raise BadValue(f"covariate_rule = {rule!r}: expected one of {', '.join(RULES)}{nearest(str(rule), RULES)}")
    records = []
    for name, one_or_each in courses.items():
        if name not in model.typical:
            raise unknown("parameter", name, model.typical, model.name)
        listed: Sequence[Any] = [one_or_each] * n if is_pair(one_or_each) else list(one_or_each)
        if len(listed) != n:
            raise BadValue(f"covariate '{name}' has {len(listed)} courses for {n} patients; give one, or one a patient")
        records.append(tuple(_record(model, name, i, pair) for i, pair in enumerate(listed)))
    columns = tuple(list(model.typical).index(name) for name in courses)
    return Covariates(rule, tuple(courses), columns, tuple(records))


def is_pair(records: Any) -> bool:
    """Return whether something is one (times, values), not a list of such pairs; raise BadValue if it is neither."""
    try:
        depth = [np.ndim(part) for part in records]
    except TypeError:
        raise BadValue(
            f"covariate {records!r}: expected (times, values), or a list of such pairs, one a patient"
        ) from None
    except ValueError:  # parts that are ragged themselves
        depth = [2]
    return depth == [1, 1]


def _record(model: Model, name: str, patient: int, pair: Any) -> tuple[np.ndarray, np.ndarray]:
    try:
        times, values = (np.array(column, dtype=float, ndmin=1) for column in pair)
    except (TypeError, ValueError) as error:
        raise BadValue(f"covariate '{name}' of patient {patient}: expected (times, values), got {pair!r}") from error
    if times.shape != values.shape or not times.size or not np.isfinite([times, values]).all():
        raise BadValue(f"covariate '{name}' of patient {patient}: expected as many finite times as values, 1 or more")
    if np.any(np.diff(times) <= 0):
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
        slope, since = (sympy.Symbol(f"{name}_{part}", real=True) for part in ("slope", "since"))
        changes[symbol] = symbol + slope * (whole.time - since)
        more += [slope, since]
    return replace(
        whole,
        parameters=(*whole.parameters, *more),
        derivative=tuple(sympy.sympify(e).subs(changes, simultaneous=True) for e in whole.derivative),
        observed=tuple(sympy.sympify(e).subs(changes, simultaneous=True) for e in whole.observed),
        triggers=tuple(one.mapped(lambda e: e.subs(changes, simultaneous=True)) for one in whole.triggers),
    )
