"""Predict what a trial would print, with what is not known of it: parameters, the trial itself, patients, sampling."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from immunode.calibration.by_sigma import TypicalFit, rows_by_sigma
from immunode.calibration.cohorts import check_rows
from immunode.calibration.crowds import Crowd, Crowds
from immunode.calibration.knowledge import DRAWS, Knowledge, check_model, knowledge, typical_fit
from immunode.calibration.loading import load_fit
from immunode.calibration.nested import LEVELS, components
from immunode.calibration.population.statistic_law import picked
from immunode.calibration.population.trial_of_evidence import ready_trial
from immunode.calibration.population.values import PopulationValues, shifted
from immunode.calibration.predicted_numbers import (
    NOT_PREDICTED,
    Number,
    medians_at_visits,
    numbers_of_figures,
    numbers_of_rows,
)
from immunode.errors import BadValue
from immunode.evidence.design import PopulationFile, Subgroup
from immunode.evidence.library import evidence_of, find, load, load_evidence, table_of
from immunode.evidence.printed import Evidence
from immunode.evidence.trial_file import TrialFile
from immunode.internal.arguments import one, progress_told, seed_number, thread_count, whole
from immunode.internal.defaults import COMPARED, SEED, THREADS
from immunode.internal.progress import Progress, bar
from immunode.measures.statistics import quantile
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.statistics import Group
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file, population_of

SHIFTS = 2  # of each trial's effects, for each of these: two tell their variance
PARTS, SAMPLES = 5, 20  # equal parts of the virtual patients, and trials of the printed size from each
MOST = 20_000  # patients of an arm, of whom thousands of trials are sampled
LEAST = 20  # draws of parameters, of which an interval can be told
BY_SIGMA = (
    "the arms do not say of how many patients they are, so the typical patient alone is simulated: the sampling is the "
    "sigma of each row, and rows that have none are not predicted"
)
WITHOUT_ROWS = "give it rows, such as means with their SD, which are predicted"
KNOWN = 0.5  # share of the draws in which a number must be one
LOST = 0.05  # share of the patients of an arm; more without a course are told


@dataclass(frozen=True, eq=False)
class Prediction:
    """Hold what a fit predicts of a trial.

    `table` has a row a number: label, published, predicted (the median of all draws), low and high (their middle 95 %),
    inside, and the shares of the variance in percent: parameter, trial, patients, sampling. `effective` is the least
    number of equal patients that an arm was worth in a draw; `simulations`, how often it was simulated: 0 where the
    typical patient alone was, of arms whose size is not said.
    """

    trial: str
    model: str
    fit: str
    table: pd.DataFrame
    draws: int
    n: int
    seed: int
    effective: float
    simulations: int
    notes: tuple[str, ...]

    @property
    def inside(self) -> tuple[int, int]:
        """Return how many printed numbers lie in their interval, of how many that can be compared."""
        judged = [bool(value) for value in self.table["inside"] if value is not None]
        return sum(judged), len(judged)


def predict_trial(
    trial: str | TrialFile | Trial | Evidence,
    fit: Any,
    n: int = COMPARED,
    seed: int = SEED,
    *,
    draws: int | None = None,
    threads: int | None = THREADS,
    progress: Progress | None = None,
) -> Prediction:
    """Predict what a trial would print by a fit, with 95 % intervals and what their width is due to.

    Parameters are drawn from what the fit knows, then the trial's own effects (where the fit has such), then virtual
    patients, and of these trials of the printed size, each nested in the one before. Virtual patients are simulated
    once and reweighted for parameters that vary between patients; for others they are simulated again.

    Main arguments
        trial: name of a library trial, path of a trial file, an im.Trial, or im.Evidence. Its figures are predicted,
            else its rows of evidence, else medians at its visits. Where an arm does not say its size, and the fit is of
            the typical patient, so is the prediction, and the sigma of each row is its sampling
        fit: name of a declared fit that was run, its folder or file; or what im.calibrate returned, or the JSON file
            in which Fit.save wrote it
        n: virtual patients per arm, in each simulation, default 1000
        seed: of every random draw, default 1

    Other arguments
        draws: of parameters, at least 20, default 100, or as many as the fit keeps
        threads: number of threads, default all cores
        progress: function of how many draws are done, of how many, default none, and a bar on a terminal

    Returns
        a prediction: `table`, a DataFrame with a row a number (label, published, predicted, low, high, inside and the
        shares of the variance in percent, parameter, trial, patients, sampling, which add to 100); `notes` in words;
        `inside`, how many of how many printed numbers lie in their intervals

    Raises
        BadValue: for a fit that was never run, a trial of another model, an arm that fixes what is fitted, a fit of the
            typical patient for a trial that does not say how patients differ.
        UnknownName: for a trial or fit that does not exist.

    Example
        >>> import immunode as im
        >>> told = im.predict_trial("kirchner_1998", "piscitelli_1996")
        >>> told.table.columns[:5].to_list()
        ['label', 'published', 'predicted', 'low', 'high']
        >>> told.inside
        (2, 2)
    """
    n, seed, cores = whole(n, "n", PARTS), seed_number(seed), thread_count(threads)
    draws = None if draws is None else whole(draws, "draws", LEAST)
    progress_told(progress)
    asked = _asked(trial)
    if isinstance(fit, str) and fit.endswith(".json"):
        fit = load_fit(fit, threads=cores)
    if asked.without_size and (of_typical := typical_fit(fit)) is not None:
        return _by_sigma(asked, of_typical, draws or DRAWS, seed, cores)
    known = knowledge(fit, asked.population, draws, seed)
    draws = len(known.draws)
    plan, numbers = _numbers(asked, known)
    _check_fixed(known, plan)
    _check_sizes(plan)
    simulated = Crowds(plan, _targets(known, seed), n, seed, cores)
    with bar("draws of parameters") if progress is None else nullcontext(progress) as step:
        parts, trials = _drawn(numbers, simulated, draws, step)
    table = pd.DataFrame([_row(number, parts[i], trials[i]) for i, number in enumerate(numbers)])
    return Prediction(
        plan.name, plan.population.of.name, known.name, table, draws, n, seed, min(simulated.worth),
        len(simulated.made), (*known.notes, *_notes(known, asked, plan, simulated)),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Asked:
    """Hold what is to be predicted: a trial by its figures or medians, or evidence by its rows; the population that the
    trial's file has (of no patients who differ, where it has none), or None."""

    name: str
    trial: Trial | None
    evidence: Evidence | None
    population: Population | None

    @property
    def without_size(self) -> bool:
        """Return whether some arm with printed numbers does not say of how many patients they are."""
        if self.evidence is None or self.population is None:
            return False
        used = {name for row in self.evidence.rows for name in (*row.groups, *row.versus_groups)}
        return any(arm.n is None for arm in self.evidence.arms if arm.name in used)


