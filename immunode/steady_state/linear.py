"""Solve the steady state of repeated doses exactly where the model is linear, by matrix exponentials."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.model.calculus import derivative
from immunode.model.trace import Trace
from immunode.steady_state.dependence import settling
from immunode.steady_state.repeated_doses import RepeatedDoses


@lru_cache(maxsize=256)
def _coefficients(trace: Trace) -> Callable[..., Any]:
    """Return f(*parameters) -> the S x (S + 1) entries of [A, b] of dx/dt = A x + b, row by row."""
    import sympy

    whole = trace.whole
    zero = dict.fromkeys(whole.states, 0)
    rows = [
        [*(derivative(sympy.sympify(f), y) for y in whole.states), sympy.sympify(f).subs(zero)]
        for f in whole.derivative
    ]
    function: Callable[..., Any] = sympy.lambdify(whole.parameters, [e for row in rows for e in row], modules="numpy")
    return function


def _matrices(trace: Trace, parameters: np.ndarray) -> np.ndarray:
    """Return [[A, b], [0, 0]] for each row of parameters, (m, S + 1, S + 1)."""
    m, n = len(parameters), len(trace.states)
    out = np.zeros((m, n + 1, n + 1))
    values = _coefficients(trace)(*parameters.T)
    for at, value in enumerate(values):
        out[:, at // (n + 1), at % (n + 1)] = value
    return out


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused by who asks
def linear_states(trace: Trace, doses: RepeatedDoses, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the steady states and the derivatives of the period map."""
    from scipy.linalg import expm

    base = _matrices(trace, doses.parameters)
    m, n = len(base), base.shape[1] - 1
    rows, infused = np.arange(m), doses.duration > 0
    arrival, end = doses.arrival, np.where(infused, doses.end, doses.arrival)
    first, second = np.minimum(arrival, end), np.maximum(arrival, end)
    running = np.where(infused, doses.running, 0.0)
    arrived, ended = np.zeros(m, bool), ~infused
    whole = np.tile(np.eye(n + 1), (m, 1, 1))
    for begin, until in ((np.zeros(m), first), (first, second), (second, doses.every)):
        arrives, ends = (arrival <= begin) & ~arrived, (end <= begin) & ~ended
        arrived, ended = arrived | arrives, ended | ends
        running = running + (arrives & infused) - ends
        jump, flow = np.tile(np.eye(n + 1), (m, 1, 1)), base.copy()
        jump[rows, doses.state, n] = np.where(arrives & ~infused, doses.amount, 0.0)
        flow[rows, doses.state, n] += running * doses.rate
        whole = expm(flow * (until - begin)[:, None, None]) @ jump @ whole
    slope, free = whole[:, :n, :n], settling(trace)
    x = np.where(free, 0.0, start)
    constant = whole[:, :n, n] + np.einsum("mij,mj->mi", slope, x)
    step = newton_step(slope[:, free][:, :, free], constant[:, free])
    x[:, free] = np.where(np.isnan(step), 0.0, step)  # a singular map is refused for what its eigenvalues are
    return x, slope


def newton_step(slope: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return (I - M)^-1 r for each of m maps M and residuals r, nan where there is none."""
    out = np.full(missing.shape, np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        inverse = np.eye(slope.shape[-1]) - slope
        # a map that has none, where a state is cleared by nothing, must not be the others'
        for i in np.flatnonzero(np.linalg.det(inverse) != 0.0):
            out[i] = np.linalg.solve(inverse[i], missing[i])
    return out
