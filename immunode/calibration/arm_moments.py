"""Mean and covariance over a population of what an arm's patients have on its days, with their exact slopes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from immunode.calibration.patient_nodes import PatientNodes
from immunode.calibration.population.values import (
    OMEGA,
    PopulationValues,
    correlation_name,
    is_fraction,
    population_values,
)
from immunode.engine.draws import vary
from immunode.errors import SolveError
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.population import Population, cholesky, with_shares

STEP = 1e-5  # of a correlation, for the slopes of a Cholesky factor

Speeds = dict[str, list[tuple[str, np.ndarray]]]  # by named value, which parameters it moves, how fast each patient's


@dataclass(frozen=True, eq=False)
class SimulatedArm:
    """Hold what is simulated of an arm: its regimen, times in the model's unit since the start of the trial, what is
    observed, what the arm fixes, and its own shares of subgroups."""

    owner: str
    regimen: Regimen
    times: np.ndarray
    observe: tuple[str, ...]
    fixed: Mapping[str, float]
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ArmCourses:
    """Hold what patients have: `values` (patients, columns) with `weights`, and their slopes (patients, columns, named)
    over the named values; columns are times, then observables within a time."""

    values: np.ndarray
    weights: np.ndarray
    slopes: np.ndarray

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean (columns,) and covariance matrix (columns, columns)."""
        mean = self.weights @ self.values
        away = self.values - mean
        return mean, (away * self.weights[:, None]).T @ away

    def moment_slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the slopes of the mean (named, columns) and of the covariance matrix (named, columns, columns)."""
        mean = np.tensordot(self.weights, self.slopes, axes=(0, 0)).T
        away = (self.values - self.weights @ self.values) * self.weights[:, None]
        half = np.tensordot(self.slopes, away, axes=(0, 0)).transpose(1, 0, 2)
        return mean, half + half.transpose(0, 2, 1)


@dataclass(frozen=True, eq=False)
class _Individuals:
    """Hold parameters (patients, parameters) with weights, and how named values move them."""

    parameters: np.ndarray
    weights: np.ndarray
    moved: Speeds


def arm_courses(
    population: Population,
    arm: SimulatedArm,
    nodes: PatientNodes,
    values: Mapping[str, float],
    named: Sequence[str],
    *,
    rtol: float = 1e-6,
    threads: int = 1,
) -> ArmCourses:
    """Simulate the patients of an arm at named values: typical ones ("CL"), SDs ("omega_CL"), correlations.

    Slopes are over `named`, exact, with patients held where they are in the distribution (common random numbers). Raise
    SolveError when a patient cannot be solved.
    """
    population = with_shares(population, arm.shares, arm.owner)
    each = _individuals(population, nodes, values, arm.fixed, named)
    sensitive = tuple(dict.fromkeys(name for moved in each.moved.values() for name, _ in moved))
    solution = run(
        population.of, each.parameters, [arm.regimen], np.zeros(len(each.parameters), int),
        times=arm.times, observe=arm.observe, start=0.0, rtol=rtol, sensitivities=sensitive, threads=threads,
    )  # fmt: skip
    failed = int(np.count_nonzero(solution.status))
    courses = solution.values.reshape(len(each.parameters), -1)
    if failed or not np.isfinite(courses).all():
        raise SolveError(f"{arm.owner}: {failed} of {len(courses)} virtual patients failed; narrow the bounds")
    slopes = np.zeros((*courses.shape, len(named)))
    for i, name in enumerate(named):
        for parameter, speed in each.moved.get(name, ()):
            along = solution.along[:, :, sensitive.index(parameter)].reshape(courses.shape)
            slopes[:, :, i] += along * speed[:, None]
    return ArmCourses(courses, each.weights, slopes)


def _individuals(
    population: Population,
    nodes: PatientNodes,
    values: Mapping[str, float],
    fixed: Mapping[str, float],
    named: Sequence[str],
) -> _Individuals:
    """Return the patients at the nodes, once for each subgroup, whose share is in their weights."""
    at = population_values(population, values)
    typical = {**at.typical, **fixed}
    rest = 1 - sum(group.share for group in population.subgroups)
    classes: list[tuple[float, Mapping[str, float]]] = [(group.share, group.scale) for group in population.subgroups]
    parts, weights = [], []
    moved: dict[str, list[list[tuple[str, np.ndarray]]]] = {name: [] for name in named}
    for share, scale in [*classes, (rest, {})] if rest > 1e-12 else classes:
        centres = {name: value * scale.get(name, 1.0) for name, value in typical.items()}
        rows, speeds = _varied(population.of, at, centres, nodes.z, scale)
        parts.append(rows)
        weights.append(share * nodes.weights)
        for name in named:
            moved[name].append([one for one in speeds.get(name, []) if one[0] not in fixed or name.startswith(OMEGA)])
    joined = {name: _joined(each) for name, each in moved.items()}
    return _Individuals(np.concatenate(parts), np.concatenate(weights), {k: v for k, v in joined.items() if v})


def _joined(classes: Sequence[Sequence[tuple[str, np.ndarray]]]) -> list[tuple[str, np.ndarray]]:
    """Return speeds of the patients of all classes, by parameter."""
    return [(parts[0][0], np.concatenate([one for _, one in parts])) for parts in zip(*classes, strict=True)]


def _varied(
    model: Model, at: PopulationValues, centres: Mapping[str, float], z: np.ndarray, scale: Mapping[str, float]
) -> tuple[np.ndarray, Speeds]:
    """Return the parameters (patients, parameters) of a class, and how named values move them."""
    names, varying = list(centres), list(at.omega)
    rows = np.tile(list(centres.values()), (len(z), 1))
    speeds: Speeds = {name: [(name, np.full(len(z), scale.get(name, 1.0)))] for name in names}
    if not varying:
        return rows, speeds
    unit, sd = _factor(model, varying, at.correlation), np.array([*at.omega.values()])
    fraction = np.array([is_fraction(model, name) for name in varying])
    columns = [names.index(name) for name in varying]
    centre = rows[0, columns].copy()
    rows[:, columns] = drawn = vary(centre, fraction, np.ascontiguousarray(sd[:, None] * unit), np.ascontiguousarray(z))
    by_eta = np.where(fraction, drawn * (1 - drawn), drawn)
    by_centre = by_eta / np.where(fraction, centre * (1 - centre), centre)
    direction = z @ unit.T
    for j, name in enumerate(varying):
        speeds[f"{OMEGA}{name}"] = [(name, by_eta[:, j] * direction[:, j])]
        speeds[name] = [(name, by_centre[:, j] * scale.get(name, 1.0))]
    for pair, value in at.correlation.items():
        ends = [_factor(model, varying, {**at.correlation, pair: value + side * STEP}) for side in (1, -1)]
        turned = z @ ((ends[0] - ends[1]) / (2 * STEP)).T
        moves = [(name, by_eta[:, j] * sd[j] * turned[:, j]) for j, name in enumerate(varying)]
        speeds[correlation_name(pair)] = [one for one in moves if one[1].any()]
    return rows, speeds


def _factor(model: Model, varying: Sequence[str], correlation: Mapping[tuple[str, str], float]) -> np.ndarray:
    """Return the Cholesky factor of the correlations."""
    return cholesky(Population(model, omega=dict.fromkeys(varying, 1.0), correlation=correlation))