def _asked(trial: Any) -> _Asked:
    """Return what is to be predicted; raise BadValue for what is none of it."""
    if isinstance(trial, Evidence):
        check_rows([trial], WITHOUT_ROWS)
        return _Asked(trial.name, None, trial, None)
    file = load(trial) if isinstance(trial, str) else trial
    if isinstance(file, TrialFile):
        population = population_of(file)
        figures = any(figure.kind not in NOT_PREDICTED for figure in file.figures)
        if not figures and (file.rows or (isinstance(trial, str) and table_of(find(trial)).exists())):
            evidence = load_evidence(trial) if isinstance(trial, str) else evidence_of(file, file.rows)
            check_rows([evidence], WITHOUT_ROWS)
            return _Asked(file.name, None, evidence, population)
        if file.covariances and not figures and not file.visits:
            check_rows([evidence_of(file, ())], WITHOUT_ROWS)
        return _Asked(file.name, from_file(_with_population(file)), None, population)
    plan = one(trial, Trial, "trial", "the name of a library trial, the path of a trial file, a Trial or Evidence")
    return _Asked(plan.name, plan, None, plan.population)


def _by_sigma(asked: _Asked, fit: TypicalFit, draws: int, seed: int, threads: int) -> Prediction:
    """Return what a fit of the typical patient predicts of rows whose own sigmas say how far samples scatter."""
    assert asked.evidence is not None, "its arms have no size"
    assert asked.population is not None, "it is of a file"
    model = asked.population.of
    if fit.model is not None:
        check_model(fit.name, fit.model, model)
    rows = rows_by_sigma(fit, model, [asked.evidence], seed, threads, draws)
    if not rows:
        raise BadValue(
            f"{asked.name}: no row can be predicted: its arms have no n, and none is a median or mean with a sigma; "
            "say of how many patients its numbers are, such as n = 33"
        )
    table = pd.DataFrame(rows).drop(columns="evidence")
    notes = (BY_SIGMA, *_seen_before(asked.name, fit.evidence))
    return Prediction(asked.name, model.name, fit.name, table, draws, 0, seed, float("nan"), 0, notes)


