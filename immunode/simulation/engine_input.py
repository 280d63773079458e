"""Bring together what a run needs of regimens, output times and covariates: the engine's tables, one course a patient.

Patients whose events are the same share a course. Where a course depends on all that a patient is (steady states,
resets, covariates, outputs of its own, sensitivities), each has its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from immunode.engine import OUTPUT, STOP, Events, Grid
from immunode.errors import BadValue
from immunode.model.evaluate import values_of
from immunode.model.trace import Trace
from immunode.simulation.covariates import ramped
from immunode.simulation.dose_events import (
    FIRST,
    LAST,
    MODELLED_DURATION,
    MODELLED_RATE,
    PRE,
    SAME,
    TROUGH,
    Columns,
    Rows,
    columns,
    doses_given,
    given,
    in_order,
    joined,
    moments,
    own_rate,
    rows,
    standing,
    taken,
    together,
)
from immunode.simulation.ensemble import Setting
from immunode.simulation.resets_and_steady import resets, steady


@dataclass(frozen=True)
class Outputs:
    """Hold when outputs are wanted: `time` of all patients where `first` is None, else time[first[i]:first[i + 1]].

    `order` says where in the events of the same time each stands (schedule.PRE, POST, or among the doses).
    """

    time: np.ndarray
    order: np.ndarray
    first: np.ndarray | None = None

    @property
    def whose(self) -> np.ndarray:
        """Return the patient of each output, where patients have their own."""
        assert self.first is not None
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def ragged(self, n: int) -> "Outputs":
        """Return the same with each patient's own times."""
        if self.first is not None:
            return self
        size = len(self.time)
        return Outputs(np.tile(self.time, n), np.tile(self.order, n), size * np.arange(n + 1))


@dataclass(frozen=True)
class Course:
    """Hold what the engine is given."""

    trace: Trace
    parameters: np.ndarray
    events: Events
    times: Grid | np.ndarray
    gain: np.ndarray | None
    failed: Mapping[int, str] = field(default_factory=dict)  # patients without the steady state that they need, and why


def course(
    this: Setting, outputs: Outputs, stops: Sequence[float], resumed: bool = False, end: float = np.inf
) -> Course:
    """Return the engine's tables; raise BadValue for what cannot be given, or a dose before the start.

    A run that is `resumed` has had what came before. What happens at the `end` is left to the run that resumes there:
    outputs there come first.
    """
    outputs = replace(outputs, order=np.where(outputs.time >= end, FIRST - 1.0, outputs.order))
    doses = columns(this.model, this.regimens)
    shared = this.covariates is None and not this.names and not doses.special and outputs.first is None
    if shared and np.all(outputs.order <= PRE):
        found = _shared(this, doses, stops, resumed)
        if not _nearly(found, outputs.time):
            gain = values_of(this.model, "bioavailability", this.parameters)
            return Course(this.trace(doses), this.parameters, found, outputs.time, gain)
    return _own(this, doses, outputs.ragged(len(this.which)), stops, resumed)


def _shared(this: Setting, doses: Columns, stops: Sequence[float], resumed: bool) -> Events:
    keys = [this.which[:, None].astype(float)]
    rated = own_rate(doses)
    for what, used in (
        ("lag", np.ones(len(doses.time), bool)),
        ("bioavailability", rated),
        ("duration", doses.mode == MODELLED_DURATION),
        ("rate", doses.mode == MODELLED_RATE),
    ):
        if used.any():
            keys.append(values_of(this.model, what, this.parameters)[:, np.unique(doses.state[used])])
    _, first, segment = np.unique(np.hstack(keys), axis=0, return_index=True, return_inverse=True)
    mine, whose = doses.picked(this.which[first])
    each = given(this.model, mine, first[whose], this.quantity(first[whose], mine.time, mine.state))
    found = together(standing(mine, whose, doses_given(mine, whose, each, explicit=False)))
    found = joined([found, _stops(len(first), stops, 0)])
    return _events(this, taken(found, in_order(found)), segment.ravel(), this.start[first], resumed)


def _stops(n: int, stops: Sequence[float], k: int) -> Rows:
    nothing, count = np.zeros((n * len(stops), k)), len(stops)
    whose = np.repeat(np.arange(n), count)
    return rows(whose, np.tile(np.asarray(stops, float), n), LAST, STOP, 0, 0.0, -1, nothing, nothing)


def _events(this: Setting, found: Rows, segment: np.ndarray, start: np.ndarray, resumed: bool) -> Events:
    """Return the engine's table of sorted rows; raise BadValue for one before the start."""
    early = found.time < start[found.course]
    if resumed:
        found = taken(found, ~early)
    elif early.any():
        i = int(np.argmax(early))
        raise BadValue(
            f"a dose at {found.time[i]:g} {this.model.time} lies before the start of the simulation, "
            f"{start[found.course[i]]:g} {this.model.time}"
        )
    first = np.searchsorted(found.course, np.arange(len(start) + 1))
    moved = (found.along, found.slip) if found.along.any() or found.slip.any() else (np.zeros((0, 0)),) * 2
    return Events(segment, first, found.time, found.kind, found.state, found.value, *moved)


