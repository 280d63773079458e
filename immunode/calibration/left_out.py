"""Trials that are left out of a fit, and what the fit then predicts of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from immunode import models
from immunode.calibration.by_sigma import TypicalFit, rows_by_sigma
from immunode.calibration.finished import Fit
from immunode.calibration.fit_file import FitFile
from immunode.calibration.population.fit import PopulationFit
from immunode.calibration.prediction import predict_trial
from immunode.calibration.problem import label
from immunode.errors import BadValue, unknown
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence


def left_out(file: FitFile, names: Sequence[str]) -> tuple[FitFile, list[Evidence]]:
    """Return a declared fit without some of its trials, by name, and these.

    Raise UnknownName for one that the fit does not have, BadValue where nothing is left.
    """
    trials = {load_evidence(trial).name: trial for trial in file.evidence}
    for name in names:
        if name not in trials:
            raise unknown("evidence", name, trials, "--leave-out: the fit")
    kept = tuple(trial for name, trial in trials.items() if name not in names)
    if not kept:
        raise BadValue(f"--leave-out {names[-1]}: no evidence is left to fit; keep one trial at least")
    gone = [load_evidence(trials[name]) for name in dict.fromkeys(names)]
    left = [load_evidence(trial) for trial in kept]
    printed = {label(one, row) for one in left for row in one.rows}
    every = {group: tuple(one for one in labels if one in printed) for group, labels in file.scored.items()}
    scored = {group: labels for group, labels in every.items() if labels}
    same = tuple(tuple(trial for trial in group if trial in kept) for group in file.same_patients)
    return file.model_copy(update={"evidence": kept, "scored": scored, "same_patients": same}), gone


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
    covariance = np.asarray(fit.result.covar) * max(1.0, fit.redchi)
    known = TypicalFit("the fit", fit.params, covariance, file.spread)
    return rows_by_sigma(known, models.model(file.model), trials, file.seed, threads)
