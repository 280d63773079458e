"""Solve the steady state of a dose that is given at equal intervals for ever, and of an infusion without end.

The period map P takes the states from one record of the regimen to the next. Of a linear model P(x) = M x + c with
M and c by matrix exponentials, and the steady state is (I - M)^-1 c. Of any other it is found by Newton's method,
x + (I - M)^-1 (P(x) - x), where M is P's exact derivative: the engine's sensitivities to the initial values.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from immunode.engine import DRIP, PUT, Directions, Events, build, solve
from immunode.errors import SolveError
from immunode.model.declaration import Model
from immunode.model.trace import Trace
from immunode.steady_state.linear import is_linear, linear_states
from immunode.steady_state.repeated_doses import Found, Repeated, newton_step, settling, symbols
from immunode.steady_state.rest import endless_states

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
) -> Found:
    """Return the steady states of repeated doses.

    `start` (m, S) is where Newton's method begins, and what states that do not settle keep. Raise SolveError for a
    model that has none whatever its parameters.
    """
    if trace.whole.time in symbols(trace.whole):
        raise SolveError(f"{model.name} depends on time itself: there is no steady state of repeated doses")
    _check_cleared(model, trace, doses)
    n, k = start.shape[1], 0 if directions is None else len(directions.parameter)
    found = Found(start.copy(), np.zeros((len(start), k, n)), {})
    for chosen in (doses.every == 0, doses.every > 0):
        rows = np.flatnonzero(chosen)
        if not rows.size:
            continue
        some, mine = None if directions is None else _some(directions, rows), doses.part(rows)
        if mine.every[0] > 0:
            part = _repeated(model, trace, mine, start[rows], some, rtol, method)
        else:
            part = endless_states(model, trace, mine, start[rows], some)
        found.states[rows], found.along[rows] = part.states, part.along
        found.missing.update({int(rows[i]): why for i, why in part.missing.items()})
    return found


def _check_cleared(model: Model, trace: Trace, doses: Repeated) -> None:
    kept = doses.state[~settling(trace)[doses.state]]
    if kept.size:
        raise SolveError(
            f"{model.name} has no steady state of doses into '{model.states[kept[0]].name}': it keeps what it is given"
        )


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
) -> Found:
    finer, free = max(rtol * _FINER, _FINEST), settling(trace)
    missing: dict[int, str] = {}
    if is_linear(trace):
        x, slope = linear_states(trace, doses, start)
    else:
        x, slope = _newton(model, trace, doses, start, finer, method, missing)
    for i in np.flatnonzero(~(np.isfinite(x).all(axis=1) & np.isfinite(slope).all(axis=(1, 2)))):
        missing.setdefault(int(i), "it is beyond all numbers; check the amount, rate and interval")
        x[i], slope[i] = start[i], 0.0
    missing |= {
        i: why for i, why in _unstable(model, slope[:, free][:, :, free], np.flatnonzero(free)) if i not in missing
    }
    good = np.array([i not in missing for i in range(len(x))])
    along = np.zeros((len(x), 0 if directions is None else len(directions.parameter), x.shape[1]))
    if directions is not None and good.any():
        some = _some(directions, np.flatnonzero(good))
        _, slope, change, _ = _period(model, trace, doses.part(good), x[good], some, finer, method)
        mine = np.where(free, 0.0, some.start)
        change = change + np.einsum("mij,mkj->mki", slope, mine)
        inner = slope[:, None][..., free, :][..., free]
        mine[:, :, free] = np.linalg.solve(np.eye(int(free.sum())) - inner, change[:, :, free, None])[..., 0]
        along[good] = mine
    return Found(x, along, missing)


def _newton(
    model: Model, trace: Trace, doses: Repeated, start: np.ndarray, rtol: float, method: str, missing: dict[int, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return states and derivatives of the period map; tell in `missing` why a row has none."""
    scale, free = np.array([s.scale for s in model.states]), settling(trace)
    floor = np.minimum(start, 0.0) - 1e-9 * scale  # what starts at zero or above cannot become negative
    x, slope = start.copy(), np.zeros((*start.shape, start.shape[1]))
    last, active = np.full(len(x), np.inf), np.arange(len(x))
    for _ in range(_MOST):
        after, slopes, _, failed = _period(model, trace, doses.part(active), x[active], None, rtol, method)
        missing.update({int(i): "a period of the regimen could not be solved" for i in active[failed]})
        slope[active] = slopes
        active, after = active[~failed], after[~failed]
        if not active.size:
            break
        now, size = x[active], np.abs(x[active]) + 1e-3 * scale
        change = np.where(free, after - now, 0.0)
        error = np.max(np.abs(change) / size, axis=1)
        step = np.zeros(now.shape)
        step[:, free] = newton_step(slope[active][:, free][:, :, free], change[:, free])
        # not the change in a period, which is small wherever the steady state is reached slowly
        done = np.max(np.abs(step) / size, axis=1) <= _SETTLED
        moved = now + step
        plain = (error > last[active]) | np.any(moved < floor[active], axis=1) | ~np.isfinite(moved).all(axis=1)
        last[active] = error
        x[active] = np.where((plain & ~done)[:, None], now + change, moved)
        active = active[~done]
        if not active.size:
            break
    why = "none was found: there is none where more is given than can be cleared"
    missing.update({int(i): why for i in active})
    return x, slope


def _period(
    model: Model, trace: Trace, doses: Repeated, x: np.ndarray, directions: Directions | None, rtol: float, method: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the states a period after `x`, their derivatives (m, S, S) by x, their change along
    directions, and which failed."""
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
    blocks = found.state.reshape(m, 1 + k + n, n)
    slope = np.swapaxes(blocks[:, 1 + k :] / scale[:, None], 1, 2)
    return blocks[:, 0], slope, blocks[:, 1 : 1 + k], found.status != 0


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


def _unstable(model: Model, slope: np.ndarray, free: np.ndarray) -> Iterator[tuple[int, str]]:
    """Return the rows in which a disturbance does not end, and why."""
    values, vectors = np.linalg.eig(slope)
    size = np.abs(values)
    for i in np.flatnonzero((size > _GROWS).any(axis=1)):
        j = int(np.argmax(size[i]))
        state = model.states[free[int(np.argmax(np.abs(vectors[i, :, j])))]].name
        grown = f"a disturbance is {size[i, j]:.6g} times as large after an interval"
        yield int(i), f"state '{state}' keeps what it is given ({grown})"
