"""Where the starts of a fit of a population settled, in a file, so that a fit that was stopped goes on where it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.population.neighbourhood import neighbourhood
from immunode.calibration.population.problem import Crowd, PopulationProblem, anchor, uniforms
from immunode.calibration.population.recipe import population_data, values_data, values_of
from immunode.calibration.population.search import Integrated, Settled, Statistics, coordinates_at
from immunode.calibration.resuming import Reached, reached_before
from immunode.calibration.saving import result_data, result_of
from immunode.evidence.printed import Evidence
from immunode.virtual_trials.population import Population


@dataclass(frozen=True, eq=False)
class SettledStarts:
    """Hold the file of a fit's starts."""

    reached: Reached

    def get(self, number: int, problem: PopulationProblem) -> Settled | None:
        """Return where a start settled, made again of its patients to the same bits; None where it is not finished."""
        data = self.reached.data(number)
        if data is None:
            return None
        crowd = Crowd(problem, [values_of(one) for one in data["drawn_from"]])
        here = anchor(problem, crowd, np.array(data["anchor"]), uniforms(problem))
        result = result_of(data)
        effects = bool(problem.effects.names)
        near = neighbourhood(here, coordinates_at(here, here.x if effects else problem.of(result.params)))
        objective = Integrated(near) if effects else Statistics(here)
        minimiser = lmfit.Minimizer(objective, problem.with_free(here.x), scale_covar=False, nan_policy="raise")
        return Settled(here, minimiser, result, near, data["deviance"], data["moved"])

    def put(self, number: int, settled: Settled) -> None:
        """Keep where a start settled."""
        here = settled.anchor
        kept = {
            "anchor": here.x.tolist(), "drawn_from": [values_data(one) for one in here.crowd.drawn_from],
            "deviance": settled.deviance, "moved": settled.moved,
        }  # fmt: skip
        self.reached.keep(number, kept | result_data(settled.result))


def settled_starts(
    path: str | Path | None, evidence: Sequence[Evidence], population: Population, named: str | None, **options: Any
) -> SettledStarts | None:
    """Return the file of a fit's starts, None without a path; `named` is how its model is called, and `options` are all
    else that its results depend on. Raise BadValue for the file of another fit."""
    if path is None:
        return None
    said: Mapping[str, Any] = {
        "evidence": [one.model_dump() for one in evidence], "model": named, "population": population_data(population),
    }  # fmt: skip
    return SettledStarts(reached_before(path, {**said, **options}))
