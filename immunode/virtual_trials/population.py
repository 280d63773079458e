"""A population: typical values, variability, subgroups; and the virtual patients that are drawn from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from immunode import models
from immunode.engine.draws import BLOCK, draws, vary
from immunode.errors import BadValue, unknown
from immunode.evidence.design import Subgroup
from immunode.model.declaration import Model

_AT_ONCE = 10 * BLOCK  # patients drawn in one call, so that Ctrl-C need not wait for all


@dataclass(frozen=True, eq=False)
class Patients:
    """Hold n virtual patients.

    `parameters` (n, k) in the order of `model.typical`, `subgroup` (n,) with -1 for none, `status` (n,).
    """

    model: Model
    parameters: np.ndarray
    subgroup: np.ndarray
    status: np.ndarray
    first: int = 0

    def __len__(self) -> int:
        return len(self.parameters)

    def parameter(self, name: str) -> np.ndarray:
        """Return one parameter of every patient, shape (n,)."""
        return self.parameters[:, list(self.model.typical).index(name)]


@dataclass(frozen=True, eq=False)
class Population:
    """Describe patients of a model: typical values, `omega` (SD of the log), correlations of the logs, subgroups.

    Raise UnknownName for a name the model does not have, BadValue for a negative omega, a correlation that is no
    correlation, shares over 1.
    """

    model: str | Model
    omega: Mapping[str, float] = field(default_factory=dict)
    correlation: Mapping[tuple[str, str], float] = field(default_factory=dict)
    typical: Mapping[str, Any] = field(default_factory=dict)
    subgroups: Sequence[Subgroup] = ()
    of: Model = field(init=False, repr=False)  # the model itself

    def __post_init__(self) -> None:
        model = models.model(self.model)
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "of", model)
        model.values(self.typical)
        scaled = [name for group in self.subgroups for name in group.scale]
        for name in (*self.omega, *(n for pair in self.correlation for n in pair), *scaled):
            if name not in model.typical:
                raise unknown("parameter", name, model.typical, model.name)
        for name, sd in self.omega.items():
            if not (np.isfinite(sd) and sd >= 0):
                raise BadValue(f"omega of '{name}' = {sd}: expected an SD of the log, zero or more")
        for pair in self.correlation:
            if missing := [name for name in pair if name not in self.omega]:
                raise BadValue(f"correlation {pair}: '{missing[0]}' does not vary; give it an omega")
        if sum(group.share for group in self.subgroups) > 1:
            raise BadValue(
                f"the shares of the subgroups add up to {sum(g.share for g in self.subgroups):g}, more than 1"
            )
        cholesky(self)

    def sample(
        self, n: int, seed: int, *, first: int = 0, arm: str = "", values: Mapping[str, Any] | None = None
    ) -> Patients:
        """Return patients `first` to `first + n - 1`.

        Patient i of a seed and arm is the same however many are drawn with it.
        """
        if n < 1:
            raise BadValue(f"n = {n}: expected at least one patient")
        model = self.of
        typical = model.values({**self.typical, **(values or {})})
        names, group = list(typical), _subgroups(self, n, seed, first, arm)
        parameters = np.empty((n, len(names)))
        for begin in range(0, n, _AT_ONCE):
            rows = parameters[begin : begin + _AT_ONCE]
            rows[:] = list(typical.values())
            if self.omega:
                columns = [names.index(name) for name in self.omega]
                rows[:, columns] = _varied(self, typical, len(rows), seed, first + begin, arm)
        for index, subgroup in enumerate(self.subgroups):
            for name, scale in subgroup.scale.items():
                parameters[group == index, names.index(name)] *= scale
        return Patients(model, parameters, group, np.zeros(n, dtype=np.int64), first)


def _varied(
    population: Population, typical: Mapping[str, float], n: int, seed: int, first: int, arm: str
) -> np.ndarray:
    """Return the parameters that vary, shape (n, those of omega), of patients `first` to `first + n - 1`."""
    varied = list(population.omega)
    z = np.column_stack([draws(seed, f"{arm}/eta/{name}", n, first=first) for name in varied])
    centre = np.array([typical[name] for name in varied])
    fractions = np.array([_is_fraction(population.of, name) for name in varied])
    return vary(centre, fractions, cholesky(population), np.ascontiguousarray(z))


def _is_fraction(model: Model, name: str) -> bool:
    return any(p.name == name and p.unit == "1" and p.low >= 0 and p.high == 1 for p in model.parameters)


def cholesky(population: Population) -> np.ndarray:
    """Return the Cholesky factor of the covariance of the logs, in the order of `omega`.

    Raise BadValue when there is none.
    """
    names = list(population.omega)
    sd = np.array([population.omega[name] for name in names])
    correlation = np.eye(len(names))
    for (a, b), value in population.correlation.items():
        correlation[names.index(a), names.index(b)] = correlation[names.index(b), names.index(a)] = value
    try:
        return np.ascontiguousarray(sd[:, None] * np.linalg.cholesky(correlation))
    except np.linalg.LinAlgError as error:
        raise BadValue(f"the correlations {dict(population.correlation)} do not form a correlation matrix") from error


def _subgroups(population: Population, n: int, seed: int, first: int, arm: str) -> np.ndarray:
    group = np.full(n, -1)
    if population.subgroups:
        u = draws(seed, f"{arm}/subgroup", n, first=first, kind="uniform")
        edges = np.cumsum([g.share for g in population.subgroups])
        inside = np.searchsorted(edges, u, side="right")
        group[inside < len(edges)] = inside[inside < len(edges)]
    return group
