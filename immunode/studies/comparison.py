"""Compare schedules: one population, the same patients and draws under each; benefit, burden, who is efficient."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode import models
from immunode.errors import BadValue, unknown
from immunode.evidence.adherence import Adherence, Dropout
from immunode.evidence.endpoint import Endpoint
from immunode.evidence.printed import Figure
from immunode.internal.arguments import (
    by_name,
    is_list,
    one,
    parts_of,
    progress_told,
    refuse,
    seed_number,
    several,
    thread_count,
    whole,
)
from immunode.internal.beside import side_by_side
from immunode.internal.defaults import COMPARED, SEED, THREADS
from immunode.internal.progress import Progress, bar
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.measuring import Asked, MeasuredEach, asked, measure_each
from immunode.studies.comparison_dataset import Compared, compared_dataset
from immunode.studies.comparison_figures import checked_figures
from immunode.studies.comparison_trial import comparison_trial, days_seen, said_of_patients
from immunode.studies.endpoints import ComparedBy, compared_by
from immunode.studies.precision import SAME
from immunode.studies.schedules import read_schedules
from immunode.studies.variants_file import is_variants_file, read_variants
from immunode.studies.who import who
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import ArmRun, check_met, first_cycle, run_arm
from immunode.virtual_trials.dataset import dataset
from immunode.virtual_trials.measured import measured_arms
from immunode.virtual_trials.patient_clauses import EXAMPLE
from immunode.virtual_trials.times_said import check_parts
from immunode.virtual_trials.trial import Trial

if TYPE_CHECKING:
    import xarray


def compare(
    model: str | Model,
    schedules: Any = None,
    *,
    patients: str | None = None,
    until: Any = None,
    visits: Any = None,
    n: int | None = None,
    seed: int | None = None,
    versus: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    levels: Mapping[str, float | str] | None = None,
    endpoints: Sequence[Endpoint | Mapping[str, Any]] = (),
    figures: Sequence[Figure | Mapping[str, Any]] = (),
    adherence: Adherence | Mapping[str, Any] | None = None,
    dropout: Dropout | Mapping[str, Any] | None = None,
    threads: int | None = THREADS,
    progress: Progress | None = None,
) -> "xarray.Dataset":
    """Compare schedules in the same virtual patients: benefit, burden, paired differences, and which are efficient.

    Every schedule is simulated in the same n patients with the same draws, beside the same patients without doses.

    Main arguments
        model: an im.Model, or the name of one of the library; or the path of a file, VARIANTS.toml (docs/compare.md),
            whose values hold where the call says nothing
        schedules: sentences or im.Regimen, a list or a dict by name, default none: those of the file; by name also
            tables with the fields of an arm `regimen`, `rules` and `label` (what patients are called whom no rule
            calls otherwise), {"by CD4": {"regimen": "4.5 MIU SC", "rules": [im.RecurringRule(...)]}}
        patients: who they are, in words (docs/patients.md), such as "cd4 200-500, suppressed"; or "as in tincati_2008",
            the patients of a trial's first arm (of another: "as in tincati_2008: HAART"); default none: the model's
            own typical ones, with the spread that it declares
        until: the last day, a number or a time, of which months are whole days, default none: "12 mo" [day]

    Other arguments
        visits: days on which rules see patients, as in im.Trial: a list, or in words, "every 12 weeks to 12 mo",
            default none: every 28 days [day]
        n: virtual patients, default none: 1000
        seed: of every random draw, a whole number from 0 to 2^64 - 1, default none: 1
        versus: name of the schedule that others are compared with, or its number, default the patients without doses
        parameters: changes by name, for all patients: "10 L/h", or a number in the declared unit, default none
        levels: levels that counts and drugs are told above, by output or state, such as {"cd4": 500}, default those
            that the model declares
        endpoints: im.Endpoint, or its fields, {"signal": "cd4"}, further ones, default none; one that says what is
            `better` is a benefit, and the first of these is what schedules are judged by in place of the model's own
        figures: im.Figure of the kind "endpoint", or its fields, as in a trial: an endpoint of schedules, or of labels
            that rules give, pooled, less or over that of others (`versus`, `compare`), default none
        adherence: an im.Adherence, or its fields, how doses are taken, default none: all on time
        dropout: an im.Dropout, or its fields, how patients leave, default none; what they then have is counted, without
            doses
        threads: number of threads, default all cores
        progress: function of how many patients are done, of how many; default none, and a bar on a terminal and in a
            notebook

    Returns
        an xarray.Dataset as im.run_trial returns, an arm a schedule and the first without doses, and beside it, over
            `arm` and `endpoint`: `estimate`, `low` and `high` (its 95 % interval), `patient_q1`, `patient_q3` (the
            quartiles of the patients), `difference`, `difference_low`, `difference_high` (to `versus`, paired); over
            `arm`, `endpoint` and `patient` what each patient has, `each`; `ratio`, `ratio_low`, `ratio_high` (to
            `versus`, paired, nan where 0 or less makes none)
        of those who bear a label that rules give, over `labelled`: `labelled_arm`, `labelled_label`,
            `labelled_percent` (of the patients), `labelled_cycles` (mean); over `labelled` and `endpoint` the same
            numbers as above, `labelled_estimate` and so on, compared with the same patients under `versus`
        of figures: `figure_label`, `figure_words`, `figure_unit`, `figure_groups`, `figure_versus`, `figure_compare`,
            `figure_estimate`, `figure_low`, `figure_high`
        of each endpoint: `endpoint_words`, `endpoint_each` (what each patient has), `endpoint_unit`, `endpoint_kind`
            ("benefit", "burden", "other"), `endpoint_better` ("more", "less", "" where nobody says)
        of each arm: `efficient`, whether no other has at least its benefit for at most its burden (the first of each
            kind of endpoint, and the amount given)

    Raises
        UnknownName: for a model, name or word that there is not.
        BadValue: for all other bad input, before anything is simulated.
        UnitError: for a dose, parameter or level in a unit that does not fit.

    Example
        >>> import immunode as im
        >>> doses = [f"{dose} MIU SC BID x 5 days every 8 weeks x3" for dose in (1.5, 4.5)]
        >>> result = im.compare("il2_cd4_hiv", doses, patients="cd4 200-500, suppressed", until="6 mo", n=50)
        >>> gain = result.estimate.sel(endpoint="cd4 gain")
        >>> bool(gain[2] > gain[1] > gain[0])
        True
    """
    if is_variants_file(model):
        said = {"schedules": schedules, "patients": patients, "until": until, "visits": visits, "n": n, "seed": seed}
        said |= {"versus": versus, "parameters": parameters, "levels": levels, "endpoints": endpoints}
        said |= {"figures": figures, "adherence": adherence, "dropout": dropout}
        return compare(**_of_file(str(model), said), threads=threads, progress=progress)
    further, figures = parts_of(endpoints, Endpoint), parts_of(figures, Figure)
    chosen, plans = models.model(model), read_schedules(schedules)
    people = who("" if patients is None else one(patients, str, "patients", f"a text, such as {EXAMPLE}"), chosen)
    further = several(further, Endpoint, "endpoints")
    taking = {"adherence": parts_of(adherence, Adherence), "dropout": parts_of(dropout, Dropout)}
    trial = comparison_trial(chosen, plans, people, days_seen(until, visits, chosen), parameters, taking)
    check_parts([(f"endpoint '{one.words}'", one) for one in further], chosen)
    check_parts([(f"figure '{one.label}'", one) for one in several(figures, Figure, "figures")], chosen)
    made = Compared(trial, plans, people, _by(trial, levels, further), checked_figures(figures, trial.arms))
    progress_told(progress)
    n, seed = whole(COMPARED if n is None else n, "n"), seed_number(SEED if seed is None else seed)
    cores = thread_count(threads)
    reference = _reference(versus, [arm.name for arm in trial.arms])
    with said_of_patients():
        check_met(trial, n, seed, cores)
    arms, wanted = trial.arms, _wanted(made)
    with bar("virtual patients") if progress is None else nullcontext(progress) as step:
        jobs = [partial(_run, trial, arm, n, seed, cores, wanted) for arm in arms]
        done = side_by_side(jobs, n, step, threads=cores)
    runs, measured = [run for run, _ in done], [each for _, each in done]
    base = dataset(trial, runs, measured_arms(trial, runs, seed), [first_cycle(trial, arm) for arm in arms], seed)
    return compared_dataset(base, made, wanted, measured, reference)


def _reference(versus: Any, names: Sequence[str]) -> int:
    """Return the place of the schedule that others are compared with: by its name, or its number as tables have it."""
    if versus is None:
        return 0
    if not isinstance(versus, str | int) or isinstance(versus, bool):
        refuse("versus", versus, f"the name of a schedule, such as '{names[-1]}'")
    if versus in names:
        return names.index(versus)
    if str(versus).isdigit() and int(versus) < len(names):
        return int(versus)
    raise unknown("schedule", str(versus), names, "versus")


def _of_file(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a file says, with what the call says in their place; parameters and levels one by one,
    endpoints and figures beside its own."""
    file = read_variants(name)
    changed = {
        key: value for key, value in said.items() if value is not None and not (is_list(value) and len(value) == 0)
    }
    for key in ("parameters", "levels"):
        if key in changed and key in file:
            changed[key] = {**file[key], **by_name(changed[key], key, "{'CL': 100}")}
    for key in ("endpoints", "figures"):
        if key in changed:
            changed[key] = [*file.get(key, ()), *changed[key]]
    return {**file, **changed}


