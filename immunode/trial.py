"""Run a trial on virtual patients: arms, baseline, the protocol's rules, events; the result is one labelled dataset."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.engine import Solution
from immunode.engine.draws import draws, exponential
from immunode.errors import BadValue, unknown
from immunode.evidence import Assumption, Baseline, Figure, Rule, SetState, TrialFile, load
from immunode.population import Patients, Population, baseline_draws, with_baseline
from immunode.progress import Progress, bar
from immunode.protocol import Decision, decide, measured
from immunode.regimen import Regimen, prescribe
from immunode.regimen import replace as set_state
from immunode.simulate import grid, run, simulate
from immunode.summary import STATISTICS, Measured, Row, event_free, quartiles, rows

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclass(frozen=True, eq=False)
class Arm:
    """Describe an arm: the trial's own size `n`, a regimen (sentence or Regimen), parameter values, baseline, rules."""

    name: str
    n: int
    regimen: Regimen | str | None = None
    set: Sequence[SetState] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    baseline: Baseline | None = None
    rules: Sequence[Rule] = ()
    label: str = ""

    @property
    def plan(self) -> Regimen:
        """Return the planned regimen with the states that are set on a day."""
        plan = prescribe(self.regimen) if isinstance(self.regimen, str) else (self.regimen or Regimen(()))
        for change in self.set:
            plan = set_state(change.state, change.value, time=change.day) + plan
        return plan


@dataclass(frozen=True, eq=False)
class Trial:
    """Describe a trial.

    Population, visits (days), arms, the noise of counts, the state that accumulates hazard, printed figures.
    """

    name: str
    population: Population
    visits: Sequence[float]
    arms: Sequence[Arm]
    start: float = 0.0
    noise: Mapping[str, float] = field(default_factory=dict)
    events: str | None = None
    figures: Sequence[Figure] = ()
    assumptions: Sequence[Assumption] = ()

    def __post_init__(self) -> None:
        for arm in self.arms:
            if arm.n < 1:
                raise BadValue(f"arm '{arm.name}': n = {arm.n}; expected at least one patient")
        if not len(self.visits) or list(self.visits) != sorted(set(self.visits)):
            raise BadValue(f"visits = {list(self.visits)}: expected days that rise")


def from_file(file: TrialFile) -> Trial:
    """Return the Trial that a trial file describes; raise BadValue for evidence without a population."""
    if file.population is None:
        raise BadValue(f"'{file.name}' is evidence for fits, not a trial to run: its file has no [population]")
    given = file.population
    population = Population(
        file.model,
        omega=given.omega,
        correlation={c.between: c.value for c in given.correlations},
        subgroups=given.subgroups,
    )
    sizes = [arm.name for arm in file.arms if arm.n is None]
    if sizes:
        raise BadValue(f"arm '{sizes[0]}' of '{file.name}' has no n")
    arms = [
        Arm(a.name, int(a.n or 0), a.regimen, a.set, a.values, a.baseline, a.rules, a.label or "") for a in file.arms
    ]
    return Trial(
        file.name, population, file.visits, arms, file.start, given.noise, file.events, file.figures, file.assumptions
    )


@dataclass(frozen=True, eq=False)
class ArmRun:
    """Hold one simulated arm.

    True values (n, days, observables), the same without what rules added, event days (inf = none), decisions.
    """

    arm: Arm
    patients: Patients
    days: np.ndarray
    observables: tuple[str, ...]
    values: np.ndarray
    without: np.ndarray
    status: np.ndarray
    event_day: np.ndarray
    decisions: tuple[Decision, ...]


def run_arm(
    trial: Trial, arm: Arm, n: int, seed: int, *, first: int = 0, threads: int = 1, progress: Progress | None = None
) -> ArmRun:
    """Simulate virtual patients `first` to `first + n - 1` of an arm through its rules."""
    model = trial.population.of
    patients = trial.population.sample(n, seed, first=first, arm=arm.name, values=arm.values)
    if arm.baseline is not None:
        wanted = baseline_draws(arm.baseline, n, seed, first=first, arm=arm.name)
        patients = with_baseline(patients, wanted, arm.baseline, arm.plan, start=trial.start, threads=threads)
    risk = exponential(draws(seed, f"{arm.name}/event", n, first=first, kind="uniform"))
    days = plotting_days(trial)
    observables = tuple(o.name for o in model.outputs) or tuple(model.observables)
    course = _Course(trial, arm, seed, first, days, observables, threads, progress)
    values, final, decisions = _follow(course, patients, arm.rules, risk)
    values[patients.status != 0] = np.nan  # no baseline, no course; the status says so
    treated = np.any([d.treated() for d in decisions], axis=0) if decisions else np.zeros(n, dtype=bool)
    without = values
    if treated.any():
        without = values.copy()
        some = replace(patients, parameters=patients.parameters[treated])
        without[treated] = _follow(replace(course, progress=None), some, (), risk[treated])[0]
    return ArmRun(
        arm=arm,
        patients=patients,
        days=days,
        observables=observables,
        values=values,
        without=without,
        status=np.where(final.status != 0, final.status, patients.status),
        event_day=np.where(np.isnan(final.crossing), np.inf, final.crossing),
        decisions=tuple(decisions),
    )


