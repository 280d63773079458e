"""Solve the steady state of a dose that is given at equal intervals for ever, and of an infusion without end.

The period map P takes the states from one record of the regimen to the next. Of a linear model P(x) = M x + c with
M and c by matrix exponentials, and the steady state is (I - M)^-1 c. Of any other it is found by Newton's method,
x + (I - M)^-1 (P(x) - x), where M is P's exact derivative: the engine's sensitivities to the initial values.
"""

from dataclasses import dataclass, replace

import numpy as np

from immunode.engine import Directions, Events, Grid, Program, Scales, build, one_grid, solve
from immunode.errors import SolveError, Status
from immunode.model.declaration import Model
from immunode.model.equations import plain_triggers
from immunode.model.scales import given_for_ever, kinship, scales_or_one
from immunode.model.trace import Trace, lazy_trace
from immunode.steady_state.dependence import depends_on_time, is_linear, settling
from immunode.steady_state.endless_infusion import endless_states
from immunode.steady_state.linear import linear_states, newton_step
from immunode.steady_state.repeated_doses import RepeatedDoses, SteadyStates, period_events

_MOST = 60  # periods or Newton steps, in which a regimen that has a steady state has long reached it
_FINEST, _FINER = 1e-12, 1e-3  # periods are solved to a thousandth of the tolerance of the run
_SETTLED = 1e-6  # Newton's last step: it is taken, and leaves an error of its square, or what rounding leaves
_NUDGE = 1e-4  # of a state: more than a threshold is known to
_GROWS = 1.0 - 1e-9  # a disturbance that shrinks by less than this in a period never ends
_NONE_FOUND = "none was found: there is none where more is given than can be cleared"
_UNSOLVED = "a period of the regimen could not be solved"
_TOUCHED = "in its period a threshold is touched, or reached as a dose comes: it has no derivative"
_BEYOND = "it is beyond all numbers; check the amount, rate and interval"


def steady_states(
    model: Model,
    trace: Trace,
    doses: RepeatedDoses,
    start: np.ndarray,
    directions: Directions | None,
    rtol: float,
    method: str,
) -> SteadyStates:
    """Return the steady states of repeated doses.

    `start` (m, S) is where Newton's method begins, and what states that do not settle keep. Raise SolveError for a
    model that has none whatever its parameters.
    """
    free = settling(lazy_trace(model))
    if model.triggers:
        when = plain_triggers(model.trace())[0]
        raise SolveError(
            f"{model.name} has a trigger ({when}): there is no steady state of repeated doses; write the doses out"
        )
    if depends_on_time(lazy_trace(model)):
        raise SolveError(f"{model.name} depends on time itself: there is no steady state of repeated doses")
    kept = doses.state[~free[doses.state]]
    if kept.size:
        name = model.states[kept[0]].name
        raise SolveError(f"{model.name} has no steady state of doses into '{name}': it keeps what it is given")
    period = _period(model, build(trace, method, sensitivities=True), free, doses, start, max(rtol * _FINER, _FINEST))
    states, along = start.copy(), np.zeros((len(start), _count(directions), start.shape[1]))
    missing: dict[int, str] = {}
    for endless, rows in ((True, np.flatnonzero(doses.every == 0)), (False, np.flatnonzero(doses.every > 0))):
        if not rows.size:
            continue
        some = None if directions is None else _some(directions, rows)
        alike = doses if len(rows) == len(start) else doses.part(rows)
        if endless:
            part = endless_states(model, alike, start[rows], some)
        else:
            part = _repeated(model, period.part(rows), alike, start[rows], some)
        states[rows], along[rows] = part.states, part.along
        missing |= dict(zip(rows[list(part.missing)].tolist(), part.missing.values(), strict=True))
    return SteadyStates(states, along, missing)


