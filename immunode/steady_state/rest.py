"""Solve where a model rests, f(x) + inflow = 0: an untreated patient, and one with an infusion without end."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from inspect import getsource
from typing import Any

import numpy as np

from immunode.internal.disk_cache import remembered
from immunode.model.calculus import derivative
from immunode.model.declaration import Model
from immunode.model.evaluate import SPECIAL
from immunode.model.scales import kinship, known_scales, scales_or_one, sizes
from immunode.model.trace import Trace, lazy_trace
from immunode.steady_state.dependence import is_linear
from immunode.steady_state.linear import newton_step

NONE_FOUND = "there is none where more is given than can be cleared"
UNSTABLE = "the one found is not stable: a disturbance of it does not end"
_SETTLED, _MOST = 1e-9, 100  # Newton's last step, and how many there are at most
_FOLLOWED = 100.0  # how long a model is followed away from a point that is not stable, in times of its growth
_FAST = 1e6  # in a unit of time: the rate of what may wait behind slopes that begin slowly
_NEUTRAL = 1e-15  # of the fastest rate: rounding cannot tell a slower one from zero


@dataclass(frozen=True)
class RestPoint:
    """Hold a rest point: all states (S,), and why there is none where it is `missing`."""

    states: np.ndarray
    missing: str = ""


@dataclass(frozen=True)
class _Search:
    """Hold what is solved: f and df/dx of the `free` states of one patient, the others held.

    `floor` is what a state cannot fall below, `scale` its size that matters.
    """

    slopes: Callable[[np.ndarray], np.ndarray]
    by_state: Callable[[np.ndarray], np.ndarray]
    free: np.ndarray
    floor: np.ndarray
    scale: np.ndarray


def rest_point(
    model: Model, parameters: np.ndarray, inflow: np.ndarray, start: np.ndarray, free: np.ndarray
) -> RestPoint:
    """Return where the `free` states of a patient rest with an `inflow` (S,), the others held at `start` (S,).

    The search begins at `start` where that is positive, else at the state's scale, or where nothing tells that at what
    the others make of it; where that leads nowhere, at where the model itself goes. A point that a disturbance leaves
    is none: then the model itself is followed from where the search began, and may come to rest elsewhere.
    """
    trace = lazy_trace(model)
    scale = _scale(model, parameters, inflow, start, free)
    place = partial(_placed, start, free)
    search = _Search(
        lambda part: (slopes_at(trace, place(part), parameters) + inflow)[free],
        lambda part: slopes_by_state(trace, place(part), parameters)[np.ix_(free, free)],
        free,
        (np.minimum(start, 0.0) - 1e-9 * scale)[free],
        scale[free],
    )
    first = np.where(start > 0, start, scale)[free]
    part, missing = _sought(model, search, place, lambda: first)
    if missing == NONE_FOUND and not is_linear(trace):
        part, missing = _sought(model, search, place, lambda: _relaxed(search, start[free]))
    return RestPoint(start if missing else place(part), missing)


def _sought(
    model: Model, search: _Search, place: Callable[[np.ndarray], np.ndarray], first: Callable[[], np.ndarray]
) -> tuple[np.ndarray, str]:
    """Return the free states of a stable rest point near the `first` ones, and why there is none."""
    try:
        part, missing = _stable(search, first(), is_linear(lazy_trace(model)))
        if not missing and np.any(kinship(model).undeclared & search.free):
            part, missing = _refined(model, search, place(part))
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):  # a search that has left the numbers
        return np.full(len(search.scale), np.nan), NONE_FOUND
    return part, missing


def _scale(model: Model, parameters: np.ndarray, inflow: np.ndarray, start: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the scales (S,): what is known, of other states what slopes that are straight lines would make of them.

    In amounts a million times as large that is a million times as large, so that the search goes the same way.
    """
    size, trace = np.abs(start) + np.abs(inflow), lazy_trace(model)
    for _ in range(np.count_nonzero(kinship(model).undeclared & free)):
        known = known_scales(model, size[None])[0]
        lacking = free & np.isnan(known)
        if not lacking.any():
            break
        point = np.where(lacking, 0.0, np.where(free & (start <= 0), known, start))
        try:
            slopes = (slopes_at(trace, point, parameters) + inflow)[lacking]
            by_state = slopes_by_state(trace, point, parameters)[np.ix_(lacking, lacking)]
        except (ArithmeticError, ValueError):  # a slope that has no value there
            break
        made = np.abs(newton_step((np.eye(len(slopes)) + by_state)[None], slopes[None])[0])
        if not np.any(np.isfinite(made) & (made > 0)):
            break
        size[lacking] = np.where(np.isfinite(made), made, 0.0)
    return scales_or_one(model, size[None])[0]


