"""Simulate the arms of a trial on virtual patients: baseline, regimen, the protocol's rules leg by leg, events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from immunode.engine import Solution
from immunode.engine.draws import draws, exponential
from immunode.errors import BadValue, unknown
from immunode.evidence.design import Baseline, Rule, SetState
from immunode.evidence.printed import Assumption, Figure
from immunode.internal.progress import Progress
from immunode.regimen import Regimen, builders, prescribe
from immunode.simulation.simulation import days, run
from immunode.virtual_trials.population import Patients, Population, baseline_draws, with_baseline
from immunode.virtual_trials.protocol import Decision, decide, measured, noise_factors


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
            plan = builders.replace(change.state, change.value, time=change.day) + plan
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
        model = self.population.of
        states, outputs = [s.name for s in model.states], list(model.observables)
        if self.events is not None and self.events not in states:
            raise unknown("state", self.events, states, f"events of trial '{self.name}': {model.name}")
        for name in self.noise:
            if name not in outputs:
                raise unknown("output", name, outputs, f"noise of trial '{self.name}': {model.name}")
        if not len(self.visits) or list(self.visits) != sorted(set(self.visits)):
            raise BadValue(f"visits = {list(self.visits)}: expected days that rise")


@dataclass(frozen=True, eq=False)
class ArmRun:
    """Hold one simulated arm.

    True values (n, days, observables), the same without what rules added, event days (inf = none), decisions. A patient
    who failed (`status`) has a course up to the failure, or none, and no event day (nan).
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
        seen = baseline_draws(arm.baseline, n, seed, first=first, arm=arm.name)
        wanted = seen / _baseline_noise(trial, arm, arm.baseline, n, seed, first)
        patients = with_baseline(patients, wanted, arm.baseline, arm.plan, start=trial.start, threads=threads)
    risk = exponential(draws(seed, f"{arm.name}/event", n, first=first, kind="uniform"))
    days = plotting_days(trial)
    observables = tuple(o.name for o in model.outputs) or tuple(model.observables)
    course = _Course(trial, arm, seed, first, days, observables, threads, progress)
    values, final, decisions = _follow(course, patients, arm.rules, risk)
    status = np.where(final.status != 0, final.status, patients.status)
    values[patients.status != 0] = np.nan  # no baseline, no course; the status says so
    treated = (status == 0) & np.any([np.zeros(n, dtype=bool), *(d.treated() for d in decisions)], axis=0)
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
        status=status,
        event_day=np.where(status != 0, np.nan, np.where(np.isnan(final.crossing), np.inf, final.crossing)),
        decisions=tuple(decisions),
    )


def _baseline_noise(trial: Trial, arm: Arm, baseline: Baseline, n: int, seed: int, first: int) -> np.ndarray:
    """Return by which factor each patient's baseline is measured wrong: a printed baseline is a measured one."""
    noise = trial.noise.get(baseline.observable, 0.0)
    if noise == 0:
        return np.ones(n)
    day = np.array([baseline.day])
    return noise_factors(n, baseline.observable, day, noise, seed=seed, arm=arm.name, first=first)[:, 0]


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
    return np.unique(np.concatenate([days(trial.start, last, 7.0), np.asarray(trial.visits, dtype=float)]))


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
