"""Predict printed numbers with a model's typical patient: every arm of every trial, at many parameter sets."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.errors import BadValue, SolveError, Status, UnitError, unknown
from immunode.evidence.design import ArmFile
from immunode.evidence.printed import Evidence, PrintedNumber
from immunode.measures.course import Measure, measure
from immunode.model.declaration import Model
from immunode.regimen import Regimen, prescribe, replace
from immunode.simulation.simulation import run
from immunode.units import factor

NODES = 5
HOURS_BELOW = 3.0  # windows shorter than this many days are named in hours


@dataclass(frozen=True, eq=False)
class Lane:
    """Hold one simulated patient: its regimen, last time, the values that its arm fixes, factors on the others."""

    regimen: int
    last: float
    fixed: Mapping[str, float]
    scale: Mapping[str, float]
    owner: str


@dataclass(frozen=True, eq=False)
class Arm:
    """Name the lanes of an arm: those to average with their weights, and the typical patient."""

    lanes: np.ndarray
    weights: np.ndarray
    typical: int
    dose: float


@dataclass(frozen=True, eq=False)
class Datum:
    """Hold one row made ready: whose it is, arms, where its times lie in the common grid, what is made of them."""

    label: str
    row: PrintedNumber
    arm: Arm
    versus: Arm | None
    index: np.ndarray
    measure: Measure
    to_unit: float
    column: int
    offset: float


@dataclass(frozen=True, eq=False)
class Problem:
    """Hold everything that does not change during a fit."""

    model: Model
    data: tuple[Datum, ...]
    lanes: tuple[Lane, ...]
    regimens: tuple[Regimen, ...]
    times: np.ndarray
    observe: tuple[str, ...]
    rtol: float
    threads: int
    draws: int = 0

    @property
    def observed(self) -> np.ndarray:
        """Return the printed numbers."""
        return np.array([d.row.observed for d in self.data])


def quadrature(spread: Mapping[str, float]) -> tuple[list[dict[str, float]], np.ndarray]:
    """Return factors exp(SD z) on parameters and their weights: Gauss-Hermite, exact to degree 9 in each z."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    factors, joint = [], []
    for point in itertools.product(range(NODES), repeat=len(spread)):
        factors.append(
            {name: float(np.exp(sd * nodes[i])) for (name, sd), i in zip(spread.items(), point, strict=True)}
        )
        joint.append(float(np.prod(weights[list(point)])))
    return factors, np.array(joint)


def label(evidence: Evidence, row: PrintedNumber) -> str:
    """Return a readable name of a row, such as "davey_2000: il2 - art, mean percent_change of cd4, day 0 to 365"."""
    arms = row.arm if not row.versus else f"{row.arm} {'-' if row.compare == 'difference' else '/'} {row.versus}"
    scale, clock = (24, "hour") if row.day - row.from_day < HOURS_BELOW else (1, "day")
    day, first = f"{row.day * scale:.6g}", f"{row.from_day * scale:.6g}"
    when = f"{clock} {day}" if row.measure == "value" else f"{clock} {first} to {day}"
    unit = f" [{row.unit}]" if row.unit else ""
    return f"{evidence.name}: {arms}, {row.statistic} {row.measure} of {row.observable}{unit}, {when}"


def problem(
    evidence: Sequence[Evidence],
    model: Model,
    *,
    spread: Mapping[str, float] | None = None,
    draws: Sequence[Mapping[str, float]] = (),
    rtol: float = 1e-8,
    threads: int = 1,
) -> Problem:
    """Make evidence ready to be predicted; rows called "mean" average over the log-normal `spread` of parameters.

    With `draws`, factors on parameters one virtual patient each, every row is instead the median of those patients.
    Raise UnknownName for an observable, measure or parameter that does not exist, UnitError for a row whose unit does
    not fit.
    """
    spread = dict(spread or {})
    for name in spread:
        if name not in model.typical:
            raise unknown("parameter", name, model.typical, model.name)
    regimens: list[Regimen] = []
    lanes: list[Lane] = []
    arms: dict[tuple[int, str], Arm] = {}
    for i, one in enumerate(evidence):
        for arm in one.arms:
            mine = [r for r in one.rows if arm.name in (r.arm, r.versus)]
            if mine:
                averaged = any(r.statistic == "mean" for r in mine)
                regimens.append(_regimen(model, arm, one.start))
                last = max(r.day for r in mine) - one.start
                arms[i, arm.name] = _arm(model, one, arm, last, regimens, lanes, spread if averaged else {}, draws)
    grids = [measure(r.measure).grid(r.from_day - one.start, r.day - one.start) for one in evidence for r in one.rows]
    times = np.unique(np.concatenate(grids)) if grids else np.zeros(0)
    if times.size == 0 or times[0] < 0:
        raise BadValue("evidence needs at least one row, and none may lie before the 'start' of its trial")
    observe = tuple(dict.fromkeys(r.observable for one in evidence for r in one.rows))
    rows = [(i, one, row) for i, one in enumerate(evidence) for row in one.rows]
    data = [
        _datum(model, one, row, arms, i, np.searchsorted(times, g), observe)
        for (i, one, row), g in zip(rows, grids, strict=True)
    ]
    return Problem(model, tuple(data), tuple(lanes), tuple(regimens), times, observe, rtol, threads, len(draws))


