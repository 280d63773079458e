"""Trials that are left out of a fit, and what the fit then predicts of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from immunode import models
from immunode.calibration.finished import Fit
from immunode.calibration.fit_file import FitFile
from immunode.calibration.free_parameters import model_values
from immunode.calibration.knowledge import normal_draws
from immunode.calibration.nested import LEVELS, components
from immunode.calibration.population.fit import PopulationFit
from immunode.calibration.predict import predict
from immunode.calibration.prediction import SAMPLES, predict_trial
from immunode.calibration.problem import Datum, fit_problem
from immunode.calibration.typical import typical
from immunode.errors import BadValue, unknown
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.measures.statistics import quantile

DRAWS = 200  # of the parameters of a typical patient


def left_out(file: FitFile, names: Sequence[str]) -> tuple[FitFile, list[Evidence]]:
    """Return a declared fit without some of its trials, by name, and these.

    Raise UnknownName for one that the fit does not have, BadValue where nothing is left.
    """
    trials = {load_evidence(trial).name: trial for trial in file.evidence}
    for name in names:
        if name not in trials:
            raise unknown("evidence", name, trials, "--leave-out")
    kept = tuple(trial for name, trial in trials.items() if name not in names)
    if not kept:
        raise BadValue(f"--leave-out {names[-1]}: no evidence is left to fit; keep one trial at least")
    gone = [load_evidence(trials[name]) for name in dict.fromkeys(names)]
    return file.model_copy(update={"evidence": kept}), gone


def predicted_of_population(
    fit: PopulationFit, trials: Sequence[Evidence], seed: int, threads: int
) -> list[dict[str, Any]]:
    """Return a row a printed number of trials that a fit of a population has not seen."""
    out: list[dict[str, Any]] = []
    for trial in trials:
        told = predict_trial(trial, fit, seed=seed, threads=threads)
        rows = told.table.astype(object).where(told.table.notna(), None).to_dict("records")
        out += [{"evidence": trial.name, **{str(key): value for key, value in row.items()}} for row in rows]
    return out


def predicted_of_typical(
    file: FitFile, fit: Fit, trials: Sequence[Evidence], threads: int
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a row a printed number of trials that a fit of the typical patient has not seen: its parameters vary as
    the fit knows them, the number about that by its own sigma."""
    model, out = models.model(file.model), []
    draws = normal_draws(fit.params, np.asarray(fit.result.covar) * max(1.0, fit.redchi), DRAWS, file.seed)
    values = [model_values(model, params, {}) for params in draws]
    generator = np.random.default_rng([file.seed, 29])
    for trial in typical(trials):
        problem = fit_problem([trial], model, spread=file.spread, rtol=1e-6, threads=threads)
        at_best = predict(problem, [model_values(model, fit.params, {})])[0]
        each = predict(problem, values)
        for i, datum in enumerate(problem.data):
            out.append({"evidence": trial.name, **_row(datum, float(at_best[i]), each[:, i], generator)})
    return out


def _row(datum: Datum, predicted: float, draws: np.ndarray, generator: np.random.Generator) -> Mapping[str, Any]:
    seen, noise = datum.row.observed, generator.standard_normal((len(draws), SAMPLES))
    if datum.row.scale == "log":
        numbers = np.maximum(draws, np.finfo(float).tiny)[:, None] * np.exp(noise * datum.sigma / seen)
    else:
        numbers = draws[:, None] + noise * datum.sigma
    low, high = (float(quantile(numbers.ravel(), share)) for share in (0.025, 0.975))
    shares = components(numbers[:, None, None], parts=1).percent
    row = {"label": datum.label, "published": seen, "predicted": predicted, "low": low, "high": high}
    return row | {"inside": bool(low <= seen <= high)} | {level: shares[level] for level in LEVELS}
