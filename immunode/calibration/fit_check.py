"""The check of a committed fit: its predictions evaluated again by the code and the evidence as they are now."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode import models
from immunode.calibration.cohorts import data_hash
from immunode.calibration.declared_population import fit_arguments
from immunode.calibration.fit_file import FitFile, Variant, load_fit
from immunode.calibration.fit_result import FitResult, PopulationResult, committed
from immunode.calibration.free_parameters import LOG
from immunode.calibration.objective import table
from immunode.calibration.population.fit import population_problem, printed_table
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.calibration.population.values import PopulationValues
from immunode.calibration.problem import fit_problem
from immunode.calibration.typical import typical
from immunode.errors import BadValue
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import thread_count
from immunode.internal.defaults import THREADS

if TYPE_CHECKING:
    import pandas as pd

# of a committed prediction (or of its sigma, near zero): a hundred times the solver's rtol, so that platforms agree
AGREE = 1e-6
AGREE_POPULATION = 1e-4  # the same of a population, which is simulated with rtol 1e-6


@dataclass(frozen=True)
class FitCheck:
    """Hold a committed result, and whether it is still what the code and the evidence say.

    `ok` when all predictions agree and the evidence is the `same_data`; the `largest_change` of a prediction is in
    parts of it (or of its sigma, near zero), of the printed number `at`.
    """

    result: FitResult | PopulationResult
    ok: bool
    same_data: bool
    largest_change: float
    at: str

    def json(self) -> dict[str, Any]:
        """Return the committed result as plain data, with what the check found under "check"."""
        return self.result.json() | {
            "check": {key: getattr(self, key) for key in ("ok", "same_data", "largest_change", "at")}
        }


def check_fit(name: str, *, threads: int | None = THREADS) -> FitCheck:
    """Evaluate the committed result of a fit again; `ok` says whether all predictions agree to 1e-6, of a population to
    1e-4 of their sampling SD or of themselves.

    Raise BadValue when the fit was never run.
    """
    file, result, cores = load_fit(name), committed(name), thread_count(threads)
    gone = {row["evidence"] for row in result.left_out}
    sources = [one for one in map(load_evidence, file.evidence) if one.name not in gone]
    if isinstance(result, PopulationResult):
        now, agree = _population_now(file, result, sources, cores), AGREE_POPULATION
    else:
        now, agree = _typical_now(file, result, sources, cores), AGREE
    before = {row["label"]: row for row in result.predicted}
    changes = {}
    for row in now.to_dict("records"):
        old = before.get(row["label"], {}).get("predicted", math.nan)
        changes[row["label"]] = abs(row["predicted"] - old) / max(abs(old), row["sd" if "sd" in row else "sigma"])
    same = result.data_hash == data_hash(sources) and set(before) == set(changes)
    worst = max(changes, key=lambda label: math.inf if math.isnan(changes[label]) else changes[label])
    return FitCheck(result, bool(same and changes[worst] <= agree), same, changes[worst], worst)


def _typical_now(file: FitFile, result: FitResult, sources: Sequence[Evidence], threads: int) -> "pd.DataFrame":
    model = models.model(file.model)
    problem = fit_problem(typical(sources), model, spread=file.spread, threads=threads)
    entries = {**result.estimates, **result.derived}
    return table(problem, {key: entry["value"] for key, entry in entries.items() if key in model.typical})


def _population_now(
    file: FitFile, result: PopulationResult, sources: Sequence[Evidence], threads: int
) -> "pd.DataFrame":
    """Return the table of a committed fit of a population, by the same virtual patients, simulated again."""
    problem = population_problem(sources, **fit_arguments(file, Variant(label=""), threads))
    if missing := [name.removeprefix(LOG) for name in problem.free if name not in result.at]:
        raise BadValue(f"fit '{result.name}': '{missing[0]}' is fitted by fit.toml and not by its result; fit it again")
    typical_values = problem.values(problem.start).typical
    crowd = Crowd(problem, [_said(one, typical_values) for one in result.drawn_from])
    anchored, at = (
        problem.inner(np.array([values[name] for name in problem.free])) for values in (result.anchored, result.at)
    )
    return printed_table(anchor(problem, crowd, anchored, uniforms(problem)), at)


def _said(said: Mapping[str, Any], typical_values: Mapping[str, float]) -> PopulationValues:
    """Return one of the populations that result.json keeps."""
    correlation = {(one["between"][0], one["between"][1]): float(one["value"]) for one in said["correlations"]}
    return PopulationValues({**typical_values, **said["typical"]}, dict(said["omega"]), correlation)
