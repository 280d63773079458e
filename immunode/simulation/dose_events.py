"""Make the engine's events of regimens: what each patient gets and when, as NONMEM would time it, in arrays over doses.

At one time the order is: outputs before everything (pre), ends of infusions, arrivals after a lag, then doses, resets
and observations of an event table as they stand, outputs after everything (post). The rules are in docs/dosing.md.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from operator import attrgetter
from typing import Any

import numpy as np

from immunode.engine import ADD, DRIP, MULTIPLY, PUT, RATE, REPLACE, RESET
from immunode.errors import BadValue, UnitError
from immunode.model.declaration import Model
from immunode.regimen import MODELLED, STEADY, Regimen
from immunode.units import factor

BOLUS, OVER, AT_RATE, MODELLED_DURATION, MODELLED_RATE = range(5)
ACTIONS = {"add": ADD, "replace": REPLACE, "multiply": MULTIPLY, "reset": RESET}
# the order at one time; doses are 0, 1, 2, ..., outputs of an event table half a step before one of them
FIRST, PRE, ENDS, ARRIVALS, POST, LAST = -4.0, -3.0, -2.0, -1.0, 1e9, 2e9
TROUGH, ITSELF = 0.1, 0.25  # after the record of a steady state
SAME = 1e-12  # times that differ by this share are one time, written by two formulas
_SHORT = 1e-9  # an infusion that is shorter, beside the time, is a bolus: its ends would be rounded


@dataclass(frozen=True)
class Columns:
    """Hold the doses of regimens in columns, those of regimen r in rows first[r] .. first[r + 1] - 1.

    Amounts are in the unit of their state, times in that of the model; `size` is a duration or a rate as `mode` says.
    """

    first: np.ndarray
    time: np.ndarray
    state: np.ndarray
    action: np.ndarray
    amount: np.ndarray
    mode: np.ndarray
    size: np.ndarray
    steady: np.ndarray  # 0, 1 = in place of what is there, 2 = added to it
    every: np.ndarray

    @property
    def special(self) -> bool:
        """Return whether there is a reset or a steady state, which depend on all that a patient is."""
        return bool(np.any(self.steady) or np.any(self.action == RESET))

    def picked(self, which: np.ndarray) -> tuple["Columns", np.ndarray]:
        """Return the columns of regimens `which`, one after the other, and whose each row is, 0 .. len(which) - 1."""
        count = np.diff(self.first)[which]
        course = np.repeat(np.arange(len(which)), count)
        ends = np.cumsum(count)
        rows = np.repeat(self.first[which] - (ends - count), count) + np.arange(count.sum())
        first = np.concatenate([[0], ends])
        return Columns(first, *(getattr(self, name)[rows] for name in list(vars(self))[1:])), course


def columns(model: Model, regimens: Sequence[Regimen]) -> Columns:
    """Return the doses of `regimens`; raise UnknownName for a route or state, UnitError for an amount's unit."""
    doses = list(chain.from_iterable(regimen.doses for regimen in regimens))
    kinds: defaultdict[tuple[str, ...], int] = defaultdict(count().__next__)  # numbered as they are met
    words = map(attrgetter("into", "unit", "action", "modelled", "steady_state"), doses)
    code = np.fromiter(map(kinds.__getitem__, words), np.int64, len(doses))
    known = np.array([_kind(model, *kind) for kind in kinds], dtype=float).reshape(-1, 5)
    state, scale, action, modelled, steady = known[code].T
    amount, when, duration, rate, every = (
        np.fromiter(map(attrgetter(name), doses), float, len(doses))
        for name in ("amount", "time", "duration", "rate", "every")
    )
    clock = factor("day", model.time)
    time = when * clock
    mode = np.select(
        [modelled == 1, modelled == 2, duration > 0, rate > 0], [MODELLED_DURATION, MODELLED_RATE, OVER, AT_RATE], BOLUS
    )
    return Columns(
        first=np.concatenate([[0], np.cumsum([len(r) for r in regimens])]).astype(np.int64),
        time=np.where(np.abs(time) < np.finfo(float).tiny, 0.0, time),  # no step can be as short as a subnormal time
        state=state.astype(np.int64),
        action=action.astype(np.int64),
        amount=amount * scale,
        mode=mode.astype(np.int64),
        size=np.where(rate > 0, rate * scale / clock, duration * clock),
        steady=steady.astype(np.int64),
        every=every * clock,
    )


def _kind(model: Model, into: str, unit: str, action: str, modelled: str, steady_state: str) -> tuple[float, ...]:
    """Return what the words of a dose mean: state, factor to its unit, and the codes of the others."""
    words = (ACTIONS[action], MODELLED.index(modelled), STEADY.index(steady_state))
    return (*_target(model, into, unit, action), *words)