def _by(trial: Trial, levels: Mapping[str, float | str] | None, further: Sequence[Endpoint]) -> tuple[ComparedBy, ...]:
    """Return the endpoints by which schedules are compared, each called otherwise."""
    by = compared_by(trial.population.of, _regimens(trial), levels, trial.start, further)
    labels = [one.endpoint.words for one in by]
    if twice := [text for text in labels if labels.count(text) > 1]:
        raise BadValue(f"two endpoints are '{twice[0]}'; give each a label of its own")
    return tuple(by)


def _wanted(made: Compared) -> list[Asked]:
    """Return all endpoints made ready: those of the table, then those of figures."""
    last = float(made.trial.visits[-1])
    regimens = _regimens(made.trial)
    model, start = made.trial.population.of, made.trial.start
    of_figures = [figure.endpoint for figure in made.figures if figure.endpoint is not None]
    return [asked(one, model, regimens, last, start) for one in [*(one.endpoint for one in made.by), *of_figures]]


def _regimens(trial: Trial) -> list[Regimen]:
    return [regimen for plan in trial.plans.values() for regimen in plan.regimens]


def _run(
    trial: Trial, arm: Arm, n: int, seed: int, cores: int, wanted: Sequence[Asked], progress: Progress
) -> tuple[ArmRun, MeasuredEach]:
    """Return an arm simulated and measured; all of its progress is that of the first, the rest can be stopped."""
    done = run_arm(trial, arm, n, seed, threads=cores, progress=progress)
    return done, _measured(trial, done, wanted, SolveOptions(threads=cores, progress=lambda *_: progress(1, 1)))


def _measured(trial: Trial, done: ArmRun, wanted: Sequence[Asked], options: SolveOptions) -> MeasuredEach:
    """Return the endpoints of an arm, exact from the solver, of those who did not fail."""
    n = len(done.which)
    model = done.patients.model
    start = np.full(n, trial.start * model.per_day)
    ensemble = Ensemble(model, done.patients.parameters, done.plans, done.which, start)
    each = measure_each(ensemble, wanted, options, visits=trial.visits, event_day=done.happened)
    gone = done.status != 0
    values = np.stack([_without_noise(one, each, i) for i, one in enumerate(wanted)])
    parts = [np.where(gone, np.nan, part) for part in (values, each.start, each.end)]
    return MeasuredEach(parts[0], parts[1], parts[2], np.where(gone, done.status, each.status))


def _without_noise(one: Asked, each: MeasuredEach, i: int) -> np.ndarray:
    """Return an endpoint of each patient; a change within the solver's error of the counts is none."""
    if one.needs != "ends":
        return each.values[i]
    size = np.maximum(np.abs(each.start[i]), np.abs(each.end[i]))
    same = (np.abs(each.end[i] - each.start[i]) <= SAME * size) & ~np.isnan(each.values[i])
    return np.where(same, 0.0, each.values[i])
