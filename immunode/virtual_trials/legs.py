"""The ONE simulator of an arm, leg by leg from decision to decision: virtual patients, typical patients and fits."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from immunode.engine import Solution
from immunode.internal.progress import Progress
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.arm import PlannedRule
from immunode.virtual_trials.attendance import Attendance
from immunode.virtual_trials.deciding import Protocol, Seen, Standing, at_first, decided
from immunode.virtual_trials.given_so_far import Taken
from immunode.virtual_trials.leg_times import End, Leg, at_exact_visits, in_model_time, leg_outputs, legs_of, placed
from immunode.virtual_trials.protocol import Assay, Decision
from immunode.virtual_trials.recurring import Histories, VisitDecision
from immunode.virtual_trials.visits import Visits

EXACT = Assay()
_OUTPUTS = ("values", "along")  # of a Solution: what it was asked for, and needs no more to go on


@dataclass(frozen=True, eq=False)
class Hazard:
    """Hold the state that accumulates hazard, the day from which it counts, and what each patient can bear (n,)."""

    state: str
    counted_from: float
    risk: np.ndarray

    def of(self, some: np.ndarray) -> "Hazard":
        """Return the same of some of the patients."""
        return replace(self, risk=self.risk[some])


@dataclass(frozen=True, eq=False)
class Stage:
    """Hold how far patients have been followed: through so many `legs`, to the day `begin` of the next, where the
    solver stands, and courses and values at own visits so far."""

    legs: int
    begin: End
    state: Solution | None
    threshold: np.ndarray | None
    values: np.ndarray
    personal: np.ndarray

    def of(self, some: np.ndarray) -> "Stage":
        """Return the same of some of the patients, rows or a mask."""
        assert self.state is not None, "of patients who have been followed"
        kept = {one.name: getattr(self.state, one.name) for one in fields(self.state) if one.name not in _OUTPUTS}
        state = replace(self.state, **{name: value[some] for name, value in kept.items()})
        begin = self.begin[some] if isinstance(self.begin, np.ndarray) else self.begin
        threshold = None if self.threshold is None else self.threshold[some]
        return Stage(self.legs, begin, state, threshold, self.values[some], self.personal[some])


@dataclass(frozen=True, eq=False)
class Parting:
    """Hold whose doses (rows of patients) rules first change at the end of a leg, and how far these had come."""

    rows: np.ndarray
    stage: Stage


@dataclass(frozen=True, eq=False)
class Followed:
    """Hold courses `values` (n, days, observables), the engine's Solution at their end, and the decisions, by day.

    `at_visits` (n, visits, observables) are the values on the days on which patients came, also where they missed the
    visit; none without visits. `histories` say what each patient was prescribed, as it stands at the end, and
    `which` (n,) of `plans` what of it each took. From `partings` on patients can be followed without what rules did.
    """

    values: np.ndarray
    final: Solution
    decisions: tuple[Decision | VisitDecision, ...]
    at_visits: np.ndarray
    histories: Histories
    plans: Sequence[Regimen]
    which: np.ndarray
    partings: tuple[Parting, ...]


@dataclass(frozen=True, eq=False)
class _Arm:
    """Hold what is the same in all legs of an arm; see `follow`."""

    model: Model
    parameters: np.ndarray
    days: np.ndarray
    observe: Sequence[str]
    rules: Sequence[PlannedRule]
    protocol: Protocol
    attendance: Attendance | None
    hazard: Hazard | None
    assay: Assay
    rtol: float
    threads: int
    progress: Progress | None


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
    protocol: Protocol | None = None,
    attendance: Attendance | None = None,
    hazard: Hazard | None = None,
    assay: Assay = EXACT,
    after: Stage | None = None,
    rtol: float = 1e-6,
    threads: int = 1,
    progress: Progress | None = None,
) -> Followed:
    """Follow n patients of an arm on `days`, leg by leg, from one decision day to the next.

    `parameters` (n, parameters) are in the order of `model.typical`; `which` (n,) picks each patient's of `plans`. A
    rule sees, through `assay`, the values before the doses of its day, and adds a regimen from then on; then the first
    of the `protocol` that matches acts. Of what is prescribed patients take what their `attendance` says. `stops` end a
    leg, too: the solver pauses there, and its next steps are others. After the last, patients are followed up to the
    last of the days, among which are the planned days of all visits. They start on the day `start`, or go on `after`
    the legs of a run with the same stops and visits.
    """
    protocol = protocol or Protocol(Visits(np.empty(0), np.empty((len(which), 0)), np.empty((len(which), 0), bool)))
    arm = _Arm(
        model, parameters, days, observe, rules, protocol, attendance, hazard, assay, rtol, threads, progress
    )  # fmt: skip
    ends = [*stops, *(planned.rule.day for planned in rules)]
    legs = legs_of(ends, protocol.visits, start, float(days[-1]), deciding=protocol.stopping)
    stage, standing = after or _first(arm, start), at_first(protocol, plans, which)
    decisions: list[Decision | VisitDecision] = []
    partings: list[Parting] = []
    for leg in legs[stage.legs :]:
        taken = _taken(standing.histories, attendance)
        stage = _through(arm, leg, stage, taken)
        if leg.planned is None:
            continue
        standing, more = _decided(arm, leg.planned, stage, standing, taken)
        partings += _parting([one.treated() for one in more], partings, stage)
        decisions += more
    assert stage.state is not None
    at_visits = _at_visits(arm, stage)
    taken = _taken(standing.histories, attendance)
    return Followed(
        stage.values, stage.state, tuple(decisions), at_visits, standing.histories, *taken, tuple(partings)
    )  # fmt: skip


def _first(arm: _Arm, start: float) -> Stage:
    """Return where patients stand before the first leg."""
    n, visits, hazard = len(arm.parameters), arm.protocol.visits, arm.hazard
    threshold = None
    if hazard is not None:
        threshold = np.full(n, np.inf) if hazard.counted_from > start else hazard.risk
    values, personal = (np.full((n, len(at), len(arm.observe)), np.nan) for at in (arm.days, visits.days))
    return Stage(0, start, None, threshold, values, personal)


def _through(arm: _Arm, leg: Leg, stage: Stage, taken: Taken) -> Stage:
    """Return where patients stand at the end of a leg, in which they take what is `taken`."""
    clock, hazard, threshold = arm.model.per_day, arm.hazard, stage.threshold
    outputs = leg_outputs(arm.days, stage.begin, leg, len(arm.parameters), first=stage.state is None)
    state = run(
        arm.model, arm.parameters, *taken,
        times=in_model_time(outputs, clock), observe=arm.observe, start=stage.begin * clock,
        end=None if leg.end is None else leg.end * clock, watch=None if hazard is None else hazard.state,
        threshold=threshold, resume=stage.state, rtol=arm.rtol, threads=arm.threads, progress=arm.progress,
    )  # fmt: skip
    values, at_own = placed(stage.values, outputs, state.values)
    if hazard is not None and leg.planned == hazard.counted_from:
        threshold = hazard.risk + state.state[:, [s.name for s in arm.model.states].index(hazard.state)]
    personal = stage.personal
    if at_own is not None and leg.planned is not None:
        personal = personal.copy()
        personal[:, arm.protocol.visits.column(leg.planned)] = at_own
    begin = stage.begin if leg.end is None else leg.end
    return Stage(stage.legs + 1, begin, state, threshold, values, personal)


def _decided(
    arm: _Arm, day: float, stage: Stage, standing: Standing, taken: Taken
) -> tuple[Standing, list[Decision | VisitDecision]]:
    """Return what stands after the decisions of the planned day on which a leg ends, and these."""
    if not arm.rules and not arm.protocol.rules:
        return standing, []
    visits = arm.protocol.visits
    seen = Seen(arm.days, arm.observe, visits, arm.assay, stage.values, _at_visits(arm, stage), taken)
    return decided(standing, day, arm.rules, arm.protocol, seen)


def _parting(treated: Sequence[np.ndarray], earlier: Sequence[Parting], stage: Stage) -> list[Parting]:
    """Return the parting of those who are treated by decisions of a day, and were not before; none of nobody."""
    if not treated:
        return []
    first = np.any(treated, axis=0)
    for one in earlier:
        first[one.rows] = False
    return [Parting(np.flatnonzero(first), stage.of(first))] if first.any() else []


def _taken(histories: Histories, attendance: Attendance | None) -> Taken:
    """Return the regimens that patients take of what they are prescribed, and which is each patient's (n,)."""
    plans = [one.regimen for one in histories.every]
    return (plans, histories.which) if attendance is None else attendance.taken(plans, histories.which)


def _at_visits(arm: _Arm, stage: Stage) -> np.ndarray:
    exact = at_exact_visits(stage.values, arm.days, arm.protocol.visits)
    return np.where(np.isnan(exact), stage.personal, exact)