@dataclass(frozen=True, eq=False)
class _Course:
    """Hold what every leg of an arm's simulation shares."""

    trial: Trial
    arm: Arm
    seed: int
    first: int
    days: np.ndarray
    observables: tuple[str, ...]
    threads: int
    progress: Progress | None


def plotting_days(trial: Trial) -> np.ndarray:
    """Return every visit, and days a week apart between the start and the last visit."""
    last = float(trial.visits[-1])
    return np.unique(np.concatenate([grid(trial.start, last, 7.0), np.asarray(trial.visits, dtype=float)]))


def _follow(
    course: _Course, patients: Patients, rules: Sequence[Rule], risk: np.ndarray
) -> tuple[np.ndarray, Solution, list[Decision]]:
    """Simulate leg by leg, from one decision day to the next.

    Events count from day 0 (or the start, when that is later).
    """
    trial, days, n = course.trial, course.days, len(patients.parameters)
    last, counted_from = float(trial.visits[-1]), max(0.0, trial.start)
    stops = sorted({rule.day for rule in course.arm.rules} | {counted_from, last} - {trial.start})
    values = np.full((n, len(days), len(course.observables)), np.nan)
    plans, which = [course.arm.plan], np.zeros(n, dtype=np.int64)
    threshold = np.full(n, np.inf) if counted_from > trial.start else risk
    state: Solution | None = None
    decisions: list[Decision] = []
    begin = trial.start
    for stop in stops:
        inside = (days <= stop) & ((days > begin) | (state is None))
        state = run(
            patients.model,
            patients.parameters,
            plans,
            which,
            times=days[inside],
            observe=course.observables,
            start=begin,
            end=stop,
            watch=trial.events,
            threshold=None if trial.events is None else threshold,
            resume=state,
            threads=course.threads,
            progress=course.progress,
        )
        values[:, inside] = state.values
        if stop == counted_from and trial.events is not None:
            names = [s.name for s in patients.model.states]
            threshold = risk + state.state[:, names.index(trial.events)]
        for rule in (r for r in rules if r.day == stop):
            decision = _decide(course, rule, values)
            decisions.append(decision)
            plans, which = _added(course.arm, decision, plans, which)
        begin = stop
    assert state is not None
    return values, state, decisions


def _decide(course: _Course, rule: Rule, values: np.ndarray) -> Decision:
    wanted = np.array(sorted({rule.when.baseline_day, *rule.when.days}))
    if missing := [day for day in wanted if day not in course.days]:
        raise BadValue(
            f"rule '{rule.name}' looks at day {missing[0]:g}, which is no visit: {list(course.trial.visits)}"
        )
    signal = rule.when.signal
    if signal not in course.observables:
        raise unknown("output", signal, course.observables, f"rule '{rule.name}'")
    true = values[:, np.searchsorted(course.days, wanted), course.observables.index(signal)]
    noise = course.trial.noise.get(signal, 0.0)
    seen = measured(true, signal, wanted, noise, seed=course.seed, arm=course.arm.name, first=course.first)
    return decide(rule, seen, wanted)


def _added(arm: Arm, decision: Decision, plans: list[Regimen], which: np.ndarray) -> tuple[list[Regimen], np.ndarray]:
    """Return the plans with what the decision adds, and who follows which."""
    plans, which = list(plans), which.copy()
    for action, chosen in ((decision.rule.then, decision.met), (decision.rule.otherwise, ~decision.met)):
        if action.regimen is None or not chosen.any():
            continue
        extra = prescribe(action.regimen).shift(decision.rule.day)
        for old in np.unique(which[chosen]):
            plans.append(plans[old] + extra)
            which[chosen & (which == old)] = len(plans) - 1
    return plans, which


