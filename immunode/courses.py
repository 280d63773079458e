"""Bring together what a run needs of regimens, output times and covariates: the engine's tables, one course a patient.

Patients whose events are the same share a course. Where a course depends on all that a patient is (steady states,
resets, covariates, outputs of its own, sensitivities), each has its own.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from immunode.covariates import Covariates, ramped
from immunode.engine import DRIP, OUTPUT, PUT, REPLACE, RESET, STOP, Directions, Events, Grid
from immunode.errors import BadValue
from immunode.initial import changes, directions, initial_changes, initial_states, of_parameters
from immunode.model import Model
from immunode.regimen import Regimen
from immunode.repeated import Repeated, settling, tails
from immunode.schedule import (
    ARRIVALS,
    AT_RATE,
    BOLUS,
    ENDS,
    ITSELF,
    LAST,
    MODELLED_DURATION,
    MODELLED_RATE,
    PRE,
    TROUGH,
    Columns,
    Given,
    Rows,
    columns,
    doses_given,
    given,
    in_order,
    joined,
    moments,
    rows,
    standing,
    taken,
)
from immunode.steady import rests_at_zero, steady_states
from immunode.symbolic import Trace, infusing

_SAME = 1e-12  # times that differ by this share are one time, written by two formulas


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


@dataclass(frozen=True)
class Setting:
    """Hold what a run is about: model, patients (n, P), their regimens, and along which names sensitivities go."""

    model: Model
    parameters: np.ndarray
    regimens: Sequence[Regimen]
    which: np.ndarray
    start: np.ndarray
    covariates: Covariates | None = None
    along: Directions | None = None
    names: Sequence[str] = ()
    rtol: float = 1e-6
    method: str = "auto"

    def trace(self, doses: Columns) -> Trace:
        """Return what is solved: the model, with infusions where there are some."""
        return infusing(self.model.lazy_trace(), tuple(np.unique(doses.state[doses.mode != BOLUS]).tolist()))

    def at(self, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the parameters of patients at times, (m, P)."""
        if self.covariates is None:
            return self.parameters[patient]
        return self.covariates.at(self.parameters, patient, time)

    def quantity(self, patient: np.ndarray, time: np.ndarray, state: np.ndarray) -> Callable[[str], Any]:
        """Return the function that `schedule.given` asks for lags and the like."""
        fixed = self.covariates is None  # then each patient's are evaluated once, not each dose's
        values = self.parameters if fixed else self.at(patient, time)
        row = patient if fixed else np.arange(len(patient))

        def of(which: str) -> tuple[np.ndarray, np.ndarray]:
            found = of_parameters(self.model.lazy_trace(), which, values)[row, state]
            if self.along is None:
                return found, np.zeros((len(patient), 0))
            scale = self.along.scale if fixed else self.along.scale[patient]
            change = changes(self.model, which, values, self.names, scale)
            return found, np.moveaxis(change, 2, 1)[row, state]

        return of


def course(this: Setting, outputs: Outputs, stops: Sequence[float], resumed: bool) -> Course:
    """Return the engine's tables; raise BadValue for what cannot be given, or a dose before the start.

    A run that is `resumed` has had what came before.
    """
    doses = columns(this.model, this.regimens)
    shared = this.covariates is None and not this.names and not doses.special and outputs.first is None
    if shared and np.all(outputs.order == PRE):
        found = _shared(this, doses, stops, resumed)
        if not _nearly(found, outputs.time):
            gain = of_parameters(this.model.lazy_trace(), "bioavailability", this.parameters)
            return Course(this.trace(doses), this.parameters, found, outputs.time, gain)
    return _own(this, doses, outputs.ragged(len(this.which)), stops, resumed)


def _shared(this: Setting, doses: Columns, stops: Sequence[float], resumed: bool) -> Events:
    trace, keys = this.model.lazy_trace(), [this.which[:, None].astype(float)]
    rated = (doses.mode == AT_RATE) | (doses.mode == MODELLED_RATE)
    for what, used in (
        ("lag", np.ones(len(doses.time), bool)),
        ("bioavailability", rated),
        ("duration", doses.mode == MODELLED_DURATION),
        ("rate", doses.mode == MODELLED_RATE),
    ):
        if used.any():
            keys.append(of_parameters(trace, what, this.parameters)[:, np.unique(doses.state[used])])
    _, first, segment = np.unique(np.hstack(keys), axis=0, return_index=True, return_inverse=True)
    mine, whose = doses.picked(this.which[first])
    each = given(this.model, mine, this.quantity(first[whose], mine.time, mine.state))
    found = standing(mine, whose, doses_given(mine, whose, each, explicit=False))
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
            f"a dose on day {found.time[i]:g} lies before the start of the simulation, day {start[found.course[i]]:g}"
        )
    first = np.searchsorted(found.course, np.arange(len(start) + 1))
    moved = (found.along, found.slip) if found.along.any() or found.slip.any() else (np.zeros((0, 0)),) * 2
    return Events(segment, first, found.time, found.kind, found.state, found.value, *moved)


