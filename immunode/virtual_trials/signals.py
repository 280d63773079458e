"""What a protocol remembers of what was measured, and which comparisons hold at the visit of today."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from immunode.conditions import Comparison, Condition
from immunode.conditions.syntax import Both, comparisons
from immunode.errors import BadValue, ImmunodeError, unknown
from immunode.units import factor

_OPERATORS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def resolved(condition: Condition, known: Sequence[str], unit_of: Mapping[str, str], where: str) -> Condition:
    """Return a condition whose numbers are in the units of its signals (a slope's a day; a change in percent, percent).

    Raise UnknownName for a signal that is not `known`, UnitError for a unit that does not fit.
    """
    if not isinstance(condition, Comparison):
        return type(condition)(tuple(resolved(part, known, unit_of, where) for part in condition.parts))
    bound, quantity = condition.bound, replace(condition.quantity, signal=as_known(condition.quantity.signal, known))
    if quantity.signal not in known:
        raise unknown("output", quantity.signal, known, f"{where}: '{condition}'")
    try:
        scale = _scale(bound.unit, quantity.kind, unit_of[quantity.signal])
    except ImmunodeError as error:
        raise type(error)(f"{where}: '{condition}': {error}") from error
    return replace(condition, quantity=quantity, bound=replace(bound, offset=bound.offset * scale, unit=""))


def as_known(signal: str, known: Iterable[str]) -> str:
    """Return the one of the known names that a signal is but for upper and lower case; else the signal itself."""
    names = list(known)
    alike = [name for name in names if name.lower() == signal.lower()]
    return alike[0] if signal not in names and len(alike) == 1 else signal


def _scale(unit: str, kind: str, signal: str) -> float:
    if kind == "percent change":
        if unit not in ("", "%"):
            raise BadValue(f"a percent change is a number of percent, not of {unit}")
        return 1.0
    target = f"{signal}/day" if kind == "slope" else signal
    if kind == "slope" and unit.startswith("/"):
        return factor(signal + unit, target)
    return factor(unit, target) if unit else 1.0


@dataclass(frozen=True, eq=False)
class Memory:
    """Hold what was measured of n patients so far, by signal, and which comparisons hold at the last visit, `now`.

    `lowest` and `highest` are of all visits but the last; `on_day` by signal and planned day; `recent` are the last
    values and the days on which they were measured, newest first; `streak` is for how many visits a comparison held.
    """

    n: int
    watched: tuple[Comparison, ...]
    baseline_day: float
    on_day: Mapping[tuple[str, float], np.ndarray]
    lowest: Mapping[str, np.ndarray]
    highest: Mapping[str, np.ndarray]
    recent: Mapping[str, tuple[np.ndarray, np.ndarray]]
    streak: Mapping[Comparison, np.ndarray]
    now: Mapping[Comparison, np.ndarray]
    measured: Mapping[str, np.ndarray]

    def holds(self, condition: Condition) -> np.ndarray:
        """Return of whom a condition holds at the last visit, shape (n,)."""
        if isinstance(condition, Comparison):
            return self.now[condition]
        parts = [self.holds(part) for part in condition.parts]
        if isinstance(condition, Both):
            return reduce(np.logical_and, parts, np.ones(self.n, dtype=bool))
        return reduce(np.logical_or, parts, np.zeros(self.n, dtype=bool))

    def reference(self, name: str, signal: str) -> np.ndarray:
        """Return the baseline, nadir, best, or value on "day N" of a signal, shape (n,); nan where not measured."""
        if name in ("nadir", "best"):
            return (self.lowest if name == "nadir" else self.highest)[signal]
        day = self.baseline_day if name == "baseline" else float(name.removeprefix("day "))
        return self.on_day.get((signal, day), np.full(len(self.measured[signal]), np.nan))


def nothing_yet(conditions: Iterable[Condition], signals: Sequence[str], n: int, baseline_day: float) -> Memory:
    """Return the memory before the first visit."""
    watched = tuple(dict.fromkeys(one for condition in conditions for one in comparisons(condition)))
    deepest = max((one.quantity.visits for one in watched if one.quantity.kind == "slope"), default=0)
    unknown_yet, none = np.full(n, np.nan), np.full((n, deepest), np.nan)
    return Memory(
        n=n,
        watched=watched,
        baseline_day=baseline_day,
        on_day={},
        lowest=dict.fromkeys(signals, unknown_yet),
        highest=dict.fromkeys(signals, unknown_yet),
        recent=dict.fromkeys(signals, (none, none)),
        streak=dict.fromkeys(watched, np.zeros(n, dtype=np.int64)),
        now=dict.fromkeys(watched, np.zeros(n, dtype=bool)),
        measured=dict.fromkeys(signals, unknown_yet),
    )


def after_visit(memory: Memory, day: float, at: np.ndarray, values: Mapping[str, np.ndarray]) -> Memory:
    """Return the memory after a visit that was planned for `day` and was on days `at` (n,).

    `values` (n,) are what was measured, by signal; nan of who was not seen, of whom nothing changes and nothing holds.
    """
    earlier = memory.measured
    memory = replace(
        memory,
        on_day={**memory.on_day, **{(name, day): seen for name, seen in values.items()}},
        lowest={name: np.fmin(low, earlier[name]) for name, low in memory.lowest.items()},
        highest={name: np.fmax(high, earlier[name]) for name, high in memory.highest.items()},
        recent={name: _pushed(memory.recent[name], values[name], at) for name in memory.recent},
        measured=values,
    )
    now, streak = {}, {}
    for one in memory.watched:
        seen = ~np.isnan(values[one.quantity.signal])
        true = _true(memory, one) & seen
        streak[one] = np.where(seen, np.where(true, memory.streak[one] + 1, 0), memory.streak[one])
        lasts = streak[one] >= one.visits
        now[one] = seen & (~lasts if one.negated else lasts)
    return replace(memory, now=now, streak=streak)


def _pushed(recent: tuple[np.ndarray, np.ndarray], value: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the last values and days with those of a visit in front, of who was seen."""
    values, days = recent
    if not values.shape[1]:
        return recent
    seen = ~np.isnan(value)[:, None]
    return (
        np.where(seen, np.hstack([value[:, None], values[:, :-1]]), values),
        np.where(seen, np.hstack([at[:, None], days[:, :-1]]), days),
    )


def _true(memory: Memory, one: Comparison) -> np.ndarray:
    """Return of whom a comparison is true at this visit alone; nan is on no side of a bound."""
    bound, signal = one.bound, one.quantity.signal
    limit: np.ndarray | float = bound.offset
    if bound.reference:
        limit = bound.factor * memory.reference(bound.reference, signal)
        limit = limit + bound.offset if bound.offset else limit
    return np.asarray(_OPERATORS[one.sign](_quantity(memory, one), limit))


def _quantity(memory: Memory, one: Comparison) -> np.ndarray:
    kind, signal = one.quantity.kind, one.quantity.signal
    value = memory.measured[signal]
    if kind == "value":
        return value
    if kind == "slope":
        values, days = memory.recent[signal]
        return _slope(values[:, : one.quantity.visits], days[:, : one.quantity.visits])
    baseline = memory.reference("baseline", signal)
    if kind == "change":
        return value - baseline
    with np.errstate(divide="ignore", invalid="ignore"):  # of a baseline of 0 there is no percentage
        return 100.0 * (value - baseline) / baseline


def _slope(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return the slope of the straight line of least squares through each patient's points (n, k).

    Column by column, so that a patient's bits do not depend on how many others there are.
    """
    k = values.shape[1]
    middle, mean = sum(days[:, j] for j in range(k)) / k, sum(values[:, j] for j in range(k)) / k
    above = sum((days[:, j] - middle) * (values[:, j] - mean) for j in range(k))
    return np.asarray(above / sum((days[:, j] - middle) ** 2 for j in range(k)))