def _seen_before(trial: str, evidence: Sequence[str]) -> list[str]:
    if trial not in evidence:
        return []
    return [f"{trial} is evidence of the fit: its numbers were seen, --leave-out {trial} predicts them"]


def _with_population(file: TrialFile) -> TrialFile:
    """Return a file with a population; of one without, the fit says how patients differ and what the subgroups are."""
    names, of_fit = dict.fromkeys(name for arm in file.arms for name in arm.shares), "the fit says how patients differ"
    groups = tuple(Subgroup(name=name, share=0, scale={}, source=of_fit) for name in names)
    said = file.population or PopulationFile(subgroups=groups, source=of_fit)
    return file.model_copy(update={"population": said})


def _numbers(asked: _Asked, known: Knowledge) -> tuple[Trial, list[Number]]:
    """Return the trial with the fit's population, and what is predicted of it."""
    population = known.population
    if asked.population is not None:
        check_model(known.name, population.of, asked.population.of)
    if asked.evidence is not None:
        rows = asked.evidence.rows
        ready = ready_trial(asked.evidence, population, rows)
        return ready.trial, numbers_of_rows(ready, rows)
    assert asked.trial is not None, "what has no rows is a trial"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said when the trial was made
        trial = replace(asked.trial, population=population)
    return trial, numbers_of_figures(trial) or medians_at_visits(trial)


def _check_fixed(known: Knowledge, trial: Trial) -> None:
    """Raise BadValue where an arm says what the fit estimates."""
    for arm in trial.arms:
        for name in arm.values:
            if name in known.estimated:
                raise BadValue(
                    f"arm '{arm.name}' fixes {name}, which {known.name} estimates, so that nothing of it would be "
                    "predicted; leave it out of the arm's values, or hold it in the fit"
                )


def _check_sizes(trial: Trial) -> None:
    """Raise BadValue for an arm of so many patients that sampling trials of them does not end."""
    for arm in trial.arms:
        if arm.n > MOST:
            raise BadValue(
                f"arm '{arm.name}' has {arm.n} patients: expected at most {MOST}, since thousands of trials of that "
                f"size are sampled; with n = {MOST} the sampling adds next to nothing to an interval"
            )


def _targets(known: Knowledge, seed: int) -> list[PopulationValues]:
    """Return the populations of all draws: those of parameters, each with as many draws of the trial's effects."""
    model, out = known.population.of, []
    for i, (values, tau) in enumerate(zip(known.draws, known.taus, strict=True)):
        generator = np.random.default_rng([seed, 19, i])
        for _ in range(SHIFTS if tau else 1):
            shifts = {name: sd * float(generator.standard_normal()) for name, sd in tau.items()}
            out.append(shifted(model, values, shifts))
    return out


