"""Check what the engine is given, before machine code reads it: patients, times, outputs, events."""

from typing import Any, NamedTuple

import numpy as np

from immunode.engine.constants import (
    ALIKE,
    DECLARED,
    DRIP,
    FEEDS,
    NEVER,
    OTHER,
    OUTPUT,
    PARAMETER,
    RATE,
    RESET,
    STOP,
    UNDECLARED,
)
from immunode.engine.inputs import Directions, Events, Grid, Scales, all_finite, outside, some
from immunode.engine.program import Program
from immunode.errors import BadValue

# by kind: whether an event acts on a state, or changes an infusion into it
_ACTS = np.isin(np.arange(OUTPUT + 1), (STOP, OUTPUT, RESET, PARAMETER), invert=True)
_INFUSES = np.isin(np.arange(OUTPUT + 1), (RATE, DRIP))


class PatientArrays(NamedTuple):
    """Hold the checked arrays of n patients: parameters, gains, scales of directions, states and infusion rates to
    start with (and their directions')."""

    parameters: Any
    gain: Any
    scale: Any
    state: Any
    rate: Any


def patients(
    program: Program,
    parameters: Any,
    gain: Any,
    y0: Any,
    directions: Directions | None,
    resumed: tuple[Any, Any] | None,
) -> PatientArrays:
    """Return the arrays of patients who start from `y0`, or from the states and infusion rates of a solve `resumed`."""
    (states, known, _), infused = program.trace.sizes, len(program.trace.infused)
    values = _matrix("parameters", parameters, known)
    n = len(values)
    if (directions is not None) != program.directions:
        raise BadValue("directions need a program built with sensitivities=True, and it needs them")
    gains = np.ones((n, states)) if gain is None else _matrix("gain", gain, states, n)
    k = 0 if directions is None else len(directions.parameter)
    scale = np.zeros((n, 0)) if directions is None else _matrix("scale", directions.scale, k, n)
    if directions is not None and not all(-1 <= i < known for i in directions.parameter):
        raise BadValue(f"a direction's parameter must be one of -1..{known - 1}")
    if resumed is not None:
        state = _matrix("the state to resume from", resumed[0], states * (1 + k), n, finite=False)
        return PatientArrays(values, gains, scale, state, _matrix("rate", resumed[1], infused * (1 + k), n))
    state = _matrix("y0", y0, states, n)
    if directions is not None:
        state = np.hstack([state, _matrix("start", np.reshape(directions.start, (n, -1)), states * k, n)])
    return PatientArrays(values, gains, scale, state, np.zeros((n, infused * (1 + k))))


def times(grid: Grid, start: Any, end: Any, n: int) -> tuple[Any, Any]:
    """Return start and end of each patient; without an `end` one without outputs ends as it starts, others never.

    The times of each must lie within its start..end.
    """
    begin, finish = _spread("start", start, n), _spread("end", NEVER if end is None else end, n)
    if some(~(np.isfinite(begin) & np.isfinite(finish) & (begin <= finish))):
        raise BadValue(f"start and end must be finite and in order, not {begin.tolist()[:8]} and {finish.tolist()[:8]}")
    if grid.segment.size != n:
        raise BadValue(f"the output times are for {grid.segment.size} patients, parameters for {n}")
    busy = grid.count.nonzero()[0]
    first, last = grid.begin[busy], grid.begin[busy] + grid.count[busy] - 1
    outside = busy[(grid.time[first] < begin[busy]) | (grid.time[last] > finish[busy])]
    if outside.size:
        raise BadValue(f"times must lie within {begin[outside[0]]:g}..{finish[outside[0]]:g}")
    ends = (finish == NEVER) & (grid.count == 0)
    finish[ends] = begin[ends]
    return begin, finish


