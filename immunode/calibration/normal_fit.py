"""Fit a population to printed means and covariances by the normal law: Fisher scoring through lmfit's least squares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import Options, perturbed, varied
from immunode.calibration.normal_law import RESIDUALS, admr_objective
from immunode.calibration.normal_objective import (
    NormalProblem,
    Predicted,
    first_weights,
    normal_problem,
    scoring,
    total_deviance,
)
from immunode.calibration.normal_spread import sampling_covariance
from immunode.calibration.normal_start import normal_parameters, residual_errors
from immunode.calibration.normal_steps import Steps, chain, free_names, minimiser, not_worse, slopes_at
from immunode.calibration.patient_nodes import patient_nodes
from immunode.errors import BadValue, SolveError
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import choice, finite, seed_number, several, thread_count, whole
from immunode.internal.defaults import THREADS
from immunode.virtual_trials.population import Population

PATIENTS = 10_000  # virtual patients an arm, at most
INNER = {"ftol": 1e-6, "xtol": 1e-6, "gtol": 1e-8}  # of a round: the next one begins where it ends, with newer weights


@dataclass(frozen=True, eq=False)
class NormalFit:
    """Hold a fit by the normal law in lmfit's words.

    `params` are the estimates with `stderr` from the sampling law of the printed numbers (a sandwich: patients need not
    be normal, nor visits independent); `result` is lmfit's, whose residuals have the weights of the estimates, so that
    its chi-square tells how well means and covariances fit. `deviance` is -2 log likelihood, `objective` what admr
    prints for it, `rounds` how often the weights were renewed, `starts` the deviance that each start reached. `table`
    has a row a printed mean or SD; `slopes` are those of the residuals (data, varied); `minimiser` is lmfit's, of
    residuals with the weights of the estimates; `results` are lmfit's of every start.
    """

    params: lmfit.Parameters
    result: Any
    deviance: float
    objective: float
    rounds: int
    converged: bool
    table: pd.DataFrame
    slopes: np.ndarray
    minimiser: lmfit.Minimizer
    starts: tuple[float, ...]
    results: tuple[Any, ...]


def fit_normal(
    evidence: Sequence[Evidence] | Evidence,
    population: Population,
    vary: Sequence[str] | Mapping[str, Options],
    *,
    derived: Mapping[str, str] | None = None,
    noise: Mapping[str, float] | None = None,
    additive: Mapping[str, float] | None = None,
    residual: str = "total",
    patients: int = PATIENTS,
    seed: int = 0,
    starts: int = 1,
    ftol: float = 1e-7,
    steps: int = 100,
    rtol: float = 1e-8,
    threads: int | None = THREADS,
    progress: Callable[[int, int, str], Any] | None = None,
    inner: Mapping[str, Any] | None = None,
) -> NormalFit:
    """Fit typical values, spreads and residual errors of a population to the `covariances` of evidence.

    Main arguments
        evidence: im.Evidence with `covariances`, one or a list
        population: im.Population, where the fit starts, and what it holds: typical values, omega, correlations, classes
        vary: names to fit, or {name: {value, min, max}}: a parameter ("CL"), the SD of its log ("omega_CL"), a
            correlation that the population has ("correlation_CL_V"), the residual errors of an observable
            ("noise_conc", "additive_conc")

    Other arguments
        derived: what follows from others, as lmfit expressions, such as {"omega_V": "omega_CL"}, default none
        noise: proportional residual error by observable, a CV, default that of the evidence [1]
        additive: additive residual error by observable, an SD, default none [unit of the observable]
        residual: "total", the error's variance averaged over patients, or "at_mean", at the population's mean as admr
            has it, default "total"
        patients: at most so many virtual patients for each arm, default 10 000
        seed: of the patients where more than 5 parameters vary, and of the starts after the first, default 0
        starts: how many starts, the others drawn around the first, default 1
        ftol: change of the deviance below which the fit ends, default 1e-7 [1]
        steps: the most rounds of least squares, after each of which weights are renewed, default 100
        rtol: relative tolerance of a step of the solver, default 1e-8 [1]
        threads: number of threads, default all cores
        progress: function of how many starts are done, of how many, and in words what it stands at, default none
        inner: SciPy's ftol, xtol and max_nfev of each round of least squares, default 1e-6, 1e-6 and lmfit's own

    Returns
        a NormalFit

    Raises
        UnknownName, BadValue, UnitError: for names, numbers and units that do not fit each other, more parameters than
            printed numbers. SolveError: where the start cannot be solved.
    """
    tried = steps_of(
        evidence, population, noise=noise, additive=additive, residual=residual, patients=patients, seed=seed,
        rtol=rtol, threads=threads,
    )  # fmt: skip
    problem = tried.problem
    observed = sorted({one.printed.observable for one in problem.summaries})
    start = normal_parameters(population, vary, derived, dict(tried.errors), observed)
    free = sum(p.vary for p in start.values())
    if problem.data < free:
        raise BadValue(f"{problem.data} printed numbers cannot fix {free} parameters; fit fewer, or add evidence")
    limits = Limits(finite(ftol, "ftol"), whole(steps, "steps"), INNER | dict(inner or {}))
    random = np.random.default_rng(seed_number(seed))
    begins = [start, *(perturbed(start, random) for _ in range(whole(starts, "starts") - 1))]
    return _best(tried, begins, limits, progress or (lambda done, total, words: None))


def steps_of(
    evidence: Sequence[Evidence] | Evidence, population: Population, *, noise: Mapping[str, float] | None = None,
    additive: Mapping[str, float] | None = None, residual: str = "total", patients: int = PATIENTS, seed: int = 0,
    rtol: float = 1e-8, threads: int | None = THREADS,
) -> Steps:  # fmt: skip
    """Return what every step of a fit needs; see fit_normal."""
    sources = several([evidence] if isinstance(evidence, Evidence) else evidence, Evidence, "evidence")
    choice(residual, "residual", RESIDUALS)
    stated = {name: cv for source in sources for name, cv in source.noise.items()}
    errors = residual_errors(stated if noise is None else noise, additive)
    nodes = patient_nodes(sum(1 for _ in population.omega), whole(patients, "patients", 100), seed)
    problem = normal_problem(
        sources, population, nodes, residual=residual, rtol=finite(rtol, "rtol"), threads=thread_count(threads)
    )
    return Steps(problem, tuple(errors.items()))


def minimiser_at(tried: Steps, params: lmfit.Parameters) -> lmfit.Minimizer:
    """Return lmfit's minimiser of the residuals with the weights of estimates, which a fit keeps."""
    return minimiser(tried, tried.predicted(params), params)


