"""What a fit of a population varies: typical values, SDs between patients, correlations; by the names of lmfit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from immunode.model.declaration import Model
from immunode.virtual_trials.population import Population, is_fraction

OMEGA, CORRELATION = "omega_", "correlation_"


@dataclass(frozen=True, eq=False)
class PopulationValues:
    """Hold one population: typical values of all parameters, SDs and correlations between patients."""

    typical: Mapping[str, float]
    omega: Mapping[str, float]
    correlation: Mapping[tuple[str, str], float]

    def of(self, population: Population) -> Population:
        """Return the population with these values; those at a bound, which are beyond it by rounding, on it."""
        bounds = {p.name: (p.low, p.high) for p in population.of.parameters}
        free = (-np.inf, np.inf)  # an open input has no bounds
        typical = {n: float(np.clip(value, *bounds.get(n, free))) for n, value in self.typical.items()}
        return replace(population, typical=typical, omega=dict(self.omega), correlation=dict(self.correlation))


def population_values(population: Population, said: Mapping[str, float]) -> PopulationValues:
    """Return a population's values, of which some are `said`, by the names of lmfit's parameters."""
    model = population.of
    typical = {name: said.get(name, value) for name, value in model.values(population.typical).items()}
    omega = {name: said.get(OMEGA + name, value) for name, value in population.omega.items()}
    pairs = {pair: said.get(correlation_name(pair), value) for pair, value in population.correlation.items()}
    return PopulationValues(typical, omega, pairs)


def correlation_name(pair: tuple[str, str]) -> str:
    """Return the name under which a correlation is fitted."""
    return f"{CORRELATION}{pair[0]}_{pair[1]}"


def linked(model: Model, name: str, value: np.ndarray | float) -> np.ndarray:
    """Return the logarithm of a parameter, or the log odds of a fraction: what is normal between patients."""
    value = np.asarray(value, dtype=float)
    return np.log(value) - (np.log1p(-value) if is_fraction(model, name) else 0.0)


def shifted(model: Model, values: PopulationValues, shifts: Mapping[str, float]) -> PopulationValues:
    """Return a population whose typical values are shifted, by their logarithms (log odds of fractions)."""
    typical = dict(values.typical)
    for name, shift in shifts.items():
        if shift:
            moved = float(linked(model, name, typical[name])) + shift
            typical[name] = float(1 / (1 + np.exp(-moved)) if is_fraction(model, name) else np.exp(moved))
    return replace(values, typical=typical)
