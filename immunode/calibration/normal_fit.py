"""Fit a population to printed means and covariances by the normal law: Fisher scoring through lmfit's least squares."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.arm_moments import OMEGA
from immunode.calibration.normal_law import RESIDUALS, admr_objective
from immunode.calibration.normal_objective import (
    ADDITIVE,
    NOISE,
    NormalProblem,
    Predicted,
    first_weights,
    normal_problem,
    predict_normal,
    scoring,
    total_deviance,
)
from immunode.calibration.normal_spread import sampling_covariance
from immunode.calibration.patient_nodes import patient_nodes
from immunode.errors import BadValue, SolveError, unknown
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import by_name, choice, finite, is_list, several, short, thread_count, whole
from immunode.internal.defaults import THREADS
from immunode.virtual_trials.population import Population

HALVINGS = 12
INNER = {"ftol": 1e-6, "xtol": 1e-6, "gtol": 1e-8}  # of a round: the next one begins where it ends, with newer weights
BOUNDS = {OMEGA: (1e-4, 5.0), NOISE: (1e-6, 10.0), ADDITIVE: (0.0, np.inf)}
OPTIONS = ("value", "min", "max")


@dataclass(frozen=True, eq=False)
class NormalFit:
    """Hold a fit by the normal law in lmfit's words.

    `params` are the estimates with `stderr` from the sampling law of the printed numbers (a sandwich: patients need not
    be normal, nor visits independent); `result` is lmfit's, whose residuals have the weights of the estimates, so that
    its chi-square tells how well means and covariances fit. `deviance` is -2 log likelihood, `objective` what admr
    prints for it, `rounds` how often the weights were renewed. `table` has a row a printed number.
    """

    params: lmfit.Parameters
    result: Any
    deviance: float
    objective: float
    rounds: int
    converged: bool
    table: pd.DataFrame
    slopes: np.ndarray


def fit_normal(
    evidence: Sequence[Evidence] | Evidence,
    population: Population,
    vary: Sequence[str] | Mapping[str, Mapping[str, float]],
    *,
    noise: Mapping[str, float] | None = None,
    additive: Mapping[str, float] | None = None,
    residual: str = "total",
    patients: int = 10_000,
    seed: int = 0,
    ftol: float = 1e-7,
    steps: int = 100,
    rtol: float = 1e-8,
    threads: int | None = THREADS,
    progress: Callable[[int, float], Any] | None = None,
) -> NormalFit:
    """Fit typical values, spreads and residual errors of a population to the `covariances` of evidence.

    Main arguments
        evidence: im.Evidence with `covariances`, one or a list
        population: im.Population, where the fit starts, and what it holds: typical values, omega, correlations, classes
        vary: names to fit, or {name: {value, min, max}}: a parameter ("CL"), the SD of its log ("omega_CL"), the
            residual errors of an observable ("noise_conc", "additive_conc")

    Other arguments
        noise: proportional residual error by observable, a CV, default none [1]
        additive: additive residual error by observable, an SD, default none [unit of the observable]
        residual: "total", the error's variance averaged over patients, or "at_mean", at the population's mean as admr
            has it, default "total"
        patients: at most so many virtual patients for each arm, default 10 000
        seed: of the patients where more than 5 parameters vary, default 0
        ftol: change of the deviance below which the fit ends, default 1e-7 [1]
        steps: the most rounds of least squares, after each of which weights are renewed, default 100
        rtol: relative tolerance of a step of the solver, default 1e-8 [1]
        threads: number of threads, default all cores
        progress: function of the round and its deviance, default none

    Returns
        a NormalFit

    Raises
        UnknownName, BadValue, UnitError: for names, numbers and units that do not fit each other, more parameters than
            printed numbers. SolveError: where the start cannot be solved.
    """
    sources = several([evidence] if isinstance(evidence, Evidence) else evidence, Evidence, "evidence")
    choice(residual, "residual", RESIDUALS)
    errors = _errors(noise, additive)
    nodes = patient_nodes(sum(1 for _ in population.omega), whole(patients, "patients", 100), seed)
    problem = normal_problem(
        sources, population, nodes, residual=residual, rtol=finite(rtol, "rtol"), threads=thread_count(threads)
    )
    observed = {one.printed.observable for one in problem.summaries}
    start = normal_parameters(population, vary, errors, observed)
    if problem.data < len(start):
        raise BadValue(f"{problem.data} printed numbers cannot fix {len(start)} parameters; fit fewer, or add evidence")
    for few in (one.printed.few for one in problem.summaries):
        if few:
            warnings.warn(few, stacklevel=2)
    limits = Limits(finite(ftol, "ftol"), whole(steps, "steps"), progress or (lambda done, value: None))
    return _fitted(Steps(problem, tuple(errors.items()), tuple(start)), start, limits)


@dataclass(frozen=True, eq=False)
class Limits:
    """Hold when a fit ends, and whom it tells how far it is."""

    ftol: float
    steps: int
    progress: Callable[[int, float], Any]


def _errors(noise: Mapping[str, float] | None, additive: Mapping[str, float] | None) -> dict[str, float]:
    """Return residual errors by the names under which they are varied."""
    out = {}
    for prefix, stated in ((NOISE, by_name(noise, "noise", "{'conc': 0.2}")),
                           (ADDITIVE, by_name(additive, "additive", "{'conc': 0.1}"))):  # fmt: skip
        for name, value in stated.items():
            out[f"{prefix}{name}"] = finite(value, f"{prefix.rstrip('_')} of '{name}'")
            if value < 0:
                raise BadValue(f"{prefix.rstrip('_')} of '{name}' = {value:g}: expected 0 or more")
    return out


def normal_parameters(
    population: Population,
    vary: Sequence[str] | Mapping[str, Mapping[str, float]],
    errors: Mapping[str, float],
    observed: set[str],
) -> lmfit.Parameters:
    """Return lmfit parameters of what varies: typical values by the model's bounds, spreads, residual errors.

    Raise UnknownName for a name that is none of them, BadValue for an empty list, for a name twice, a start outside its
    bounds, and a spread or an error that starts at 0, where the likelihood is flat.
    """
    if not isinstance(vary, Mapping) and not is_list(vary):
        raise BadValue(f"vary = {short(vary)}: expected a list of parameters, such as ['CL', 'omega_CL']")
    names = list(vary)
    if not names:
        raise BadValue("vary is empty: expected at least one parameter to fit")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadValue(f"vary names '{twice[0]}' twice; leave one out")
    options: dict[str, Mapping[str, float]] = dict(vary) if isinstance(vary, Mapping) else {name: {} for name in names}
    starts = _starts(population, errors, observed)
    out = lmfit.Parameters()
    for name, said in options.items():
        if name not in starts:
            raise unknown("parameter", name, starts, population.of.name)
        said = by_name(said, f"free parameter '{name}'", "{'value': 10, 'min': 1, 'max': 100}")
        if extra := set(said) - set(OPTIONS):
            raise unknown("option", min(extra), OPTIONS, f"free parameter '{name}'")
        value, low, high = (finite(said[key], f"free parameter '{name}': {key}") if key in said else usual
                            for key, usual in zip(OPTIONS, starts[name], strict=True))  # fmt: skip
        if not (starts[name][1] <= low < high <= starts[name][2]):
            raise BadValue(
                f"free parameter '{name}': min = {low:g}, max = {high:g}: expected a span within {starts[name][1]:g} to "
                f"{starts[name][2]:g}"
            )
        if not low <= value <= high or (name not in population.of.typical and value == 0):
            cure = f"; give vary = {{'{name}': {{'value': ...}}}}" if value == 0 else ""
            raise BadValue(f"free parameter '{name}' starts at {value:g}, which must lie within {low:g} to {high:g}{cure}")
        out.add(name, value=value, min=low, max=high)
    return out


def _starts(
    population: Population, errors: Mapping[str, float], observed: set[str]
) -> dict[str, tuple[float, float, float]]:
    """Return where everything that may vary starts, and its bounds."""
    model = population.of
    typical = model.values(population.typical)
    bounds = {p.name: (p.low, p.high) for p in model.parameters}
    out = {f"{OMEGA}{name}": (float(sd), *BOUNDS[OMEGA]) for name, sd in population.omega.items()}
    for prefix in (NOISE, ADDITIVE):
        out |= {f"{prefix}{name}": (errors.get(f"{prefix}{name}", 0.0), *BOUNDS[prefix]) for name in sorted(observed)}
    return out | {name: (typical[name], *bounds.get(name, (-np.inf, np.inf))) for name in typical}


def _fitted(tried: "Steps", start: lmfit.Parameters, limits: Limits) -> NormalFit:
    """Return the fit: least squares with the weights of the estimates before, until these settle.

    A round that makes the deviance larger goes back, halfway each time, towards where it began.
    """
    problem, params = tried.problem, start
    at: Sequence[Predicted] = tried.predicted(start)
    value, rounds, settled, result = total_deviance(problem, at), 0, False, None
    if not np.isfinite(value):
        raise BadValue(
            "the predicted covariance matrix is singular at the start; give a residual error, noise or additive"
        )
    at = first_weights(problem, at)
    while not settled and rounds < limits.steps:
        rounds += 1
        result = lmfit.Minimizer(
            partial(_residuals, tried=tried, at=at), params, scale_covar=False, nan_policy="propagate"
        ).minimize("least_squares", jac=partial(_slopes, tried=tried, at=at), x_scale="jac", **INNER)
        params, reached = _not_worse(tried, params, result.params, value)
        settled, value, at = value - reached <= limits.ftol, reached, tried.predicted(params)
        limits.progress(rounds, value)
    assert result is not None, "there is a round"
    residuals, slopes = scoring(problem, at, at)
    result.residual, result.chisqr, result.params = residuals, float(residuals @ residuals), params
    _with_errors(result, tried, at, slopes)
    objective = admr_objective(value, problem.values)
    return NormalFit(params, result, value, objective, rounds, settled, _table(problem, at), slopes)


@dataclass(frozen=True, eq=False)
class Steps:
    """Hold what a step of a fit needs: the problem, residual errors that are held, and the names that vary."""

    problem: NormalProblem
    errors: tuple[tuple[str, float], ...]
    names: tuple[str, ...]

    def values(self, params: lmfit.Parameters) -> dict[str, float]:
        """Return the named values at these parameters."""
        return {**dict(self.errors), **{name: float(params[name].value) for name in self.names}}

    def predicted(self, params: lmfit.Parameters) -> tuple[Predicted, ...]:
        """Return what is predicted at these parameters, with slopes over those that vary."""
        return _predicted(self, tuple(self.values(params).items()))


@lru_cache(maxsize=2)  # residuals and slopes are asked for one after the other
def _predicted(tried: Steps, values: tuple[tuple[str, float], ...]) -> tuple[Predicted, ...]:
    return tuple(predict_normal(tried.problem, dict(values), tried.names))


def _residuals(params: lmfit.Parameters, tried: Steps, at: Sequence[Predicted]) -> np.ndarray:
    """Return the residuals at a try; not a number where it cannot be solved, which refuses the step."""
    try:
        return scoring(tried.problem, at, tried.predicted(params))[0]
    except SolveError:
        return np.full(tried.problem.data, np.nan)


def _slopes(params: lmfit.Parameters, tried: Steps, at: Sequence[Predicted]) -> np.ndarray:
    return scoring(tried.problem, at, tried.predicted(params))[1]


def _not_worse(
    tried: Steps, begin: lmfit.Parameters, end: lmfit.Parameters, value: float
) -> tuple[lmfit.Parameters, float]:
    """Return the end of a round, or a point between where the deviance is no larger than at its begin."""
    middle = end.copy()
    for _ in range(HALVINGS):
        try:
            reached = total_deviance(tried.problem, tried.predicted(middle))
        except SolveError:
            reached = np.inf
        if reached <= value:
            return middle, reached
        for name in tried.names:
            middle[name].value = (middle[name].value + begin[name].value) / 2
    return begin, value


def _with_errors(result: Any, tried: Steps, at: Sequence[Predicted], slopes: np.ndarray) -> None:
    """Put standard errors and correlations into lmfit's result and its parameters: the sandwich's."""
    covar = sampling_covariance(tried.problem, tried.values(result.params), at, slopes)
    result.covar, result.errorbars = covar, bool(np.isfinite(covar).all())
    sd = np.sqrt(np.diag(covar))
    for i, name in enumerate(tried.names):
        result.params[name].stderr = float(sd[i])
        result.params[name].correl = {
            other: float(covar[i, j] / (sd[i] * sd[j])) for j, other in enumerate(tried.names) if j != i
        }


def _table(problem: NormalProblem, predicted: Sequence[Predicted]) -> pd.DataFrame:
    """Return a row for each printed mean and SD: observed, predicted, the sampling error and the residual by it."""
    rows = []
    for one, now in zip(problem.summaries, predicted, strict=True):
        variances = one.spread if one.spread.ndim == 1 else np.diag(one.spread)
        expected = np.diag(now.covariance)
        for i, day in enumerate(one.printed.days):
            label, n = f"{one.label}, day {float(day):.6g}", one.sizes[i]
            sd = np.sqrt(expected[i])
            pairs = (("mean", one.mean[i], now.mean[i], sd / np.sqrt(n)), ("SD", np.sqrt(variances[i]), sd, sd / np.sqrt(2 * n)))
            for what, seen, value, sigma in pairs:
                rows.append((f"{label}: {what}", "fit", seen, value, sigma, (value - seen) / sigma))
    return pd.DataFrame(rows, columns=["label", "use", "observed", "predicted", "sigma", "residual"])
