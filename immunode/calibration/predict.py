"""Predictions of printed numbers: every arm of every trial, at many parameter sets, with the simulator of an arm."""

from collections.abc import Mapping, Sequence

import numpy as np

from immunode.calibration.lanes import ArmLanes, Lane
from immunode.calibration.problem import Datum, FitProblem
from immunode.errors import SolveError, Status
from immunode.measures.window import on_grid
from immunode.virtual_trials.legs import follow


def predict(problem: FitProblem, parameters: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Return what each of several parameter sets predicts for every row, shape (sets, rows), in the units of the rows.

    Lanes that end together are one simulation. Raise SolveError that names the arm when a simulation fails.
    """
    sets, observed = len(parameters), len(problem.observe)
    courses = np.full((sets, len(problem.lanes), problem.times.size, observed), np.nan)
    ends = np.array([lane.last for lane in problem.lanes])
    for last in np.unique(ends):
        together = np.flatnonzero(ends == last)
        lanes, days = [problem.lanes[i] for i in together], problem.times[problem.times <= last]
        values = _followed(problem, parameters, lanes, days)
        courses[:, together, : days.size] = values.reshape(sets, len(lanes), days.size, observed)
    whole = problem.draws > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([_statistic(datum, courses, problem.times, whole) for datum in problem.data], axis=1)


def _followed(
    problem: FitProblem, parameters: Sequence[Mapping[str, float]], lanes: Sequence[Lane], days: np.ndarray
) -> np.ndarray:
    """Return the courses of lanes at each parameter set, shape (sets * lanes, days, observables)."""
    names = list(problem.model.typical)
    values = np.array([_lane_values(problem, one, lane, names) for one in parameters for lane in lanes])
    which = np.tile([lane.regimen for lane in lanes], len(parameters))
    followed = follow(
        problem.model, values, problem.regimens, which,
        days=days, observe=problem.observe, start=0.0, rtol=problem.rtol, threads=problem.threads,
    )  # fmt: skip
    failed = np.flatnonzero(followed.final.status)
    if failed.size:
        status = Status(int(followed.final.status[failed[0]])).name
        raise SolveError(
            f"the simulation of {lanes[failed[0] % len(lanes)].owner} failed: {status}; "
            "narrow the bounds of the parameters"
        )
    return followed.values


def _lane_values(problem: FitProblem, parameters: Mapping[str, float], lane: Lane, names: Sequence[str]) -> list[float]:
    changed = problem.model.typical | dict(parameters) | dict(lane.fixed)
    return [changed[name] * lane.scale.get(name, 1.0) for name in names]


def _statistic(datum: Datum, courses: np.ndarray, times: np.ndarray, whole: bool) -> np.ndarray:
    """Return one row's number at each parameter set: the measure of its arm, averaged for a mean, less (or over) that
    of the other; nan where there is none.

    Of a `whole` population it is the median over the arm's lanes.
    """
    value = _measured(datum, datum.arm, datum.doses[0], courses, times, whole)
    if datum.versus is not None:
        other = _measured(datum, datum.versus, datum.doses[-1], courses, times, whole)
        value = value - other if datum.row.compare == "difference" else value / other
    ratio = datum.versus is not None and datum.row.compare == "ratio"
    return np.where(np.isfinite(value), value if ratio else value * datum.to_unit, np.nan)


def _measured(
    datum: Datum, arm: ArmLanes, dose: float, courses: np.ndarray, times: np.ndarray, whole: bool
) -> np.ndarray:
    """Return the measure of an arm at each parameter set, shape (sets,)."""
    averaged = datum.row.statistic == "mean" or whole
    lanes = arm.lanes if averaged else np.array([arm.typical])
    chosen = courses[:, lanes][:, :, datum.index, datum.column]
    sets, patients, days = chosen.shape
    everyone = np.ones(sets * patients)
    window = on_grid(
        datum.measure.needs, times[datum.index] + datum.offset, chosen.reshape(-1, days), datum.row.from_day,
        amount=dose * everyone, level=datum.level * everyone,
    )  # fmt: skip
    each = datum.measure.reduce(window).reshape(sets, patients)
    return np.median(each, axis=1) if whole else each @ (arm.weights if averaged else np.ones(1))
