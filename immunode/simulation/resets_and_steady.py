"""Make the events of what depends on all that a patient is: resets, and doses with a steady state."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from immunode.engine import REPLACE, RESET, Directions
from immunode.model.scales import kinship, settled_sizes, sizes
from immunode.model.trace import Trace, lazy_trace
from immunode.simulation.administration import Absorbed, Administration
from immunode.simulation.dose_table import DoseTable
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.sensitivities import with_start
from immunode.simulation.ties import ARRIVALS, ENDS, ITSELF, rounding
from immunode.simulation.timeline import EventRows, joined
from immunode.steady_state.dependence import settling, unchanging
from immunode.steady_state.periodic import steady_states
from immunode.steady_state.repeated_doses import RepeatedDoses, tails
from immunode.steady_state.rest import rests_at_zero
from immunode.steady_state.start import initial_states


def resets(ensemble: Ensemble, doses: DoseTable, patient: np.ndarray) -> EventRows:
    """Return the events that put all states back to their initial values."""
    at = np.flatnonzero(doses.action == RESET)
    y0, along = _start(ensemble, patient[at], ensemble.at_doses(patient, doses.time)[at])
    change = np.zeros((*y0.shape, 0)) if along is None else np.moveaxis(along.start, 1, 2)
    size = sizes(ensemble.model, y0)
    return _placed(doses, patient, at, np.arange(y0.shape[1]), y0, change, size, in_place=True)


def steady(
    ensemble: Ensemble,
    trace: Trace,
    doses: DoseTable,
    patient: np.ndarray,
    administered: Administration,
    absorbed: Absorbed,
    options: SolveOptions,
) -> tuple[EventRows, dict[int, str]]:
    """Return the events of steady states, and the patients that have none, with the reason.

    The events are the states, the infusions that run, and what is still on its way.
    """
    model, at = ensemble.model, np.flatnonzero(doses.steady)
    values = ensemble.at_doses(patient, doses.time)[at]
    repeated = _repeated(values, doses, administered, absorbed, at)
    replacing = doses.steady[at] == 1
    y0, along = _held(ensemble, doses, patient, at, *_start(ensemble, patient[at], values))
    _warn(ensemble, repeated, ~replacing)
    settled = steady_states(model, trace, repeated, y0, along, options.rtol, options.method)
    failures: dict[int, str] = {}
    for i, why in settled.missing.items():
        failures.setdefault(int(patient[at[i]]), why)
    change = np.moveaxis(settled.along, 1, 2)
    into = np.flatnonzero(settling(lazy_trace(model)))  # the others keep what they are
    size = np.zeros(y0.shape)
    if kinship(model).undeclared.any():
        size = settled_sizes(model, settled.states, y0, repeated.state, repeated.size)
    parts: list[EventRows] = []
    for rows, in_place in ((replacing, True), (~replacing, False)):
        if rows.any():
            part = (at[rows], into, settled.states[rows], change[rows], size[rows])
            parts.append(_placed(doses, patient, *part, in_place))
    parts += [part for i in range(len(at)) for part in _tail(doses, patient, repeated, at[i], i)]
    return joined(parts), failures


def _start(ensemble: Ensemble, patient: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, Directions | None]:
    """Return the initial states (m, S) of patients at parameters `values`, and the directions with their changes."""
    y0 = initial_states(ensemble.model, values)
    if ensemble.along is None:
        return y0, None
    along = replace(ensemble.along, scale=ensemble.along.scale[patient])
    return y0, with_start(ensemble.model, along, ensemble.names, values, y0)


def _repeated(
    values: np.ndarray, doses: DoseTable, administered: Administration, absorbed: Absorbed, at: np.ndarray
) -> RepeatedDoses:
    """Return the doses in rows `at`, at parameters `values`, as doses that are repeated for ever."""
    return RepeatedDoses(
        parameters=values,
        state=doses.state[at],
        amount=absorbed.amount[at],
        rate=absorbed.rate[at],
        duration=administered.duration[at],
        lag=administered.lag[at],
        every=doses.every[at],
        d_amount=absorbed.d_amount[at],
        d_rate=absorbed.d_rate[at],
        d_duration=administered.d_duration[at],
        d_lag=administered.d_lag[at],
    )


def _warn(ensemble: Ensemble, repeated: RepeatedDoses, added: np.ndarray) -> None:
    """Warn of steady states whose meaning is a convention."""
    if np.any((repeated.lag >= repeated.every) & (repeated.every > 0)):
        warnings.warn(
            "a lag is as long as the interval of a steady state, or longer: earlier doses still arrive after its "
            "record (NONMEM's values there follow a convention of its own)",
            stacklevel=3,
        )
    if added.any() and not rests_at_zero(lazy_trace(ensemble.model), repeated.parameters[added]):
        warnings.warn(
            f"{ensemble.model.name} is not empty without a dose: a steady state that is added adds what the model "
            "makes itself once more, as NONMEM's SS = 2 does",
            stacklevel=3,
        )


def _held(
    ensemble: Ensemble,
    doses: DoseTable,
    patient: np.ndarray,
    at: np.ndarray,
    y0: np.ndarray,
    along: Directions | None,
) -> tuple[np.ndarray, Directions | None]:
    """Return the states with which each search begins: those of the start, and what a switch was set to before.

    A switch is a state that never changes by itself; it has the value of the last record before those in rows `at`.
    """
    still = np.flatnonzero(unchanging(lazy_trace(ensemble.model))).tolist()
    states, starts = y0.copy(), None if along is None else along.start.copy()
    for k, row in enumerate(at if still else ()):
        for earlier in range(doses.first[patient[row]], row):
            state, action = doses.state[earlier], doses.action[earlier]
            if action == REPLACE and state in still:
                states[k, state] = doses.amount[earlier]
                if starts is not None:
                    starts[k, :, state] = 0.0
            elif action == RESET:
                states[k, still] = y0[k, still]
    return states, None if along is None or starts is None else replace(along, start=starts)


def _placed(
    doses: DoseTable,
    patient: np.ndarray,
    at: np.ndarray,
    into: np.ndarray,
    y: np.ndarray,
    along: np.ndarray,
    size: np.ndarray,
    in_place: bool,
) -> EventRows:
    """Return the events that put `y` (m, S), of a `size` (m, S), in place of the states `into`, or add it, at the
    records `at`."""
    m, n, k = len(at), len(into), along.shape[2]
    order = (at - doses.first[patient[at]]).astype(float)
    records = (patient[at], doses.time[at], order)
    states = [np.repeat(values, n) for values in records] + [np.tile(into, m), y[:, into].ravel()]
    more: dict[str, Any] = {"along": along[:, into].reshape(m * n, k), "source": np.repeat(at, n), "directions": k}
    more["size"] = size[:, into].ravel()
    if not in_place:
        return EventRows.boluses(*states, **more)
    ends = EventRows.resets(*records, source=at, directions=k)
    return joined([ends, EventRows.settings(*states, **more)])


def _tail(doses: DoseTable, patient: np.ndarray, repeated: RepeatedDoses, row: int, i: int) -> list[EventRows]:
    """Return what earlier doses of the steady state i, of the dose `row`, still do after its record."""
    arrivals, ends = tails(repeated, i)
    if not len(arrivals) and not len(ends):
        return []
    begin, who = doses.time[row], patient[row]
    order, now = float(row - doses.first[who]), rounding(begin)  # what happens now is after the record
    state, rate, d_rate, lag = repeated.state[i], repeated.rate[i], repeated.d_rate[i], repeated.d_lag[i]
    place = np.where(arrivals > now, ARRIVALS, order + ITSELF)
    more: dict[str, Any] = {"source": row, "directions": len(lag)}
    if repeated.duration[i] <= 0:
        amount, change = repeated.amount[i], repeated.d_amount[i]
        return [EventRows.boluses(who, begin + arrivals, place, state, amount, along=change, slip=lag, **more)]
    running, lasting = len(ends) - len(arrivals), repeated.duration[i]
    going = [begin] if running else []
    stop, slip = np.where(ends > now, ENDS, order + ITSELF), lag + repeated.d_duration[i]
    return [
        EventRows.infusion_starts(who, going, order, state, running * rate, lasting, along=running * d_rate, **more),
        EventRows.infusion_starts(who, begin + arrivals, place, state, rate, lasting, along=d_rate, slip=lag, **more),
        EventRows.infusion_ends(who, begin + ends, stop, state, rate, along=d_rate, slip=slip, **more),
    ]
