"""Evidence made ready to be predicted: the lanes to simulate, and what is made of their courses for each number."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.evidence.design import ArmFile
from immunode.evidence.printed import Evidence, PrintedNumber
from immunode.measures import Measure, measure
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.units import factor
from immunode.virtual_trials.arm import planned

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
class ArmLanes:
    """Name the lanes of an arm: those to average with their weights, and the typical patient; and what is given in all,
    with the units of the states that it is given into."""

    lanes: np.ndarray
    weights: np.ndarray
    typical: int
    dose: float
    dose_units: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Datum:
    """Hold one row made ready: whose it is, arms, where its times lie in the common grid, what is made of them."""

    label: str
    row: PrintedNumber
    arm: ArmLanes
    versus: ArmLanes | None
    index: np.ndarray
    measure: Measure
    to_unit: float
    column: int
    offset: float


@dataclass(frozen=True, eq=False)
class FitProblem:
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


def fit_problem(
    evidence: Sequence[Evidence],
    model: Model,
    *,
    spread: Mapping[str, float] | None = None,
    draws: Sequence[Mapping[str, float]] = (),
    rtol: float = 1e-8,
    threads: int = 1,
) -> FitProblem:
    """Make evidence ready to be predicted; rows called "mean" average over the log-normal `spread` of parameters.

    With `draws`, factors on parameters one virtual patient each, every row is instead the median of those patients.
    Raise UnknownName for an observable, measure or parameter that does not exist, UnitError for a row whose unit does
    not fit.
    """
    spread = dict(spread or {})
    for name in spread:
        if name not in model.typical:
            raise unknown("parameter", name, model.typical, model.name)
    regimens, lanes, arms = _arms(evidence, model, spread, draws)
    numbers = [(i, source, row) for i, source in enumerate(evidence) for row in source.rows]
    grids = [measure(r.measure).grid(r.from_day - s.start, r.day - s.start) for _, s, r in numbers]
    times = np.unique(np.concatenate(grids)) if grids else np.zeros(0)
    if times.size == 0 or times[0] < 0:
        raise BadValue("evidence needs at least one row, and none may lie before the 'start' of its trial")
    observe = tuple(dict.fromkeys(row.observable for _, _, row in numbers))
    data = [
        _datum(model, source, row, arms, i, np.searchsorted(times, grid), observe)
        for (i, source, row), grid in zip(numbers, grids, strict=True)
    ]
    return FitProblem(model, tuple(data), tuple(lanes), tuple(regimens), times, observe, rtol, threads, len(draws))


def _arms(
    evidence: Sequence[Evidence], model: Model, spread: Mapping[str, float], draws: Sequence[Mapping[str, float]]
) -> tuple[list[Regimen], list[Lane], dict[tuple[int, str], ArmLanes]]:
    """Return the regimens and lanes of all arms that have a number, in days since the start of their trial, and which
    lanes are whose, by number of the trial and name of the arm."""
    regimens: list[Regimen] = []
    lanes: list[Lane] = []
    arms = {}
    for i, source in enumerate(evidence):
        for arm in source.arms:
            rows = [row for row in source.rows if arm.name in (row.arm, row.versus)]
            if not rows:
                continue
            averaged = any(row.statistic == "mean" for row in rows)
            scales, weights = _patients(spread if averaged else {}, draws)
            regimen = planned(model, arm).regimen.shift(-source.start)
            last, fixed = max(row.day for row in rows) - source.start, _fixed(model, arm)
            first, name = len(lanes), f"{source.name}: {arm.name}"
            lanes += [Lane(len(regimens), last, fixed, scale, name) for scale in scales]
            regimens.append(regimen)
            arms[i, arm.name] = ArmLanes(
                np.arange(first, len(lanes)), weights, first + len(scales) // 2, *_dose(model, regimen)
            )
    return regimens, lanes, arms


def _patients(
    spread: Mapping[str, float], draws: Sequence[Mapping[str, float]]
) -> tuple[list[Mapping[str, float]], np.ndarray]:
    """Return the factors on parameters of an arm's patients, and the weights of those patients."""
    if draws:
        return list(draws), np.full(len(draws), 1 / len(draws))
    factors, weights = quadrature(spread)
    return [*factors], weights


def _fixed(model: Model, arm: ArmFile) -> dict[str, float]:
    checked = model.values(arm.values)
    return {name: checked[name] for name in arm.values}


def _dose(model: Model, regimen: Regimen) -> tuple[float, tuple[str, ...]]:
    """Return what is given in all, and the units it is in: those of the states that it is given into."""
    doses = [(dose, model.target(dose.into).unit) for dose in regimen if dose.action == "add"]
    total = sum(dose.amount * factor(dose.unit, unit) for dose, unit in doses)
    return float(total), tuple(sorted({unit for _, unit in doses}))


def _dose_unit(name: str, arms: Sequence[ArmLanes]) -> str:
    """Return the unit of the doses of arms that are measured per dose; raise BadValue where there is not one."""
    units = {arm.dose_units for arm in arms}
    if len(units) > 1 or len(arms[0].dose_units) != 1:
        what = " and ".join(", ".join(each) or "none" for each in sorted(units))
        raise BadValue(f"{name}: a measure per dose needs doses in one unit; the arms get doses in: {what}")
    return arms[0].dose_units[0]


def _datum(
    model: Model,
    source: Evidence,
    row: PrintedNumber,
    arms: Mapping[tuple[int, str], ArmLanes],
    i: int,
    index: np.ndarray,
    observe: Sequence[str],
) -> Datum:
    if row.observable not in model.observables:
        raise unknown("output or state", row.observable, model.observables, model.name)
    what, name = measure(row.measure), label(source, row)
    pair = [arms[i, arm] for arm in (row.arm, row.versus) if arm]
    unit = what.unit_of(model.observables[row.observable], _dose_unit(name, pair) if what.per_dose else "")
    to_unit = factor(unit, row.unit) if row.unit and not (row.versus and row.compare == "ratio") else 1.0
    versus = arms[i, row.versus] if row.versus else None
    column = list(observe).index(row.observable)
    return Datum(name, row, arms[i, row.arm], versus, index, what, to_unit, column, source.start)
