"""Hold what the engine is given besides numbers a patient: tables of events and of output times."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunode.engine.events import DRIP, OUTPUT, PARAMETER, RATE, RESET, STOP
from immunode.errors import BadValue


@dataclass(frozen=True)
class Events:
    """Hold event tables: patient i follows rows first[segment[i]] .. first[segment[i] + 1] - 1, sorted by time.

    `kind` is ADD (value to a state) or RATE (value to a state's infusion rate), both times the patient's gain, PUT or
    DRIP (the same without gain), REPLACE, MULTIPLY, RESET (infusions end), PARAMETER (the parameter `state` becomes
    value), STOP (the solver only stops there) or OUTPUT (the next output, one that is held back, is made). Events of
    the same time happen in the order given. `along` and `slip`, a column a direction, are the change of the value and
    of the time of an event along it; no rows where none changes. Arrays are copied and made read-only.
    """

    segment: NDArray[np.int64]
    first: NDArray[np.int64]
    time: NDArray[np.float64]
    kind: NDArray[np.int64]
    state: NDArray[np.int64]
    value: NDArray[np.float64]
    along: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    slip: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        for name in ("segment", "first", "kind", "state"):
            _freeze(self, name, np.int64)
        for name in ("time", "value"):
            _freeze(self, name, np.float64)
        for name in ("along", "slip"):
            _freeze(self, name, np.float64, 2)
            if len(getattr(self, name)) not in (0, self.time.size):
                raise BadValue(
                    f"the event array {name} must have a row for each of the {self.time.size} events, or none"
                )
        count = self.time.size
        if not self.kind.size == self.state.size == self.value.size == count:
            raise BadValue("the event arrays time, kind, state and value must have the same length")
        if self.first.size < 1 or self.first[0] != 0 or self.first[-1] != count or np.any(np.diff(self.first) < 0):
            raise BadValue(
                f"the event array first must rise from 0 to the {count} events, not {self.first.tolist()[:8]}"
            )
        if self.segment.size and not 0 <= self.segment.min() <= self.segment.max() < self.first.size - 1:
            raise BadValue(f"the event array segment must name one of {self.first.size - 1} segments")
        inside = np.ones(max(count - 1, 0), bool)
        inside[self.first[(self.first > 0) & (self.first < count)] - 1] = False
        if np.any(np.diff(self.time)[inside] < 0) or not np.all(np.isfinite(self.time)):
            raise BadValue("events must be finite in time and sorted by time within each segment")
        if not np.all((self.kind >= 0) & (self.kind <= OUTPUT)) or not np.all(np.isfinite(self.value)):
            raise BadValue("events must be of a kind that there is, ADD to OUTPUT, with finite values")


@dataclass(frozen=True)
class Grid:
    """Hold output times: patient i has those of first[segment[i]] .. first[segment[i] + 1] - 1, sorted.

    One that is `held` is made by an OUTPUT event of the same time, between the events beside it; any other is made
    before all events of its time. Arrays are copied and made read-only.
    """

    segment: NDArray[np.int64]
    first: NDArray[np.int64]
    time: NDArray[np.float64]
    held: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name, dtype in (("segment", np.int64), ("first", np.int64), ("time", np.float64), ("held", np.bool_)):
            _freeze(self, name, dtype)
        count, first = self.time.size, self.first
        rises = first.size > 1 and first[0] == 0 and first[-1] == count and not np.any(np.diff(first) < 0)
        if not rises or self.held.size != count:
            raise BadValue(f"the grid's first must rise from 0 to its {self.time.size} times, each held or not")


def no_events(patients: int) -> Events:
    """Return an empty event table for so many patients."""
    return one_regimen(patients, [])


def one_regimen(patients: int, records: Sequence[tuple[float, int, int, float]]) -> Events:
    """Return the table of a regimen that all patients share, from (time, kind, state, value) records sorted by time."""
    time, kind, state, value = zip(*records, strict=True) if records else ((), (), (), ())
    return Events(np.zeros(patients), np.array([0, len(records)]), time, kind, state, value)  # type: ignore[arg-type]


def one_grid(times: Any, n: int) -> Grid:
    """Return the grid of times that n patients share."""
    return Grid(np.zeros(n), np.array([0, times.size]), times, np.zeros(times.size))  # type: ignore[arg-type]


def check_times(grid: Grid, start: Any, end: Any) -> None:
    """Raise BadValue unless the times of each patient are sorted and lie within its start..end."""
    if not (np.isfinite(start).all() and np.isfinite(end).all() and np.all(start <= end)):
        raise BadValue(f"start and end must be finite and in order, not {start.tolist()[:8]} and {end.tolist()[:8]}")
    if grid.segment.size != start.size:
        raise BadValue(f"the output times are for {grid.segment.size} patients, parameters for {start.size}")
    if not 0 <= grid.segment.min(initial=0) <= grid.segment.max(initial=0) < grid.first.size - 1:
        raise BadValue(f"the grid's segment must name one of {grid.first.size - 1} segments")
    begin, until = grid.first[grid.segment], grid.first[grid.segment + 1]
    falls = np.diff(grid.time) < 0
    falls[grid.first[(grid.first > 0) & (grid.first < grid.time.size)] - 1] = False
    if falls.any() or not np.isfinite(grid.time).all():
        raise BadValue("times must be finite and sorted")
    some = np.flatnonzero(until > begin)
    outside = some[(grid.time[begin[some]] < start[some]) | (grid.time[until[some] - 1] > end[some])]
    if outside.size:
        raise BadValue(f"times must lie within {start[outside[0]]:g}..{end[outside[0]]:g}")


def check_events(events: Events, n: int, k: int, states: int, infusion: Any, parameters: int) -> None:
    """Raise BadValue unless the events fit n patients, k directions, and the states and parameters that there are."""
    if events.segment.size != n:
        raise BadValue(f"events are for {events.segment.size} patients, parameters for {n}")
    for name in ("along", "slip"):
        if len(getattr(events, name)) and getattr(events, name).shape[1] != k:
            raise BadValue(f"the event array {name} must have a column for each of {k} directions")
    acting = ~np.isin(events.kind, (STOP, OUTPUT, RESET, PARAMETER))
    if not np.all((events.state[acting] >= 0) & (events.state[acting] < states)):
        raise BadValue(f"the state of an event must be one of 0..{states - 1}")
    changed = events.state[events.kind == PARAMETER]
    if changed.size and not 0 <= changed.min() <= changed.max() < parameters:
        raise BadValue(f"the parameter of an event must be one of 0..{parameters - 1}")
    infused = events.state[(events.kind == RATE) | (events.kind == DRIP)]
    if infused.size and np.any(infusion[infused] < 0):
        raise BadValue(f"state {infused[infusion[infused] < 0][0]} takes no infusion; name it in the trace's infused")


def _freeze(owner: Any, name: str, dtype: Any, dimensions: int = 1) -> None:
    array = np.array(getattr(owner, name), dtype, ndmin=dimensions)
    array.setflags(write=False)
    object.__setattr__(owner, name, array)