def run_trial(
    trial: str | TrialFile | Trial,
    n: int = 1000,
    seed: int = 1,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> "xarray.Dataset":
    """Run a trial (a library name, the path of a trial file, or a Trial) with n virtual patients per arm.

    Return one labelled Dataset.

    Dimensions: arm, patient, day (plotting days), visit, statistic (median, q1, q3, mean), figure. Per observable `x`:
    `x` (arm, day, statistic) as simulated, `x_visit` (arm, visit, statistic) as measured with assay noise, `x_patient`
    (arm, patient, visit). Also `event_day` (inf = none), `event_free` (arm, day), `label`, `status`, and the printed
    figures. Bit for bit the same on any number of threads. A bar shows progress on a terminal and in a notebook, unless
    `progress(done, total)` is given.
    """
    import os

    if isinstance(trial, str):
        trial = load(trial)
    if isinstance(trial, TrialFile):
        trial = from_file(trial)
    if n < 1:
        raise BadValue(f"n = {n}: expected at least one virtual patient per arm")
    cores = threads or os.cpu_count() or 1
    with bar("virtual patients") if progress is None else nullcontext(progress) as step:
        runs = [
            run_arm(trial, arm, n, seed, threads=cores, progress=_share(step, index, len(trial.arms)))
            for index, arm in enumerate(trial.arms)
        ]
    return dataset(trial, runs, seed)


def _share(progress: Progress, index: int, arms: int) -> Progress:
    return lambda done, total: progress(index * total + done, arms * total)


def measured_arm(trial: Trial, done: ArmRun, seed: int) -> Measured:
    """Return what the trial measures of a simulated arm at its visits, with assay noise."""
    visits = np.asarray(trial.visits, dtype=float)
    columns = np.searchsorted(done.days, visits)
    seen, without = {}, {}
    for i, name in enumerate(done.observables):
        noise = trial.noise.get(name, 0.0)
        options: dict[str, Any] = {"seed": seed, "arm": done.arm.name, "first": done.patients.first}
        seen[name] = measured(done.values[:, columns, i], name, visits, noise, **options)
        without[name] = measured(done.without[:, columns, i], name, visits, noise, **options)
    label = np.full(len(done.status), done.arm.label, dtype=object)
    treated = np.zeros(len(label), dtype=bool)
    for decision in done.decisions:
        label, treated = decision.label.astype(object), treated | decision.treated()
    outcomes = {action.label for rule in done.arm.rules for action in (rule.then, rule.otherwise)} or {done.arm.label}
    return Measured(
        name=done.arm.name,
        size=done.arm.n,
        days=visits,
        values=seen,
        without=without,
        event_day=done.event_day,
        label=label,
        labels=frozenset(outcomes - {""}),
        treated=treated,
        given=given(trial, done.arm),
    )


def given(trial: Trial, arm: Arm) -> dict[str, Any]:
    """Return what entered the simulation of an arm, for the rows that read it back."""
    doses = [dose for dose in arm.plan.doses if dose.action == "add"]
    return {
        "n": arm.n,
        "cut": None if arm.baseline is None else arm.baseline.below,
        "lead_in": -trial.start,
        "dose": doses[0].amount if doses else None,
        "doses": len(doses),
        "last_dose": doses[-1].time if doses else None,
        "follow_up": float(trial.visits[-1]),
    }


def dataset(trial: Trial, runs: Sequence[ArmRun], seed: int) -> "xarray.Dataset":
    """Return the labelled dataset of simulated arms."""
    import xarray

    model = trial.population.of
    arms = [measured_arm(trial, done, seed) for done in runs]
    days, names = runs[0].days, runs[0].observables
    data: dict[str, Any] = {}
    for i, name in enumerate(names):
        unit = {"units": model.observables[name]}
        true = [quartiles(done.values[:, :, i]).T for done in runs]
        seen = [quartiles(arm.values[name]).T for arm in arms]
        data[name] = (("arm", "day", "statistic"), np.stack(true), unit)
        data[f"{name}_visit"] = (("arm", "visit", "statistic"), np.stack(seen), unit)
        data[f"{name}_patient"] = (("arm", "patient", "visit"), np.stack([arm.values[name] for arm in arms]), unit)
    data["event_day"] = (("arm", "patient"), np.stack([arm.event_day for arm in arms]), {"units": model.time})
    data["event_free"] = (("arm", "day"), np.stack([event_free(arm.event_day, days) for arm in arms]), {"units": "1"})
    data["label"] = (("arm", "patient"), np.stack([arm.label.astype(str) for arm in arms]))
    data["status"] = (("arm", "patient"), np.stack([done.status for done in runs]))
    data["size"] = ("arm", [arm.size for arm in arms])
    data |= pictured(trial, runs)
    found = rows(tuple(trial.figures), {arm.name: arm for arm in arms}, seed)
    for column in Row.__dataclass_fields__ if found else ():
        data[f"figure_{column}"] = ("figure", _storable([getattr(row, column) for row in found]))
    coords = {"arm": [arm.name for arm in arms], "day": days, "visit": arms[0].days, "statistic": list(STATISTICS)}
    attrs = {"trial": trial.name, "model": model.name, "seed": seed, "n": len(runs[0].status), "at_dose": "pre"}
    return xarray.Dataset(data, coords=coords, attrs=attrs)


def pictured(trial: Trial, runs: Sequence[ArmRun]) -> dict[str, Any]:
    """Return what pictures show beside the courses: doses, printed numbers, the typical patient's first two weeks.

    `dose_day`, `dose_label` (arm, dose; nan-padded): the label is empty for planned doses, else it names who got them
    by a rule. `published_*` (published): medians, event-free shares. `x_typical` (arm, cycle_day): nan without doses.
    """
    doses = [[(d.time, "") for d in done.arm.plan if d.action == "add"] + _added_doses(done) for done in runs]
    width = max(len(arm) for arm in doses)
    padded = [arm + [(np.nan, "")] * (width - len(arm)) for arm in doses]
    size = {done.arm.name: done.arm.n for done in runs}
    numbers = [f for f in trial.figures if f.kind in ("median", "events") and not isinstance(f.published, str)]
    printed = [
        (f.groups[0], f.observable, f.day, f.published)
        if f.kind == "median"
        else (f.groups[0], "event_free", f.day, 1.0 - float(f.published) / size[f.groups[0]])
        for f in numbers
        if f.groups and f.groups[0] in size
    ]
    out: dict[str, Any] = {
        "dose_day": (("arm", "dose"), np.array([[day for day, _ in arm] for arm in padded]), {"units": "day"}),
        "dose_label": (("arm", "dose"), np.array([[label for _, label in arm] for arm in padded], dtype=str)),
    }
    for i, column in enumerate(("arm", "observable", "day", "value")):
        out[f"published_{column}"] = ("published", _storable([row[i] for row in printed]))
    return out | _typical(trial, runs) if width else out


def _added_doses(done: ArmRun) -> list[tuple[float, str]]:
    ways = [(d.rule, *way) for d in done.decisions for way in ((d.rule.then, d.met), (d.rule.otherwise, ~d.met))]
    extra = [(prescribe(a.regimen).shift(rule.day), a.label) for rule, a, who in ways if a.regimen and who.any()]
    return [(dose.time, label) for regimen, label in extra for dose in regimen if dose.action == "add"]


def _typical(trial: Trial, runs: Sequence[ArmRun]) -> dict[str, Any]:
    model, names, cycle = trial.population.of, runs[0].observables, grid(0.0, 14.0, 1 / 48)
    found = np.full((len(names), len(runs), len(cycle)), np.nan)
    for column, done in enumerate(runs):
        first = [dose.time for dose in done.arm.plan if dose.action == "add"][:1]
        if first:
            options: Any = {"parameters": model.values({**trial.population.typical, **done.arm.values}), "throw": False}
            course = simulate(model, done.arm.plan, times=first + cycle, start=trial.start, outputs=names, **options)
            found[:, column] = [course[name].values for name in names]
    units = [{"units": model.observables[name]} for name in names]
    out: dict[str, Any] = {"cycle_day": ("cycle_day", cycle, {"units": "day"})}
    return out | {f"{name}_typical": (("arm", "cycle_day"), found[i], units[i]) for i, name in enumerate(names)}


def _storable(column: list[Any]) -> np.ndarray:
    """Return a column of a NetCDF file: numbers with nan for none, else text."""
    if all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in column):
        return np.array([np.nan if value is None else float(value) for value in column])
    return np.array(["" if value is None else str(value) for value in column])


def figure_rows(result: "xarray.Dataset") -> list[dict[str, Any]]:
    """Return the printed figures of a result as a list of dictionaries, one a row, None where there is nothing."""
    names = list(Row.__dataclass_fields__)
    count = result.sizes.get("figure", 0)
    return [{name: _plain(result[f"figure_{name}"].values[i]) for name in names} for i in range(count)]


def _plain(value: Any) -> Any:
    text = str(value)
    if text in ("", "nan"):
        return None
    if text in ("True", "False"):
        return text == "True"
    try:
        return float(text)
    except ValueError:
        return text


def decision_log(trial: Trial, runs: Sequence[ArmRun]) -> "pandas.DataFrame":
    """Return every decision of every arm, holds too, one row a patient and rule."""
    import pandas

    logs = [decision.log().assign(arm=done.arm.name) for done in runs for decision in done.decisions]
    return pandas.concat(logs, ignore_index=True) if logs else pandas.DataFrame()
