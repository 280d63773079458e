"""One arm on virtual patients: baselines, the plan, the protocol's rules leg by leg, events; the ONE simulator of an
arm, which fits use for the typical patient too."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from immunode.engine import Solution
from immunode.engine.draws import draws, exponential
from immunode.internal.progress import Progress
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import days as days_between
from immunode.simulation import run
from immunode.virtual_trials.arm import Arm, PlannedRule
from immunode.virtual_trials.baseline import baseline_draws, with_baseline
from immunode.virtual_trials.population import Patients
from immunode.virtual_trials.protocol import Assay, Decision, decide, looked_at, noise_factors
from immunode.virtual_trials.trial import Trial

EXACT = Assay()
CYCLE = days_between(0.0, 14.0, 1 / 48)  # days since the first dose on which the typical patient is shown


@dataclass(frozen=True, eq=False)
class Hazard:
    """Hold the state that accumulates hazard, the day from which it counts, and what each patient can bear (n,)."""

    state: str
    counted_from: float
    risk: np.ndarray


@dataclass(frozen=True, eq=False)
class Followed:
    """Hold courses `values` (n, days, observables), the engine's Solution at their end, and the decisions, by day."""

    values: np.ndarray
    final: Solution
    decisions: tuple[Decision, ...]


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


def follow(
    model: Model,
    parameters: np.ndarray,
    plans: Sequence[Regimen],
    which: np.ndarray,
    *,
    days: np.ndarray,
    observe: Sequence[str],
    start: float,
    stops: Sequence[float] = (),
    rules: Sequence[PlannedRule] = (),
    hazard: Hazard | None = None,
    assay: Assay = EXACT,
    rtol: float = 1e-6,
    threads: int = 1,
    progress: Progress | None = None,
) -> Followed:
    """Follow n patients of an arm on `days`, leg by leg, from one decision day to the next.

    `parameters` (n, parameters) are in the order of `model.typical`; `which` (n,) picks each patient's of `plans`. A
    rule sees, through `assay`, the values before the doses of its day, and adds a regimen from then on. `stops` end a
    leg, too: the solver pauses there, and its next steps are others. After the last, patients are followed up to the
    last of the days.
    """
    values = np.full((len(parameters), len(days), len(observe)), np.nan)
    threshold = None if hazard is None else _first_threshold(hazard, start)
    state: Solution | None = None
    decisions: list[Decision] = []
    begin = start
    for end in _ends(stops, rules, start, float(days[-1])):
        inside = (days <= (np.inf if end is None else end)) & ((days > begin) | (state is None))
        state = run(
            model, parameters, plans, which, times=days[inside], observe=observe, start=begin, end=end,
            watch=None if hazard is None else hazard.state, threshold=threshold, resume=state, rtol=rtol,
            threads=threads, progress=progress,
        )  # fmt: skip
        values[:, inside] = state.values
        if hazard is not None and end == hazard.counted_from:
            threshold = hazard.risk + state.state[:, [s.name for s in model.states].index(hazard.state)]
        for planned in rules:
            if planned.rule.day == end:
                decisions.append(_decided(planned, values, days, observe, assay))
                plans, which = _added(decisions[-1], plans, which)
        begin = begin if end is None else end
    assert state is not None
    return Followed(values, state, tuple(decisions))


def _ends(stops: Sequence[float], rules: Sequence[PlannedRule], start: float, last: float) -> list[float | None]:
    """Return where the legs end; None, where there are days after all stops, is the last of them."""
    ends = sorted({*stops, *(planned.rule.day for planned in rules)} - {start})
    return [*ends] if ends and ends[-1] >= last else [*ends, None]


def _first_threshold(hazard: Hazard, start: float) -> np.ndarray:
    return np.full(len(hazard.risk), np.inf) if hazard.counted_from > start else hazard.risk


def _decided(
    planned: PlannedRule, values: np.ndarray, days: np.ndarray, observe: Sequence[str], assay: Assay
) -> Decision:
    signal, seen = planned.rule.when.signal, looked_at(planned.rule)
    true = values[:, np.searchsorted(days, seen), list(observe).index(signal)]
    return decide(planned, true * noise_factors(assay, len(true), signal, seen))


