"""What a fit knows, made ready for predictions: draws of its parameters and of how far trials differ."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode import models
from immunode.calibration.by_sigma import TypicalFit, normal_draws
from immunode.calibration.cohorts import fitted
from immunode.calibration.finished import Fit
from immunode.calibration.fit_file import FitFile, fit_name, load_fit
from immunode.calibration.fit_result import FitResult, PopulationResult, committed
from immunode.calibration.free_parameters import Options, parameters
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
THE_FIT = "the fit"  # what one is called that has no name
OF_TYPICAL = (
    "the fit is of the typical patient: it knows nothing of how trials differ, and the spread between patients is as "
    "assumed"
)

BY_NORMAL_LAW = "the fit is by the normal law: its parameters are drawn by their covariance, and trials do not differ"


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


@dataclass(frozen=True)
class Share:
    """Hold of how many draws an equal share is wanted: those that are `said`, or DRAWS; of how many fits (`of`)."""

    said: int | None
    of: int = 1

    @property
    def count(self) -> int:
        """Return how many draws that are, rounded up, so that no fit has less than another."""
        return -(-(DRAWS if self.said is None else self.said) // self.of)

    def of_kept(self, name: str, kept: int) -> int:
        """Return how many draws are taken of those that the fit called `name` keeps; raise BadValue for too many."""
        if self.said is None:
            return min(self.count, kept)
        if self.count > kept:
            share = f", and its share is {self.count}" if self.of > 1 else ""
            raise BadValue(
                f"draws = {self.said}: {name} keeps {kept} draws of its parameters{share}; ask for at most "
                f"{self.of * kept}"
            )
        return self.count


def knowledge(
    fit: Any, population: Population | None, said: int | None, seed: int, *, of: int = 1, called: str = THE_FIT
) -> Knowledge:
    """Return what a fit knows, as so many draws as are `said`: DRAWS, or as many as it keeps, where it is None; as the
    share of one `of` some fits.

    `fit` is the name or path of a declared fit that was run, or what im.calibrate returns, which has no name, and is
    `called` so. The `population` of a trial is that of a fit of the typical patient, who knows of none.
    """
    share = Share(said, of)
    if isinstance(fit, Fit | PopulationFit) and len(fit.draws):
        if fit.population is None:
            raise BadValue(
                "the fit was loaded without its population, since its model has no name; give im.load_fit(path, "
                "model=...), or declare the fit in a fit.toml, whose result is kept"
            )
        return _of_draws(called, fit.population, fit.draws, fit.tau_draws, tuple(fit.intervals.index), (), share)
    if isinstance(fit, Fit) and fit.population is not None:
        known = TypicalFit(called, fit.params, np.asarray(fit.result.covar), {})
        return _of_params(known, fit.population, share.count, seed, (BY_NORMAL_LAW,))
    if (known_typical := typical_fit(fit, called)) is not None:
        return _of_typical(known_typical, fit, population, share.count, seed)
    file, result, name = load_fit(fit), committed(fit), fit_name(fit)
    assert isinstance(result, PopulationResult), "else it is of the typical patient"
    _check_changed(name, fit, file, result)
    if population is not None:
        check_model(name, models.model(file.model), population.of)
    draws = pd.DataFrame(dict(result.draws))
    tau = pd.DataFrame(dict(result.tau_draws), index=draws.index)
    estimated = (*result.estimates, *file.derived)
    return _of_draws(name, declared_population(file), draws, tau, estimated, result.evidence, share)


def typical_fit(fit: Any, called: str = THE_FIT) -> TypicalFit | None:
    """Return what a fit of the typical patient knows: of one that was declared by the evidence as it is now; None for a
    fit of a population."""
    if isinstance(fit, PopulationFit) or (isinstance(fit, Fit) and (len(fit.draws) or fit.population is not None)):
        return None
    if isinstance(fit, Fit):
        return TypicalFit(called, fit.params, np.asarray(fit.result.covar) * max(1.0, fit.redchi), {})
    if not isinstance(fit, str):
        refuse("fit", fit, "the name of a declared fit, its folder or file, or what im.calibrate returned")
    file, result, name = load_fit(fit), committed(fit), fit_name(fit)
    if isinstance(result, PopulationResult):
        return None
    _check_changed(name, fit, file, result)
    vary: dict[str, Options] = {
        key: free.options() | {"value": result.estimates[key]["value"]} for key, free in file.vary.items()
    }
    model = models.model(file.model)
    params = parameters(model, vary, file.derived)
    covariance = covariance_of(file, params, {row["evidence"] for row in result.left_out})
    covariance *= max(1.0, float(result.objective["redchi"]))  # trials that disagree by more than sigmas know less
    return TypicalFit(name, params, covariance, file.spread, tuple(result.evidence), model)


def _check_changed(name: str, fit: str, file: FitFile, result: FitResult | PopulationResult) -> None:
    if set(result.estimates) != set(file.vary):
        raise BadValue(f"{name}: its fit.toml was changed since it was run; run it again: immunode fit {fit} --out ...")


def same_model(model: Model, other: Model) -> bool:
    """Return whether two models are one, as far as their names and those of their parameters tell."""
    return model.name == other.name and list(model.typical) == list(other.typical)


def check_model(name: str, model: Model, other: Model) -> None:
    """Raise BadValue where a trial is of another model than the fit."""
    if not same_model(model, other):
        raise BadValue(f"{name} is a fit of {model.name}, and the trial is of {other.name}; name a fit of that model")


def _of_draws(
    name: str, population: Population, draws: pd.DataFrame, tau: pd.DataFrame, estimated: Sequence[str],
    evidence: Sequence[str], share: Share,
) -> Knowledge:  # fmt: skip
    count = share.of_kept(name, len(draws))
    rows = draws.head(count).to_dict("records")
    values = [population_values(population, {str(key): value for key, value in row.items()}) for row in rows]
    taus = [{str(key): float(value) for key, value in row.items()} for row in tau.head(count).to_dict("records")]
    return Knowledge(name, population, values, taus, tuple(estimated), tuple(evidence))


def _of_typical(
    known: TypicalFit, fit: Any, population: Population | None, count: int, seed: int
) -> Knowledge:  # fmt: skip
    """Return what a fit of the typical patient knows, where the trial, or else the fit, says how patients differ."""
    if population is not None and known.model is not None:
        check_model(known.name, known.model, population.of)
    if isinstance(fit, str) and (population is None or not population.omega):
        population = declared_population(load_fit(fit))
    if population is None or not population.omega:
        raise BadValue(
            f"{known.name} is of the typical patient, and the trial's file has no [population]: nothing says how "
            "patients differ; add omega to one of them"
        )
    return _of_params(known, population, count, seed, (OF_TYPICAL,))


def _of_params(
    known: TypicalFit, population: Population, count: int, seed: int, notes: tuple[str, ...]
) -> Knowledge:  # fmt: skip
    """Return normal draws of what a fit varied."""
    draws = [
        population_values(population, {name: float(p.value) for name, p in one.items()})
        for one in normal_draws(known.params, known.covariance, count, seed)
    ]
    estimated = tuple(name for name in known.params if name in population.of.typical)
    return Knowledge(known.name, population, draws, [{}] * count, estimated, known.evidence, notes)


def declared_population(file: FitFile) -> Population:
    """Return the population of a declared fit, at the values of its model and those that it holds."""
    said = file.population
    correlation = {one.between: one.value for one in said.correlations}
    return Population(
        file.model, omega=said.omega, correlation=correlation, subgroups=said.subgroups, typical=file.values
    )


def covariance_of(file: FitFile, params: lmfit.Parameters, without: Collection[str] = ()) -> np.ndarray:
    """Return the covariance of what a declared fit varies, at these parameters: (J'J)^-1, J the slopes of residuals of
    all trials but some."""
    sources = [one for one in map(load_evidence, file.evidence) if one.name not in without]
    problem = fit_problem(fitted(sources), models.model(file.model), spread=file.spread)
    slopes = jacobian(problem, params, {})
    return np.asarray(np.linalg.pinv(slopes.T @ slopes))
