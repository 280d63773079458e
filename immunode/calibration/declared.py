"""Run a declared fit: what fit.toml says, then again under every other reading of what is assumed."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from immunode import models
from immunode.calibration.declared_population import fit_declared, other_reading, result_of_population
from immunode.calibration.estimates import estimate, moves
from immunode.calibration.finished import Fit
from immunode.calibration.fit import calibrate
from immunode.calibration.fit_file import FitFile, Variant, fit_name, load_fit
from immunode.calibration.fit_readings import FitReading, fit_readings
from immunode.calibration.fit_result import FitResult, PopulationResult
from immunode.calibration.left_out import left_out, predicted_of_population, predicted_of_typical
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.calibration.typical import typical
from immunode.errors import BadValue
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import flag, thread_count
from immunode.internal.defaults import THREADS
from immunode.internal.progress import Progress, bar
from immunode.virtual_trials.population import Population

PATIENTS = 1000  # virtual patients per arm behind a population's median


def run_fit(
    name: str,
    *,
    leave_out: Sequence[str] = (),
    threads: int | None = THREADS,
    progress: bool = True,
    resume: str | Path | None = None,
) -> FitResult | PopulationResult:
    """Run a declared fit (a name of the library, or the path of a folder with a fit.toml, or of that file).

    Trials to `leave_out` are not fitted but predicted, and other readings are not refitted then. Where the declaration
    of a fit of the typical patient has a `population` (SD of the log of parameters), the result holds the population's
    median of every number at the estimates. The folder `resume` keeps what is finished, and a run that was stopped goes
    on from it. Raise UnknownName and BadValue for a declaration that is wrong, SolveError when no
    start can be solved.
    """
    flag(progress, "progress")
    file, cores = load_fit(name), thread_count(threads)
    file, gone = left_out(file, leave_out) if leave_out else (file, [])
    readings = [] if gone else fit_readings(file)  # who asks what a fit foretells does not ask what moves it
    with bar("fit") if progress else contextlib.nullcontext(lambda done, total, words: None) as step:
        if file.likelihood == "summaries":
            return _population(fit_name(name), file, gone, readings, cores, step, resume)
        return _typical(fit_name(name), file, gone, readings, cores, step, resume)


def _population(
    name: str, file: FitFile, gone: Sequence[Evidence], readings: Sequence[FitReading], cores: int, step: Progress,
    resume: str | Path | None,
) -> PopulationResult:  # fmt: skip
    """Fit a population, then read it otherwise; a reading is told as one part more."""
    parts = file.starts + len(file.vary)
    total = parts + len(readings)
    fit = fit_declared(file, cores, lambda done, of, words="": step(done, total, words), resume=_kept(resume, "fit"))
    moved = []
    for i, reading in enumerate(readings):
        step(parts + i, total, f"-2 log L {fit.deviance:.2f}; other reading: {reading.variant.label}")
        moved.append(other_reading(file, fit, reading, cores, _kept(resume, f"reading_{i + 1}")))
    predicted = predicted_of_population(fit, gone, file.seed, cores)
    return result_of_population(name, file, fit, moved, predicted)


def _typical(
    name: str, file: FitFile, gone: Sequence[Evidence], readings: Sequence[FitReading], cores: int, step: Progress,
    resume: str | Path | None,
) -> FitResult:  # fmt: skip
    total, evidence = 1 + len(readings), [load_evidence(trial) for trial in file.evidence]
    fit = _fit(file, evidence, cores, starts=file.starts, resume=_kept(resume, "fit"))
    step(1, total, f"chi-square {fit.chisqr:.6g}")
    estimates = {name: float(fit.params[name].value) for name in file.vary}
    refits = []
    for done, reading in enumerate(readings, start=2):
        kept = _kept(resume, f"reading_{done - 1}")
        other = _fit(file, reading.evidence, cores, at=estimates, variant=reading.variant, resume=kept)
        refits.append(reading.words() | moves(fit, other, list(estimates)))
        step(done, total, f"chi-square {fit.chisqr:.6g}, of the last reading {other.chisqr:.6g}")
    predicted = fit.table.to_dict("records")
    if file.population.omega:
        medians = population_medians(file, _model_values(file, fit), cores)
        predicted = [row | {"population_median": m} for row, m in zip(predicted, medians, strict=True)]
    result = _result(name, file, fit, predicted, refits)
    return replace(result, left_out=predicted_of_typical(file, fit, gone, cores)) if gone else result


def _kept(folder: str | Path | None, name: str) -> Path | None:
    """Return the file that keeps what one of the fits has reached, in a folder that is made; None without one."""
    if folder is None:
        return None
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadValue(f"resume: cannot make the folder {folder}: {error.strerror or error}") from error
    return Path(folder) / f"{name}.json"


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
    resume: Path | None = None,
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
        resume=resume,
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
        notes=list(fit.warnings),
    )


def _model_values(file: FitFile, fit: Fit) -> dict[str, float]:
    """Return the model's parameters at the estimates."""
    known = models.model(file.model).typical
    return {key: float(fit.params[key].value) for key in (*file.vary, *file.derived) if key in known}
