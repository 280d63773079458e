"""Run a declared fit: what fit.toml says, then again under every other reading of what is assumed."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from immunode import models
from immunode.calibration.estimates import estimate, moves
from immunode.calibration.fit import Fit, calibrate
from immunode.calibration.fit_file import FitFile, Variant, find_fit, load_fit
from immunode.calibration.fit_result import FitResult
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.calibration.typical import typical
from immunode.errors import BadValue, unknown
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.evidence.readings import other_readings
from immunode.internal.arguments import flag, thread_count
from immunode.internal.defaults import THREADS
from immunode.internal.progress import bar
from immunode.virtual_trials.population import Population

PATIENTS = 1000  # virtual patients per arm behind a population's median


def run_fit(
    name: str, *, threads: int | None = THREADS, progress: bool = True, resume: str | Path | None = None
) -> FitResult:
    """Run a declared fit (a name of the library, or the path of a folder with a fit.toml, or of that file).

    Where the declaration has a `population` (SD of the log of parameters), the result holds the population's median of
    every number at the estimates. The folder `resume` keeps what is finished, and a run that was stopped goes on from
    it. Raise UnknownName and BadValue for a declaration that is wrong, SolveError when no
    start can be solved.
    """
    flag(progress, "progress")
    home, file, cores = find_fit(name), load_fit(name), thread_count(threads)
    readings = [*_readings(file)]
    for reading in readings:
        _check_variant(file, reading.variant)
    with bar("fits") if progress else contextlib.nullcontext(lambda done, total, words: None) as step:
        evidence = [load_evidence(trial) for trial in file.evidence]
        fit = _fit(file, evidence, cores, starts=file.starts, resume=_kept(resume, "fit"))
        step(1, 1 + len(readings), f"chi-square {fit.chisqr:.6g}")
        estimates = {name: float(fit.params[name].value) for name in file.vary}
        refits = []
        for done, reading in enumerate(readings, start=2):
            kept = _kept(resume, f"reading_{done - 1}")
            other = _fit(file, reading.evidence, cores, at=estimates, variant=reading.variant, resume=kept)
            refits.append(reading.words() | moves(fit, other, list(estimates)))
            step(done, 1 + len(readings), f"chi-square {fit.chisqr:.6g}, of the last reading {other.chisqr:.6g}")
    predicted = fit.table.to_dict("records")
    if file.population:
        medians = population_medians(file, _model_values(file, fit), cores)
        predicted = [row | {"population_median": m} for row, m in zip(predicted, medians, strict=True)]
    return _result(home.name, file, fit, predicted, refits)


def _check_variant(file: FitFile, variant: Variant) -> None:
    """Check another reading of a fit before the first is made: raise UnknownName for names that are none, BadValue for
    values of what is fitted or derived."""
    model, about = models.model(file.model), f"reading '{variant.label}'"
    model.values(variant.values | variant.fixed)
    for name in variant.fixed:
        if name not in file.vary:
            raise unknown("free parameter", name, file.vary, f"{about}, fixed")
    for name in variant.values:
        if name in file.derived or (name in file.vary and name not in variant.fixed):
            raise BadValue(f"{about}: '{name}' is fitted, so its value has no effect; name it in 'fixed'")
    for trial in variant.without:
        if trial not in file.evidence:
            raise unknown("evidence", trial, file.evidence, f"{about}, without")


def population_medians(file: FitFile, values: Mapping[str, float], threads: int) -> list[float]:
    """Return the median over virtual patients of every printed number, at the given parameter values."""
    model = models.model(file.model)
    # at these values, not at the model's own: a fraction varies by its odds
    patients = Population(model, omega=file.population, typical=values).sample(PATIENTS, file.seed)
    factors = {name: patients.parameter(name) / model.values(values)[name] for name in file.population}
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


def _kept(folder: str | Path | None, name: str) -> Path | None:
    """Return the file that keeps what one of the fits has reached, in a folder that is made; None without one."""
    if folder is None:
        return None
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadValue(f"resume: cannot make the folder {folder}: {error.strerror or error}") from error
    return Path(folder) / f"{name}.json"


@dataclass(frozen=True)
class _Reading:
    """Hold another reading of a fit: the trial (or "the fit") that leaves it open, what is assumed, the variant and
    the evidence that it is fitted to."""

    source: str
    assumption: str
    assumed: str
    variant: Variant
    evidence: list[Evidence]

    def words(self) -> dict[str, Any]:
        """Return what the result says of it."""
        return {
            "source": self.source,
            "name": self.assumption,
            "assumed": self.assumed,
            "label": self.variant.label,
        }


def _readings(file: FitFile) -> Iterator[_Reading]:
    """Yield every other reading that the trials or the fit declare."""
    base = {name: load_evidence(name) for name in file.evidence}
    for name in base:
        for other in other_readings(name, load_evidence):
            evidence = list((base | {name: other.source}).values())
            yield _Reading(name, other.assumption, other.assumed, Variant(label=other.label), evidence)
    for assumption in file.assumptions:
        for variant in assumption.alternatives:
            yield _Reading("the fit", assumption.name, "", variant, list(base.values()))


def _result(
    name: str, file: FitFile, fit: Fit, predicted: list[dict[str, Any]], refits: list[dict[str, Any]]
) -> FitResult:
    objective = {key: getattr(fit, key) for key in ("chisqr", "nfree", "redchi", "aic")}
    return FitResult(
        name=name,
        title=file.title,
        model=models.model(file.model).name,  # of a file not where it lies on this machine
        evidence=list(file.evidence),
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
