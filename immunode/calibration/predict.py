"""Predictions of printed numbers: every arm of every trial, at many parameter sets, with the simulator of an arm."""

from collections.abc import Mapping, Sequence

import numpy as np

from immunode.calibration.lanes import ArmLanes, Lane
from immunode.calibration.problem import Datum, FitProblem
from immunode.errors import SolveError, Status
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
        return np.array([[_statistic(datum, one, problem.times, whole) for datum in problem.data] for one in courses])


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


def _statistic(datum: Datum, course: np.ndarray, times: np.ndarray, whole: bool) -> float:
    """Return one row's number: the measure of its arm, averaged for a mean, less (or over) that of the other.

    Of a `whole` population it is the median over the arm's lanes.
    """
    try:
        return _compared(datum, course, times, whole)
    except ZeroDivisionError:  # a dose over no area, a ratio to nothing
        return float("nan")


def _compared(datum: Datum, course: np.ndarray, times: np.ndarray, whole: bool) -> float:
    value = _measured(datum, datum.arm, datum.doses[0], course, times, whole)
    if datum.versus is None:
        return value * datum.to_unit
    other = _measured(datum, datum.versus, datum.doses[-1], course, times, whole)
    return (value - other) * datum.to_unit if datum.row.compare == "difference" else value / other


def _measured(datum: Datum, arm: ArmLanes, dose: float, course: np.ndarray, times: np.ndarray, whole: bool) -> float:
    t = times[datum.index] + datum.offset
    lanes, weights = (
        (arm.lanes, arm.weights) if datum.row.statistic == "mean" or whole else (np.array([arm.typical]), np.ones(1))
    )
    each = [datum.measure.reduce(t, course[lane, datum.index, datum.column], dose) for lane in lanes]
    return float(np.median(each) if whole else weights @ np.array(each))
