"""Fit parameters of the typical patient to printed numbers with lmfit: evidence + model + free parameters -> Fit."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode import models
from immunode.calibration.cohorts import check_cohorts, data_hash, fitted, sources_of
from immunode.calibration.free_parameters import Options, check_derived, model_values, parameters, perturbed, varied
from immunode.calibration.identifiability import weakest
from immunode.calibration.objective import jacobian, residuals, table
from immunode.calibration.predict import predict
from immunode.calibration.problem import FitProblem, check_bounds, fit_problem
from immunode.calibration.typical import check_typical, typical
from immunode.errors import BadValue, SolveError
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import by_name, finite, flag, progress_told, seed_number, short, thread_count, whole
from immunode.internal.defaults import THREADS
from immunode.model.declaration import Model

MOST_STARTS = 10_000  # of a fit: a slip is told at once
MOST_SIGMAS = 1e150  # that a number may be from zero: squares of more are no numbers


@dataclass(frozen=True, eq=False)
class Fit:
    """Hold a finished fit in lmfit's words; `table` has a row per printed number: label, observed, predicted ...

    `residual` is (predicted - observed) / sigma. `weak` names in words what the evidence cannot tell apart; `starts`
    are the chi-squares that each start reached; `result` is lmfit's own, for `conf_interval` and `emcee`.
    """

    params: lmfit.Parameters
    table: pd.DataFrame
    result: lmfit.minimizer.MinimizerResult
    weak: tuple[str, ...]
    starts: tuple[float, ...]
    seed: int
    versions: Mapping[str, str]
    data_hash: str

    def __repr__(self) -> str:
        """Return the estimates with their standard errors, in a few lines."""
        lines = [f"{name} = {p.value:.6g} +/- {self.stderr[name]:.2g}" for name, p in self.params.items()]
        more = [f"and {len(lines) - 6} more"] if len(lines) > 6 else []
        return "\n".join([f"<Fit: chi-square {self.chisqr:.4g}, {len(self.table)} rows", *lines[:6], *more]) + ">"

    @property
    def chisqr(self) -> float:
        """Return the sum of squared residuals."""
        return float(self.result.chisqr)

    @property
    def nfree(self) -> int:
        """Return the degrees of freedom."""
        return int(self.result.nfree)

    @property
    def redchi(self) -> float:
        """Return chi-square per degree of freedom."""
        return float(self.result.redchi)

    @property
    def aic(self) -> float:
        """Return lmfit's Akaike information criterion."""
        return float(self.result.aic)

    @property
    def status(self) -> str:
        """Return how the minimiser ended."""
        return str(self.result.message)

    @property
    def stderr(self) -> dict[str, float]:
        """Return the standard error of every parameter (chi-square scale: the sigmas are taken as they are)."""
        return {name: float("nan") if p.stderr is None else float(p.stderr) for name, p in self.params.items()}

    @property
    def correlations(self) -> pd.DataFrame:
        """Return the correlation matrix of the varied parameters."""
        names = self.result.var_names
        covar = np.asarray(getattr(self.result, "covar", np.full((len(names), len(names)), np.nan)))
        sd = np.sqrt(np.diag(covar))
        return pd.DataFrame(covar / np.outer(sd, sd), index=names, columns=names)

    def _repr_html_(self) -> str:
        return (
            f"{self.params._repr_html_()}<p>chi-square {self.chisqr:.4g}, {self.nfree} free</p>{self.table.to_html()}"
        )


