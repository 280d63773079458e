"""Solve the steady state of a dose that is given at equal intervals for ever, and of an infusion without end.

The period map P takes the states from one record of the regimen to the next. Of a linear model P(x) = M x + c with
M and c by matrix exponentials, and the steady state is (I - M)^-1 c. Of any other it is found by Newton's method,
x + (I - M)^-1 (P(x) - x), where M is P's exact derivative: the engine's sensitivities to the initial values.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.engine import DRIP, PUT, Directions, Events, build, solve
from immunode.errors import BadValue, SolveError
from immunode.model import Model
from immunode.symbolic import Trace, derivative

_MOST = 60  # periods or Newton steps, in which a regimen that has a steady state has long reached it
_FINEST, _FINER = 1e-12, 1e-3  # a steady state is solved to a thousandth of the tolerance of the run
_GROWS = 1.0 - 1e-9  # a disturbance that shrinks by less than this in a period never ends


@dataclass(frozen=True)
class Repeated:
    """Hold m doses that are repeated `every` so long [model time], one row each.

    Into `state`, `amount` at once or `rate` for `duration`, arriving `lag` after the record; `d_...` are the changes
    along directions, (m, directions). An interval of 0 means an infusion at `rate` without end. `parameters` (m, P).
    """

    parameters: np.ndarray
    state: np.ndarray
    amount: np.ndarray
    rate: np.ndarray
    duration: np.ndarray
    lag: np.ndarray
    every: np.ndarray
    d_amount: np.ndarray
    d_rate: np.ndarray
    d_duration: np.ndarray
    d_lag: np.ndarray

    def part(self, chosen: np.ndarray) -> "Repeated":
        """Return some of the rows."""
        return Repeated(*(values[chosen] for values in vars(self).values()))

    @property
    def arrival(self) -> np.ndarray:
        """Return when in a period, which begins at a record, a dose arrives."""
        return np.mod(self.lag, self.every)

    @property
    def end(self) -> np.ndarray:
        """Return when in a period an infusion ends."""
        return np.mod(self.lag + self.duration, self.every)

    @property
    def running(self) -> np.ndarray:
        """Return how many infusions are running at a record, before what happens there."""
        return np.floor_divide(self.lag + self.duration, self.every) - np.floor_divide(self.lag, self.every)


def steady_states(
    model: Model,
    trace: Trace,
    doses: Repeated,
    start: np.ndarray,
    directions: Directions | None,
    rtol: float,
    method: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the states at the records, (m, S), and their changes along directions, (m, K, S).

    `start` (m, S) is where Newton's method begins. Raise SolveError where none exists, or none is found.
    """
    if trace.whole.time in _symbols(trace.whole):
        raise SolveError(f"{model.name} depends on time itself: there is no steady state of repeated doses")
    n, k = start.shape[1], 0 if directions is None else len(directions.parameter)
    found, along = np.empty(start.shape), np.zeros((len(start), k, n))
    endless = doses.every == 0
    for rows, solved in ((endless, _endless), (~endless, _repeated)):
        if rows.any():
            some = None if directions is None else _some(directions, rows)
            found[rows], along[rows] = solved(model, trace, doses.part(rows), start[rows], some, rtol, method)
    return found, along


def rests_at_zero(trace: Trace, parameters: np.ndarray) -> bool:
    """Return whether nothing is in the model of itself: without a dose, empty states stay empty."""
    slopes, empty = _slopes(trace)[0], np.zeros(len(trace.states))
    return all(not np.any(slopes(empty, row)) for row in parameters)


def _some(directions: Directions, rows: np.ndarray) -> Directions:
    return replace(directions, scale=directions.scale[rows], start=directions.start[rows])


def _symbols(trace: Trace) -> set[Any]:
    return set().union(*(f.free_symbols for f in trace.derivative))


# repeated doses


def _repeated(
    model: Model,
    trace: Trace,
    doses: Repeated,
    start: np.ndarray,
    directions: Directions | None,
    rtol: float,
    method: str,
) -> tuple[np.ndarray, np.ndarray]:
    finer = max(rtol * _FINER, _FINEST)
    if is_linear(trace):
        x, slope = _linear(trace, doses)
    else:
        x, slope = _newton(model, trace, doses, start, finer, method)
    _check_stable(model, slope)
    if directions is None:
        return x, np.zeros((len(x), 0, x.shape[1]))
    _, slope, change = _period(model, trace, doses, x, directions, finer, method)
    return x, np.linalg.solve(np.eye(x.shape[1]) - slope[:, None], change[..., None])[..., 0]


