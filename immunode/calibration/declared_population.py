"""Run a declared fit of a population: what fit.toml says, then again under every other reading of what is assumed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from immunode import models
from immunode.calibration.finished import versions
from immunode.calibration.fit_file import FitFile, Variant
from immunode.calibration.fit_readings import FitReading
from immunode.calibration.fit_result import PopulationResult
from immunode.calibration.free_parameters import LOG
from immunode.calibration.knowledge import declared_population
from immunode.calibration.population.fit import (
    PATIENTS,
    REFITS,
    PopulationFit,
    fit_population,
    population_problem,
    searches,
)
from immunode.calibration.population.foretold import foretold, summary
from immunode.calibration.population.problem import PopulationProblem
from immunode.calibration.population.reading import read_again
from immunode.calibration.population.values import CORRELATION, OMEGA, PopulationValues, correlation_name
from immunode.calibration.population_result import to_be_known
from immunode.calibration.population_starts import SettledStarts, settled_starts
from immunode.calibration.problem import label
from immunode.errors import BadValue, nearest
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.internal.progress import Progress
from immunode.virtual_trials.population import Population

KEPT = 200  # draws of the parameters
FEWER_REFITS = 200  # where effects of trials are integrated in each: there intervals are of the estimate alone


def fit_declared(
    file: FitFile, threads: int, told: Progress, refits: int | None = None, resume: Path | None = None
) -> PopulationFit:
    """Return the fit of the population that a file declares; `told` hears of its parts, and the file `resume` keeps
    what its starts reach."""
    sources = [load_evidence(trial) for trial in file.evidence]
    _check_scored(file, sources)
    arguments = fit_arguments(file, Variant(label=""), threads)
    before = _before(file, sources, arguments, resume)
    many = refits or (FEWER_REFITS if file.trial_effects else REFITS)
    done = fit_population(sources, **arguments, starts=file.starts, progress=told, refits=many, before=before)
    if done.stopped:
        raise KeyboardInterrupt
    return done


def _check_scored(file: FitFile, sources: Sequence[Evidence]) -> None:
    """Raise BadValue for a number that is to be scored and is not printed, or would count twice."""
    labels = [label(one, row) for one in sources for row in one.rows]
    for group, scored in file.scored.items():
        for one in scored:
            if one not in labels:
                raise BadValue(f"scored: '{group}': no number '{one}' is printed{nearest(one, labels, cutoff=0.0)}")
            if scored.count(one) > 1:
                raise BadValue(f"scored: '{group}': '{one}' is there {scored.count(one)} times; leave out all but one")


def _before(
    file: FitFile, sources: Sequence[Evidence], arguments: Mapping[str, Any], resume: Path | None
) -> SettledStarts | None:
    asked = {name: value for name, value in arguments.items() if name not in ("population", "threads")}
    return settled_starts(resume, sources, arguments["population"], str(file.model), **asked)


def fit_arguments(file: FitFile, variant: Variant, threads: int) -> dict[str, Any]:
    """Return the arguments of a fit as the file says them, or a variant of it."""
    vary = {name: free.options() for name, free in file.vary.items() if name not in variant.fixed}
    return {
        "population": _population(file, variant),
        "vary": vary,
        "derived": file.derived,
        "trial_effects": file.trial_effects,
        "seed": file.seed,
        "patients": file.patients or PATIENTS,
        "threads": threads,
    }


def _population(file: FitFile, variant: Variant) -> Population:
    """Return the population of a fit, where a variant says other values, SDs (its `spread`) or correlations."""
    said = declared_population(file)
    fixed = dict(variant.fixed)
    omega = {**said.omega, **variant.spread}
    omega |= {name: fixed.pop(OMEGA + name) for name in said.omega if OMEGA + name in fixed}
    names = {pair: correlation_name(pair) for pair in said.correlation}
    correlation = {pair: fixed.pop(name, said.correlation[pair]) for pair, name in names.items()}
    typical = {name: value for name, value in fixed.items() if not name.startswith((OMEGA, CORRELATION))}
    return replace(said, omega=omega, correlation=correlation, typical={**said.typical, **variant.values, **typical})


def other_reading(
    file: FitFile, fit: PopulationFit, reading: FitReading, threads: int, resume: Path | None = None
) -> dict[str, Any]:
    """Return what moves where the fit is read in another way: -2 log L, and raw estimates with their move in standard
    errors of the fit; the file `resume` keeps where its search settled."""
    sources = [one for one in reading.evidence if one.name not in reading.variant.without]
    arguments = fit_arguments(file, reading.variant, threads)
    problem = population_problem(sources, **arguments)
    if problem.effects.names and not reading.variant.fixed:
        x, deviance = _near(file, fit, reading, problem)
    else:
        before = _before(file, sources, arguments, resume)
        settled = searches(problem, 1, file.seed, lambda done, words: None, before).ends[0]
        x, deviance = settled.near.best().x[0], settled.deviance
    estimates = {}
    for name, value in zip(problem.free, problem.natural(x), strict=True):
        row = fit.intervals.loc[name.removeprefix(LOG)]
        moved = (value - row["raw"]) / row["stderr"]
        estimates[name.removeprefix(LOG)] = {"value": float(value), "moved": float(moved)}
    return reading.words() | {"deviance": deviance, "estimates": estimates}


def _near(
    file: FitFile, fit: PopulationFit, reading: FitReading, problem: PopulationProblem
) -> tuple[np.ndarray, float]:
    """Return where a reading's estimates lie, and -2 log L there, near those of the fit."""
    before = {one.name: one for one in map(load_evidence, file.evidence)}
    whole = bool(reading.variant.values or reading.variant.spread)
    changed = {one.name for one in reading.evidence if whole or one != before[one.name]}
    told = read_again(fit.settled.near, problem, changed)
    return told.x, told.deviance


