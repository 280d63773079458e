"""Describe a population (typical values, variability, subgroups, baseline) and draw virtual patients from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from immunode.engine.draws import draws, lognormal, vary
from immunode.errors import BadValue, Status, unknown
from immunode.evidence.design import Baseline, Subgroup
from immunode.model.declaration import Model
from immunode.models import model as find_model
from immunode.regimen import Regimen
from immunode.simulation.simulation import run


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", find_model(self.model))
        model = self.of
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

    @property
    def of(self) -> Model:
        """Return the model itself."""
        return find_model(self.model)

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
        parameters = np.tile(np.array(list(typical.values())), (n, 1))
        names = list(typical)
        group = _subgroups(self, n, seed, first, arm)
        varied = list(self.omega)
        if varied:
            z = np.column_stack([draws(seed, f"{arm}/eta/{name}", n, first=first) for name in varied])
            columns = [names.index(name) for name in varied]
            centre = np.array([typical[name] for name in varied])
            fractions = np.array([_is_fraction(model, name) for name in varied])
            parameters[:, columns] = vary(centre, fractions, cholesky(self), np.ascontiguousarray(z))
        for index, subgroup in enumerate(self.subgroups):
            for name, scale in subgroup.scale.items():
                parameters[group == index, names.index(name)] *= scale
        return Patients(model, parameters, group, np.zeros(n, dtype=np.int64), first)


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


def baseline_draws(baseline: Baseline, n: int, seed: int, *, first: int = 0, arm: str = "") -> np.ndarray:
    """Return n baseline values, log-normal with the printed median after the cut at `below`, shape (n,)."""
    from scipy.optimize import brentq
    from scipy.special import log_ndtr, ndtr, ndtri

    u = draws(seed, f"{arm}/baseline", n, first=first, kind="uniform")
    if baseline.below is None:
        centre, share = baseline.median, 1.0
    else:
        cut, half, sd = np.log(baseline.below / baseline.median), np.log(0.5), baseline.log_sd

        def miss(shift: float) -> float:
            """Return by how much the median of the cut distribution misses, as a log share."""
            return float(log_ndtr(shift / sd) - log_ndtr((cut + shift) / sd) - half)

        if cut <= 0 or miss(-20 * sd) * miss(20 * sd) > 0:
            raise BadValue(
                f"baseline: a median of {baseline.median:g} cannot be reached below {baseline.below:g} "
                f"with an SD of the log of {sd:g}"
            )
        shift = brentq(miss, -20 * sd, 20 * sd)
        centre, share = baseline.median * float(np.exp(-shift)), float(ndtr((cut + shift) / sd))
    return lognormal(centre, baseline.log_sd, ndtri(np.maximum(u, 1e-12) * share))


def with_baseline(
    patients: Patients,
    wanted: np.ndarray,
    baseline: Baseline,
    regimen: Regimen,
    *,
    start: float,
    rtol: float = 1e-6,
    threads: int = 1,
) -> Patients:
    """Return the patients with the parameter `baseline.solve` set so that the observable equals `wanted` (n,) on the
    baseline day.

    Each patient is solved on its own, by false position from the parameter's lower bound to its upper one or four times
    the value wanted; where no value does it the status says `no_baseline` and the patient stays. Raise UnknownName for
    a parameter that the model does not have, BadValue for one without a lower bound.
    """
    model = patients.model
    declared = {p.name: p for p in model.parameters}
    if baseline.solve not in declared:
        raise unknown("parameter", baseline.solve, declared, f"baseline: {model.name}")
    bounds = declared[baseline.solve]
    if not np.isfinite(bounds.low):
        raise BadValue(f"baseline: parameter '{baseline.solve}' of {model.name} needs a lower bound to be solved for")
    column = list(model.typical).index(baseline.solve)
    parameters = patients.parameters.copy()

    def miss(value: np.ndarray, rows: np.ndarray) -> np.ndarray:
        parameters[rows, column] = value
        found = run(
            model,
            parameters[rows],
            [regimen],
            np.zeros(len(rows), dtype=np.int64),
            times=np.array([baseline.day]),
            observe=[baseline.observable],
            start=start,
            rtol=rtol,
            threads=threads,
        )
        return found.values[:, 0, 0] - wanted[rows]

    low = np.full(len(parameters), bounds.low)
    solved, missed = _bracketed_root(miss, low, np.minimum(bounds.high, 4 * wanted), 1e-7 * wanted)
    parameters[:, column] = solved
    status = np.where(missed, int(Status.no_baseline), patients.status)
    return Patients(model, parameters, patients.subgroup, status, patients.first)


def _bracketed_root(miss: Any, low: np.ndarray, high: np.ndarray, enough: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per-patient roots of the rising function `miss(values, rows)` and who has none, by the Illinois method.

    A patient who has arrived is left alone, so that the rest of the batch cannot move its last bits.
    """
    everyone = np.arange(len(low))
    at_low, at_high = miss(low, everyone), miss(high, everyone)
    none = ~((at_low <= 0) & (at_high >= 0))
    best = np.where(np.abs(at_low) < np.abs(at_high), low, high)
    side = np.zeros(len(low))
    rows = everyone[~none & (np.minimum(np.abs(at_low), np.abs(at_high)) > enough)]
    for _ in range(100):
        if not rows.size:
            return best, none
        a, b, fa, fb = low[rows], high[rows], at_low[rows], at_high[rows]
        guess = (a * fb - b * fa) / (fb - fa)
        guess = np.where((guess > a) & (guess < b), guess, 0.5 * (a + b))
        error = miss(guess, rows)
        best[rows] = guess
        above = error > 0
        at_low[rows] = np.where(above, np.where(side[rows] > 0, 0.5 * fa, fa), error)
        at_high[rows] = np.where(above, error, np.where(side[rows] < 0, 0.5 * fb, fb))
        low[rows], high[rows] = np.where(above, a, guess), np.where(above, guess, b)
        side[rows] = np.where(above, 1.0, -1.0)
        rows = rows[np.abs(error) > enough[rows]]
    none[rows] = True
    return best, none
