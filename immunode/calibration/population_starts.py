"""Where the starts of a fit of a population settled, in a file, so that a fit that was stopped goes on where it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmfit

from immunode.calibration.population.neighbourhood import neighbourhood_of
from immunode.calibration.population.problem import PopulationProblem
from immunode.calibration.population.recipe import anchor_data, objective_of, population_data
from immunode.calibration.population.search import Integrated, Settled, integrated_deviance
from immunode.calibration.resuming import Reached, reached_before
from immunode.calibration.saving import result_data, result_of
from immunode.errors import BadValue
from immunode.evidence.printed import Evidence
from immunode.model.equations import readable
from immunode.virtual_trials.population import Population

KEPT = ("anchor", "drawn_from", "deviance", "moved", "params", "result")  # of a start


@dataclass(frozen=True, eq=False)
class SettledStarts:
    """Hold the file of a fit's starts."""

    reached: Reached

    def get(self, number: int, problem: PopulationProblem) -> Settled | None:
        """Return where a start settled, made again of its patients to the same bits; None where it is not finished."""
        data = self.reached.data(number)
        if data is None:
            return None
        if missing := [name for name in KEPT if name not in data]:
            raise BadValue(
                f"resume: start {number} in {self.reached.path} has no '{missing[0]}'; delete the file, or take another"
            )
        objective, result = objective_of(problem, data), result_of(data)
        if isinstance(objective, Integrated):
            near, deviance = objective.near, integrated_deviance(objective.near)
        else:
            near = neighbourhood_of(objective.here, problem.of(result.params))
            deviance = data["deviance"]
        here = near.anchor
        minimiser = lmfit.Minimizer(objective, problem.with_free(here.x), scale_covar=False, nan_policy="raise")
        return Settled(here, minimiser, result, near, deviance, data["moved"])

    def put(self, number: int, settled: Settled) -> None:
        """Keep where a start settled."""
        kept = anchor_data(settled.anchor) | {"deviance": settled.deviance, "moved": settled.moved}
        self.reached.keep(number, kept | result_data(settled.result))


def settled_starts(
    path: str | Path | None, evidence: Sequence[Evidence], population: Population, named: str | None, **options: Any
) -> SettledStarts | None:
    """Return the file of a fit's starts, None without a path; `named` is how its model is called, and `options` are all
    else that its results depend on. Raise BadValue for the file of another fit."""
    if path is None:
        return None
    model = population.of
    said: Mapping[str, Any] = {
        "evidence": [one.model_dump() for one in evidence], "model": named, "population": population_data(population),
        "equations": readable(model.trace(), [output.name for output in model.outputs]), "defaults": model.typical,
    }  # fmt: skip
    return SettledStarts(reached_before(path, {**said, **options}))
