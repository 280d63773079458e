"""Predictions of printed numbers: every arm of every trial, at many parameter sets, with the simulator of an arm."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from immunode.calibration.lanes import ArmLanes, Lane
from immunode.calibration.problem import Datum, FitProblem
from immunode.errors import SolveError, Status
from immunode.measures.window import on_grid
from immunode.virtual_trials.legs import follow


def predict(problem: FitProblem, parameters: Sequence[Mapping[str, float]], *, must_solve: bool = True) -> np.ndarray:
    """Return what each of several parameter sets predicts for every row, shape (sets, rows), in the units of the rows.

    Lanes that end together are one simulation. Raise SolveError that names the arm when a simulation fails, and
    `must_solve`; else its numbers are nan.
    """
    sets, observed = len(parameters), len(problem.observe)
    courses = np.full((sets, len(problem.lanes), problem.times.size, observed), np.nan)
    for together, lanes, days in ending_together(problem):
        values = _followed(problem, parameters, lanes, days, must_solve)
        courses[:, together, : days.size] = values.reshape(sets, len(lanes), days.size, observed)
    return statistics(problem, courses)


def ending_together(problem: FitProblem) -> Iterator[tuple[np.ndarray, list[Lane], np.ndarray]]:
    """Yield the numbers of lanes that end together, these, and the days on which they are looked at."""
    ends = np.array([lane.last for lane in problem.lanes])
    for last in np.unique(ends):
        together = np.flatnonzero(ends == last)
        yield together, [problem.lanes[i] for i in together], problem.times[problem.times <= last]


def statistics(problem: FitProblem, courses: np.ndarray) -> np.ndarray:
    """Return every row's number, shape (sets, rows), of courses (sets, lanes, days, observables)."""
    whole = problem.draws > 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.stack([statistic(datum, courses, problem.times, whole) for datum in problem.data], axis=1)


def lane_parameters(
    problem: FitProblem, parameters: Sequence[Mapping[str, float]], lanes: Sequence[Lane]
) -> np.ndarray:
    """Return the model's parameters of lanes at each parameter set, shape (sets * lanes, parameters)."""
    names = list(problem.model.typical)
    return np.array([_lane_values(problem, one, lane, names) for one in parameters for lane in lanes])


def _followed(
    problem: FitProblem,
    parameters: Sequence[Mapping[str, float]],
    lanes: Sequence[Lane],
    days: np.ndarray,
    must_solve: bool,
) -> np.ndarray:
    """Return the courses of lanes at each parameter set, shape (sets * lanes, days, observables)."""
    values = lane_parameters(problem, parameters, lanes)
    which = np.tile([lane.regimen for lane in lanes], len(parameters))
    followed = follow(
        problem.model, values, problem.regimens, which,
        days=days, observe=problem.observe, start=0.0, rtol=problem.rtol, threads=problem.threads,
    )  # fmt: skip
    failed = np.flatnonzero(followed.final.status)
    if failed.size and must_solve:
        status = Status(int(followed.final.status[failed[0]])).name
        raise SolveError(
            f"the simulation of {lanes[failed[0] % len(lanes)].owner} failed: {status}; "
            "narrow the bounds of the parameters"
        )
    return followed.values


def _lane_values(problem: FitProblem, parameters: Mapping[str, float], lane: Lane, names: Sequence[str]) -> list[float]:
    changed = problem.model.typical | dict(parameters) | dict(lane.fixed)
    return [changed[name] * lane.scale.get(name, 1.0) for name in names]


def statistic(datum: Datum, courses: np.ndarray, times: np.ndarray, whole: bool) -> np.ndarray:
    """Return one row's number at each parameter set, (sets,), of courses (sets, lanes, days, observables)."""
    return of_pair(datum, [looked_at(datum, arm, courses, whole) for arm in pair(datum)], times, whole)


def pair(datum: Datum) -> list[ArmLanes]:
    """Return the arm of a row, and the one that it is compared with."""
    return [arm for arm in (datum.arm, datum.versus) if arm is not None]


def looked_at(datum: Datum, arm: ArmLanes, courses: np.ndarray, whole: bool) -> np.ndarray:
    """Return the part of courses (..., lanes, days, observables) that a row reads of an arm, (..., lanes, days)."""
    lanes = arm.lanes if _averaged(datum, whole) else np.array([arm.typical])
    return courses[..., lanes[:, None], datum.index, datum.column]


def of_pair(datum: Datum, parts: Sequence[np.ndarray], times: np.ndarray, whole: bool) -> np.ndarray:
    """Return one row's number at each parameter set of what it reads of its arms: the measure of its arm, averaged for
    a mean, less (or over) that of the other; nan where there is none.

    Of a `whole` population it is the median over the arm's lanes.
    """
    each = [
        _measured(datum, arm, dose, part, times, whole)
        for arm, dose, part in zip(pair(datum), datum.doses, parts, strict=True)
    ]
    value = each[0]
    if datum.versus is not None:
        value = value - each[1] if datum.row.compare == "difference" else value / each[1]
    ratio = datum.versus is not None and datum.row.compare == "ratio"
    return np.where(np.isfinite(value), value if ratio else value * datum.to_unit, np.nan)


def _averaged(datum: Datum, whole: bool) -> bool:
    return datum.row.statistic == "mean" or whole


def _measured(
    datum: Datum, arm: ArmLanes, dose: float, chosen: np.ndarray, times: np.ndarray, whole: bool
) -> np.ndarray:
    """Return the measure of an arm at each parameter set, shape (sets,)."""
    sets, patients, days = chosen.shape
    everyone = np.ones(sets * patients)
    window = on_grid(
        datum.measure.needs, times[datum.index] + datum.offset, chosen.reshape(-1, days), datum.row.from_day,
        amount=dose * everyone, level=datum.level * everyone,
    )  # fmt: skip
    each = datum.measure.reduce(window).reshape(sets, patients)
    return np.median(each, axis=1) if whole else each @ (arm.weights if _averaged(datum, whole) else np.ones(1))
