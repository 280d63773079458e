"""Solve the steady state of a dose that is given at equal intervals for ever, and of an infusion without end.

The period map P takes the states from one record of the regimen to the next. Of a linear model P(x) = M x + c with
M and c by matrix exponentials, and the steady state is (I - M)^-1 c. Of any other it is found by Newton's method,
x + (I - M)^-1 (P(x) - x), where M is P's exact derivative: the engine's sensitivities to the initial values.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.engine import DRIP, PUT, Directions, Events, build, solve
from immunode.errors import SolveError
from immunode.linear import is_linear, linear_states
from immunode.model import Model
from immunode.repeated import Repeated, newton_step, settling, symbols
from immunode.symbolic import Trace, derivative

_MOST = 60  # periods or Newton steps, in which a regimen that has a steady state has long reached it
_FINEST, _FINER = 1e-12, 1e-3  # periods are solved to a thousandth of the tolerance of the run
_SETTLED = 1e-6  # Newton's last step: it is taken, and leaves an error of its square, or what rounding leaves
_GROWS = 1.0 - 1e-9  # a disturbance that shrinks by less than this in a period never ends


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

    `start` (m, S) is where Newton's method begins, and what states that do not settle keep. Raise SolveError where none
    exists, or none is found.
    """
    if trace.whole.time in symbols(trace.whole):
        raise SolveError(f"{model.name} depends on time itself: there is no steady state of repeated doses")
    _check_cleared(model, trace, doses)
    n, k = start.shape[1], 0 if directions is None else len(directions.parameter)
    found, along = np.empty(start.shape), np.zeros((len(start), k, n))
    endless = doses.every == 0
    for rows, solved in ((endless, _endless), (~endless, _repeated)):
        if rows.any():
            some = None if directions is None else _some(directions, rows)
            found[rows], along[rows] = solved(model, trace, doses.part(rows), start[rows], some, rtol, method)
    return found, along


def _check_cleared(model: Model, trace: Trace, doses: Repeated) -> None:
    kept = doses.state[~settling(trace)[doses.state]]
    if kept.size:
        raise SolveError(
            f"{model.name} has no steady state of doses into '{model.states[kept[0]].name}': it keeps what it is given"
        )


def rests_at_zero(trace: Trace, parameters: np.ndarray) -> bool:
    """Return whether nothing is in the model of itself: without a dose, empty states stay empty."""
    slopes, empty = _slopes(trace)[0], np.zeros(len(trace.states))
    return all(not np.any(slopes(empty, row)) for row in parameters)


def _some(directions: Directions, rows: np.ndarray) -> Directions:
    return replace(directions, scale=directions.scale[rows], start=directions.start[rows])


def _repeated(
    model: Model,
    trace: Trace,
    doses: Repeated,
    start: np.ndarray,
    directions: Directions | None,
    rtol: float,
    method: str,
) -> tuple[np.ndarray, np.ndarray]:
    finer, free = max(rtol * _FINER, _FINEST), settling(trace)
    if is_linear(trace):
        x, slope = linear_states(trace, doses, start)
    else:
        x, slope = _newton(model, trace, doses, start, finer, method)
    if not (np.isfinite(x).all() and np.isfinite(slope).all()):
        raise SolveError(f"{model.name}: a steady state is beyond all numbers; check the amount, rate and interval")
    _check_stable(model, slope[:, free][:, :, free], np.flatnonzero(free))
    if directions is None:
        return x, np.zeros((len(x), 0, x.shape[1]))
    _, slope, change = _period(model, trace, doses, x, directions, finer, method)
    along = np.where(free, 0.0, directions.start)
    change = change + np.einsum("mij,mkj->mki", slope, along)
    missing = slope[:, None][..., free, :][..., free]
    along[:, :, free] = np.linalg.solve(np.eye(int(free.sum())) - missing, change[:, :, free, None])[..., 0]
    return x, along