def _nearly(events: Events, times: np.ndarray) -> bool:
    """Return whether an output lies so near an event that it is meant to be at the same time, but is not."""
    if not (times.size and events.time.size):
        return False
    after = np.minimum(np.searchsorted(times, events.time), times.size - 1)
    gaps = [np.abs(times[at] - events.time) for at in (after, np.maximum(after - 1, 0))]
    return any(bool(np.any((gap > 0) & (gap <= _SAME * np.maximum(1.0, np.abs(events.time))))) for gap in gaps)


def _own(this: Setting, doses: Columns, outputs: Outputs, stops: Sequence[float], resumed: bool) -> Course:
    n, k = len(this.which), len(this.names)
    mine, whose = doses.picked(this.which)
    what = given(this.model, mine, this.quantity(whose, mine.time, mine.state))
    parts = [doses_given(mine, whose, what, explicit=True), *_set_back(this, mine, whose)]
    parts += _steady(this, mine, whose, what)
    parts = [standing(mine, whose, joined(parts)), _stops(n, stops, k)]
    trace, parameters = this.trace(doses), this.parameters
    if this.covariates is not None:
        if this.covariates.rule == "linear":
            trace = ramped(trace, this.covariates.names)
        parts.append(this.covariates.changes(this.model, this.start, k))
        parameters = this.covariates.begin(parameters, this.start)
    position = np.arange(len(whose)) - mine.first[whose]
    steady = mine.steady > 0
    events = joined(parts)
    outputs = _moved(events, outputs, whose[steady], mine.time[steady], position[steady])
    found, grid = _with_outputs(events, outputs, k)
    return Course(trace, parameters, _events(this, found, np.arange(n), this.start, resumed), grid, None)


def _set_back(this: Setting, doses: Columns, whose: np.ndarray) -> list[Rows]:
    """Return the events that put all states back to their initial values."""
    resets = np.flatnonzero(doses.action == RESET)
    if not resets.size:
        return []
    values = this.at(whose[resets], doses.time[resets])
    y0 = initial_states(this.model, values)
    along = np.zeros((*y0.shape, len(this.names)))
    if this.along is not None:
        change = initial_changes(this.model, values, y0, this.names, this.along.scale[whose[resets]])
        along = np.moveaxis(change, 1, 2)
    return _placed(doses, whose, resets, y0, along, REPLACE, ends=True)


def _placed(
    doses: Columns, whose: np.ndarray, at: np.ndarray, y: np.ndarray, along: np.ndarray, kind: int, ends: bool
) -> list[Rows]:
    """Return the events that put `y` (m, S) in place of the states, or add it, at the records `at`."""
    m, n, k = along.shape
    order = (at - doses.first[whose[at]]).astype(float)
    nothing = np.zeros((m, k))
    found = [rows(whose[at], doses.time[at], order, RESET, 0, 0.0, at, nothing, nothing)] if ends else []
    whom, time, place, source = (np.repeat(values, n) for values in (whose[at], doses.time[at], order, at))
    states, still = np.tile(np.arange(n), m), np.zeros((m * n, k))
    found.append(rows(whom, time, place, kind, states, y.ravel(), source, along.reshape(m * n, k), still))
    return found


def _steady(this: Setting, doses: Columns, whose: np.ndarray, what: Given) -> list[Rows]:
    """Return the events of steady states: the states, the infusions that run, and what is still on its way."""
    at = np.flatnonzero(doses.steady)
    if not at.size:
        return []
    amount, own = doses.amount[at] * what.fraction[at], np.isin(doses.mode[at], (AT_RATE, MODELLED_RATE))
    share = np.where(own, 1.0, what.fraction[at])
    values = this.at(whose[at], doses.time[at])
    d_rate = what.d_rate[at] * share[:, None] + np.where(own, 0.0, what.rate[at])[:, None] * what.d_fraction[at]
    repeated = Repeated(
        values, doses.state[at], amount, what.rate[at] * share, what.duration[at], what.lag[at], doses.every[at],
        doses.amount[at][:, None] * what.d_fraction[at], d_rate, what.d_duration[at], what.d_lag[at],
    )  # fmt: skip
    if np.any((repeated.lag >= repeated.every) & (repeated.every > 0)):
        warnings.warn(
            "a lag is as long as the interval of a steady state, or longer: earlier doses still arrive after its "
            "record (NONMEM's values there follow a convention of its own)",
            stacklevel=2,
        )
    if not rests_at_zero(this.model.lazy_trace(), values[doses.steady[at] == 2]):
        warnings.warn(
            f"{this.model.name} is not empty without a dose: a steady state that is added adds what the model makes "
            "itself once more, as NONMEM's SS = 2 does",
            stacklevel=2,
        )
    y0, along, scale = initial_states(this.model, values), None, None
    if this.along is not None:
        scale = this.along.scale[whose[at]]
        along = Directions(this.along.parameter, scale, initial_changes(this.model, values, y0, this.names, scale))
    y, change = steady_states(this.model, this.trace(doses), repeated, y0, along, this.rtol, this.method)
    added, kept = doses.steady[at] == 2, ~settling(this.model.lazy_trace())
    y[np.ix_(added, kept)] = 0.0  # what a steady state is not about is neither added
    change[np.ix_(added, np.ones(change.shape[1], bool), kept)] = 0.0
    change = np.moveaxis(change, 1, 2)
    replacing = doses.steady[at] == 1
    found = _placed(doses, whose, at[replacing], y[replacing], change[replacing], REPLACE, ends=True)
    found += _placed(doses, whose, at[~replacing], y[~replacing], change[~replacing], PUT, ends=False)
    return found + [part for i in range(len(at)) for part in _tail(doses, whose, repeated, at[i], i)]