def _best(
    tried: Steps, begins: Sequence[lmfit.Parameters], limits: "Limits", progress: Callable[[int, int, str], Any]
) -> NormalFit:
    """Return the fit of the start that got lowest; raise SolveError when none can be solved."""
    fits, failures = [], []
    for done, begin in enumerate(begins):

        def told(rounds: int, value: float, done: int = done) -> None:
            progress(done, len(begins), f"round {rounds}, -2 log L {value:.2f}")

        try:
            fits.append(_fitted(tried, begin, limits, told))
        except SolveError as error:
            failures.append(error)
        progress(done + 1, len(begins), "")
    if not fits:
        raise failures[0]
    best = min(fits, key=lambda one: one.deviance)
    return replace(best, starts=tuple(one.deviance for one in fits), results=tuple(one.result for one in fits))


@dataclass(frozen=True, eq=False)
class Limits:
    """Hold when a fit ends, and each round of its least squares."""

    ftol: float
    steps: int
    inner: Mapping[str, Any]


def _fitted(
    tried: Steps, start: lmfit.Parameters, limits: Limits, told: Callable[[int, float], Any]
) -> NormalFit:  # fmt: skip
    """Return the fit: least squares with the weights of the estimates before, until these settle; `told` hears of each
    round and its deviance.

    A round that makes the deviance larger goes back, halfway each time, towards where it began.
    """
    problem, params, begun = tried.problem, start, varied(start)
    at: Sequence[Predicted] = tried.predicted(start)
    value, rounds, settled, result = total_deviance(problem, at), 0, False, None
    if not np.isfinite(value):
        raise BadValue(
            "the predicted covariance matrix is singular at the start; give a residual error, noise or additive"
        )
    at = first_weights(problem, at)
    while not settled and rounds < limits.steps:
        rounds += 1
        result = minimiser(tried, at, params).minimize(
            "least_squares", jac=partial(slopes_at, tried=tried, at=at), x_scale="jac", **limits.inner
        )
        params, reached = not_worse(tried, params, result.params, value)
        settled, value, at = rounds > 1 and value - reached <= limits.ftol, reached, tried.predicted(params)
        told(rounds, value)
    assert result is not None, "there is a round"
    residuals, slopes = scoring(problem, at, at)
    result.residual, result.chisqr, result.params = residuals, float(residuals @ residuals), params
    result.redchi, result.aic = result.chisqr / result.nfree if result.nfree else np.nan, value + 2 * result.nvarys
    result.bic = value + np.log(problem.values) * result.nvarys
    _with_errors(result, tried, at, slopes)
    _begun(result, begun)
    objective = admr_objective(value, problem.values)
    return NormalFit(
        params, result, value, objective, rounds, settled, _table(problem, at), slopes,
        minimiser(tried, at, params), (value,), (result,),
    )  # fmt: skip


