"""Predict what a trial would print, with what is not known of it: parameters, the trial itself, patients, sampling."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from immunode.calibration.by_sigma import TypicalFit, rows_by_sigma
from immunode.calibration.cohorts import check_rows
from immunode.calibration.crowds import Crowds
from immunode.calibration.forms import (
    Form,
    known_forms,
    loaded,
    medians_by_form,
    middle,
    named_fits,
    notes_of_forms,
    sampled_forms,
    typical_alone,
)
from immunode.calibration.knowledge import DRAWS, Knowledge, check_model
from immunode.calibration.nested import LEVELS, components
from immunode.calibration.population.trial_of_evidence import ready_trial
from immunode.calibration.predicted_numbers import (
    NOT_PREDICTED,
    Number,
    medians_at_visits,
    numbers_of_figures,
    numbers_of_rows,
)
from immunode.calibration.sampled_trials import PARTS, SHIFTS, targets
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
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file, population_of

MOST = 20_000  # patients of an arm, of whom thousands of trials are sampled
LEAST = 20  # draws of parameters, of which an interval can be told
BY_SIGMA = (
    "the arms do not say of how many patients they are, so the typical patient alone is simulated: the sampling is the "
    "sigma of each row, and rows that have none are not predicted"
)
WITHOUT_ROWS = "give it rows, such as means with their SD, which are predicted"
LOST = 0.05  # share of the patients of an arm; more without a course are told


@dataclass(frozen=True, eq=False)
class Prediction:
    """Hold what a fit predicts of a trial, or some fits of one model, forms, averaged.

    `table` has a row a number: label, published, predicted (the median of all draws), low and high (their middle 95 %),
    inside, and the shares of the variance in percent: parameter, trial, patients, sampling. `effective` is the least
    number of equal patients that an arm was worth in a draw; `simulations`, how often it was simulated: 0 where the
    typical patient alone was, of arms whose size is not said. `by_form` has the median of each number by each form
    alone, a row a number by its label, a column a fit; it is empty of one fit.
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
    by_form: pd.DataFrame = field(default_factory=pd.DataFrame)

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
    """Predict what a trial would print by a fit, or some, with 95 % intervals and what their width is due to.

    Parameters are drawn from what the fit knows, then the trial's own effects (where the fit has such), then virtual
    patients, and of these trials of the printed size, each nested in the one before. Virtual patients are simulated
    once and reweighted for parameters that vary between patients; for others they are simulated again. Where the
    evidence cannot tell between some fits of a model, all are averaged, and their difference is one of parameters.

    Main arguments
        trial: name of a library trial, path of a trial file, an im.Trial, or im.Evidence. Its figures are predicted,
            else its rows of evidence, else medians at its visits. Where an arm does not say its size, and the fit is of
            the typical patient, so is the prediction, and the sigma of each row is its sampling
        fit: name of a declared fit that was run, its folder or file; or what im.calibrate returned, or the JSON file
            in which Fit.save wrote it; or a list of fits of one model, each of which has an equal share of the draws
        n: virtual patients per arm, in each simulation, default 1000
        seed: of every random draw, default 1

    Other arguments
        draws: of parameters, at least 20, default 100, or as many as the fit keeps; of some fits in equal shares,
            rounded up
        threads: number of threads, default all cores
        progress: function of how many draws are done, of how many, default none, and a bar on a terminal

    Returns
        a prediction: `table`, a DataFrame with a row a number (label, published, predicted, low, high, inside and the
        shares of the variance in percent, parameter, trial, patients, sampling, which add to 100); `notes` in words;
        `inside`, how many of how many printed numbers lie in their intervals; `by_form`, a DataFrame with the median of
        each number by each of some fits, empty of one

    Raises
        BadValue: for a fit that was never run, a trial of another model, an arm that fixes what is fitted, a fit of the
            typical patient for a trial that does not say how patients differ; for no fit, one that is given twice, fits
            of unlike models, and some of which one is of the typical patient where arms do not say their size.
        UnknownName: for a trial or fit that does not exist.

    Example
        >>> import immunode as im
        >>> told = im.predict_trial("kirchner_1998", "piscitelli_1996")
        >>> told.table.columns[:5].to_list()
        ['label', 'published', 'predicted', 'low', 'high']
        >>> told.inside
        (2, 2)
        >>> other = im.calibrate("kirchner_1998", "il2_sc", ["ka"])
        >>> people, arms = im.Population("il2_sc", omega={"CL": 0.3}), [im.Arm("a", 8, "3 MIU SC")]
        >>> plan = im.Trial("plan", people, visits=[0, 0.3], arms=arms)
        >>> told = im.predict_trial(plan, ["piscitelli_1996", other], n=50, draws=20)
        >>> told.by_form.columns.to_list()
        ['piscitelli_1996', 'fit 2']
    """
    n, seed, cores = whole(n, "n", PARTS), seed_number(seed), thread_count(threads)
    draws = None if draws is None else whole(draws, "draws", LEAST)
    progress_told(progress)
    asked, fits = _asked(trial), loaded(named_fits(fit), cores)
    if asked.without_size and (of_typical := typical_alone(asked.name, fits)) is not None:
        return _by_sigma(asked, of_typical, draws or DRAWS, seed, cores)
    forms = _forms(asked, known_forms(fits, asked.population, draws, seed), n, seed, cores)
    with bar("draws of parameters") if progress is None else nullcontext(progress) as step:
        parts, trials = sampled_forms(forms, step)
    rows = [_row(number, parts[i], trials[i]) for i, number in enumerate(forms[0].numbers)]
    plan, names = forms[0].trial, [form.known.name for form in forms]
    return Prediction(
        plan.name, plan.population.of.name, ", ".join(names), pd.DataFrame(rows), trials.shape[1], n, seed,
        min(min(form.crowds.worth) for form in forms), sum(len(form.crowds.made) for form in forms),
        notes_of_forms(names, [_notes(form, asked) for form in forms]), medians_by_form(forms, trials),
    )  # fmt: skip


