"""Find events of one time that parameters move apart and whose order matters: there is no derivative there.

Where events that take a state y to J1(y) and J2(y) move by a1 and a2 along a direction, the sensitivities behind one
order and the other differ by a2 - a1 times a difference of slopes f; of two doses d1 and d2 it is
f(y + d1) + f(y + d2) - f(y) - f(y + d1 + d2): nothing where no slope bends in both states that they go into at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from immunode.engine import DRIP, MULTIPLY, OUTPUT, PARAMETER, RATE, REPLACE, RESET, STOP
from immunode.model.calculus import derivative
from immunode.simulation.ties import ARRIVALS, ENDS


def slips(trace: Any, rows: Any, at: Any, parameters: Any) -> Any:
    """Return how the times of events change, nan of two that meet and must not; `at` is the order in which they come.

    One whose lag is zero can only come later than what stands still: it may, if it comes behind that.
    """
    slip = rows.slip
    for group in _meeting(rows, at):
        for k, one in enumerate(group):
            for other in group[k + 1 :]:
                later = rows.order[other] not in (ARRIVALS, ENDS) and not rows.slip[one].any()
                if _apart(rows.slip[one], rows.slip[other]).any() and not later:
                    known = dict(zip(trace.parameters, parameters[rows.segment[one]].tolist(), strict=True))
                    for changed in rows.state[rows.kind == PARAMETER]:
                        known.pop(trace.parameters[changed], None)
                    if not _commute(trace, known, _effect(trace, rows, one), _effect(trace, rows, other)):
                        slip = slip.copy() if slip is rows.slip else slip
                        slip[[one, other]] = np.nan
    return slip


def _apart(one: Any, other: Any) -> Any:
    return np.abs(one - other) > 1e-9 * np.maximum(np.abs(one), np.abs(other))


def _meeting(rows: Any, at: Any) -> list[Any]:
    """Return the events that happen at one time of a segment, where not all move alike and not all are rates."""
    at = at[~np.isin(rows.kind[at], (STOP, OUTPUT))]
    time, segment, slip = rows.time[at], rows.segment[at], rows.slip[at]
    joined = (np.diff(time) <= 1e-12 * np.abs(time[1:])) & (np.diff(segment) == 0)
    group = np.concatenate([[0], np.cumsum(~joined)])[: len(at)]
    differs = joined & _apart(slip[:-1], slip[1:]).any(axis=1)
    wanted = np.intersect1d(group[1:][differs], group[~np.isin(rows.kind[at], (RATE, DRIP))])
    return [at[group == g] for g in wanted]


@dataclass(frozen=True)
class _Effect:
    """Hold what an event does: to a state or a parameter, of slope `row`, which it `sets` or adds to, or to rates.

    Of rates it adds one to a state, or ends all where it `sets` them.
    """

    symbol: Any
    row: int
    sets: bool
    rates: bool


def _effect(trace: Any, rows: Any, k: int) -> _Effect:
    kind, state = int(rows.kind[k]), int(rows.state[k])
    if kind == PARAMETER:
        return _Effect(trace.parameters[state], -1, sets=False, rates=False)
    rates = kind in (RATE, DRIP, RESET)
    return _Effect(trace.states[state], state, sets=kind in (REPLACE, MULTIPLY, RESET), rates=rates)


def _commute(trace: Any, known: dict[Any, Any], one: _Effect, other: _Effect) -> bool:
    """Return whether two events may come in either order; `known` are values of parameters."""
    if one.rates and other.rates:
        return one.sets == other.sets
    if one.rates or other.rates:
        rate, change = (one, other) if one.rates else (other, one)
        return not change.sets or (change.row not in trace.infused if rate.sets else rate.row != change.row)
    if one.symbol == other.symbol and (one.sets or other.sets):
        return False
    slopes = [slope.xreplace(known) for slope in trace.derivative]
    pairs = [(a, b) for a, b in ((one, other), (other, one)) if a.sets]
    if any(derivative(slopes[a.row], b.symbol) != 0 for a, b in pairs if b.symbol not in known):
        return False
    return all(derivative(derivative(slope, one.symbol), other.symbol) == 0 for slope in slopes)