def _target(model: Model, into: str, unit: str, action: str) -> tuple[int, float]:
    """Return the index of the state that a dose goes into, and the factor to its unit."""
    if action == "reset":
        return 0, 1.0
    target = model.target(into)
    column = [s.name for s in model.states].index(target.name)
    if action == "multiply":
        return column, 1.0
    try:
        return column, factor(unit, target.unit)
    except UnitError as error:
        raise UnitError(
            f"a dose in {unit} into {target.name} of {model.name}, which is in {target.unit}: {error}"
        ) from error


@dataclass(frozen=True)
class Given:
    """Hold what is given, one row a dose: lag, bioavailability, start, rate and duration of an infusion (0 = at once).

    `d_lag` and so on are the changes along directions, shape (doses, directions).
    """

    lag: np.ndarray
    fraction: np.ndarray
    rate: np.ndarray
    duration: np.ndarray
    d_lag: np.ndarray
    d_fraction: np.ndarray
    d_rate: np.ndarray
    d_duration: np.ndarray


def given(
    model: Model, doses: Columns, patient: np.ndarray, of: Callable[[str], tuple[np.ndarray, np.ndarray]]
) -> Given:
    """Return lags, bioavailabilities, rates and durations of `doses` of `patient`; rates without the bioavailability.

    `of(which)` returns "lag", "bioavailability", "duration" or "rate" of each dose (m,), and its change along
    directions (m, K). Raise BadValue for one that cannot be.
    """
    (lag, d_lag), (fraction, d_fraction) = of("lag"), of("bioavailability")
    _check(model, doses, patient, "lag", lag, lag >= 0, "0 or more")
    _check(model, doses, patient, "bioavailability", fraction, fraction >= 0, "0 or more")
    amount, size, mode = doses.amount, doses.size, doses.mode
    rate, duration = np.zeros(len(amount)), np.zeros(len(amount))
    d_rate, d_duration = np.zeros(d_lag.shape), np.zeros(d_lag.shape)
    rows = mode == OVER
    rate[rows], duration[rows] = amount[rows] / size[rows], size[rows]
    rate[mode == AT_RATE] = size[mode == AT_RATE]
    for which, rows in (("duration", mode == MODELLED_DURATION), ("rate", mode == MODELLED_RATE)):
        if not rows.any():
            continue
        value, change = of(which)
        _check(model, doses, patient, which, np.where(rows, value, 1.0), ~rows | (value > 0), "more than 0")
        if which == "rate":
            rate[rows], d_rate[rows] = value[rows], change[rows]
        else:
            rate[rows], duration[rows], d_duration[rows] = amount[rows] / value[rows], value[rows], change[rows]
            d_rate[rows] = -change[rows] * (rate[rows] / value[rows])[:, None]
    rows = own_rate(doses)
    duration[rows] = fraction[rows] * amount[rows] / rate[rows]
    d_duration[rows] = (d_fraction[rows] * amount[rows, None] - d_rate[rows] * duration[rows, None]) / rate[rows, None]
    duration[duration <= _SHORT * np.maximum(1.0, np.abs(doses.time + lag))] = 0.0
    return Given(lag, fraction, rate, duration, d_lag, d_fraction, d_rate, d_duration)


def _check(
    model: Model, doses: Columns, patient: np.ndarray, what: str, values: np.ndarray, good: np.ndarray, wanted: str
) -> None:
    bad = np.flatnonzero((doses.action == ADD) & ~good)
    if not bad.size:
        return
    state = model.states[doses.state[bad[0]]]
    if getattr(state, what) is None:
        raise BadValue(
            f"a dose into {state.name} at the model's {what}, but {state.name} of {model.name} declares none: "
            f"State('{state.name}', ..., {what}=...)"
        )
    whose = f" of patient {patient[bad[0]]}" if patient.any() else ""  # of a single one there is nothing to tell
    raise BadValue(f"the {what} of a dose into {state.name}{whose} is {values[bad[0]]:g}: expected {wanted}")


@dataclass(frozen=True)
class Rows:
    """Collect events, one row each: whose they are, when, in which order at that time, and what happens.

    `source` is the row of the dose that they come from; `along` and `slip` are changes along directions.
    """

    course: np.ndarray
    time: np.ndarray
    order: np.ndarray
    kind: np.ndarray
    state: np.ndarray
    value: np.ndarray
    source: np.ndarray
    along: np.ndarray
    slip: np.ndarray


def rows(
    course: Any, time: Any, order: Any, kind: Any, state: Any, value: Any, source: Any, along: Any, slip: Any
) -> Rows:
    """Return rows of events; what is one number is the same in all."""
    n = len(np.atleast_1d(time))
    wide = [np.broadcast_to(np.asarray(a), n) for a in (course, time, order, kind, state, value, source)]
    return Rows(*wide, *(np.broadcast_to(np.asarray(a, dtype=float), (n, np.shape(a)[-1])) for a in (along, slip)))


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, without a copy where only one has any."""
    some = [part for part in parts if len(part.time)]
    if len(some) == 1:
        return some[0]
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


def moments(course: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return times of courses as complex numbers course + time i, which sort by course, then time, in one pass."""
    out = np.empty(len(time), complex)
    out.real, out.imag = course, time
    return out


