"""Predict printed numbers by a fit of the typical patient: parameters as it knows them, and each row's own sigma."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.free_parameters import model_values, varied
from immunode.calibration.nested import LEVELS, components
from immunode.calibration.predict import predict
from immunode.calibration.problem import Datum, fit_problem
from immunode.calibration.typical import typical
from immunode.evidence.printed import Evidence
from immunode.measures.statistics import quantile
from immunode.model.declaration import Model

DRAWS, SAMPLES = 200, 20  # of the parameters, and of each number at these


@dataclass(frozen=True, eq=False)
class TypicalFit:
    """Hold a fit of the typical patient: parameters at the estimates, the covariance of what was varied, the spread
    over which means are averaged, the trials that it is fitted to, and its
    model, where these are known."""

    name: str
    params: lmfit.Parameters
    covariance: np.ndarray
    spread: Mapping[str, float]
    evidence: tuple[str, ...] = ()
    model: Model | None = None


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


def rows_by_sigma(
    fit: TypicalFit, model: Model, trials: Sequence[Evidence], seed: int, threads: int, count: int = DRAWS
) -> list[dict[str, Any]]:
    """Return a row a printed number of trials that the typical patient has, and that has a sigma."""
    out = []
    values = [model_values(model, one, {}) for one in normal_draws(fit.params, fit.covariance, count, seed)]
    generator = np.random.default_rng([seed, 29])
    for trial in typical(trials):
        problem = fit_problem([trial], model, spread=fit.spread, rtol=1e-6, threads=threads)
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
