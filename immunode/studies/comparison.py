"""Compare schedules: one population, the same patients and draws under each; benefit, burden, who is efficient."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode import models
from immunode.errors import BadValue, ImmunodeError, unknown
from immunode.evidence.adherence import Adherence, Dropout
from immunode.evidence.endpoint import Endpoint
from immunode.evidence.visit_words import visit_days
from immunode.internal.arguments import by_name, seed_number, several, short, thread_count, whole
from immunode.internal.defaults import COMPARED, SEED, THREADS
from immunode.internal.progress import Progress, bar
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.measuring import Asked, MeasuredEach, asked, measure_each
from immunode.studies.comparison_dataset import Compared, compared_dataset
from immunode.studies.endpoints import ComparedBy, default_endpoints
from immunode.studies.precision import SAME
from immunode.studies.schedules import NOTHING, Schedule, read_schedules
from immunode.studies.variants_file import is_variants_file, read_variants
from immunode.studies.who import who
from immunode.units import in_whole_days
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import ArmRun, check_met, first_cycle, run_arm
from immunode.virtual_trials.baseline import parameter_of
from immunode.virtual_trials.dataset import dataset
from immunode.virtual_trials.patient_words import PatientsSaid
from immunode.virtual_trials.trial import Trial

if TYPE_CHECKING:
    import xarray

UNTIL = "12 mo"
BETWEEN_VISITS = 28.0  # days


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
    endpoints: Sequence[Endpoint] = (),
    adherence: Adherence | None = None,
    dropout: Dropout | None = None,
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
        endpoints: im.Endpoint, further ones, default none
        adherence: an im.Adherence, how doses are taken, default none: all on time
        dropout: an im.Dropout, how patients leave, default none; what they then have is counted, without doses
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
        of each endpoint: `endpoint_words`, `endpoint_each` (what each patient has), `endpoint_unit`, `endpoint_kind`
            ("benefit", "burden", "other")
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
        said |= {"adherence": adherence, "dropout": dropout}
        return compare(**_of_file(str(model), said), threads=threads, progress=progress)
    taking = {"adherence": adherence, "dropout": dropout}
    days = _visits(until, visits)
    made = _made(
        models.model(model), read_schedules(schedules), patients or "", days, parameters, levels, endpoints, taking
    )
    n, seed = whole(COMPARED if n is None else n, "n"), seed_number(SEED if seed is None else seed)
    cores = thread_count(threads)
    names = [arm.name for arm in made.trial.arms]
    reference = _reference(versus, names)
    with _said_of_patients():
        check_met(made.trial, n, seed, cores)
    arms, wanted = made.trial.arms, _wanted(made)
    with bar("virtual patients") if progress is None else nullcontext(progress) as step:
        runs, measured = [], []
        for index, arm in enumerate(arms):
            runs.append(run_arm(made.trial, arm, n, seed, threads=cores, progress=_share(step, index, len(arms))))
            measured.append(_measured(made.trial, runs[-1], wanted, cores))
    base = dataset(made.trial, runs, [first_cycle(made.trial, arm) for arm in arms], seed)
    return compared_dataset(base, made, wanted, measured, reference)


def _reference(versus: str | None, names: Sequence[str]) -> int:
    """Return the place of the schedule that others are compared with: by its name, or its number as tables have it."""
    if versus is None:
        return 0
    if versus in names:
        return names.index(versus)
    if str(versus).isdigit() and int(versus) < len(names):
        return int(versus)
    raise unknown("schedule", str(versus), names, "versus")


def _of_file(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a file says, with what the call says in their place; parameters and levels one by one,
    and endpoints beside its own."""
    file = read_variants(name)
    changed = {key: value for key, value in said.items() if value not in (None, ())}
    for key in ("parameters", "levels"):
        if key in changed and key in file:
            changed[key] = {**file[key], **by_name(changed[key], key, "{'CL': 100}")}
    if "endpoints" in changed:
        changed["endpoints"] = [*file.get("endpoints", ()), *changed["endpoints"]]
    return {**file, **changed}


