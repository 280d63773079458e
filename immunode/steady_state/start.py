"""Solve what a simulation starts from: the initial states, and how parameters change them."""

from collections.abc import Sequence

import numpy as np

from immunode.engine import Directions
from immunode.errors import BadValue, SolveError, unknown
from immunode.model.declaration import Model
from immunode.model.evaluate import changes_of, values_of
from immunode.steady_state.rest import UNSTABLE, change_at_rest, rest_point, slopes_by_parameter


def initial_states(model: Model, parameters: np.ndarray) -> np.ndarray:
    """Return the initial states, shape (n, states); raise SolveError for a steady state that does not exist."""
    initial, free = values_of(model, "initial", parameters), _unsolved(model)
    if not free.any():
        return initial
    initial[:, free] = 0.0
    rows, back = np.unique(np.hstack([parameters, initial]), axis=0, return_inverse=True)
    width, none = parameters.shape[1], np.zeros(len(model.states))
    points = [rest_point(model, row[:width], none, row[width:], free) for row in rows]
    missing = [point.missing for point in points if point.missing]
    if missing:
        names = ", ".join(state.name for state in model.states if state.initial == "steady_state")
        adjective = "stable steady state" if UNSTABLE in missing else "steady state"
        raise SolveError(
            f"{model.name} has no {adjective} of {names} that the solver finds"
            f"{f' ({UNSTABLE})' if UNSTABLE in missing else ''}; give initial values instead"
        )
    return np.array([point.states for point in points])[back.ravel()]


def _unsolved(model: Model) -> np.ndarray:
    """Return which states start at a steady state that is to be solved."""
    return np.array([state.initial == "steady_state" for state in model.states])


def directions(model: Model, parameters: np.ndarray, names: Sequence[str]) -> Directions:
    """Return the directions in which the parameters `names`, or the initial values of the states `names`, change.

    A direction is scaled by the parameter's own value, or the state's scale, so that it is as large as the states.
    Initial states do not change yet, see `initial_changes`. Raise UnknownName or BadValue.
    """
    if len(set(names)) < len(names):
        raise BadValue(f"sensitivities = {list(names)}: a name stands there twice")
    states = {s.name: s.scale for s in model.states}
    which = np.array([list(model.typical).index(name) if name in model.typical else -1 for name in names], np.int64)
    scale = np.ones((len(parameters), len(names)))
    for k, (name, column) in enumerate(zip(names, which, strict=True)):
        if column < 0 and name not in states:
            raise unknown("parameter or state", name, [*model.typical, *states], model.name)
        own = np.abs(parameters[:, column]) if column >= 0 else np.array(states[name])
        scale[:, k] = np.where(own == 0, 1.0, own)
    return Directions(which, scale, np.zeros((len(parameters), len(names), len(states))))


def initial_changes(
    model: Model, parameters: np.ndarray, y0: np.ndarray, names: Sequence[str], scale: np.ndarray
) -> np.ndarray:
    """Return the changes of the initial states y0 along the directions of `names`, shape (n, directions, states)."""
    changes, states = changes_of(model, "initial", parameters, names, scale), [s.name for s in model.states]
    free, trace = _unsolved(model), model.lazy_trace()
    for k, name in enumerate(names):
        if name not in model.typical:
            changes[:, k, states.index(name)] = scale[:, k]
        elif free.any():
            index = list(model.typical).index(name)
            for i, row in enumerate(parameters):
                slopes = slopes_by_parameter(trace, index, y0[i], row) * scale[i, k]
                changes[i, k] = change_at_rest(model, row, y0[i], free, slopes, changes[i, k])
    return changes
