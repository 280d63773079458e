"""A population: typical values, variability, subgroups; and the virtual patients that are drawn from it."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import Any

import numpy as np

from immunode import models
from immunode.engine.draws import BLOCK, draws, vary
from immunode.errors import BadValue, UnknownName, unknown
from immunode.evidence.design import Subgroup, share_words
from immunode.internal.arguments import by_name, one, only_fields, seed_number, several, short, whole
from immunode.internal.memory import need
from immunode.model.declaration import Model
from immunode.virtual_trials.spread import MOST_SHARES, check_spread, check_subgroups, span

TOLD = 0.01  # share of patients
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

    def __repr__(self) -> str:
        """Return how many patients of which model there are, in one line."""
        return f"<Patients: {len(self)} of {self.model.name}, {int(np.count_nonzero(self.status))} without a baseline>"

    def __len__(self) -> int:
        return len(self.parameters)

    def parameter(self, name: str) -> np.ndarray:
        """Return one parameter of every patient, shape (n,)."""
        if name not in self.model.typical:
            raise unknown("parameter", str(name), self.model.typical, self.model.name)
        return self.parameters[:, list(self.model.typical).index(name)]

    def outside(self) -> dict[str, int]:
        """Return how many patients have a parameter outside its bounds, by name of those parameters."""
        counts = {
            p.name: int(((self.parameter(p.name) < p.low) | (self.parameter(p.name) > p.high)).sum())
            for p in self.model.parameters
        }
        return {name: count for name, count in counts.items() if count}


@only_fields()
@dataclass(frozen=True, eq=False)
class Population:
    """Describe patients of a model: typical values, their variability and correlations, subgroups.

    `of` is the model itself; `sample(n, seed)` draws virtual patients, of whom patient i is the same however many are
    drawn.

    Main arguments
        model: an im.Model, the name of one of the library, or a file such as "my_model.py"
        omega: SD of the logarithm by parameter, such as {"CL": 0.3}; a fraction (unit "1", 0 to 1) varies on the scale
            of odds, and so stays one, default none [1]
        typical: changes of typical values by parameter: a number in the declared unit or a text ("10 L/h"), default
            none

    Other arguments
        correlation: correlations of the logarithms by pairs of parameters of `omega`, such as {("CL", "V"): 0.5},
            between -1 and 1, default none [1]
        subgroups: im.Subgroup, classes of patients with other typical values, default none

    Raises
        UnknownName: for a name that the model does not have.
        BadValue: for a negative omega, a correlation that is no correlation or stated twice, shares over 1, a subgroup
            that takes a typical value out of its bounds.

    Example
        >>> import immunode as im
        >>> population = im.Population("il2_sc", omega={"CL": 0.3, "V": 0.2}, correlation={("CL", "V"): 0.5})
        >>> patients = population.sample(1000, seed=1)
        >>> print(patients.parameter("CL").mean().round(-1))
        170.0
    """

    model: str | Model
    omega: Mapping[str, float] = field(default_factory=dict)
    correlation: Mapping[tuple[str, str], float] = field(default_factory=dict)
    typical: Mapping[str, Any] = field(default_factory=dict)
    subgroups: Sequence[Subgroup] = ()
    of: Model = field(init=False, repr=False)  # the model itself

    def __post_init__(self) -> None:
        if not isinstance(self.model, str | Model):
            raise BadValue(
                f"model = {short(self.model)}: expected a Model, or the name of one of the library or of a file"
            )
        model = models.model(self.model)
        checked = {
            "model": model,
            "of": model,
            "omega": by_name(self.omega, "omega", "{'CL': 0.3}"),
            "correlation": by_name(self.correlation, "correlation", "{('CL', 'V'): 0.5}", object),
            "typical": by_name(self.typical, "typical", "{'CL': 100}"),
            "subgroups": several(self.subgroups, Subgroup, "subgroups"),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        check_spread(model, self.omega, self.correlation)
        check_subgroups(model, self.subgroups, self.typical)
        cholesky(self)

    def __repr__(self) -> str:
        """Return what varies among patients of which model, in one line."""
        varied = ", ".join(f"{name} {sd:g}" for name, sd in self.omega.items()) or "nothing"
        groups = f"; subgroups {', '.join(group.name for group in self.subgroups)}" if self.subgroups else ""
        return shorten(f"<Population of {self.of.name}: omega of {varied}{groups}>", 200, placeholder=" ...>")

    def sample(
        self, n: int, seed: int, *, first: int = 0, arm: str = "", values: Mapping[str, Any] | None = None
    ) -> Patients:
        """Return patients `first` to `first + n - 1`.

        Patient i of a seed and arm is the same however many are drawn with it. Warn when more than one in a hundred
        has a parameter outside its bounds; `outside()` of the patients counts them. Raise BadValue for what is no
        number of patients or no seed.
        """
        n, seed = whole(n, "n", 1, cure="at least one patient"), seed_number(seed)
        first = whole(first, "first", 0)
        one(arm, str, "arm", "the name of an arm, a text")
        model = self.of
        need(8.0 * n * (2 * len(model.typical) + 3), f"{n} patients", "draw fewer")
        values = {**self.typical, **by_name(values, "values", "{'CL': 100}")}
        typical = model.values(values)
        check_subgroups(model, self.subgroups, values)
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
                drawn = parameters[group == index, names.index(name)]
                odds = name in self.omega and is_fraction(model, name)
                scaled = _by_odds(drawn, typical[name], scale) if odds else drawn * scale
                parameters[group == index, names.index(name)] = scaled
        patients = Patients(model, parameters, group, np.zeros(n, dtype=np.int64), first)
        _tell_of_bounds(patients, arm)
        return patients


def with_shares(population: Population, shares: Mapping[str, float], where: str) -> Population:
    """Return the population of an arm that has its own shares of some subgroups; the same where it has none.

    Each patient keeps the number that decides his subgroup, so that a larger share of one only adds members to it.
    `where` names the arm. Raise UnknownName for what is no subgroup, BadValue for shares that add up to more than 1.
    """
    if not shares:
        return population
    known = [group.name for group in population.subgroups]
    for name in shares:
        if name not in known:
            raise _no_subgroup(name, known, where)
    groups = [one.model_copy(update={"share": shares.get(one.name, one.share)}) for one in population.subgroups]
    total = sum(group.share for group in groups)
    if total > MOST_SHARES:
        each = " and ".join(share_words({group.name: group.share for group in groups}))
        raise BadValue(f"{where}: its shares of subgroups add up to {total:g}, more than 1 ({each}); lower one")
    return replace(population, subgroups=groups)


def _no_subgroup(name: str, known: Sequence[str], where: str) -> UnknownName:
    """Build the error for an arm's share of a subgroup that the population does not have."""
    if known:
        return unknown("subgroup", name, known, f"{where}, shares: the population")
    cure = f"give it im.Subgroup(name={name!r}, ...), in a file [[population.subgroups]], or leave the share out"
    return UnknownName(f"{where}, shares: the population has no subgroups, so no '{name}'; {cure}")