def calibrate(
    evidence: Sequence[str | Evidence] | str | Evidence,
    model: str | Model,
    vary: Sequence[str] | Mapping[str, Options],
    *,
    derived: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    spread: Mapping[str, float] | None = None,
    seed: int = 0,
    starts: int = 1,
    rtol: float = 1e-8,
    threads: int | None = THREADS,
    scale_covar: bool = False,
    progress: Callable[[int, int], Any] | None = None,
) -> Fit:
    """Fit parameters of the typical patient to the rows of evidence that are marked "fit", by least squares.

    Main arguments
        evidence: im.Evidence, or names of library trials, one or a list
        model: an im.Model, the name of one of the library, or a file such as "my_model.py"
        vary: names of the parameters to fit, or {name: {value, min, max, log}}: start, bounds (else the model's), and
            whether the logarithm is varied
        derived: parameters that follow from others, as lmfit expressions, such as {"Vmax": "slope * Km"}, default none
        values: fixed parameters by name: a number in the declared unit or a text ("10 L/h"), default none

    Other arguments
        spread: log-SD by parameter, over which rows of the statistic "mean" are averaged, default none [1]
        seed: of the starts after the first, which are drawn around it, default 0
        starts: how many starts, default 1
        rtol: relative tolerance of a step, default 1e-8 [1]
        threads: number of threads, default all cores
        scale_covar: lmfit's: whether standard errors are scaled by the root of chi-square per degree of freedom,
            default False
        progress: function of how many starts are done, of how many, default none

    Returns
        a fit: `params` (lmfit's), `stderr` and `correlations` of the parameters; `table`, a DataFrame with a row a
            printed number (label, observed, predicted, sigma, residual, ...); `chisqr`, `nfree`, `redchi`, `aic`;
            `weak`, what the evidence cannot tell apart, in words; `starts`, the chi-square that each start reached;
            `result`, lmfit's own

    Raises
        UnknownName: for a model, trial, parameter or observable that does not exist.
        BadValue: for bad input: bounds, expressions, fewer numbers than parameters, a cohort that enters twice, a row
            that has no number at the start.
        UnitError: for a row whose unit does not fit.
        SolveError: when no start can be solved.

    Example
        >>> import immunode as im
        >>> decay = im.Model(
        ...     "decay", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
        ...     [im.Parameter("k", 1.0, "1/day", low=0.01, high=10)], routes={"iv": "y"},
        ... )
        >>> printed = {"arm": "a", "observable": "y", "sigma": 0.02}
        >>> rows = [{**printed, "day": 1, "value": 0.6}, {**printed, "day": 2, "value": 0.38}]
        >>> fit = im.calibrate(im.Evidence(name="assay", arms={"a": "1 mg IV"}, rows=rows), decay, ["k"])
        >>> print(f"{fit.params['k'].value:.3f} +/- {fit.stderr['k']:.3f}")
        0.495 +/- 0.021
    """
    if not isinstance(model, str | Model):
        raise BadValue(f"model = {short(model)}: expected a Model, or the name of one of the library or of a file")
    model, derived = models.model(model), by_name(derived, "derived", "{'Vmax': 'slope * Km'}")
    values = by_name(values, "values", "{'CL': 100}")
    seed, threads, starts = (
        seed_number(seed),
        thread_count(threads),
        whole(starts, "starts", 1, MOST_STARTS, "at least one"),
    )
    flag(scale_covar, "scale_covar")
    rtol = finite(rtol, "rtol")
    progress_told(progress)
    sources = sources_of(evidence)
    check_cohorts(sources)
    check_typical(sources)
    held = {name: model.values(values)[name] for name in values}
    first = parameters(model, vary, derived, held)
    check_derived(model, first, derived, "starts at")
    problem = fit_problem(fitted(sources), model, spread=spread, rtol=rtol, threads=threads)
    free = len(varied(first))
    if len(problem.data) < free:
        raise BadValue(f"{len(problem.data)} printed numbers cannot fix {free} parameters; fit fewer, or add evidence")
    check_bounds(problem, model.typical | model_values(model, first, held))
    _check_predicted(problem, model_values(model, first, held))
    random = np.random.default_rng(seed)
    begins = [first, *(perturbed(first, random) for _ in range(starts - 1))]
    results = _minima(problem, begins, held, scale_covar, progress or (lambda done, total: None))
    best = min(results, key=lambda result: result.chisqr)
    check_derived(model, best.params, derived, "ends at")
    reached = tuple(float(result.chisqr) for result in results)
    weak = tuple(weakest(jacobian(problem, best.params, held), varied(best.params)))
    with_checks = fit_problem(typical(sources), model, spread=spread, rtol=rtol, threads=threads)
    frame = table(with_checks, model_values(model, best.params, held))
    return Fit(best.params, frame, best, weak, reached, seed, versions(), data_hash(sources))


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


def _minima(
    problem: FitProblem,
    starts: Sequence[lmfit.Parameters],
    held: Mapping[str, float],
    scale_covar: bool,
    progress: Callable[[int, int], Any],
) -> list[Any]:
    """Return lmfit's result from every start that can be solved; raise SolveError when none can."""
    results: list[Any] = []
    failures: list[SolveError] = []
    for done, start in enumerate(starts, start=1):
        try:
            results.append(_minimum(problem, start, held, scale_covar))
        except SolveError as error:
            failures.append(error)
        progress(done, len(starts))
    if not results:
        raise failures[-1]
    return results


def _minimum(problem: FitProblem, start: lmfit.Parameters, held: Mapping[str, float], scale_covar: bool) -> Any:
    # partial functions, which a result keeps, can be pickled
    minimiser = lmfit.Minimizer(
        partial(_objective, problem=problem, held=held), start, scale_covar=scale_covar, nan_policy="raise"
    )
    return minimiser.minimize("least_squares", jac=partial(_slopes, problem=problem, held=held), x_scale="jac")


def _objective(params: lmfit.Parameters, problem: FitProblem, held: Mapping[str, float]) -> np.ndarray:
    return residuals(problem, predict(problem, [model_values(problem.model, params, held)])[0])


def _slopes(params: lmfit.Parameters, problem: FitProblem, held: Mapping[str, float]) -> np.ndarray:
    return jacobian(problem, params, held)


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("lmfit", "numba", "numpy", "scipy")
    }
