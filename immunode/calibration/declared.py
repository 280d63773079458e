"""Run a declared fit: what fit.toml says, then again under every other reading of what is assumed."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from immunode import models
from immunode.calibration.declared_population import fit_declared, other_reading, population_result
from immunode.calibration.estimates import estimate, moves
from immunode.calibration.fit import Fit, calibrate
from immunode.calibration.fit_file import FitFile, Variant, fit_name, load_fit
from immunode.calibration.fit_readings import FitReading, fit_readings
from immunode.calibration.fit_result import FitResult, PopulationResult
from immunode.calibration.left_out import left_out, predicted_of_population, predicted_of_typical
from immunode.calibration.population.fit import INTERVALS
from immunode.calibration.population.search import ANCHORS
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.calibration.typical import typical
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import flag, thread_count
from immunode.internal.defaults import THREADS
from immunode.internal.progress import told_bar
from immunode.virtual_trials.population import Population

PATIENTS = 1000  # virtual patients per arm behind a population's median

Step = Callable[[str, float, float], None]


def run_fit(
    name: str, *, leave_out: Sequence[str] = (), threads: int | None = THREADS, progress: bool = True
) -> FitResult | PopulationResult:
    """Run a declared fit (a name of the library, or the path of a folder with a fit.toml, or of that file).

    Trials to `leave_out` are not fitted but predicted, and other readings are not refitted then. Where the declaration
    of a fit of the typical patient has a `population` (SD of the log of parameters), the result holds the population's
    median of every number at the estimates. Raise UnknownName and BadValue for a declaration that is wrong, SolveError when no start can be solved.
    """
    flag(progress, "progress")
    file, cores = load_fit(name), thread_count(threads)
    file, gone = left_out(file, leave_out) if leave_out else (file, [])
    readings = [] if gone else fit_readings(file)  # who asks what a fit foretells does not ask what moves it
    with told_bar() if progress else contextlib.nullcontext(lambda label, done, total: None) as step:
        run = _population if file.likelihood == "summaries" else _typical
        return run(fit_name(name), file, gone, readings, cores, step)


def _population(
    name: str, file: FitFile, gone: Sequence[Evidence], readings: Sequence[FitReading], cores: int, step: Step
) -> PopulationResult:
    """Fit a population, then read it otherwise; stages are told with -2 log L, each reading is as long as the first."""
    most, done = ANCHORS * (1 + bool(file.trial_effects)) + 1, 0
    total = most + ANCHORS * len(readings)

    def told(stage: str, objective: float) -> None:
        nonlocal done
        done = most if stage == INTERVALS else min(done + 1, most - 1)
        step(f"{stage}, -2 log L {objective:.2f}", done, total)

    step("search", 0, total)
    fit = fit_declared(file, cores, told)
    moved = []
    for i, reading in enumerate(readings):
        step(f"read otherwise: {reading.variant.label}", most + ANCHORS * i, total)
        moved.append(other_reading(file, fit, reading, cores))
    predicted = predicted_of_population(fit, gone, file.seed, cores)
    return population_result(name, file, fit, moved, predicted)


def _typical(
    name: str, file: FitFile, gone: Sequence[Evidence], readings: Sequence[FitReading], cores: int, step: Step
) -> FitResult:
    total = 1 + len(readings)
    step("fit", 0, total)
    fit = _fit(file, [load_evidence(trial) for trial in file.evidence], cores, starts=file.starts)
    estimates = {name: float(fit.params[name].value) for name in file.vary}
    refits = []
    for done, reading in enumerate(readings, start=1):
        step(f"chi-square {fit.chisqr:.4g}; read otherwise: {reading.variant.label}", done, total)
        other = _fit(file, reading.evidence, cores, at=estimates, variant=reading.variant)
        refits.append(reading.words() | moves(fit, other, list(estimates)))
    predicted = fit.table.to_dict("records")
    if file.population.omega:
        medians = population_medians(file, _model_values(file, fit), cores)
        predicted = [row | {"population_median": m} for row, m in zip(predicted, medians, strict=True)]
    result = _result(name, file, fit, predicted, refits)
    return replace(result, left_out=predicted_of_typical(file, fit, gone, cores)) if gone else result


def population_medians(file: FitFile, values: Mapping[str, float], threads: int) -> list[float]:
    """Return the median over virtual patients of every printed number, at the given parameter values."""
    model = models.model(file.model)
    # at these values, not at the model's own: a fraction varies by its odds
    patients = Population(model, omega=file.population.omega, typical=values).sample(PATIENTS, file.seed)
    factors = {name: patients.parameter(name) / model.values(values)[name] for name in file.population.omega}
    draws = [{name: float(column[i]) for name, column in factors.items()} for i in range(PATIENTS)]
    sources = [load_evidence(trial) for trial in file.evidence]
    problem = fit_problem(typical(sources), model, draws=draws, rtol=1e-6, threads=threads)
    return [float(median) for median in predict(problem, [values])[0]]


def _fit(
    file: FitFile,
    sources: Sequence[Evidence],
    threads: int,
    *,
    starts: int = 1,
    at: Mapping[str, float] | None = None,
    variant: Variant | None = None,
) -> Fit:
    """Fit what the file declares, or a variant of it, started `at` values of its free parameters."""
    variant = variant or Variant(label="")
    vary = {key: free.options() for key, free in file.vary.items() if key not in variant.fixed}
    vary = {key: options | ({"value": at[key]} if at and key in at else {}) for key, options in vary.items()}
    return calibrate(
        [source for source in sources if source.name not in variant.without],
        file.model,
        vary,
        derived=file.derived,
        values=variant.values | variant.fixed,
        spread=file.spread | variant.spread,
        seed=file.seed,
        starts=starts,
        threads=threads,
    )


def _result(
    name: str, file: FitFile, fit: Fit, predicted: list[dict[str, Any]], refits: list[dict[str, Any]]
) -> FitResult:
    objective = {key: getattr(fit, key) for key in ("chisqr", "nfree", "redchi", "aic")}
    return FitResult(
        name=name,
        title=file.title,
        model=models.model(file.model).name,  # of a file not where it lies on this machine
        evidence=[load_evidence(trial).name for trial in file.evidence],
        estimates={key: estimate(fit, key) for key in file.vary},
        derived={key: estimate(fit, key) for key in file.derived},
        objective=objective | {"ndata": int(fit.result.ndata), "nvarys": int(fit.result.nvarys)},
        starts=list(fit.starts),
        status=fit.status,
        weak=list(fit.weak),
        predicted=predicted,
        assumptions=refits,
        seed=file.seed,
        versions=dict(fit.versions),
        data_hash=fit.data_hash,
    )


def _model_values(file: FitFile, fit: Fit) -> dict[str, float]:
    """Return the model's parameters at the estimates."""
    known = models.model(file.model).typical
    return {key: float(fit.params[key].value) for key in (*file.vary, *file.derived) if key in known}
