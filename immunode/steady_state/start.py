"""Solve what a simulation starts from: the initial states, and how parameters change them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.engine import Directions
from immunode.errors import BadValue, SolveError, unknown
from immunode.model.calculus import derivative
from immunode.model.declaration import Model
from immunode.model.evaluate import slopes_of, values_of
from immunode.model.trace import Trace


def initial_states(model: Model, parameters: np.ndarray) -> np.ndarray:
    """Return the initial states, shape (n, states); raise SolveError for a steady state that does not exist."""
    y0 = values_of(model, "initial", parameters)
    unsolved = np.isnan(y0).any(axis=0)
    if unsolved.any():
        rows, back = np.unique(np.hstack([parameters, np.nan_to_num(y0)]), axis=0, return_inverse=True)
        width = parameters.shape[1]
        solved = [steady_state(model, row[:width], row[width:], unsolved) for row in rows]
        y0 = np.array(solved)[back.ravel()]
    return y0


def steady_state(model: Model, parameters: np.ndarray, start: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the states at which the slopes of the `free` states are zero, the others held at `start`, where the search
    begins.

    Raise SolveError if none is found.
    """
    import sympy
    from scipy.optimize import root

    trace = model.trace()
    symbols = [state for state, wanted in zip(trace.states, free, strict=True) if wanted]
    slopes = [slope for slope, wanted in zip(trace.derivative, free, strict=True) if wanted]
    held = {s: v for s, v, wanted in zip(trace.states, start, free, strict=True) if not wanted}
    at = dict(zip(trace.parameters, parameters, strict=True)) | held | {trace.time: 0.0}
    f = sympy.lambdify(symbols, [s.subs(at) for s in slopes], modules="math")
    scales = np.array([s.scale for s, wanted in zip(model.states, free, strict=True) if wanted])
    first = np.where(start[free] > 0, start[free], scales)
    found = root(lambda y: f(*y), x0=first, tol=1e-13)
    if not found.success or (found.x < -1e-9 * scales).any():
        names = ", ".join(str(s) for s in symbols)
        raise SolveError(
            f"{model.name} has no steady state of {names} that the solver finds; give initial values instead"
        )
    out = start.copy()
    out[free] = found.x
    return out


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
    states = [s.name for s in model.states]
    out = np.zeros((len(parameters), len(names), len(states)))
    for k, name in enumerate(names):
        if name in model.typical:
            out[:, k] = _initial_slopes(model, name, parameters, y0) * scale[:, k, None]
        else:
            out[:, k, states.index(name)] = scale[:, k]
    return out


@lru_cache(maxsize=256)
def _rest_slopes(trace: Trace, parameter: int) -> Callable[..., Any]:
    import sympy

    by = trace.parameters[parameter]
    rows = [f for f, start in zip(trace.derivative, trace.initial, strict=True) if start is None]
    matrix = [[derivative(f, s).subs(trace.time, 0) for s in (*trace.states, by)] for f in rows]
    function: Callable[..., Any] = sympy.lambdify((trace.states, trace.parameters), matrix, modules="math")
    return function


def _initial_slopes(model: Model, name: str, parameters: np.ndarray, y0: np.ndarray) -> np.ndarray:
    """Return the derivatives of the initial states, shape (n, states); of a steady state by the implicit function."""
    out = slopes_of(model, "initial", name, parameters)
    free = np.array([state.initial == "steady_state" for state in model.states])
    if free.any():
        evaluate = _rest_slopes(model.trace(), list(model.typical).index(name))
        for i in range(len(parameters)):
            slopes = np.array(evaluate(y0[i], parameters[i]), dtype=float)
            known = slopes[:, :-1][:, ~free] @ out[i, ~free] + slopes[:, -1]
            out[i, free] = np.linalg.solve(slopes[:, :-1][:, free], -known)
    return out
