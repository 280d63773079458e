"""Mean and covariance over a population of what an arm's patients have on its days, with their exact slopes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.calibration.patient_nodes import PatientNodes
from immunode.engine.draws import vary
from immunode.errors import SolveError
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.population import Population, cholesky

OMEGA = "omega_"  # what the name of a spread begins with, such as omega_CL


@dataclass(frozen=True, eq=False)
class SimulatedArm:
    """Hold what is simulated of an arm: its regimen, times in the model's unit since the start of the trial, what is
    observed, and what the arm fixes."""

    owner: str
    regimen: Regimen
    times: np.ndarray
    observe: tuple[str, ...]
    fixed: Mapping[str, float]


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
    """Hold parameters (patients, parameters) with weights, and by named value which parameter it moves, how fast."""

    parameters: np.ndarray
    weights: np.ndarray
    moved: Mapping[str, tuple[str, np.ndarray]]


def omegas(population: Population, values: Mapping[str, float]) -> dict[str, float]:
    """Return the SD of the log by parameter that varies, as named values ("omega_CL") change them."""
    return {name: float(values.get(f"{OMEGA}{name}", sd)) for name, sd in population.omega.items()}


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
    """Simulate the patients of an arm at named values: typical ones ("CL") and spreads ("omega_CL").

    Slopes are over `named`, exact, with patients held where they are in the distribution (common random numbers); none
    where `named` is empty. Raise SolveError when a patient cannot be solved.
    """
    each = _individuals(population, nodes, values, arm.fixed, named)
    sensitive = tuple(dict.fromkeys(name for name, _ in each.moved.values()))
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
        if name in each.moved:
            parameter, speed = each.moved[name]
            along = solution.along[:, :, sensitive.index(parameter)].reshape(courses.shape)
            slopes[:, :, i] = along * speed[:, None]
    return ArmCourses(courses, each.weights, slopes)


def _individuals(
    population: Population,
    nodes: PatientNodes,
    values: Mapping[str, float],
    fixed: Mapping[str, float],
    named: Sequence[str],
) -> _Individuals:
    """Return the patients at the nodes, once for each subgroup, whose share is in their weights."""
    model, omega = population.of, omegas(population, values)
    typical = model.values({**population.typical}) | {k: v for k, v in values.items() if k in model.typical} | fixed
    names = list(typical)
    unit = cholesky(Population(model, omega=dict.fromkeys(omega, 1.0), correlation=population.correlation))
    rest = 1 - sum(group.share for group in population.subgroups)
    classes = [(group.share, dict(group.scale)) for group in population.subgroups]
    parts, weights, moved = [], [], {name: [] for name in named}
    for share, scale in [*classes, (rest, {})] if rest > 1e-12 else classes:
        rows = np.tile([typical[name] * scale.get(name, 1.0) for name in names], (len(nodes.z), 1))
        speeds = _speeds(model, rows, names, omega, unit, nodes.z, scale)
        parts.append(rows)
        weights.append(share * nodes.weights)
        for name in named:
            moved[name].append(speeds.get(name))
    moving = {
        name: (name.removeprefix(OMEGA) if name not in typical else name, np.concatenate(each))
        for name, each in moved.items()
        if each[0] is not None and name not in fixed
    }
    return _Individuals(np.concatenate(parts), np.concatenate(weights), moving)


def _speeds(
    model: Model,
    rows: np.ndarray,
    names: Sequence[str],
    omega: Mapping[str, float],
    unit: np.ndarray,
    z: np.ndarray,
    scale: Mapping[str, float],
) -> dict[str, np.ndarray]:
    """Vary the rows of a class in place; return how fast each patient's parameter moves with each named value."""
    speeds = {name: np.full(len(rows), scale.get(name, 1.0)) for name in names}
    if not omega:
        return speeds
    columns = [names.index(name) for name in omega]
    centre = rows[0, columns].copy()
    bounds = {p.name: p for p in model.parameters}
    fraction = np.array([p.unit == "1" and p.low >= 0 and p.high == 1 for p in (bounds[name] for name in omega)])
    factor = np.ascontiguousarray(np.array([*omega.values()])[:, None] * unit)
    rows[:, columns] = varied = vary(centre, fraction, factor, np.ascontiguousarray(z))
    direction = z @ unit.T
    for j, name in enumerate(omega):
        by_log = varied[:, j] * (1 - varied[:, j]) if fraction[j] else varied[:, j]
        at_centre = centre[j] * (1 - centre[j]) if fraction[j] else centre[j]
        speeds[f"{OMEGA}{name}"] = by_log * direction[:, j]
        speeds[name] = by_log / at_centre * scale.get(name, 1.0) if at_centre else np.zeros(len(rows))
    return speeds
