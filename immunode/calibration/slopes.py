"""Slopes of printed numbers over the varied parameters: of exact sensitivities, or of differences where there are none.

A simulation gives the change of a course along each parameter of the model. What a parameter of the fit moves in the
model follows from its expressions, and what a measure makes of a changed course from the course alone: neither needs a
second simulation, so the noise of a solver enters nowhere as a difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.free_parameters import LOG, model_values
from immunode.calibration.lanes import Lane
from immunode.calibration.predict import ending_together, lane_parameters, looked_at, of_pair, pair, predict
from immunode.calibration.problem import Datum, FitProblem
from immunode.errors import ImmunodeError, SolveError
from immunode.simulation import run

STEP = 1e-3  # of a parameter, for differences: their error ~ STEP^4 stays below the solver's noise, rtol / STEP
SMALLEST = 1e-6  # of what a parameter was at the start, that its step is taken of
ALONG = 1e-5  # of a course, for the change of a measure along it: made without a simulation, its noise is rounding
COARSER = 100.0  # than values: an error of slopes moves no optimum by more than its part of a standard error
POINTS = (-2.0, -1.0, 1.0, 2.0)  # of the differences, in steps: exact to degree 4


def number_slopes(problem: FitProblem, params: lmfit.Parameters, held: Mapping[str, float]) -> np.ndarray:
    """Return d number / d varied parameter, shape (rows, varied), in the units of the rows.

    Exact where the engine has sensitivities, else of differences. Raise SolveError where there are neither.
    """
    slopes = None if problem.draws else _exact(problem, params, held)
    if slopes is None or not np.isfinite(slopes).all():
        slopes = differences(problem, params, held)
    return slopes


def differences(problem: FitProblem, params: lmfit.Parameters, held: Mapping[str, float]) -> np.ndarray:
    """Return the same by differences of four points; one-sided, of two, at a bound or where a point has no number."""
    names = [name for name, p in params.items() if p.vary]
    steps = [_step(params, name) for name in names]
    sets = [
        _moved(problem, params, held, name, at * step)
        for name, step in zip(names, steps, strict=True)
        for at in (*POINTS, 0.0)
    ]
    each = predict(problem, sets, must_solve=False).reshape(len(names), len(POINTS) + 1, -1)
    slopes = [
        _slope(each[k], POINTS, step, float(params[name].value), params[name].min, params[name].max)
        for k, (name, step) in enumerate(zip(names, steps, strict=True))
    ]
    out = np.stack(slopes, axis=1)
    if not np.isfinite(out).all():
        row, k = np.argwhere(~np.isfinite(out))[0]
        raise SolveError(
            f"{problem.data[row].label}: it has no slope over '{names[k].removeprefix(LOG)}' at "
            f"{float(params[names[k]].value):.6g}: beside it there is no number; narrow the bounds of the parameters"
        )
    return out


def _slope(
    numbers: np.ndarray, points: Sequence[float], step: float, centre: float, low: float, high: float
) -> np.ndarray:
    """Return the slope of `numbers` (points and the centre, rows) of one parameter that is at `centre`."""
    inside = [low <= centre + at * step <= high and np.isfinite(n).all() for at, n in zip(points, numbers)]
    if all(inside):
        return _of_four(numbers[:-1]) / step
    if inside[1] and inside[2]:
        return (numbers[2] - numbers[1]) / (2 * step)
    if inside[2] and inside[3]:  # of a parabola through the centre and two points beside it
        return (4 * numbers[2] - numbers[3] - 3 * numbers[-1]) / (2 * step)
    if inside[0] and inside[1]:
        return (numbers[0] - 4 * numbers[1] + 3 * numbers[-1]) / (2 * step)
    return np.full(numbers.shape[1], np.nan)


def _of_four(values: Any) -> Any:
    """Return the slope of values at the four points, of a step of 1; exactly zero of values that are all one."""
    return (8 * (values[2] - values[1]) - (values[3] - values[0])) / 12


def _step(params: lmfit.Parameters, name: str) -> float:
    if name.startswith(LOG):
        return STEP
    p = params[name]  # one that comes near zero on its way is still as large as it was
    return STEP * (max(abs(float(p.value)), SMALLEST * abs(p.init_value or 0.0)) or 1.0)


def _moved(
    problem: FitProblem, params: lmfit.Parameters, held: Mapping[str, float], name: str, by: float
) -> dict[str, float]:
    """Return the model's parameters with one varied parameter moved, whatever its bounds."""
    work = params.copy()
    centre = float(work[name].value)
    work[name].set(value=centre + by, min=-np.inf, max=np.inf)
    work.update_constraints()
    return model_values(problem.model, work, held)