def _tail(doses: Columns, whose: np.ndarray, repeated: Repeated, row: int, i: int) -> list[Rows]:
    """Return what earlier doses of the steady state i, of the dose `row`, still do after its record."""
    arrivals, ends = tails(repeated, i)
    begin, order = doses.time[row], float(row - doses.first[whose[row]])
    state, nothing = repeated.state[i], np.zeros_like(repeated.d_lag[i])
    infused = repeated.duration[i] > 0
    running = len(ends) - len(arrivals) if infused else 0
    rate, d_rate, lag = repeated.rate[i], repeated.d_rate[i], repeated.d_lag[i]

    def wide(change: np.ndarray, times: Any) -> np.ndarray:
        return np.tile(change, (len(times), 1))

    kind, value, change = (DRIP, rate, d_rate) if infused else (PUT, repeated.amount[i], repeated.d_amount[i])
    found = []
    if running:
        found.append(rows(whose[row], [begin], order, DRIP, state, running * rate, row, wide(running * d_rate, [0]),
                          wide(nothing, [0])))  # fmt: skip
    if len(arrivals):
        place = np.where(arrivals > 0, ARRIVALS, order + ITSELF)
        found.append(rows(whose[row], begin + arrivals, place, kind, state, value, row, wide(change, arrivals),
                          wide(lag, arrivals)))  # fmt: skip
    if infused and len(ends):
        slip = lag + repeated.d_duration[i]
        found.append(
            rows(
                whose[row],
                begin + ends,
                np.where(ends > 0, ENDS, order + ITSELF),
                DRIP,
                state,
                -rate,
                row,
                wide(-d_rate, ends),
                wide(slip, ends),
            )
        )
    return found


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
    snapped = _snapped(events, outputs.whose, outputs.time)
    if not len(whose):
        return Outputs(snapped, outputs.order, outputs.first)
    records = np.concatenate([np.stack([whose, time], axis=1), np.stack([outputs.whose, snapped], axis=1)])
    distinct, at = np.unique(records, axis=0, return_inverse=True)
    trough = np.full(len(distinct), np.nan)
    trough[at.ravel()[: len(whose)]] = position + TROUGH
    mine = trough[at.ravel()[len(whose) :]]
    order = np.where((outputs.order == PRE) & ~np.isnan(mine), mine, outputs.order)
    return Outputs(snapped, order, outputs.first)


def _snapped(events: Rows, whose: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return output times, moved to the time of an event of the same patient that was meant to be the same."""
    if not len(events.time):
        return time
    out, there = time, np.sort(moments(events.course, events.time), kind="stable")
    after = np.searchsorted(there, moments(whose, time))
    for at in (after - 1, after):  # where both are near, the later one counts
        near = there[np.clip(at, 0, len(there) - 1)]
        close = np.abs(near.imag - time) <= _SAME * np.maximum(1.0, np.abs(time))
        out = np.where(close & (near.real == whose), near.imag, out)
    return out


def first_states(this: Setting) -> tuple[np.ndarray, Directions | None]:
    """Return the initial states of all patients, (n, S), and the directions with the changes of these."""
    values = this.at(np.arange(len(this.parameters)), this.start)
    y0 = initial_states(this.model, values)
    if this.along is None:
        return y0, None
    start = initial_changes(this.model, values, y0, this.names, this.along.scale)
    return y0, Directions(this.along.parameter, this.along.scale, start)


def setting(this: Setting, names: Sequence[str]) -> Setting:
    """Return the setting with sensitivities to `names`; raise UnknownName, or BadValue for one that changes in time."""
    if not names:
        return this
    changing = [name for name in names if this.covariates is not None and name in this.covariates.names]
    if changing:
        raise BadValue(f"no sensitivity to '{changing[0]}': it is a covariate that changes in time")
    found = vars(this) | {"names": tuple(names), "along": directions(this.model, this.parameters, names)}
    return Setting(**found)