def _nearly(events: Events, times: np.ndarray) -> bool:
    """Return whether an output comes so soon after an event that it is meant to be at its time, before it."""
    if not (times.size and events.time.size):
        return False
    gap = times[np.minimum(np.searchsorted(times, events.time, side="right"), times.size - 1)] - events.time
    return bool(np.any((gap > 0) & (gap <= SAME * np.maximum(1.0, np.abs(events.time)))))


def _own(this: Setting, doses: Columns, outputs: Outputs, stops: Sequence[float], resumed: bool) -> Course:
    n, k = len(this.which), len(this.names)
    failed: dict[int, str] = {}
    mine, whose = doses.picked(this.which)
    what = given(this.model, mine, whose, this.quantity(whose, mine.time, mine.state))
    parts = [doses_given(mine, whose, what, explicit=True), *resets(this, mine, whose)]
    parts += steady(this, mine, whose, what, failed)
    happening, trace, parameters = standing(mine, whose, joined(parts)), this.trace(doses), this.parameters
    if this.covariates is not None:
        if this.covariates.rule == "linear":
            trace = ramped(trace, this.covariates.names)
        happening = joined([happening, this.covariates.changes(this.model, this.start, k)])
        parameters = this.covariates.begin(parameters, this.start)
    happening = together(happening)
    at = np.flatnonzero(mine.steady)
    outputs = _moved(happening, outputs, whose[at], mine.time[at], at - mine.first[whose[at]])
    found, grid = _with_outputs(joined([happening, _stops(n, stops, k)]), outputs, k)
    return Course(trace, parameters, _events(this, found, np.arange(n), this.start, resumed), grid, None, failed)


def _with_outputs(events: Rows, outputs: Outputs, k: int) -> tuple[Rows, Grid]:
    """Return the events with those outputs that come after one of the same time, and the grid of all outputs."""
    first, nothing = outputs.first, np.zeros((len(outputs.time), k))
    assert first is not None
    own = rows(outputs.whose, outputs.time, outputs.order, OUTPUT, 0, 0.0, -1, nothing, nothing)
    everything = joined([events, own])
    at = in_order(everything)
    shown, moment = everything.kind[at] == OUTPUT, moments(everything.course, everything.time)[at]
    new = np.append(True, moment[1:] != moment[:-1])[: len(shown)]
    before = np.cumsum(~shown) - ~shown  # events before each row, then those before its time
    held = shown & (before > np.maximum.accumulate(np.where(new, before, 0)))
    grid = Grid(np.arange(len(first) - 1), first, moment.imag[shown], held[shown])
    return taken(everything, at[held | ~shown]), grid


def _moved(events: Rows, outputs: Outputs, whose: np.ndarray, time: np.ndarray, position: np.ndarray) -> Outputs:
    """Return outputs at the times of events that are meant; before a dose with a steady state one shows its trough.

    Such doses are of patients `whose`, at `time`, in `position` among the patient's doses.
    """
    snapped = _snapped(events, outputs.whose, outputs.time, forward=outputs.order > PRE)
    if not len(whose):
        return Outputs(snapped, outputs.order, outputs.first)
    time = _snapped(events, whose, time, forward=np.ones(len(time), bool))
    records = np.concatenate([np.stack([whose, time], axis=1), np.stack([outputs.whose, snapped], axis=1)])
    distinct, at = np.unique(records, axis=0, return_inverse=True)
    trough = np.full(len(distinct), np.nan)
    trough[at.ravel()[: len(whose)]] = position + TROUGH
    mine = trough[at.ravel()[len(whose) :]]
    order = np.where((outputs.order == PRE) & ~np.isnan(mine), mine, outputs.order)
    return Outputs(snapped, order, outputs.first)


def _snapped(events: Rows, whose: np.ndarray, time: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Return times moved to that of an event of the same patient that was meant to be the same.

    One that is before everything stays where it is, unless it is to be moved `forward`, too.
    """
    if not len(events.time):
        return time
    out, there = time, np.sort(moments(events.course, events.time), kind="stable")
    after = np.searchsorted(there, moments(whose, time))
    for at in (after - 1, after):
        near = there[np.clip(at, 0, len(there) - 1)]
        close = np.abs(near.imag - time) <= SAME * np.maximum(1.0, np.abs(time))
        out = np.where(close & (near.real == whose) & (forward | (near.imag <= time)), near.imag, out)
    return out