def _begun(result: Any, begun: Mapping[str, float]) -> None:
    """Write into lmfit's result where the fit began, which it counts from the last round."""
    for name, value in begun.items():
        result.params[name].init_value = value
    result.init_values = {name: begun[name] for name in result.var_names}
    result.init_vals = list(result.init_values.values())


def _with_errors(result: Any, tried: Steps, at: Sequence[Predicted], slopes: np.ndarray) -> None:
    """Put standard errors and correlations into lmfit's result and its parameters: the sandwich's."""
    params, names = result.params, free_names(result.params)
    covar = sampling_covariance(tried.problem, tried.values(params), at, slopes)
    result.covar, result.errorbars = covar, bool(np.isfinite(covar).all())
    follows = chain(params)
    sd = np.sqrt(np.einsum("ij,jk,ik->i", follows, covar, follows))
    for name, error in zip(params, sd, strict=True):
        params[name].stderr = float(error)
    for i, name in enumerate(names):
        pairs = [(j, other) for j, other in enumerate(names) if j != i]
        params[name].correl = {other: float(covar[i, j] / np.sqrt(covar[i, i] * covar[j, j])) for j, other in pairs}


def _table(problem: NormalProblem, predicted: Sequence[Predicted]) -> pd.DataFrame:
    """Return a row for each printed mean and SD: observed, predicted, the sampling error and the residual by it."""
    rows = []
    for one, now in zip(problem.summaries, predicted, strict=True):
        variances = one.spread if one.spread.ndim == 1 else np.diag(one.spread)
        expected = np.diag(now.covariance)
        for i, day in enumerate(one.printed.days):
            label, n = f"{one.label}, day {float(day):.6g}", one.sizes[i]
            sd = np.sqrt(expected[i])
            pairs = (
                ("mean", one.mean[i], now.mean[i], sd / np.sqrt(n)),
                ("SD", np.sqrt(variances[i]), sd, sd / np.sqrt(2 * n)),
            )
            for what, seen, value, sigma in pairs:
                rows.append((f"{label}: {what}", "fit", seen, value, sigma, (value - seen) / sigma))
    return pd.DataFrame(rows, columns=["label", "use", "observed", "predicted", "sigma", "residual"])