def _newton(
    model: Model, trace: Trace, doses: Repeated, start: np.ndarray, rtol: float, method: str
) -> tuple[np.ndarray, np.ndarray]:
    scale = np.array([s.scale for s in model.states])
    floor = np.minimum(start, 0.0) - 1e-9 * scale  # what starts at zero or above cannot become negative
    x, slope = start.copy(), np.empty((*start.shape, start.shape[1]))
    last, active = np.full(len(x), np.inf), np.arange(len(x))
    for _ in range(_MOST):
        after, slope[active], _ = _period(model, trace, doses.part(active), x[active], None, rtol, method)
        error = np.max(np.abs(after - x[active]) / (np.abs(x[active]) + 1e-3 * scale), axis=1)
        done = error <= 10 * rtol
        x[active[done]] = after[done]
        step = _step(slope[active], after - x[active])
        moved = x[active] + step
        plain = (error > last[active]) | np.any(moved < floor[active], axis=1) | ~np.isfinite(moved).all(axis=1)
        last[active] = error
        x[active] = np.where((plain | done)[:, None], after, moved)
        active = active[~done]
        if not active.size:
            return x, slope
    raise SolveError(
        f"{model.name}: no steady state was found for {active.size} doses, the first of "
        f"{doses.amount[active[0]] or doses.rate[active[0]]:g} into {model.states[doses.state[active[0]]].name} every "
        f"{doses.every[active[0]]:g} {model.time}: there is none where more is given than can be cleared"
    )