def _added(decision: Decision, plans: Sequence[Regimen], which: np.ndarray) -> tuple[list[Regimen], np.ndarray]:
    """Return the plans with what the decision adds, and who follows which."""
    plans, which = list(plans), which.copy()
    for extra, chosen in ((decision.planned.then, decision.met), (decision.planned.otherwise, ~decision.met)):
        if extra is None or not chosen.any():
            continue
        for old in np.unique(which[chosen]):
            plans.append(plans[old] + extra)
            which[chosen & (which == old)] = len(plans) - 1
    return plans, which


def run_arm(
    trial: Trial, arm: Arm, n: int, seed: int, *, first: int = 0, threads: int = 1, progress: Progress | None = None
) -> ArmRun:
    """Simulate virtual patients `first` to `first + n - 1` of an arm through its rules."""
    plan, assay, days = trial.plans[arm.name], Assay(trial.noise, seed, arm.name, first), plotting_days(trial)
    patients = _patients(trial, arm, n, assay, threads)
    risk = exponential(draws(seed, f"{arm.name}/event", n, first=first, kind="uniform"))
    hazard = None if trial.events is None else Hazard(trial.events, trial.counted_from, risk)
    stops = [trial.counted_from, *(rule.day for rule in arm.rules), float(trial.visits[-1])]
    simulated = partial(
        follow, patients.model, days=days, observe=trial.observables, start=trial.start, stops=stops, threads=threads
    )
    followed = simulated(
        patients.parameters, [plan.regimen], np.zeros(n, dtype=np.int64),
        rules=plan.rules, hazard=hazard, assay=assay, progress=progress,
    )  # fmt: skip
    values, final = followed.values, followed.final
    status = np.where(final.status != 0, final.status, patients.status)
    values[patients.status != 0] = np.nan  # no baseline, no course; the status says so
    treated = (status == 0) & np.any([np.zeros(n, dtype=bool), *(d.treated() for d in followed.decisions)], axis=0)
    without = values
    if treated.any():
        # stopped on the same days: else the same patient would differ in the last bits before the decision
        some = None if hazard is None else replace(hazard, risk=risk[treated])
        everyone = np.zeros(int(treated.sum()), dtype=np.int64)
        without = values.copy()
        without[treated] = simulated(patients.parameters[treated], [plan.regimen], everyone, hazard=some).values
    event_day = np.where(status != 0, np.nan, np.where(np.isnan(final.crossing), np.inf, final.crossing))
    return ArmRun(arm, patients, days, trial.observables, values, without, status, event_day, followed.decisions)


def _patients(trial: Trial, arm: Arm, n: int, assay: Assay, threads: int) -> Patients:
    """Return the arm's virtual patients; a printed baseline is a measured one, so each is solved for the true one."""
    patients = trial.population.sample(n, assay.seed, first=assay.first, arm=arm.name, values=arm.values)
    baseline = arm.baseline
    if baseline is None:
        return patients
    seen = baseline_draws(baseline, n, assay.seed, first=assay.first, arm=arm.name)
    true = seen / noise_factors(assay, n, baseline.observable, np.array([baseline.day]))[:, 0]
    regimen = trial.plans[arm.name].regimen
    return with_baseline(patients, true, baseline, regimen, start=trial.start, threads=threads)


def plotting_days(trial: Trial) -> np.ndarray:
    """Return every visit, and days a week apart between the start and the last visit."""
    last = float(trial.visits[-1])
    return np.unique(np.concatenate([days_between(trial.start, last, 7.0), np.asarray(trial.visits, dtype=float)]))


def first_cycle(trial: Trial, arm: Arm) -> np.ndarray | None:
    """Return the course of an arm's typical patient on CYCLE since the first dose, shape (days, observables), or None
    where nothing is given."""
    regimen = trial.plans[arm.name].regimen
    first = next((dose.time for dose in regimen.doses if dose.action == "add"), None)
    if first is None:
        return None
    model = trial.population.of
    typical = model.values({**trial.population.typical, **arm.values})
    one = np.array([list(typical.values())])
    days, alone = first + CYCLE, np.zeros(1, dtype=np.int64)
    return follow(model, one, [regimen], alone, days=days, observe=trial.observables, start=trial.start).values[0]
