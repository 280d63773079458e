"""Solve the steady state of an infusion without end: where the model rests with its rate."""

import numpy as np

from immunode.engine import Directions
from immunode.model.declaration import Model
from immunode.model.trace import lazy_trace
from immunode.steady_state.dependence import settling
from immunode.steady_state.repeated_doses import RepeatedDoses, SteadyStates
from immunode.steady_state.rest import change_at_rest, rest_point, slopes_by_parameter


def endless_states(
    model: Model, doses: RepeatedDoses, start: np.ndarray, directions: Directions | None
) -> SteadyStates:
    """Return the steady states of infusions at a rate, (m, S), and their changes along directions."""
    count = 0 if directions is None else len(directions.parameter)
    states, along = start.copy(), np.zeros((len(start), count, start.shape[1]))
    missing, free = {}, settling(lazy_trace(model))
    for i, parameters in enumerate(doses.parameters):
        point = rest_point(model, parameters, _into(model, doses, i, doses.rate[i]), start[i], free)
        if point.missing:
            missing[i] = point.missing
            continue
        states[i] = point.states
        if directions is not None:
            along[i] = _changes(model, doses, i, states[i], directions)
    return SteadyStates(states, along, missing)


def _into(model: Model, doses: RepeatedDoses, i: int, rate: float) -> np.ndarray:
    """Return the slopes (S,) that a rate of the infusion i adds."""
    inflow = np.zeros(len(model.states))
    inflow[doses.state[i]] = rate
    return inflow


def _changes(model: Model, doses: RepeatedDoses, i: int, states: np.ndarray, directions: Directions) -> np.ndarray:
    """Return the changes (K, S) of a steady state along directions."""
    trace, parameters, along = lazy_trace(model), doses.parameters[i], []
    for d, parameter in enumerate(directions.parameter):
        change = _into(model, doses, i, doses.d_rate[i, d])
        if parameter >= 0:
            change += slopes_by_parameter(trace, int(parameter), states, parameters) * directions.scale[i, d]
        held = directions.start[i, d]
        along.append(change_at_rest(model, parameters, states, settling(trace), change, held))
    return np.array(along)