def _newton(
    model: Model, trace: Trace, doses: Repeated, start: np.ndarray, rtol: float, method: str
) -> tuple[np.ndarray, np.ndarray]:
    scale, free = np.array([s.scale for s in model.states]), settling(trace)
    floor = np.minimum(start, 0.0) - 1e-9 * scale  # what starts at zero or above cannot become negative
    x, slope = start.copy(), np.empty((*start.shape, start.shape[1]))
    last, active = np.full(len(x), np.inf), np.arange(len(x))
    for _ in range(_MOST):
        after, slope[active], _ = _period(model, trace, doses.part(active), x[active], None, rtol, method)
        now, size = x[active], np.abs(x[active]) + 1e-3 * scale
        missing = np.where(free, after - now, 0.0)
        error = np.max(np.abs(missing) / size, axis=1)
        step = np.zeros(now.shape)
        step[:, free] = newton_step(slope[active][:, free][:, :, free], missing[:, free])
        # not the change in a period, which is small wherever the steady state is reached slowly
        done = np.max(np.abs(step) / size, axis=1) <= _SETTLED
        moved = now + step
        plain = (error > last[active]) | np.any(moved < floor[active], axis=1) | ~np.isfinite(moved).all(axis=1)
        last[active] = error
        x[active] = np.where((plain & ~done)[:, None], now + missing, moved)
        active = active[~done]
        if not active.size:
            return x, slope
    raise SolveError(
        f"{model.name}: no steady state was found for {active.size} doses, the first of "
        f"{doses.amount[active[0]] or doses.rate[active[0]]:g} into {model.states[doses.state[active[0]]].name} every "
        f"{doses.every[active[0]]:g} {model.time}: there is none where more is given than can be cleared"
    )


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


def _check_stable(model: Model, slope: np.ndarray, free: np.ndarray) -> None:
    values, vectors = np.linalg.eig(slope)
    size = np.abs(values)
    bad = np.argwhere(size > _GROWS)
    if bad.size:
        i, j = bad[0]
        state = model.states[free[int(np.argmax(np.abs(vectors[i, :, j])))]].name
        raise SolveError(
            f"{model.name} has no steady state of these doses: state '{state}' keeps what it is given "
            f"(a disturbance is {size[i, j]:.6g} times as large after an interval)"
        )


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
    free = settling(trace)
    for i, (parameters, rate, state) in enumerate(zip(doses.parameters, doses.rate, doses.state, strict=True)):
        inflow = np.zeros(n)
        inflow[state] = rate

        def whole(part: Any, held: np.ndarray = start[i]) -> np.ndarray:
            out = held.copy()
            out[free] = part
            return out

        def missing(part: Any, p: np.ndarray = parameters, r: np.ndarray = inflow) -> np.ndarray:
            return (np.array(f(whole(part), p)) + r)[free]

        def slopes(part: Any, p: np.ndarray = parameters) -> np.ndarray:
            return np.array(by_state(whole(part), p), dtype=float)[free]

        guess = np.where(start[i] > 0, start[i], scale)[free]
        found = root(missing, guess, jac=lambda part: slopes(part)[:, free], tol=1e-13)
        x[i], slope = whole(found.x), slopes(found.x)
        growing = np.linalg.eigvals(slope[:, free]).real.max() >= -1e-12
        if not found.success or growing or (x[i] < np.minimum(start[i], 0.0) - 1e-9 * scale).any():
            raise SolveError(
                f"{model.name} has no steady state of {rate:g} per {model.time} into {model.states[state].name} "
                "without end: there is none where more is given than can be cleared"
            )
        for d in range(k):
            assert directions is not None
            along[i, d] = np.where(free, 0.0, directions.start[i, d])
            change = np.zeros(n)
            change[state] = doses.d_rate[i, d]
            if directions.parameter[d] >= 0:
                column = [row[directions.parameter[d]] for row in by_parameter(x[i], parameters)]
                change += np.array(column, dtype=float) * directions.scale[i, d]
            along[i, d, free] = np.linalg.solve(slope[:, free], -(change[free] + slope @ along[i, d]))
    return x, along