def _step(slope: np.ndarray, missing: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(np.eye(slope.shape[-1]) - slope, missing[..., None])[..., 0]
    except np.linalg.LinAlgError:  # a state that nothing clears: the search goes on, and ends with an error
        return np.full(missing.shape, np.nan)


def _period(
    model: Model, trace: Trace, doses: Repeated, x: np.ndarray, directions: Directions | None, rtol: float, method: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the states a period after `x`, their derivatives (m, S, S) by x, and their change along directions."""
    m, n = x.shape
    k = 0 if directions is None else len(directions.parameter)
    scale = np.array([s.scale for s in model.states])
    first = np.zeros((m, k + n, n))
    first[:, k:] = np.diag(scale)
    own = np.zeros((m, k)) if directions is None else directions.scale
    parameter = np.full(k + n, -1)
    parameter[:k] = () if directions is None else directions.parameter
    found = solve(
        build(trace, method, sensitivities=True),
        x,
        doses.parameters,
        _pattern(doses, k, n),
        [],
        columns=[],
        start=0.0,
        end=doses.every,
        rtol=rtol,
        atol=rtol * 1e-3 * scale,
        directions=Directions(parameter, np.hstack([own, np.ones((m, n))]), first),
    )
    if found.status.any():
        raise SolveError(f"{model.name}: a period of the regimen could not be solved while its steady state was sought")
    blocks = found.state.reshape(m, 1 + k + n, n)
    return blocks[:, 0], np.swapaxes(blocks[:, 1 + k :] / scale[:, None], 1, 2), blocks[:, 1 : 1 + k]


def _pattern(doses: Repeated, k: int, n: int) -> Events:
    """Return what happens in a period: the infusions that run at its start, an arrival, the end of an infusion.

    It changes along the first k directions; n more, of states, follow.
    """
    m = len(doses.every)
    infused = doses.duration > 0
    kind = np.where(infused, DRIP, PUT)
    amount, zero = np.where(infused, doses.rate, doses.amount), np.zeros(m)
    d_amount = np.where(infused[:, None], doses.d_rate, doses.d_amount)
    running = np.where(infused, doses.running, 0.0)
    time = np.stack([zero, doses.arrival, np.where(infused, doses.end, doses.arrival)], axis=1)
    value = np.stack([running * doses.rate, amount, np.where(infused, -doses.rate, 0.0)], axis=1)
    along, slip = np.zeros((m, 3, k + n)), np.zeros((m, 3, k + n))
    if k:
        ends = np.where(infused[:, None], -doses.d_rate, 0.0)
        along[:, :, :k] = np.stack([running[:, None] * doses.d_rate, d_amount, ends], axis=1)
        slip[:, 1, :k] = doses.d_lag
        slip[:, 2, :k] = np.where(infused[:, None], doses.d_lag + doses.d_duration, 0.0)
    kinds = np.stack([np.where(infused, DRIP, PUT), kind, kind], axis=1)
    state = np.repeat(doses.state[:, None], 3, axis=1)
    at = np.argsort(time, axis=1, kind="stable")
    flat = [np.take_along_axis(a, at, axis=1).ravel() for a in (time, kinds, state, value)]
    changes = [np.take_along_axis(a, at[:, :, None], axis=1).reshape(3 * m, k + n) for a in (along, slip)]
    return Events(np.arange(m), 3 * np.arange(m + 1), *flat, *changes)


def _check_stable(model: Model, slope: np.ndarray) -> None:
    values, vectors = np.linalg.eig(slope)
    size = np.abs(values)
    bad = np.argwhere(size > _GROWS)
    if bad.size:
        i, j = bad[0]
        state = model.states[int(np.argmax(np.abs(vectors[i, :, j])))].name
        raise SolveError(
            f"{model.name} has no steady state of these doses: state '{state}' keeps what it is given "
            f"(a disturbance is {size[i, j]:.6g} times as large after an interval)"
        )


# linear models


@lru_cache(maxsize=256)
def is_linear(trace: Trace) -> bool:
    """Return whether every slope is linear in the states, with coefficients that depend on parameters alone."""
    import sympy

    whole = trace.whole
    states = set(whole.states)
    return all(not derivative(sympy.sympify(f), y).free_symbols & states for f in whole.derivative for y in states)


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


def _linear(trace: Trace, doses: Repeated) -> tuple[np.ndarray, np.ndarray]:
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
    slope, constant = whole[:, :n, :n], whole[:, :n, n]
    return _solved(slope, constant), slope


def _solved(slope: np.ndarray, constant: np.ndarray) -> np.ndarray:
    step = _step(slope, constant)
    return np.where(np.isfinite(step), step, 0.0)  # a singular map is refused for what its eigenvalues are


# infusions without end


@lru_cache(maxsize=256)
def _slopes(trace: Trace) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Return f, df/dx and df/dp of (states, parameters), at time 0."""
    import sympy

    whole = trace.whole
    f = [sympy.sympify(e).subs(whole.time, 0) for e in whole.derivative]
    by = [[[derivative(e, s) for s in group] for e in f] for group in (whole.states, whole.parameters)]
    a, b, c = (sympy.lambdify((whole.states, whole.parameters), e, modules="math") for e in (f, *by))
    return a, b, c


def _endless(
    model: Model,
    trace: Trace,
    doses: Repeated,
    start: np.ndarray,
    directions: Directions | None,
    rtol: float,
    method: str,
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import root

    f, by_state, by_parameter = _slopes(trace)
    scale = np.array([s.scale for s in model.states])
    (m, n), k = start.shape, 0 if directions is None else len(directions.parameter)
    x, along = np.empty((m, n)), np.zeros((m, k, n))
    for i, (parameters, rate, state) in enumerate(zip(doses.parameters, doses.rate, doses.state, strict=True)):
        inflow = np.zeros(n)
        inflow[state] = rate

        def missing(y: Any, p: np.ndarray = parameters, r: np.ndarray = inflow) -> np.ndarray:
            return np.array(f(y, p)) + r

        guess = np.where(start[i] > 0, start[i], scale)
        found = root(missing, guess, jac=lambda y, p=parameters: np.array(by_state(y, p), dtype=float), tol=1e-13)
        slope = np.array(by_state(found.x, parameters), dtype=float)
        growing = np.linalg.eigvals(slope).real.max() >= -1e-12
        if not found.success or growing or (found.x < np.minimum(start[i], 0.0) - 1e-9 * scale).any():
            raise SolveError(
                f"{model.name} has no steady state of {rate:g} per {model.time} into {model.states[state].name} "
                "without end: there is none where more is given than can be cleared"
            )
        x[i] = found.x
        for d in range(k):
            assert directions is not None
            change = np.zeros(n)
            change[state] = doses.d_rate[i, d]
            if directions.parameter[d] >= 0:
                column = [row[directions.parameter[d]] for row in by_parameter(found.x, parameters)]
                change += np.array(column, dtype=float) * directions.scale[i, d]
            along[i, d] = np.linalg.solve(slope, -change)
    return x, along


def tails(doses: Repeated, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Return when earlier doses of row i still arrive, and when infusions that run at its record or arrive then end."""
    if doses.every[i] == 0:
        return np.zeros(0), np.zeros(0)
    lag, duration, every = doses.lag[i], doses.duration[i], doses.every[i]
    count = int(np.ceil((lag + duration) / every))
    if count > 10_000:
        raise BadValue(f"at steady state {count} doses would overlap (every {every:g}); expected fewer than 10000")
    back = -every * np.arange(1, count + 1)
    arrivals = back + lag
    ends = arrivals[arrivals + duration >= 0] + duration if duration > 0 else np.zeros(0)
    return arrivals[arrivals >= 0], ends
