"""What a fit knows, made ready for predictions: draws of its parameters and of how far trials differ."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode import models
from immunode.calibration.cohorts import fitted
from immunode.calibration.finished import Fit
from immunode.calibration.fit_file import FitFile, fit_name, load_fit
from immunode.calibration.fit_result import FitResult, committed
from immunode.calibration.free_parameters import Options, parameters, varied
from immunode.calibration.objective import jacobian
from immunode.calibration.population.fit import PopulationFit
from immunode.calibration.population.values import PopulationValues, population_values
from immunode.calibration.problem import fit_problem
from immunode.errors import BadValue
from immunode.evidence.library import load_evidence
from immunode.internal.arguments import refuse
from immunode.model.declaration import Model
from immunode.virtual_trials.population import Population

DRAWS = 100  # of parameters
OF_TYPICAL = (
    "the fit is of the typical patient: it knows nothing of how trials differ, and the spread between patients is as "
    "assumed"
)


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Hold what a fit called `name` knows of a model: the population, draws of it, and of the SDs of trials' effects by
    parameter (one a draw); the parameters that are `estimated`, and the trials it is fitted to."""

    name: str
    population: Population
    draws: Sequence[PopulationValues]
    taus: Sequence[Mapping[str, float]]
    estimated: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def knowledge(fit: Any, population: Population | None, said: int | None, seed: int) -> Knowledge:
    """Return what a fit knows, as so many draws as are `said`: DRAWS, or as many as it keeps, where it is None.

    `fit` is the name or path of a declared fit that was run, or what im.calibrate returns. The `population` of a trial
    is that of a fit of the typical patient, who knows of none.
    """
    count = DRAWS if said is None else said
    if isinstance(fit, Fit | PopulationFit) and len(fit.draws):
        if fit.population is None:
            raise BadValue(
                "the fit was loaded from a file, which does not keep its population; fit it again, or declare it in a "
                "fit.toml, whose result is kept"
            )
        return _of_draws("the fit", fit.population, fit.draws, fit.tau_draws, tuple(fit.intervals.index), (), said)
    if isinstance(fit, Fit):
        covariance = np.asarray(fit.result.covar) * _scale(fit)
        return _of_params("the fit", fit.population or population, fit.params, covariance, count, seed)
    if not isinstance(fit, str):
        refuse("fit", fit, "the name of a declared fit, its folder or file, or what im.calibrate returned")
    file, result, name = load_fit(fit), committed(fit), fit_name(fit)
    if set(result.estimates) != set(file.vary):
        raise BadValue(f"{name}: its fit.toml was changed since it was run; run it again: immunode fit {fit} --out ...")
    if population is not None:
        check_model(name, models.model(file.model), population.of)
    if isinstance(result, FitResult):
        return _of_declared(name, file, population, result, count, seed)
    draws = pd.DataFrame(dict(result.draws))
    tau = pd.DataFrame(dict(result.tau_draws), index=draws.index)
    estimated = (*result.estimates, *file.derived)
    return _of_draws(name, declared_population(file), draws, tau, estimated, result.evidence, said)


def check_model(name: str, model: Model, other: Model) -> None:
    """Raise BadValue where a trial is of another model than the fit."""
    if model.name != other.name or list(model.typical) != list(other.typical):
        raise BadValue(f"{name} is a fit of {model.name}, and the trial is of {other.name}; name a fit of that model")


def _scale(fit: Fit) -> float:
    """Return by what a covariance is multiplied: trials that disagree by more than their sigmas know less."""
    return max(1.0, fit.redchi) if np.isnan(fit.deviance) else 1.0


def _of_draws(
    name: str, population: Population, draws: pd.DataFrame, tau: pd.DataFrame, estimated: Sequence[str],
    evidence: Sequence[str], said: int | None,
) -> Knowledge:  # fmt: skip
    count = min(DRAWS, len(draws)) if said is None else said
    if count > len(draws):
        raise BadValue(f"draws = {count}: {name} keeps {len(draws)} draws of its parameters; ask for at most so many")
    rows = draws.head(count).to_dict("records")
    values = [population_values(population, {str(key): value for key, value in row.items()}) for row in rows]
    taus = [{str(key): float(value) for key, value in row.items()} for row in tau.head(count).to_dict("records")]
    return Knowledge(name, population, values, taus, tuple(estimated), tuple(evidence))


def _of_declared(
    name: str, file: FitFile, population: Population | None, result: FitResult, count: int, seed: int
) -> Knowledge:
    """Return what a declared fit of the typical patient knows: its covariance, by the evidence as it is now."""
    model = models.model(file.model)
    vary: dict[str, Options] = {
        key: free.options() | {"value": result.estimates[key]["value"]} for key, free in file.vary.items()
    }
    params = parameters(model, vary, file.derived)
    covariance = covariance_of(file, params, {row["evidence"] for row in result.left_out})
    if population is None or not population.omega:
        population = Population(model, omega=file.population.omega)
    covariance *= max(1.0, float(result.objective["redchi"]))
    known = _of_params(name, population, params, covariance, count, seed)
    return replace(known, evidence=tuple(result.evidence))


def _of_params(
    name: str, population: Population | None, params: lmfit.Parameters, covariance: np.ndarray, count: int, seed: int
) -> Knowledge:
    """Return normal draws of what a fit varied, within its bounds; of the typical patient, or by the normal law."""
    if population is None or not population.omega:
        raise BadValue(
            f"{name} is of the typical patient, and the trial's file has no [population]: nothing says how patients "
            "differ; add omega to one of them"
        )
    draws = [
        population_values(population, {name: float(p.value) for name, p in one.items()})
        for one in normal_draws(params, covariance, count, seed)
    ]
    estimated = tuple(key for key in params if key in population.of.typical)
    return Knowledge(name, population, draws, [{}] * count, estimated, (), (OF_TYPICAL,))


def normal_draws(params: lmfit.Parameters, covariance: np.ndarray, count: int, seed: int) -> list[lmfit.Parameters]:
    """Return normal draws of parameters around their values, within their bounds."""
    names = list(varied(params))
    centre = np.array([params[key].value for key in names])
    low, high = (np.array([getattr(params[key], end) for key in names]) for end in ("min", "max"))
    generator = np.random.default_rng([seed, 17])
    out = []
    for row in generator.multivariate_normal(centre, covariance, size=count, method="eigh"):
        work = params.copy()
        for key, value in zip(names, np.clip(row, low, high), strict=True):
            work[key].value = float(value)
        work.update_constraints()
        out.append(work)
    return out


def declared_population(file: FitFile) -> Population:
    """Return the population of a declared fit, at the values of its model."""
    said = file.population
    correlation = {one.between: one.value for one in said.correlations}
    return Population(file.model, omega=said.omega, correlation=correlation, subgroups=said.subgroups)


def covariance_of(file: FitFile, params: lmfit.Parameters, without: Collection[str] = ()) -> np.ndarray:
    """Return the covariance of what a declared fit varies, at these parameters: (J'J)^-1, J the slopes of residuals of
    all trials but some."""
    sources = [one for one in map(load_evidence, file.evidence) if one.name not in without]
    problem = fit_problem(fitted(sources), models.model(file.model), spread=file.spread)
    slopes = jacobian(problem, params, {})
    return np.asarray(np.linalg.pinv(slopes.T @ slopes))