def wanted(program: Program, columns: Any, watch: int, threshold: Any, atol: Any, n: int) -> tuple[Any, Any, Any]:
    """Return the columns of the outputs, the threshold of each patient, and the absolute tolerance of each state."""
    states, _, observed = program.trace.sizes
    columns = np.array(list(columns) if isinstance(columns, range) else columns, np.int64, ndmin=1)
    if columns.size and not 0 <= columns.min() <= columns.max() < states + observed:
        raise BadValue(f"columns must lie in 0..{states + observed - 1}, not {columns.tolist()}")
    if not -1 <= watch < states or (watch >= 0 and threshold is None):
        raise BadValue(f"watch must be -1 or one of the {states} states, with a threshold per patient; got {watch}")
    limits = _spread("threshold", np.inf if threshold is None else threshold, n)
    tolerance = _spread("atol", atol, states)
    if some(tolerance <= 0):
        raise BadValue(f"atol must be positive, not {tolerance.tolist()}")
    return columns, limits, tolerance


def scales(program: Program, wanted: Scales | None, n: int, resumed: Any) -> tuple[Any, Any]:
    """Return what states are to each other, and what each patient has been given, before or up to a solve `resumed`."""
    states = program.trace.sizes.states
    if wanted is None or not wanted.kinship.undeclared.any():
        return np.zeros((0, 0)), np.zeros((n, 0))
    relation = wanted.kinship
    kin = np.where(relation.feeds, FEEDS, np.where(relation.alike, ALIKE, OTHER))
    np.fill_diagonal(kin, np.where(relation.undeclared, UNDECLARED, DECLARED))
    received = _matrix("received", wanted.received if resumed is None else resumed, states, n)
    return _matrix("kin", kin, states, states), received.copy()


def events(program: Program, table: Events, n: int, k: int) -> Any:
    """Return for each state the index of its infusion rate, or -1.

    The events must fit n patients, k directions, and the states and parameters that there are.
    """
    states, parameters, _ = program.trace.sizes
    infusion = np.full(states, -1)
    for row, state in enumerate(program.trace.infused):
        infusion[state] = row
    if table.segment.size != n:
        raise BadValue(f"events are for {table.segment.size} patients, parameters for {n}")
    for name, changes in (("along", table.along), ("slip", table.slip)):
        if len(changes) and changes.shape[1] != k:
            raise BadValue(f"the event array {name} must have a column for each of {k} directions")
    acted = table.state[_ACTS[table.kind]]
    if outside(acted, states):
        raise BadValue(f"the state of an event must be one of 0..{states - 1}")
    changed = table.state[table.kind == PARAMETER]
    if outside(changed, parameters):
        raise BadValue(f"the parameter of an event must be one of 0..{parameters - 1}")
    infused = table.state[_INFUSES[table.kind]]
    if some(infusion[infused] < 0):
        raise BadValue(f"state {infused[infusion[infused] < 0][0]} takes no infusion; name it in the trace's infused")
    return infusion


def _spread(name: str, value: Any, size: int) -> Any:
    if isinstance(value, float) and value == value:  # what most give, at a third of the cost
        return np.full(size, value)
    array = np.array(value, np.float64, ndmin=1)
    if array.shape not in ((1,), (size,)) or some(np.isnan(array)):
        raise BadValue(f"{name} must be a number or {size} of them, not {value!r}")
    return array if array.size == size else np.full(size, array)


def _matrix(name: str, value: Any, width: int, n: int | None = None, finite: bool = True) -> Any:
    fits = isinstance(value, np.ndarray) and value.dtype == np.float64 and value.flags.carray
    try:
        array = value if fits else np.require(value, np.float64, ["C", "A", "W"])
    except (TypeError, ValueError) as error:
        raise BadValue(f"{name} must be numbers, one row a patient: {error}") from None
    if array.ndim != 2 or array.shape[1] != width or (n is not None and len(array) != n):
        rows = "one row a patient" if n is None else f"{n} rows"
        raise BadValue(f"{name} must have {rows} of {width} columns, not the shape {array.shape}")
    if finite and not all_finite(array):
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise BadValue(f"{name} of patient {row}, column {column}, is {array[row, column]}; a finite number is needed")
    return array
