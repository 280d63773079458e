"""What a protocol remembers of what was measured, and which comparisons hold at the visit of today."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from immunode.conditions import Comparison, Condition
from immunode.conditions.measured import GIVEN, is_level, row
from immunode.conditions.syntax import Both, Bound, Quantity, comparisons
from immunode.errors import BadValue, ImmunodeError, unknown
from immunode.units import factor
from immunode.virtual_trials.seen_so_far import SeenSoFar, is_from_baseline, is_of_visits, nothing_seen, place

NOTHING: Mapping[Comparison, np.ndarray] = {}
_OPERATORS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def resolved(condition: Condition, known: Sequence[str], unit_of: Mapping[str, str], where: str) -> Condition:
    """Return a condition whose numbers are in the units of its signals (a slope's a day; a change in percent, percent).

    Raise UnknownName for a signal that is not `known`, UnitError for a unit that does not fit.
    """
    if not isinstance(condition, Comparison):
        return type(condition)(tuple(resolved(part, known, unit_of, where) for part in condition.parts))
    bound, quantity = condition.bound, replace(condition.quantity, signal=as_known(condition.quantity.signal, known))
    if quantity.kind in GIVEN:  # an amount is in its own unit: doses may be in several
        if quantity.kind in known:
            raise BadValue(f"{where}: '{condition}': {quantity.kind} are those that patients were given, and an output "
                           "of the model has that name, too; give the output another")  # fmt: skip
        return condition
    if quantity.signal not in known:
        raise unknown("output", quantity.signal, known, f"{where}: '{condition}'")
    unit = unit_of[quantity.signal]
    try:
        if quantity.level is not None:
            quantity = replace(quantity, level=_in_unit(quantity.level, "value", unit))
        bound = _in_unit(bound, quantity.kind, unit)
    except ImmunodeError as error:
        raise type(error)(f"{where}: '{condition}': {error}") from error
    return replace(condition, quantity=quantity, bound=bound)


def _in_unit(bound: Bound, kind: str, signal: str) -> Bound:
    return replace(bound, offset=bound.offset * _scale(bound.unit, kind, signal), unit="")


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
    target = signal if is_level(kind) else row(kind).unit_of(signal, "1")
    if not is_level(kind) and unit.startswith("/"):
        return factor(f"({signal}){unit}", target)
    return factor(unit, target) if unit else 1.0


@dataclass(frozen=True, eq=False)
class Memory:
    """Hold what was measured of n patients so far, by signal, and which comparisons hold at the last visit, `now`.

    `lowest` and `highest` are of all visits but the last; `on_day` by signal and planned day; `so_far` is what measures
    look at, by signal and the day since which; `streak` is for how many visits a comparison held. `computed` is what
    comparisons looked at beside values and their changes, by `name_of`.
    """

    n: int
    watched: tuple[Comparison, ...]
    baseline_day: float
    on_day: Mapping[tuple[str, float], np.ndarray]
    lowest: Mapping[str, np.ndarray]
    highest: Mapping[str, np.ndarray]
    so_far: Mapping[tuple[str, float], SeenSoFar]
    streak: Mapping[Comparison, np.ndarray]
    now: Mapping[Comparison, np.ndarray]
    measured: Mapping[str, np.ndarray]
    computed: Mapping[str, np.ndarray]

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
    unknown_yet = np.full(n, np.nan)
    return Memory(
        n=n,
        watched=watched,
        baseline_day=baseline_day,
        on_day={},
        lowest=dict.fromkeys(signals, unknown_yet),
        highest=dict.fromkeys(signals, unknown_yet),
        so_far=nothing_seen((one.quantity for one in watched), n, baseline_day),
        streak=dict.fromkeys(watched, np.zeros(n, dtype=np.int64)),
        now=dict.fromkeys(watched, np.zeros(n, dtype=bool)),
        measured=dict.fromkeys(signals, unknown_yet),
        computed={name_of(one): unknown_yet for one in watched if _is_computed(one.quantity)},
    )


def after_visit(
    memory: Memory,
    day: float,
    at: np.ndarray,
    values: Mapping[str, np.ndarray],
    amounts: Mapping[Comparison, np.ndarray] = NOTHING,
) -> Memory:
    """Return the memory after a visit that was planned for `day` and was on days `at` (n,).

    `values` (n,) are what was measured, by signal, `amounts` (n,) what was given before, by the comparison that
    asks; nan of who was not seen, of whom nothing changes and nothing holds.
    """
    earlier = memory.measured
    memory = replace(
        memory,
        on_day={**memory.on_day, **{(name, day): seen for name, seen in values.items()}},
        lowest={name: np.fmin(low, earlier[name]) for name, low in memory.lowest.items()},
        highest={name: np.fmax(high, earlier[name]) for name, high in memory.highest.items()},
        so_far={key: seen.after(day, values[key[0]], at) for key, seen in memory.so_far.items()},
        measured=values,
    )
    now, streak, computed = {}, {}, {}
    for one in memory.watched:
        quantity = amounts[one] if one.quantity.kind in GIVEN else _quantity(memory, one.quantity)
        if _is_computed(one.quantity):
            computed[name_of(one)] = quantity
        limit = _bound(memory, one.bound, one.quantity.signal)
        seen = ~(np.isnan(quantity) | np.isnan(limit))
        true = _OPERATORS[one.sign](quantity, limit)
        streak[one] = np.where(seen, np.where(true, memory.streak[one] + 1, 0), memory.streak[one])
        lasts = streak[one] >= one.visits
        now[one] = seen & (~lasts if one.negated else lasts)
    return replace(memory, now=now, streak=streak, computed=computed)


def name_of(one: Comparison) -> str:
    """Return what the log calls the quantity of a comparison, "visit_mean_of_cd4_over_3_visits", "given_MIU"."""
    unit = f" {one.bound.unit}" if one.quantity.kind == "given" else ""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", f"{one.quantity}{unit}".replace("µ", "u").replace("μ", "u"))


def _is_computed(quantity: Quantity) -> bool:
    """Return whether a quantity is more than what is measured at a visit and at the baseline tell."""
    return quantity.kind in GIVEN or is_of_visits(quantity)


def _bound(memory: Memory, bound: Bound, signal: str) -> np.ndarray | float:
    """Return a bound of each patient; nan, which nothing is above or below, where its reference was not measured."""
    if not bound.reference:
        return bound.offset
    limit = bound.factor * memory.reference(bound.reference, signal)
    return limit + bound.offset if bound.offset else limit


def _quantity(memory: Memory, quantity: Quantity) -> np.ndarray:
    """Return what is compared, of each patient (n,); nan of who was not seen, or of whom too little was measured."""
    value = memory.measured[quantity.signal]
    if quantity.kind == "value":
        return value
    if is_from_baseline(quantity):
        baseline = memory.reference("baseline", quantity.signal)
        if quantity.kind == "change":
            return value - baseline
        with np.errstate(divide="ignore", invalid="ignore"):  # of a baseline of 0 there is no percentage
            return 100.0 * (value - baseline) / baseline
    limit, unknown_limit = None, np.zeros(value.shape, dtype=bool)
    if quantity.level is not None:
        limit = np.broadcast_to(_bound(memory, quantity.level, quantity.signal), value.shape)
        unknown_limit = np.isnan(limit)
    result = memory.so_far[place(quantity, memory.baseline_day)].measure(quantity, limit)
    return np.where(np.isnan(value) | unknown_limit, np.nan, result)