def _varied(
    population: Population, typical: Mapping[str, float], n: int, seed: int, first: int, arm: str
) -> np.ndarray:
    """Return the parameters that vary, shape (n, those of omega), of patients `first` to `first + n - 1`."""
    varied = list(population.omega)
    z = np.column_stack([draws(seed, f"{arm}/eta/{name}", n, first=first) for name in varied])
    centre = np.array([typical[name] for name in varied])
    fractions = np.array([is_fraction(population.of, name) for name in varied])
    return vary(centre, fractions, cholesky(population), np.ascontiguousarray(z))


def _by_odds(drawn: np.ndarray, typical: float, scale: float) -> np.ndarray:
    """Return fractions whose odds are those drawn times what takes the odds of the typical one to `scale` times it."""
    if not 0 < typical < 1 or scale * typical >= 1:
        return np.minimum(drawn * scale, 1.0)
    ratio = scale * (1 - typical) / (1 - scale * typical)
    return drawn * ratio / (1 + drawn * (ratio - 1))


def _tell_of_bounds(patients: Patients, arm: str) -> None:
    """Warn when parameters of more than one patient in a hundred are outside their bounds."""
    declared = {p.name: p for p in patients.model.parameters}
    for name, count in patients.outside().items():
        if count > TOLD * len(patients):
            p, drawn = declared[name], patients.parameter(name)
            owner = f"arm '{arm}': " if arm else ""
            warnings.warn(
                f"{owner}{count} of {len(patients)} virtual patients have '{name}' outside {span(p)} "
                f"({drawn.min():.3g} to {drawn.max():.3g}); give a smaller omega, or wider bounds",
                stacklevel=3,
            )


def is_fraction(model: Model, name: str) -> bool:
    """Return whether a parameter varies by its odds: a share from 0 to 1."""
    return any(p.name == name and p.unit == "1" and p.low >= 0 and p.high == 1 for p in model.parameters)


def cholesky(population: Population) -> np.ndarray:
    """Return the Cholesky factor of the covariance of the logs, in the order of `omega`.

    Raise BadValue when there is none.
    """
    return factor_of(list(population.omega), population.omega, population.correlation)


def factor_of(
    names: Sequence[str], omega: Mapping[str, float], correlations: Mapping[tuple[str, str], float]
) -> np.ndarray:
    """Return the Cholesky factor of the covariance of the logs of some parameters; see `cholesky`."""
    sd, matrix = np.array([omega[name] for name in names]), np.eye(len(names))
    for (a, b), value in correlations.items():
        if a in names and b in names:
            matrix[names.index(a), names.index(b)] = matrix[names.index(b), names.index(a)] = value
    try:
        return np.ascontiguousarray(sd[:, None] * np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError as error:
        raise BadValue(f"the correlations {dict(correlations)} do not form a correlation matrix") from error


def _subgroups(population: Population, n: int, seed: int, first: int, arm: str) -> np.ndarray:
    group = np.full(n, -1)
    if population.subgroups:
        u = draws(seed, f"{arm}/subgroup", n, first=first, kind="uniform")
        edges = np.cumsum([g.share for g in population.subgroups])
        inside = np.searchsorted(edges, u, side="right")
        group[inside < len(edges)] = inside[inside < len(edges)]
    return group
