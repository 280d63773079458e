"""Solve the steady state of an infusion without end: where the slopes, with its rate, are zero."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.engine import Directions
from immunode.model.calculus import derivative
from immunode.model.declaration import Model
from immunode.model.trace import Trace
from immunode.steady_state.linear import is_linear
from immunode.steady_state.repeated_doses import Found, Repeated, newton_step, settling

_SETTLED, _MOST = 1e-9, 100  # Newton's last step, and how many there are at most


@lru_cache(maxsize=256)
def slopes_of(trace: Trace) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Return f, df/dx and df/dp of (states, parameters), at time 0."""
    import sympy

    whole = trace.whole
    f = [sympy.sympify(e).subs(whole.time, 0) for e in whole.derivative]
    by = [[[derivative(e, s) for s in group] for e in f] for group in (whole.states, whole.parameters)]
    a, b, c = (sympy.lambdify((whole.states, whole.parameters), e, modules="math") for e in (f, *by))
    return a, b, c


def rests_at_zero(trace: Trace, parameters: np.ndarray) -> bool:
    """Return whether nothing is in the model of itself: without a dose, empty states stay empty."""
    slopes, empty = slopes_of(trace)[0], np.zeros(len(trace.states))
    return all(not np.any(slopes(empty, row)) for row in parameters)


def endless_states(
    model: Model, trace: Trace, doses: Repeated, start: np.ndarray, directions: Directions | None
) -> Found:
    """Return the steady states of infusions at a rate, (m, S), and their changes along directions."""
    by_parameter, free = slopes_of(trace)[2], settling(trace)
    (m, n), k = start.shape, 0 if directions is None else len(directions.parameter)
    found = Found(start.copy(), np.zeros((m, k, n)), {})
    for i, (parameters, rate, state) in enumerate(zip(doses.parameters, doses.rate, doses.state, strict=True)):
        inflow = np.zeros(n)
        inflow[state] = rate
        slope = _point(model, trace, parameters, inflow, found.states[i])
        if slope is None:
            found.missing[i], found.states[i] = "there is none where more is given than can be cleared", start[i]
            continue
        for d in range(k):
            assert directions is not None
            along = np.where(free, 0.0, directions.start[i, d])
            change = np.zeros(n)
            change[state] = doses.d_rate[i, d]
            if directions.parameter[d] >= 0:
                column = [row[directions.parameter[d]] for row in by_parameter(found.states[i], parameters)]
                change += np.array(column, dtype=float) * directions.scale[i, d]
            along[free] = np.linalg.solve(slope[:, free], -(change[free] + slope @ along))
            found.along[i, d] = along
    return found


def _point(model: Model, trace: Trace, parameters: np.ndarray, inflow: np.ndarray, x: np.ndarray) -> np.ndarray | None:
    """Move x (S,) to where nothing changes; return the derivatives of the slopes there, None where there is no place.

    By Newton's method, from where SciPy's search ends, which does not know when it has arrived.
    """
    from scipy.optimize import root

    f, by_state, _ = slopes_of(trace)
    free, scale = settling(trace), np.array([s.scale for s in model.states])
    low = np.minimum(x, 0.0) - 1e-9 * scale

    def at(part: np.ndarray) -> np.ndarray:
        x[free] = part
        return (np.array(f(x, parameters), dtype=float) + inflow)[free]

    def slopes(part: np.ndarray) -> np.ndarray:
        x[free] = part
        return np.array(by_state(x, parameters), dtype=float)[free]

    try:
        part = np.where(x > 0, x, scale)[free]
        if not is_linear(trace):
            part = root(at, part, jac=lambda y: slopes(y)[:, free]).x
        for _ in range(_MOST):
            slope = slopes(part)
            # of the map x + J x its step is -J^-1 f
            step = newton_step((slope[:, free] + np.eye(len(part)))[None], at(part)[None])[0]
            part = part + step
            if np.max(np.abs(step) / (np.abs(part) + 1e-3 * scale[free])) <= _SETTLED:
                slope = slopes(part)
                stays = np.linalg.eigvals(slope[:, free]).real.max() < 0 and bool(np.all(x >= low))
                return slope if stays else None
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):  # a search that has left the numbers
        pass
    return None