def _drawn(
    numbers: Sequence[Number], simulated: Crowds, draws: int, step: Callable[[int, int], Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return every number in trials from parts of the patients (numbers, draws, shifts, PARTS, SAMPLES), and from all
    of them (numbers, draws, shifts, SAMPLES)."""
    shifts = len(simulated.targets) // draws
    parts = np.empty((len(numbers), draws * shifts, PARTS, SAMPLES))
    trials = np.empty((len(numbers), draws * shifts, SAMPLES))
    for i, values in enumerate(simulated.targets):
        crowd, weights = simulated.at(values)
        generator = np.random.default_rng([simulated.seed, 23, i])
        for part in range(PARTS):
            rows = {arm: _part(weight, part) for arm, weight in weights.items()}
            parts[:, i, part] = _sampled(numbers, crowd, rows, generator)
        trials[:, i] = _sampled(numbers, crowd, weights, generator)
        step(1 + i // shifts, draws)
    shape = (len(numbers), draws, shifts)
    return parts.reshape(*shape, PARTS, SAMPLES), trials.reshape(*shape, SAMPLES)


def _part(weight: np.ndarray, part: int) -> np.ndarray:
    """Return the weights of one of PARTS equal parts of the patients, the others weighing nothing."""
    return np.where(np.arange(len(weight)) % PARTS == part, weight, 0.0)


def _sampled(
    numbers: Sequence[Number], crowd: Crowd, weights: Mapping[str, np.ndarray], generator: np.random.Generator
) -> np.ndarray:
    """Return every number in SAMPLES trials of the printed size (numbers, SAMPLES)."""
    picks = {
        one.arm.name: picked(weights[one.arm.name], generator.random((SAMPLES, one.arm.n))) for one in crowd.arms
    }  # fmt: skip
    groups = {}
    for name in dict.fromkeys(name for number in numbers for name in number.groups):
        arm = next(arm for arm in crowd.measured.values() if name == arm.name or name in arm.labels)
        member = np.ones(len(arm.label), dtype=bool) if name == arm.name else arm.label == name
        groups[name] = Group(arm, member, picks[arm.name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sample in which nobody counts has no number
        return np.array([number.over(groups) for number in numbers])


def _row(number: Number, parts: np.ndarray, trials: np.ndarray) -> dict[str, Any]:
    """Return the row of a number: what is predicted of it, and what its variance is due to."""
    known = np.isfinite(trials)
    row: dict[str, Any] = {"label": number.label, "published": number.published}
    if known.mean() < KNOWN:
        return row | dict.fromkeys(("predicted", "low", "high", "inside", *LEVELS))
    middle, low, high = (float(quantile(trials[known], share)) for share in (0.5, 0.025, 0.975))
    compared = isinstance(number.published, float | int)
    inside = bool(low <= float(number.published or 0) <= high) if compared else None
    variance = components(np.where(np.isfinite(parts), parts, np.nan), parts=PARTS)
    return row | {"predicted": middle, "low": low, "high": high, "inside": inside} | variance.percent


def _notes(known: Knowledge, asked: _Asked, trial: Trial, simulated: Crowds) -> list[str]:
    """Return what is to be said of a prediction."""
    out = _seen_before(trial.name, known.evidence)
    other = [] if asked.population is None else sorted(set(asked.population.omega) - set(known.population.omega))
    if other:
        out.append(f"the trial's own spread of {', '.join(other)} is not used: patients differ as in the fit")
    if (lost := max(simulated.failed)) > LOST:
        out.append(f"up to {100 * lost:.0f} % of the virtual patients of an arm have no course, and are left out")
    if any(figure.kind == "test" for figure in trial.figures):
        out.append("p-values are not predicted: immunode trial shows how often each test is significant")
    return out
