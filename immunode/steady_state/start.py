"""Solve what a simulation starts from: the initial states, and how parameters change them."""

from collections.abc import Sequence

import numpy as np

from immunode.errors import SolveError
from immunode.model.declaration import Model
from immunode.model.evaluate import changes_of, values_of
from immunode.model.trace import lazy_trace
from immunode.steady_state.rest import UNSTABLE, change_at_rest, rest_point, slopes_by_parameter


def initial_states(model: Model, parameters: np.ndarray) -> np.ndarray:
    """Return the initial states, shape (n, states); raise SolveError for a steady state that does not exist."""
    free = _unsolved(model)
    initial = values_of(model, "initial", parameters)
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


def initial_changes(
    model: Model, parameters: np.ndarray, y0: np.ndarray, names: Sequence[str], scale: np.ndarray
) -> np.ndarray:
    """Return the changes of the initial states y0 along the directions of `names`, shape (n, directions, states)."""
    changes, states = changes_of(model, "initial", parameters, names, scale), [s.name for s in model.states]
    free, trace = _unsolved(model), lazy_trace(model)
    for k, name in enumerate(names):
        if name not in model.typical:
            changes[:, k, states.index(name)] = scale[:, k]
        elif free.any():
            index = list(model.typical).index(name)
            for i, row in enumerate(parameters):
                slopes = slopes_by_parameter(trace, index, y0[i], row) * scale[i, k]
                changes[i, k] = change_at_rest(model, row, y0[i], free, slopes, changes[i, k])
    return changes
