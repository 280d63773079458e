"""Hold what the engine is given besides numbers a patient: directions, tables of events and of output times."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunode.engine.constants import ADD, DRIP, MULTIPLY, OUTPUT, PUT, RATE, REPLACE
from immunode.errors import BadValue
from immunode.model.scales import Kinship

# by kind: whether an event brings its value at once, or as a rate, into its state
_AT_ONCE = np.isin(np.arange(OUTPUT + 1), (ADD, PUT, REPLACE))
_AS_RATE = np.isin(np.arange(OUTPUT + 1), (RATE, DRIP))
_WHOLE, _REAL = np.dtype(np.int64), np.dtype(np.float64)  # ready, they are found twice as fast as by type


@dataclass(frozen=True)
class Directions:
    """Hold k directions along which sensitivities are wanted, for each of n patients.

    `parameter`[k] is the parameter that changes at the rate `scale`[n, k] (-1 for none); `start`[n, k, S] the change of
    the initial state along the direction. A scale that makes a direction as
    large as the states themselves (the parameter's own value) makes their tolerances fit it. `origin`[k] is the state
    whose initial value changes (-1 for none, or no array): it matters where that state declares no scale.
    """

    parameter: NDArray[np.int64]
    scale: NDArray[np.float64]
    start: NDArray[np.float64]
    origin: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Scales:
    """Hold what absolute tolerances are fitted to in a model with states that declare no scale.

    `kinship` tells which these are, and what flows into which; `received`[n, S] is the size of what each patient has
    been given into each state before the solve: its initial value.
    """

    kinship: Kinship
    received: NDArray[np.float64]


@dataclass(frozen=True)
class Events:
    """Hold event tables: patient i follows rows first[segment[i]] .. first[segment[i] + 1] - 1, sorted by time.

    `kind` is ADD (value to a state) or RATE (value to a state's infusion rate), both times the patient's gain, PUT or
    DRIP (the same without gain), REPLACE, MULTIPLY, RESET (infusions end), PARAMETER (the parameter `state` becomes
    value), STOP (the solver only stops there) or OUTPUT (the next output, one that is held back, is made). Events of
    the same time happen in the order given. `along` and `slip`, a column a direction, are the change of the value and
    of the time of an event along it (nan: another of its time moves apart from it, and their order matters); no rows
    where none changes. `size` is what an event brings into a state that declares no scale: without it the value, and of
    an infusion that of one unit of time. Arrays are copied and made read-only.
    """

    segment: NDArray[np.int64]
    first: NDArray[np.int64]
    time: NDArray[np.float64]
    kind: NDArray[np.int64]
    state: NDArray[np.int64]
    value: NDArray[np.float64]
    along: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    slip: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    size: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("segment", "first", "kind", "state"):
            _freeze(self, name, _WHOLE)
        for name in ("time", "value"):
            _freeze(self, name, _REAL)
        count = self.time.size
        if not self.kind.size == self.state.size == self.value.size == count:
            raise BadValue("the event arrays time, kind, state and value must have the same length")
        if outside(self.kind, OUTPUT + 1) or not all_finite(self.value):
            raise BadValue("events must be of a kind that there is, ADD to OUTPUT, with finite values")
        if self.size is not None:
            _freeze(self, "size", _REAL)
            if self.size.size != count:
                raise BadValue(f"the event array size must have a number for each of the {count} events")
        for name in ("along", "slip"):
            _freeze(self, name, _REAL, 2)
            if len(getattr(self, name)) not in (0, count):
                raise BadValue(f"the event array {name} must have a row for each of the {count} events, or none")
        if not _rises(self.first, count):
            raise BadValue(
                f"the event array first must rise from 0 to the {count} events, not {self.first.tolist()[:8]}"
            )
        if outside(self.segment, self.first.size - 1):
            raise BadValue(f"the event array segment must name one of {self.first.size - 1} segments")
        if not _in_time(self.time, self.first):
            raise BadValue("events must be finite in time and sorted by time within each segment")


@dataclass(frozen=True)
class Grid:
    """Hold output times: patient i has those of first[segment[i]] .. first[segment[i] + 1] - 1, sorted.

    Each is made when it is `due`: at its time before all that happens there, a rounding later after it; NEVER stands
    for an OUTPUT event of its time, which makes it between the events beside it. The times of patient i begin at
    begin[i], there are count[i]. Arrays are copied and made read-only.
    """

    segment: NDArray[np.int64]
    first: NDArray[np.int64]
    time: NDArray[np.float64]
    due: NDArray[np.float64]
    begin: NDArray[np.int64] = field(init=False, repr=False)
    count: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, dtype in (("segment", _WHOLE), ("first", _WHOLE), ("time", _REAL), ("due", _REAL)):
            _freeze(self, name, dtype)
        count, first = self.time.size, self.first
        if first.size < 2 or not _rises(first, count) or self.due.size != count:
            raise BadValue(f"the grid's first must rise from 0 to its {count} times, each due at a time")
        if not _in_time(self.time, first):
            raise BadValue("times must be finite and sorted")
        if outside(self.segment, first.size - 1):
            raise BadValue(f"the grid's segment must name one of {first.size - 1} segments")
        begin = first[self.segment]
        object.__setattr__(self, "begin", begin)
        object.__setattr__(self, "count", first[self.segment + 1] - begin)


def some(mask: Any) -> bool:
    """Return whether any is true: in arrays of a few numbers four times as fast as `mask.any()`."""
    return bool(np.count_nonzero(mask))


def all_finite(values: Any) -> bool:
    """Return whether all of an array are finite numbers."""
    return bool(np.count_nonzero(np.isfinite(values)) == values.size)


def outside(index: Any, size: int) -> bool:
    """Return whether any of these whole numbers is none of 0..size-1: without their sign, negative ones are large."""
    return some(index.view(np.uint64) >= size)


def _in_time(time: Any, first: Any) -> bool:
    """Return whether times are finite, and sorted within the segments that begin at `first`."""
    falls = time[1:] < time[:-1]
    if first.size > 2 and some(falls):
        falls[first[(first > 0) & (first < time.size)] - 1] = False
    return not some(falls) and all_finite(time)


def no_events(patients: int) -> Events:
    """Return an empty event table for so many patients."""
    return one_regimen(patients, [])


def one_regimen(patients: int, records: Sequence[tuple[float, int, int, float]]) -> Events:
    """Return the table of a regimen that all patients share, from (time, kind, state, value) records sorted by time."""
    time, kind, state, value = zip(*records, strict=True) if records else ((), (), (), ())
    return Events(np.zeros(patients, _WHOLE), np.array([0, len(records)]), time, kind, state, value)  # type: ignore[arg-type]


def one_grid(times: Any, n: int) -> Grid:
    """Return the grid of times that n patients share."""
    shared = np.array(times, _REAL, ndmin=1)
    return Grid(np.zeros(n, _WHOLE), np.array([0, shared.size]), shared, shared)  # type: ignore[arg-type]


def brought(table: Events) -> Any:
    """Return what events bring: 1 of a multiplication, which brings what is there then; 0 of what takes away."""
    kind, value = table.kind, table.value
    if table.size is not None:
        return table.size
    return _AT_ONCE[kind] * np.abs(value) + _AS_RATE[kind] * np.maximum(value, 0.0) + (kind == MULTIPLY)


def _rises(first: Any, count: int) -> bool:
    if not (first.size and first[0] == 0 and first[-1] == count):
        return False
    return first.size == 2 or not some(first[1:] < first[:-1])


def _freeze(owner: Any, name: str, dtype: Any, dimensions: int = 1) -> None:
    array = np.array(getattr(owner, name), dtype, ndmin=dimensions)
    array.setflags(write=False)
    object.__setattr__(owner, name, array)