def _exact(problem: FitProblem, params: lmfit.Parameters, held: Mapping[str, float]) -> np.ndarray | None:
    """Return the slopes of exact sensitivities, None where the engine has none."""
    here = model_values(problem.model, params, held)
    moves = _moves(problem, params, held)  # (model parameters, varied)
    names = [name for name, row in moves.items() if np.any(row != 0)]
    if not all(np.isfinite(row).all() for row in moves.values()):
        return None
    shape = (len(problem.lanes), problem.times.size, len(problem.observe))
    courses, along = np.full(shape, np.nan), np.full((len(_varied(params)), *shape), np.nan)
    for together, lanes, days in ending_together(problem):
        try:
            made = run(
                problem.model, lane_parameters(problem, [here], lanes), problem.regimens,
                np.array([lane.regimen for lane in lanes]), times=days * problem.model.per_day,
                observe=problem.observe, start=0.0, rtol=COARSER * problem.rtol,
                threads=problem.threads, sensitivities=names,
            )  # fmt: skip
        except ImmunodeError:
            return None
        if made.status.any():
            return None
        weights = np.array([[_weight(lane, name) * moves[name] for name in names] for lane in lanes])
        courses[together, : days.size] = made.values
        along[:, together, : days.size] = np.einsum("ltso,lsj->jlto", made.along, weights)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.stack([_along(datum, courses, along, problem.times) for datum in problem.data])


def _varied(params: lmfit.Parameters) -> list[str]:
    return [name for name, p in params.items() if p.vary]


def _moves(problem: FitProblem, params: lmfit.Parameters, held: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return by model parameter how it moves with each varied one: 1 for itself, else of its expression."""
    varied = _varied(params)
    out = {name: np.zeros(len(varied)) for name in problem.model.typical if name in params}
    for k, name in enumerate(varied):
        step = _step(params, name)
        with np.errstate(all="ignore"):
            beside = [_moved(problem, params, held, name, at * step) for at in POINTS]
        for other, row in out.items():
            row[k] = 1.0 if other == name else _of_four([one[other] for one in beside]) / step
    return {name: row for name, row in out.items() if row.any()}


def _weight(lane: Lane, name: str) -> float:
    """Return how a lane's own parameter moves with the typical one: an arm that fixes it lets it not move."""
    return 0.0 if name in lane.fixed else lane.scale.get(name, 1.0)


def _along(datum: Datum, courses: np.ndarray, along: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how a row's number changes along each varied parameter, (varied,): of its courses, slightly moved."""
    here = [looked_at(datum, arm, courses, whole=False) for arm in pair(datum)]
    changes = [looked_at(datum, arm, along, whole=False) for arm in pair(datum)]
    size = max(np.abs(part).max() for part in here)
    change = np.max([np.abs(part).max(axis=(1, 2)) for part in changes], axis=0)
    step = ALONG * (size or 1.0) / np.where(change > 0, change, np.inf)
    both = np.concatenate([step, -step])[:, None, None]
    moved = [part + both * np.concatenate([way, way]) for part, way in zip(here, changes, strict=True)]
    up, down = np.split(of_pair(datum, moved, times, whole=False), 2)
    return np.where(change > 0, (up - down) / np.where(step > 0, 2 * step, 1.0), 0.0)