@dataclass(frozen=True)
class _Period:
    """Hold what solves a period: the engine's program, which states settle, what m patients have been given (m, S) and
    the scales that this tells, the tolerance."""

    model: Model
    program: Program
    free: np.ndarray
    received: np.ndarray
    scale: np.ndarray
    rtol: float

    def part(self, rows: np.ndarray) -> "_Period":
        """Return the same for some of the patients."""
        return replace(self, received=self.received[rows], scale=self.scale[rows])


def _period(
    model: Model, program: Program, free: np.ndarray, doses: RepeatedDoses, start: np.ndarray, rtol: float
) -> _Period:
    """Return what solves a period of patients who start there and are given these doses."""
    if not kinship(model).undeclared.any():
        return _Period(model, program, free, np.zeros_like(start), np.broadcast_to(model.scales, start.shape), rtol)
    received = given_for_ever(model, start, doses.state, doses.size)
    return _Period(model, program, free, received, scales_or_one(model, received), rtol)


def _count(directions: Directions | None) -> int:
    return 0 if directions is None else len(directions.parameter)


def _some(directions: Directions, rows: np.ndarray) -> Directions:
    return replace(directions, scale=directions.scale[rows], start=directions.start[rows])


def _repeated(
    model: Model, period: _Period, doses: RepeatedDoses, start: np.ndarray, directions: Directions | None
) -> SteadyStates:
    if is_linear(lazy_trace(model)):
        x, slope = linear_states(lazy_trace(model), doses, start)
        missing: dict[int, str] = {}
    else:
        x, slope, missing = _newton(period, doses, start)
    beyond = np.flatnonzero(~(np.isfinite(x).all(axis=1) & np.isfinite(slope).all(axis=(1, 2))))
    x[beyond], slope[beyond] = start[beyond], 0.0
    missing = dict.fromkeys(beyond.tolist(), _BEYOND) | missing
    missing = _unstable(model, period, slope) | missing
    good = np.ones(len(x), bool)
    good[list(missing)] = False
    along = np.zeros((len(x), _count(directions), x.shape[1]))
    if directions is not None and good.any():
        some = _some(directions, np.flatnonzero(good))
        along[good] = _changes(period.part(good), doses.part(good), x[good], some)
    return SteadyStates(x, along, missing)


