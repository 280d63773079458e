"""Virtual patients for many populations: simulated once for all that differ in what varies between patients alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from immunode.calibration.population.simulated import SimulatedArm, measured_patients
from immunode.calibration.population.values import PopulationValues, linked
from immunode.calibration.population.weights import effective
from immunode.errors import SolveError
from immunode.virtual_trials.measured import Measured
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial

MOST_LAWS = 8  # populations that patients are drawn from for all others
ENOUGH = 0.25  # of the patients asked for, that an arm must be worth; else it is simulated for one population


@dataclass(frozen=True, eq=False)
class Crowd:
    """Hold the simulated arms of a trial and what is measured of their patients, by name of the arm."""

    arms: Sequence[SimulatedArm]
    measured: Mapping[str, Measured]

    def weights(self, population: Population, values: PopulationValues) -> dict[str, np.ndarray]:
        """Return the weight of each patient of every arm in a population of these values."""
        return {one.arm.name: one.weights(population, values) for one in self.arms}


@dataclass(frozen=True, eq=False)
class Crowds:
    """Hold a trial and the populations that its patients may be of; simulates when it is asked for one.

    `worth` is how many equal patients each arm was worth in each population so far, `said` in how many there was a
    patient without a course.
    """

    trial: Trial
    targets: Sequence[PopulationValues]
    n: int
    seed: int
    threads: int
    simulated: dict[tuple[float, ...], Crowd] = field(default_factory=dict)
    worth: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    made: list[int] = field(default_factory=list)

    def at(self, values: PopulationValues) -> tuple[Crowd, dict[str, np.ndarray]]:
        """Return a crowd that stands for one of the populations, and the weights of its patients."""
        population = self.trial.population
        key = _fixed(values, population)
        if key not in self.simulated:
            self.simulated.clear()  # populations come in the order of what only a simulation knows
            alike = [one for one in self.targets if _fixed(one, population) == key]
            self.simulated[key] = self._simulated(_spread(alike, population, MOST_LAWS))
        crowd = self.simulated[key]
        weights = crowd.weights(population, values)
        if min(map(effective, weights.values())) < ENOUGH * self.n:
            crowd = self._simulated([values])
            weights = crowd.weights(population, values)
        self.worth.append(min(map(effective, weights.values())))
        return crowd, weights

    def _simulated(self, laws: Sequence[PopulationValues]) -> Crowd:
        n, arms, measured = self.n * len(laws), [], {}
        for arm in self.trial.arms:
            one, seen = measured_patients(self.trial, arm, laws, n, self.seed, self.threads)
            if not one.ok.any():
                raise SolveError(
                    f"{self.trial.name}, arm '{arm.name}': no virtual patient has a course at parameters that the fit "
                    "holds possible; see its baselines"
                )
            self.failed.append(float(1 - one.ok.mean()))
            arms.append(one)
            measured[arm.name] = seen
        self.made.append(n)
        return Crowd(arms, measured)


def _fixed(values: PopulationValues, population: Population) -> tuple[float, ...]:
    """Return the typical values that only a simulation knows."""
    return tuple(value for name, value in values.typical.items() if name not in population.omega)


def _spread(values: Sequence[PopulationValues], population: Population, most: int) -> list[PopulationValues]:
    """Return some of the populations that lie far from each other: the first, then always the farthest one."""
    names = [name for name, sd in population.omega.items() if sd > 0]
    centres = np.array([[float(linked(population.of, name, one.typical[name])) for name in names] for one in values])
    sizes = np.array([[one.omega[name] for name in names] for one in values])
    places = np.concatenate([centres / sizes.mean(axis=0), np.log(sizes)], axis=1)
    chosen, away = [0], np.linalg.norm(places - places[0], axis=1)
    while len(chosen) < most and away.max() > 0:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return [values[i] for i in chosen]