def _regimen(model: Model, arm: ArmFile, start: float) -> Regimen:
    plan = prescribe(arm.regimen) if arm.regimen else Regimen(())
    for item in arm.set:
        unit = model.target(item.state).unit
        plan = plan + replace(item.state, f"{item.value!r} {unit}" if unit != "1" else item.value, time=item.day)
    return plan.shift(-start)


def _arm(
    model: Model,
    one: Evidence,
    arm: ArmFile,
    last: float,
    regimens: list[Regimen],
    lanes: list[Lane],
    spread: Mapping[str, float],
    draws: Sequence[Mapping[str, float]],
) -> Arm:
    checked = model.values(arm.values)
    fixed = {name: checked[name] for name in arm.values}
    factors, weights = (list(draws), np.full(len(draws), 1 / len(draws))) if draws else quadrature(spread)
    first = len(lanes)
    lanes += [Lane(len(regimens) - 1, last, fixed, scale, f"{one.name}: {arm.name}") for scale in factors]
    return Arm(np.arange(first, len(lanes)), weights, first + len(factors) // 2, _dose(regimens[-1]))


def _dose(plan: Regimen) -> float:
    """Return what is given in all, in MIU where the doses are activities, else in the unit given."""
    total = 0.0
    for dose in plan:
        if dose.action == "add":
            try:
                total += dose.amount * factor(dose.unit, "MIU")
            except UnitError:
                total += dose.amount
    return total


def _datum(
    model: Model,
    one: Evidence,
    row: PrintedNumber,
    arms: Mapping[tuple[int, str], Arm],
    i: int,
    index: np.ndarray,
    observe: Sequence[str],
) -> Datum:
    if row.observable not in model.observables:
        raise unknown("output or state", row.observable, model.observables, model.name)
    what = measure(row.measure)
    own = what.unit.format(model.observables[row.observable])
    to_unit = factor(own, row.unit) if row.unit and not (row.versus and row.compare == "ratio") else 1.0
    versus = arms[i, row.versus] if row.versus else None
    column = list(observe).index(row.observable)
    return Datum(label(one, row), row, arms[i, row.arm], versus, index, what, to_unit, column, one.start)


def predict(this: Problem, parameters: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Return what each of several parameter sets predicts for every row, shape (sets, rows), in the units of the rows.

    Lanes that end together are one simulation. Raise SolveError that names the arm when a simulation fails.
    """
    names = list(this.model.typical)
    courses = np.full((len(parameters), len(this.lanes), this.times.size, len(this.observe)), np.nan)
    ends = np.array([lane.last for lane in this.lanes])
    for last in np.unique(ends):
        mine = np.flatnonzero(ends == last)
        times = this.times[this.times <= last]
        lanes = [this.lanes[i] for i in mine]
        values = np.array([_lane_values(this.model, p, lane, names) for p in parameters for lane in lanes])
        which = np.tile([lane.regimen for lane in lanes], len(parameters))
        found = run(
            this.model,
            values,
            this.regimens,
            which,
            times=times,
            observe=this.observe,
            start=0.0,
            rtol=this.rtol,
            threads=this.threads,
        )
        failed = np.flatnonzero(found.status)
        if failed.size:
            status = Status(int(found.status[failed[0]])).name
            raise SolveError(
                f"the simulation of {lanes[failed[0] % len(lanes)].owner} failed: {status}; "
                "narrow the bounds of the parameters"
            )
        courses[:, mine, : times.size] = found.values.reshape(
            len(parameters), len(lanes), times.size, len(this.observe)
        )
    whole = this.draws > 0
    return np.array([[_statistic(datum, course, this.times, whole) for datum in this.data] for course in courses])


def _lane_values(model: Model, parameters: Mapping[str, float], lane: Lane, names: Sequence[str]) -> list[float]:
    changed = model.typical | dict(parameters) | dict(lane.fixed)
    return [changed[name] * lane.scale.get(name, 1.0) for name in names]


def _statistic(datum: Datum, course: np.ndarray, times: np.ndarray, whole: bool) -> float:
    """Return one row's number: the measure of its arm, averaged for a mean, less (or over) that of the other.

    Of a `whole` population it is the median over the arm's lanes.
    """
    t = times[datum.index] + datum.offset

    def of(arm: Arm) -> float:
        lanes, weights = (
            (arm.lanes, arm.weights)
            if datum.row.statistic == "mean" or whole
            else (np.array([arm.typical]), np.ones(1))
        )
        each = [datum.measure.reduce(t, course[lane, datum.index, datum.column], arm.dose) for lane in lanes]
        return float(np.median(each) if whole else weights @ np.array(each))

    mine = of(datum.arm)
    if datum.versus is None:
        return mine * datum.to_unit
    other = of(datum.versus)
    return (mine - other) * datum.to_unit if datum.row.compare == "difference" else mine / other