def taken(all_rows: Rows, which: np.ndarray) -> Rows:
    """Return the rows that `which` picks."""
    return Rows(*(values[which] for values in vars(all_rows).values()))


def in_order(all_rows: Rows) -> np.ndarray:
    """Return where the rows stand by course, time and order; what is equal in all of them stays in its order."""
    return np.lexsort((all_rows.order, moments(all_rows.course, all_rows.time)))


def own_rate(doses: Columns) -> np.ndarray:
    """Return which doses have a rate of their own: bioavailability changes its duration."""
    return (doses.mode == AT_RATE) | (doses.mode == MODELLED_RATE)


def absorbed(doses: Columns, given: Given) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return amounts, their changes along directions, rates and their changes, with the bioavailability in them."""
    own = own_rate(doses)
    share = np.where(own, 1.0, given.fraction)
    d_rate = given.d_rate * share[:, None] + np.where(own, 0.0, given.rate)[:, None] * given.d_fraction
    return doses.amount * given.fraction, given.d_fraction * doses.amount[:, None], given.rate * share, d_rate


def doses_given(doses: Columns, course: np.ndarray, given: Given, explicit: bool) -> Rows:
    """Return the events of doses, replacements and multiplications, without those that a later reset takes back.

    `explicit`: values contain the bioavailability; else the engine multiplies by that of each patient.
    """
    position = np.arange(len(course)) - doses.first[course].astype(float)
    add, plain = doses.action == ADD, (doses.action == REPLACE) | (doses.action == MULTIPLY)
    bolus, infused = add & (given.duration == 0), add & (given.duration > 0)
    nothing = np.zeros((len(course), given.d_lag.shape[1]))
    parts = [rows(course[plain], doses.time[plain], position[plain], doses.action[plain], doses.state[plain],
                  doses.amount[plain], np.flatnonzero(plain), nothing[plain], nothing[plain])]  # fmt: skip
    # the steady state of a dose comes first, then outputs that are to show its trough, then the dose itself
    order = np.where(given.lag > 0, ARRIVALS, position + np.where(doses.steady > 0, ITSELF, 0.0))
    value, along, rate, d_rate = doses.amount, nothing, given.rate, given.d_rate
    if explicit:
        value, along, rate, d_rate = absorbed(doses, given)
    kind = np.full(len(course), PUT if explicit else ADD)
    parts.append(_picked(bolus, course, doses.time + given.lag, order, kind, doses.state, value, along, given.d_lag))
    kind = np.full(len(course), DRIP) if explicit else np.where(own_rate(doses), DRIP, RATE)
    begin = doses.time + given.lag
    parts.append(_picked(infused, course, begin, order, kind, doses.state, rate, d_rate, given.d_lag))
    parts.append(_picked(infused, course, begin + given.duration, ENDS, kind, doses.state, -rate, -d_rate,
                         given.d_lag + given.d_duration))  # fmt: skip
    return joined(parts)


def _picked(
    chosen: np.ndarray, course: Any, time: Any, order: Any, kind: Any, state: Any, value: Any, along: Any, slip: Any
) -> Rows:
    n = len(course)
    order, kind = np.broadcast_to(order, n), np.broadcast_to(kind, n)
    source = np.flatnonzero(chosen)
    return rows(course[chosen], time[chosen], order[chosen], kind[chosen], state[chosen], value[chosen], source,
                along[chosen], slip[chosen])  # fmt: skip


def standing(doses: Columns, course: np.ndarray, events: Rows) -> Rows:
    """Return the events without those that a reset, or a steady state in place of what is there, takes back.

    It takes back what comes after it from a dose before it: arrivals after a lag and ends of infusions.
    """
    resets = np.flatnonzero((doses.action == RESET) | (doses.steady == 1))
    if not resets.size:
        return events
    following = np.searchsorted(resets, events.source, side="right")
    at = resets[np.minimum(following, resets.size - 1)]
    same = (following < resets.size) & (course[at] == events.course)
    later = events.time - doses.time[at] > SAME * np.maximum(1.0, np.abs(events.time))
    return taken(events, ~(same & later))


def together(events: Rows) -> Rows:
    """Return the events of one course whose times differ by rounding at one time, that of the first."""
    at = np.argsort(moments(events.course, events.time), kind="stable")
    time, course = events.time[at], events.course[at]
    apart = np.diff(time) > SAME * np.maximum(1.0, np.abs(time[1:]))
    new = np.append(True, apart | (np.diff(course) != 0))[: len(at)]
    out = np.empty(len(at))
    out[at] = time[np.maximum.accumulate(np.where(new, np.arange(len(at)), 0))]
    return replace(events, time=out)
