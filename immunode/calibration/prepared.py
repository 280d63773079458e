"""Evidence, model and free parameters checked together, before anything is fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np

from immunode import models
from immunode.calibration.cohorts import check_cohorts, fitted, sources_of
from immunode.calibration.free_parameters import Options, check_derived, model_values, parameters, varied
from immunode.calibration.objective import MOST_SIGMAS, residuals
from immunode.calibration.predict import predict
from immunode.calibration.problem import FitProblem, check_bounds, fit_problem
from immunode.calibration.typical import check_typical, typical
from immunode.errors import BadValue
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import by_name, finite, is_one_of, short, thread_count
from immunode.model.declaration import Model

RTOL = 1e-8  # of a step of the solver
INSTEAD = {  # where a population says what a model is given beside it, and which likelihood has effects of trials
    "values": "give it as im.Population(..., typical={...})", "spread": "give it as im.Population(..., omega={...})",
    "trial_effects": "leave it out, or print rows and fit these with likelihood = 'summaries'",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Prepared:
    """Hold what a fit begins with: evidence, the model and how it was `named` (None: a Model was given), parameters at
    the start, those that are held, the problem of the rows that are fitted, and what it was made with."""

    sources: list[Evidence]
    model: Model
    named: str | None
    first: lmfit.Parameters
    held: Mapping[str, float]
    problem: FitProblem
    derived: Mapping[str, str]
    spread: Mapping[str, float]

    def everything(self) -> FitProblem:
        """Return the problem of all rows, checks too."""
        rtol, threads = self.problem.rtol, self.problem.threads
        return fit_problem(typical(self.sources), self.model, spread=self.spread, rtol=rtol, threads=threads)


def prepared(
    evidence: Sequence[str | Evidence] | str | Evidence,
    model: str | Model,
    vary: Sequence[str] | Mapping[str, Options],
    *,
    derived: Mapping[str, str] | None,
    values: Mapping[str, Any] | None,
    spread: Mapping[str, float] | None,
    rtol: float,
    threads: int | None,
) -> Prepared:
    """Return what im.calibrate begins with, whose arguments these are; every row has a number at the start.

    Raise what it raises.
    """
    if not isinstance(model, str | Model):
        raise BadValue(f"model = {short(model)}: expected a Model, or the name of one of the library or of a file")
    named = model if isinstance(model, str) else None
    model, derived = models.model(model), by_name(derived, "derived", "{'Vmax': 'slope * Km'}")
    values, cores = by_name(values, "values", "{'CL': 100}"), thread_count(threads)
    rtol = finite(rtol, "rtol")
    sources = sources_of(evidence)
    check_cohorts(sources)
    check_typical(sources)
    held = {name: model.values(values)[name] for name in values}
    first = parameters(model, vary, derived, held)
    check_derived(model, first, derived, "starts at")
    problem = fit_problem(fitted(sources), model, spread=spread, rtol=rtol, threads=cores)
    at_start = model_values(model, first, held)
    check_bounds(problem, model.typical | at_start)
    _check_predicted(problem, at_start)
    return Prepared(sources, model, named, first, held, problem, derived, dict(spread or {}))


def check_enough(problem: FitProblem, first: lmfit.Parameters) -> None:
    """Raise BadValue for fewer numbers than free parameters."""
    free = len(varied(first))
    if len(problem.data) < free:
        raise BadValue(f"{len(problem.data)} printed numbers cannot fix {free} parameters; fit fewer, or add evidence")


def _check_predicted(problem: FitProblem, values: Mapping[str, float]) -> None:
    """Raise BadValue for a row that has no number, or no residual, at the start: nothing could be fitted to it."""
    with np.errstate(all="ignore"):
        predicted = predict(problem, [values])[0]
        away = residuals(problem, predicted)
    for datum, number, residual in zip(problem.data, predicted, away, strict=True):
        if not np.isfinite(number):
            raise BadValue(
                f"{datum.label}: predicted is {number:g} at the start, no finite number; a percentage of zero, or a "
                "course that is flat or negative, has none: choose another measure or other days"
            )
        seen, sigma = datum.row.observed, datum.sigma
        if not (np.isfinite(residual) and max(abs(number), abs(seen)) / sigma < MOST_SIGMAS):
            raise BadValue(
                f"{datum.label}: with sigma = {sigma:g}, {seen:g} printed and {number:g} predicted at the start, the "
                "residual is too large to be squared; give the number and its sigma in the unit of the row"
            )


def refuse_of_population(other: Mapping[str, tuple[Any, Any]], fit: str = "the fit of a population") -> None:
    """Raise BadValue for an argument, with its default, that a `fit` has no use for."""
    for name, (value, default) in other.items():
        if not is_one_of(value, default, None, {}, []):
            cure = INSTEAD.get(name, "leave it out")
            raise BadValue(f"{name} = {short(value)} has no effect on {fit}; {cure}")