def change_at_rest(
    model: Model, parameters: np.ndarray, states: np.ndarray, free: np.ndarray, change: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """Return how a rest point (S,) moves where the slopes change by `change` (S,) and the held states by `held` (S,).

    By the implicit function theorem.
    """
    slope = slopes_by_state(lazy_trace(model), states, parameters)[free]
    along = np.where(free, 0.0, held)
    along[free] = np.linalg.solve(slope[:, free], -(change[free] + slope @ along))
    return along


def rests_at_zero(trace: Trace, parameters: np.ndarray) -> bool:
    """Return whether nothing is in the model of itself: without a dose, empty states stay empty."""
    return all(not np.any(slopes_at(trace, np.zeros(trace.sizes.states), row)) for row in parameters)


def slopes_at(trace: Trace, states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return the slopes (S,) of one patient at time 0."""
    return np.array(_functions(trace)[0](states, parameters), dtype=float)


def slopes_by_state(trace: Trace, states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return the derivatives (S, S) of the slopes by the states, of one patient at time 0."""
    return np.array(_functions(trace)[1](states, parameters), dtype=float)


def slopes_by_parameter(trace: Trace, index: int, states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return the derivatives (S,) of the slopes by the parameter of this index, of one patient at time 0."""
    return np.array(_by_parameter(trace.whole, index)(states, parameters), dtype=float)


@lru_cache(maxsize=256)
def _functions(trace: Trace) -> list[Callable[..., Any]]:
    """Return f and df/dx of (states, parameters) at time 0, made once a model; a library model's between processes."""
    sources = remembered(trace.key and f"{trace.key}/rest", lambda: _sources(trace.whole))
    spaces: list[dict[str, Any]] = [{**vars(math), "math": math, **SPECIAL} for _ in sources]
    for source, space in zip(sources, spaces, strict=True):
        exec(source, space)
    return [space["_lambdifygenerated"] for space in spaces]


def _sources(whole: Trace) -> list[str]:
    import sympy

    f = _at_start(whole)
    by_state = [[derivative(slope, state) for state in whole.states] for slope in f]
    return [getsource(sympy.lambdify((whole.states, whole.parameters), e, modules="math")) for e in (f, by_state)]


@lru_cache(maxsize=256)
def _by_parameter(whole: Trace, index: int) -> Callable[..., Any]:
    import sympy

    column = [derivative(slope, whole.parameters[index]) for slope in _at_start(whole)]
    function: Callable[..., Any] = sympy.lambdify((whole.states, whole.parameters), column, modules="math")
    return function


def _at_start(whole: Trace) -> list[Any]:
    import sympy

    return [sympy.sympify(slope).subs(whole.time, 0) for slope in whole.derivative]


def _placed(start: np.ndarray, free: np.ndarray, part: np.ndarray) -> np.ndarray:
    states = start.copy()
    states[free] = part
    return states


def _stable(search: _Search, first: np.ndarray, linear: bool) -> tuple[np.ndarray, str]:
    """Return the free states of a stable rest point, and why there is none."""
    from scipy.optimize import root

    # Newton's method from where SciPy's search ends, which does not know when it has arrived
    point = _newton(search, first if linear else root(search.slopes, first, jac=search.by_state).x)
    if not np.all(point >= search.floor):
        return point, NONE_FOUND
    growth = _growth(search, point)
    if growth > 0 and not linear:
        point = _newton(search, _followed(search, first, _FOLLOWED / growth))
        growth = _growth(search, point) if np.all(point >= search.floor) else growth
    return point, "" if growth < 0 else UNSTABLE


def _refined(model: Model, search: _Search, states: np.ndarray) -> tuple[np.ndarray, str]:
    """Return a rest point that is as exact beside its own size, where nothing told that before, and if it is none."""
    free = search.free
    size = sizes(model, states[None])[0][free]
    smaller = kinship(model).undeclared[free] & (size > 0) & (size < search.scale)
    scale = np.where(smaller, size, search.scale)
    closer = replace(search, scale=scale, floor=np.maximum(search.floor, -1e-9 * scale))
    point = _newton(closer, states[free])
    if not np.isfinite(point).all():  # rounding may be more than that: the point is as good as there is
        return states[free], ""
    return point, "" if np.all(point >= closer.floor) else NONE_FOUND


def _newton(search: _Search, point: np.ndarray) -> np.ndarray:
    """Return where Newton's method ends; nan where it does not."""
    for _ in range(_MOST):
        # of the map x + f(x), whose derivative is I + J, the step is -J^-1 f
        map_slope = np.eye(len(point)) + search.by_state(point)
        step = newton_step(map_slope[None], search.slopes(point)[None])[0]
        point = point + step
        if np.max(np.abs(step) / (np.abs(point) + 1e-3 * search.scale)) <= _SETTLED:
            return point
    return np.full_like(point, np.nan)


def _relaxed(search: _Search, point: np.ndarray) -> np.ndarray:
    """Return where ever longer steps of the model itself lead from `point`, implicit ones, which take it to its rest.

    They go there from below where a search from far above is thrown out, and in any amount the same way.
    """
    fastest = np.abs(np.linalg.eigvals(search.by_state(point))).max(initial=0.0)
    for size in np.geomspace(1.0, 1.5**_MOST, _MOST) / max(_FAST, fastest):
        slope = np.eye(len(point)) - size * search.by_state(point)
        point = point + np.linalg.solve(slope, size * search.slopes(point))
    return point


def _growth(search: _Search, point: np.ndarray) -> float:
    """Return the rate at which the most lasting disturbance of a point grows, below zero where all end."""
    rates = np.linalg.eigvals(search.by_state(point))
    most = float(rates.real.max())
    return 0.0 if abs(most) <= _NEUTRAL * np.abs(rates).max() else most


def _followed(search: _Search, first: np.ndarray, until: float) -> np.ndarray:
    """Return where the model itself goes from `first`."""
    from scipy.integrate import solve_ivp

    path = solve_ivp(
        lambda _, point: search.slopes(point), (0.0, until), first, "BDF", jac=lambda _, point: search.by_state(point),
        rtol=1e-6, atol=1e-9 * search.scale,
    )  # fmt: skip
    end: np.ndarray = path.y[:, -1]
    return end
