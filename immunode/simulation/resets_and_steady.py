"""Make the events of what depends on all that a patient is: resets, and doses with a steady state."""

import warnings
from typing import Any

import numpy as np

from immunode.engine import DRIP, PUT, REPLACE, RESET, Directions
from immunode.simulation.dose_events import (
    ARRIVALS,
    ENDS,
    ITSELF,
    SAME,
    Columns,
    Given,
    Rows,
    absorbed,
    rows,
)
from immunode.simulation.ensemble import Setting
from immunode.steady_state.dependence import settling
from immunode.steady_state.periodic import steady_states
from immunode.steady_state.repeated_doses import RepeatedDoses, tails
from immunode.steady_state.rest import rests_at_zero
from immunode.steady_state.start import initial_changes, initial_states


def resets(this: Setting, doses: Columns, whose: np.ndarray) -> list[Rows]:
    """Return the events that put all states back to their initial values."""
    at = np.flatnonzero(doses.action == RESET)
    if not at.size:
        return []
    values = this.at(whose[at], doses.time[at])
    y0 = initial_states(this.model, values)
    along = np.zeros((*y0.shape, len(this.names)))
    if this.along is not None:
        change = initial_changes(this.model, values, y0, this.names, this.along.scale[whose[at]])
        along = np.moveaxis(change, 1, 2)
    return _placed(doses, whose, at, np.arange(y0.shape[1]), y0, along, REPLACE, ends=True)


def _placed(
    doses: Columns, whose: np.ndarray, at: np.ndarray, into: np.ndarray, y: np.ndarray, along: np.ndarray, kind: int,
    ends: bool,
) -> list[Rows]:  # fmt: skip
    """Return the events that put `y` (m, S) in place of the states `into`, or add it, at the records `at`."""
    m, n, k = len(at), len(into), along.shape[2]
    order = (at - doses.first[whose[at]]).astype(float)
    nothing = np.zeros((m, k))
    found = [rows(whose[at], doses.time[at], order, RESET, 0, 0.0, at, nothing, nothing)] if ends else []
    whom, time, place, source = (np.repeat(values, n) for values in (whose[at], doses.time[at], order, at))
    value, change = y[:, into].ravel(), along[:, into].reshape(m * n, k)
    found.append(rows(whom, time, place, kind, np.tile(into, m), value, source, change, np.zeros((m * n, k))))
    return found


def steady(this: Setting, doses: Columns, whose: np.ndarray, what: Given, failed: dict[int, str]) -> list[Rows]:
    """Return the events of steady states: the states, the infusions that run, and what is still on its way.

    Write into `failed` the patients that have none, and why.
    """
    at = np.flatnonzero(doses.steady)
    if not at.size:
        return []
    values = this.at(whose[at], doses.time[at])
    amount, d_amount, rate, d_rate = (part[at] for part in absorbed(doses, what))
    repeated = RepeatedDoses(
        values, doses.state[at], amount, rate, what.duration[at], what.lag[at], doses.every[at], d_amount, d_rate,
        what.d_duration[at], what.d_lag[at],
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
    _hold(this, doses, whose, at, y0, along)
    found = steady_states(this.model, this.trace(doses), repeated, y0, along, this.rtol, this.method)
    for i, why in found.missing.items():
        failed.setdefault(int(whose[at[i]]), why)
    change, replacing = np.moveaxis(found.along, 1, 2), doses.steady[at] == 1
    into = np.flatnonzero(settling(this.model.lazy_trace()))  # the others keep what they are
    out = _placed(doses, whose, at[replacing], into, found.states[replacing], change[replacing], REPLACE, ends=True)
    out += _placed(doses, whose, at[~replacing], into, found.states[~replacing], change[~replacing], PUT, ends=False)
    return out + [part for i in range(len(at)) for part in _tail(doses, whose, repeated, at[i], i)]


def _hold(
    this: Setting, doses: Columns, whose: np.ndarray, at: np.ndarray, y0: np.ndarray, along: Directions | None
) -> None:
    """Write into `y0` what states that never change by themselves, as a switch, were set to before each record `at`."""
    still = [i for i, f in enumerate(this.model.trace().derivative) if f == 0]
    for k, row in enumerate(at if still else ()):
        for earlier in range(doses.first[whose[row]], row):
            state, action = doses.state[earlier], doses.action[earlier]
            if action == REPLACE and state in still:
                y0[k, state] = doses.amount[earlier]
                if along is not None:
                    along.start[k, :, state] = 0.0
            elif action == RESET:
                y0[k, still] = initial_states(this.model, this.at(whose[[row]], doses.time[[row]]))[0, still]


def _tail(doses: Columns, whose: np.ndarray, repeated: RepeatedDoses, row: int, i: int) -> list[Rows]:
    """Return what earlier doses of the steady state i, of the dose `row`, still do after its record."""
    arrivals, ends = tails(repeated, i)
    begin, order = doses.time[row], float(row - doses.first[whose[row]])
    state, nothing = repeated.state[i], np.zeros_like(repeated.d_lag[i])
    infused, now = repeated.duration[i] > 0, SAME * max(1.0, abs(begin))  # what happens now is after the record
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
        place = np.where(arrivals > now, ARRIVALS, order + ITSELF)
        found.append(rows(whose[row], begin + arrivals, place, kind, state, value, row, wide(change, arrivals),
                          wide(lag, arrivals)))  # fmt: skip
    if infused and len(ends):
        slip = lag + repeated.d_duration[i]
        found.append(
            rows(
                whose[row],
                begin + ends,
                np.where(ends > now, ENDS, order + ITSELF),
                DRIP,
                state,
                -rate,
                row,
                wide(-d_rate, ends),
                wide(slip, ends),
            )
        )
    return found