def _newton(period: _Period, doses: RepeatedDoses, start: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Return states and derivatives of the period map, and why a row has none."""
    scale, free = period.scale, period.free
    floor = np.minimum(start, 0.0) - 1e-9 * scale  # what starts at zero or above cannot become negative
    x, slope = start.copy(), np.zeros((*start.shape, start.shape[1]))
    last, active, nudged = np.full(len(x), np.inf), np.arange(len(x)), np.zeros(len(x), bool)
    missing: dict[int, str] = {}
    searched, tables, searching = doses, _tables(doses, 0, x.shape[1]), period
    for _ in range(_MOST):
        if len(active) < len(searched.every):
            searched = doses.part(active)
            tables, searching = _tables(searched, 0, x.shape[1]), period.part(active)
        after, slopes, _, status = _after(searching, searched, tables, x[active], None)
        beside = (status == Status.no_derivative) & ~nudged[active]
        if beside.any():  # a dose lands at a threshold: go on from beside it
            at = active[beside]
            x[at], nudged[at] = x[at] + _NUDGE * (np.abs(x[at]) + scale[at]) * free, True
            continue
        failed = status != Status.ok
        missing |= dict.fromkeys(active[failed].tolist(), _UNSOLVED)
        missing |= dict.fromkeys(active[status == Status.no_derivative].tolist(), _TOUCHED)
        slope[active] = slopes
        active, after = active[~failed], after[~failed]
        if not active.size:
            break
        size = np.abs(x[active]) + 1e-3 * scale[active]
        x[active], last[active], done = _step(x[active], after, slope[active], size, floor[active], last[active], free)
        active = active[~done]
        if not active.size:
            break
    return x, slope, missing | dict.fromkeys(active.tolist(), _NONE_FOUND)


def _step(
    now: np.ndarray, after: np.ndarray, slope: np.ndarray, size: np.ndarray, floor: np.ndarray, last: np.ndarray,
    free: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return states, by Newton's step or a plain period, the change of a period, and whether that was the last."""
    change = np.where(free, after - now, 0.0)
    error = np.max(np.abs(change) / size, axis=1)
    step = np.zeros(now.shape)
    step[:, free] = newton_step(slope[:, free][:, :, free], change[:, free])
    # not the change in a period, which is small wherever the steady state is reached slowly
    done = np.max(np.abs(step) / size, axis=1) <= _SETTLED
    moved = now + step
    plain = (error > last) | np.any(moved < floor, axis=1) | ~np.isfinite(moved).all(axis=1)
    return np.where((plain & ~done)[:, None], now + change, moved), error, done


def _changes(period: _Period, doses: RepeatedDoses, x: np.ndarray, directions: Directions) -> np.ndarray:
    """Return the changes (m, K, S) of steady states along directions, by the implicit function theorem."""
    free = period.free
    tables = _tables(doses, len(directions.parameter), x.shape[1])
    _, slope, change, _ = _after(period, doses, tables, x, directions)
    along = np.where(free, 0.0, directions.start)
    change = change + np.einsum("mij,mkj->mki", slope, along)
    inner = slope[:, None][..., free, :][..., free]
    along[:, :, free] = np.linalg.solve(np.eye(int(free.sum())) - inner, change[:, :, free, None])[..., 0]
    return along


def _tables(doses: RepeatedDoses, k: int, n: int) -> tuple[Events, Grid]:
    """Return what happens in a period, with changes along k directions and n states, and that nothing is reported."""
    return period_events(doses, k, n), one_grid([], len(doses.every))


def _after(
    period: _Period,
    doses: RepeatedDoses,
    tables: tuple[Events, Grid],
    x: np.ndarray,
    directions: Directions | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the states (m, S) a period of the doses after `x`, their derivatives (m, S, S) by x, their change
    along directions, and how each solve ended."""
    (m, n), k = x.shape, _count(directions)
    first, lengths = np.zeros((m, k + n, n)), period.scale
    first[:, k:] = lengths[:, :, None] * np.eye(n)
    scale, parameter, origin = np.ones((m, k + n)), np.full(k + n, -1), np.full(k + n, -1)
    scale[:, k:], origin[k:] = lengths, np.arange(n)
    if directions is not None:
        scale[:, :k], parameter[:k] = directions.scale, directions.parameter
        origin[:k] = -1 if directions.origin is None else directions.origin
    solution = solve(
        period.program,
        x,
        doses.parameters,
        *tables,
        columns=[],
        start=0.0,
        end=doses.every,
        rtol=period.rtol,
        atol=period.rtol * 1e-3 * period.model.scales,
        directions=Directions(parameter, scale, first, origin),
        scales=Scales(kinship(period.model), period.received),
    )
    blocks = solution.state.reshape(m, 1 + k + n, n)
    slope = np.swapaxes(blocks[:, 1 + k :] / lengths[:, :, None], 1, 2)
    return blocks[:, 0], slope, blocks[:, 1 : 1 + k], solution.status


def _unstable(model: Model, period: _Period, slope: np.ndarray) -> dict[int, str]:
    """Return the rows in which a disturbance does not end, and why."""
    states = np.flatnonzero(period.free)
    values, vectors = np.linalg.eig(slope[:, states][:, :, states])
    size, why = np.abs(values), {}
    for i in np.flatnonzero((size > _GROWS).any(axis=1)):
        j = int(np.argmax(size[i]))
        state = model.states[states[int(np.argmax(np.abs(vectors[i, :, j])))]].name
        grown = f"a disturbance is {size[i, j]:.6g} times as large after an interval"
        why[int(i)] = f"state '{state}' keeps what it is given ({grown})"
    return why