def result_of_population(
    name: str, file: FitFile, fit: PopulationFit, assumptions: list[dict[str, Any]], left_out: list[dict[str, Any]]
) -> PopulationResult:
    """Return what result.json keeps of a fit of a population."""
    derived = {key: float(fit.params[key].value) for key in file.derived}
    sources = [load_evidence(trial) for trial in file.evidence]
    near = fit.settled.near
    called = {trial: source.name for trial, source in zip(file.evidence, sources, strict=True)}
    same = [[called[trial] for trial in group] for group in file.same_patients]
    others = foretold(near, fit.seed, same) if near.effects.names else None
    of_rows = {label(one, row): {"sigma": row.sigma, "note": row.note} for one in sources for row in one.rows}
    return PopulationResult(
        likelihood=file.likelihood,
        name=name,
        title=file.title,
        model=models.model(file.model).name,  # of a file not where it lies on this machine
        evidence=[source.name for source in sources],
        estimates={str(key): _estimate(row, file) for key, row in fit.intervals.iterrows()},
        derived=derived,
        trial_effects=dict(file.trial_effects),
        tau={str(key): {str(k): float(v) for k, v in row.items()} for key, row in fit.tau.iterrows()},
        objective={
            "deviance": fit.deviance, "ndata": int((fit.table["use"] == "fit").sum()), "nvarys": len(fit.intervals),
            "effective": fit.effective,
        },
        predicted=[row | of_rows.get(row["label"], {"sigma": None, "note": ""}) for row in _rows(fit.table)],
        assumptions=assumptions,
        notes=list(to_be_known(fit, sources)),
        at=dict(fit.at),
        anchored=dict(fit.anchored),
        draws=_lists(fit.draws),
        tau_draws=_lists(fit.tau_draws),
        drawn_from=[_population_json(one) for one in fit.drawn_from],
        patients=file.patients or PATIENTS,
        seed=fit.seed,
        versions=dict(versions()),
        data_hash=fit.data_hash,
        left_out=left_out,
        priors={name: free.prior.model_dump() for name, free in file.vary.items() if free.prior},
        weak=list(fit.weak),
        scored={group: list(labels) for group, labels in file.scored.items()},
        profiles=_profiles(fit.profiles),
        foretold=[] if others is None else _rows(others.table),
        foretold_summary={} if others is None or others.table.empty else summary(others.table, others.log_density),
    )  # fmt: skip


def _profiles(table: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """Return the profile of every parameter, in five digits: they are to be looked at."""
    out = {}
    for name, rows in table.groupby("parameter", sort=False):
        out[str(name)] = {key: [float(f"{x:.5g}") for x in rows[key]] for key in ("value", "rise")}
    return out


def _estimate(row: "pd.Series[float]", file: FitFile) -> dict[str, Any]:
    """Return an estimate less its bias, with its intervals; an end that is open has none."""
    keys = {"value": "estimate", "low": "low", "high": "high", "raw": "raw", "raw_low": "raw_low",
            "raw_high": "raw_high", "stderr": "stderr"}  # fmt: skip
    out = {key: _number(row[column]) for key, column in keys.items()}
    return out | {str(key): _number(row[key]) for key in row.index if str(key).startswith("raw_tau_")}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _lists(draws: pd.DataFrame) -> dict[str, list[float]]:
    """Return draws by name, as many as are kept."""
    return {str(key): [float(one) for one in column] for key, column in draws.head(KEPT).items()}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(key): (_number(value) if isinstance(value, float) else value) for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def _population_json(one: PopulationValues) -> dict[str, Any]:
    return {
        "typical": {name: float(one.typical[name]) for name in one.omega},
        "omega": {name: float(value) for name, value in one.omega.items()},
        "correlations": [{"between": list(pair), "value": float(value)} for pair, value in one.correlation.items()],
    }