def _made(
    model: Model,
    schedules: Sequence[Schedule],
    patients: str,
    visits: Sequence[float],
    parameters: Mapping[str, Any] | None,
    levels: Mapping[str, float | str] | None,
    endpoints: Sequence[Endpoint],
    taking: Mapping[str, Any],
) -> Compared:
    """Return the trial that compares the schedules; raise what its parts raise, before anything is simulated."""
    people = who(patients, model)
    said = people.said
    changed = by_name(parameters, "parameters", "{'CL': '10 L/h'}")
    _check_once(changed, said, model)
    values = {**said.values, **changed}
    arms = [
        Arm(one.name, 1, one.regimen, said.set, values, said.baseline, one.rules, one.label, **taking)
        for one in [Schedule(NOTHING, NOTHING, None), *schedules]
    ]
    with _said_of_patients():
        trial = Trial(
            f"comparison of {len(schedules)} schedules", people.population, visits, arms, said.start,
            people.noise, model.patients.events or None, same_patients=True,
        )  # fmt: skip
    further = [ComparedBy(one, "other") for one in several(endpoints, Endpoint, "endpoints")]
    by = [*default_endpoints(model, _regimens(trial), levels, said.start), *further]
    labels = [one.endpoint.words for one in by]
    if twice := [text for text in labels if labels.count(text) > 1]:
        raise BadValue(f"two endpoints are '{twice[0]}'; give each a label of its own")
    return Compared(trial, tuple(schedules), people, tuple(by))


@contextmanager
def _said_of_patients() -> Iterator[None]:
    """Say of the patients what is refused of the first arm, which has them all and nobody named."""
    try:
        yield
    except ImmunodeError as error:
        raise type(error)(str(error).replace(f"arm '{NOTHING}'", "patients")) from error


def _check_once(changed: Mapping[str, Any], said: PatientsSaid, model: Model) -> None:
    """Raise BadValue for a parameter that the patients' words say, too."""
    by_words = {*said.values, *(parameter_of(baseline, model) for baseline in said.baseline)}
    if twice := [name for name in changed if name in by_words]:
        raise BadValue(f"parameters: '{twice[0]}' is said by the patients '{said.text}', too; leave one out")


def _last(until: Any) -> float:
    """Return the last day; months are whole days, as in trials: month m is day round(30.4375 m)."""
    try:
        last = in_whole_days(until)
    except ImmunodeError as error:
        text = f"until = {short(until)}: expected a number of days, or a time such as '12 mo' ({error})"
        raise BadValue(text) from error
    if not last > 0:
        raise BadValue(f"until = {short(until)}: expected a time above 0, in days or such as '12 mo'")
    return last


def _visits(until: Any, visits: Any) -> tuple[float, ...]:
    """Return the visits: those that are said, else the first day and every BETWEEN_VISITS days but just before the
    last; and the last day, by default that of the visits that are said."""
    if visits is None:
        last = _last(UNTIL if until is None else until)
        regular = np.arange(0.0, last - BETWEEN_VISITS / 2, BETWEEN_VISITS)
        return tuple(sorted({0.0, *regular.tolist(), last}))
    days = visit_days(visits)
    last = _last(days[-1] if until is None else until)
    if last < days[-1]:
        raise BadValue(f"visits go on to day {days[-1]:g}, and until = {short(until)} ends on day {last:g}; say fewer")
    return tuple(sorted({0.0, *days, last}))


def _wanted(made: Compared) -> list[Asked]:
    last = float(made.trial.visits[-1])
    regimens = _regimens(made.trial)
    model, start = made.trial.population.of, made.trial.start
    return [asked(one.endpoint, model, regimens, last, start) for one in made.by]


def _regimens(trial: Trial) -> list[Regimen]:
    return [regimen for plan in trial.plans.values() for regimen in plan.regimens]


def _measured(trial: Trial, done: ArmRun, wanted: Sequence[Asked], threads: int) -> MeasuredEach:
    """Return the endpoints of an arm, exact from the solver, of those who did not fail."""
    n = len(done.which)
    model = done.patients.model
    start = np.full(n, trial.start * model.per_day)
    ensemble = Ensemble(model, done.patients.parameters, done.plans, done.which, start)
    options = SolveOptions(threads=threads)
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
    return np.where(np.abs(each.end[i] - each.start[i]) <= SAME * size, 0.0, each.values[i])


def _share(progress: Progress, index: int, arms: int) -> Progress:
    return lambda done, total: progress(index * total + done, arms * total)