def _forms(asked: "_Asked", known: Sequence[Knowledge], n: int, seed: int, threads: int) -> list[Form]:
    """Return each fit with the trial of its patients, who are drawn with the same seed in all of them."""
    shifts = SHIFTS if any(any(each.taus) for each in known) else 1  # as many in all, so that all weigh alike
    out = []
    for each in known:
        plan, numbers = _numbers(asked, each)
        _check_fixed(each, plan)
        _check_sizes(plan)
        out.append(Form(each, plan, numbers, Crowds(plan, targets(each, shifts, seed), n, seed, threads)))
    return out


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
    """Return the trial with the fit's population, and what is predicted of it; of classes of patients that the fit does
    not know it has its own."""
    population = known.population
    if asked.population is not None:
        check_model(known.name, population.of, asked.population.of)
        if asked.population.subgroups and not population.subgroups:
            population = replace(population, subgroups=asked.population.subgroups)
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


def _row(number: Number, parts: np.ndarray, trials: np.ndarray) -> dict[str, Any]:
    """Return the row of a number: what is predicted of it, and what its variance is due to."""
    row: dict[str, Any] = {"label": number.label, "published": number.published}
    if (predicted := middle(trials)) is None:
        return row | dict.fromkeys(("predicted", "low", "high", "inside", *LEVELS))
    low, high = (float(quantile(trials[np.isfinite(trials)], share)) for share in (0.025, 0.975))
    compared = isinstance(number.published, float | int)
    inside = bool(low <= float(number.published or 0) <= high) if compared else None
    variance = components(np.where(np.isfinite(parts), parts, np.nan), parts=PARTS)
    return row | {"predicted": predicted, "low": low, "high": high, "inside": inside} | variance.percent


def _notes(form: Form, asked: _Asked) -> list[str]:
    """Return what is to be said of a prediction by one fit."""
    known, trial = form.known, form.trial
    out = [*known.notes, *_seen_before(trial.name, known.evidence)]
    other = [] if asked.population is None else sorted(set(asked.population.omega) - set(known.population.omega))
    if other:
        out.append(f"the trial's own spread of {', '.join(other)} is not used: patients differ as in the fit")
    assumed = [] if asked.population is None or known.population.subgroups else asked.population.subgroups
    if assumed:
        names = ", ".join(f"{100 * group.share:g} % {group.name}" for group in assumed)
        out.append(f"the fit knows no classes of patients; those of the trial are assumed: {names}")
    if (lost := max(form.crowds.failed)) > LOST:
        out.append(f"up to {100 * lost:.0f} % of the virtual patients of an arm have no course, and are left out")
    if any(figure.kind == "test" for figure in trial.figures):
        out.append("p-values are not predicted: immunode trial shows how often each test is significant")
    return out
