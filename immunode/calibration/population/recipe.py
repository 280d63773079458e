"""What the minimiser of a fit of a population was made of, as plain data, and the minimiser made of it again."""

from collections.abc import Mapping
from typing import Any

import lmfit
import numpy as np

from immunode import models
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.neighbourhood import neighbourhood_of
from immunode.calibration.population.problem import Anchor, Crowd, PopulationProblem, anchor, uniforms
from immunode.calibration.population.search import Integrated, Settled, Statistics
from immunode.calibration.population.values import PopulationValues
from immunode.evidence.design import Subgroup
from immunode.evidence.printed import Evidence
from immunode.model.declaration import Model
from immunode.virtual_trials.population import Population

KIND = "population"


def recipe(
    settled: Settled, evidence: list[Any], named: str | None, vary: Mapping[str, Any], derived: Mapping[str, str]
) -> dict[str, Any]:  # fmt: skip
    """Return what `minimiser_of` needs, as plain data; `named` is how the model is called, None for one of Python."""
    here = settled.anchor
    problem = here.problem
    return {
        "kind": KIND,
        "evidence": [one.model_dump() for one in evidence],
        "model": named,
        "population": population_data(problem.population),
        "vary": {name: dict(options or {}) for name, options in vary.items()},
        "derived": dict(derived),
        "trial_effects": dict(zip(problem.effects.names, problem.effects.scales.tolist(), strict=True)),
        "seed": problem.seed,
        "patients": problem.patients,
    } | anchor_data(here)


def population_data(population: Population) -> dict[str, Any]:
    """Return a population, but its model, as plain data."""
    return {
        "omega": dict(population.omega),
        "correlation": [[*pair, value] for pair, value in population.correlation.items()],
        "typical": {name: population.of.values(population.typical)[name] for name in population.typical},
        "subgroups": [group.model_dump() for group in population.subgroups],
    }


def population_from(data: Mapping[str, Any], model: str | Model) -> Population:
    """Return the population of a model of what `population_data` returned."""
    return Population(
        models.model(model), omega=data["omega"], correlation={(a, b): v for a, b, v in data["correlation"]},
        typical=data["typical"], subgroups=[Subgroup(**group) for group in data["subgroups"]],
    )  # fmt: skip


def minimiser_of(
    data: Mapping[str, Any], model: str | Model, params: lmfit.Parameters, threads: int
) -> lmfit.Minimizer:
    """Return lmfit's minimiser of a recipe, at `params`: the same patients, picked by the same numbers."""
    problem = population_problem(
        [Evidence(**one) for one in data["evidence"]], population_from(data["population"], model), data["vary"],
        derived=data["derived"], trial_effects=data["trial_effects"], seed=data["seed"], patients=data["patients"],
        threads=threads,
    )  # fmt: skip
    return lmfit.Minimizer(objective_of(problem, data), params, scale_covar=False, nan_policy="raise")


def anchor_data(here: Anchor) -> dict[str, Any]:
    """Return where the patients of a problem are from, and where they are anchored, as plain data."""
    return {"anchor": here.x.tolist(), "drawn_from": [_values_data(one) for one in here.crowd.drawn_from]}


def objective_of(problem: PopulationProblem, data: Mapping[str, Any]) -> Statistics | Integrated:
    """Return what lmfit makes small, of what `anchor_data` returned."""
    crowd = Crowd(problem, [_values_of(one) for one in data["drawn_from"]])
    here = anchor(problem, crowd, np.array(data["anchor"]), uniforms(problem))
    if not problem.effects.names:
        return Statistics(here)
    return Integrated(neighbourhood_of(here, here.x))


def _values_data(values: PopulationValues) -> dict[str, Any]:
    pairs = [[*pair, value] for pair, value in values.correlation.items()]
    return {"typical": dict(values.typical), "omega": dict(values.omega), "correlation": pairs}


def _values_of(data: Mapping[str, Any]) -> PopulationValues:
    return PopulationValues(data["typical"], data["omega"], {(a, b): value for a, b, value in data["correlation"]})
