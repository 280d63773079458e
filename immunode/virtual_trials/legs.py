"""The ONE simulator of an arm, leg by leg from decision to decision: virtual patients, typical patients and fits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from immunode.engine import Solution
from immunode.internal.progress import Progress
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.arm import PlannedRule
from immunode.virtual_trials.attendance import Attendance
from immunode.virtual_trials.deciding import Protocol, Seen, at_first, decided
from immunode.virtual_trials.leg_times import End, at_exact_visits, in_model_time, leg_outputs, legs_of, placed
from immunode.virtual_trials.protocol import Assay, Decision
from immunode.virtual_trials.recurring import Histories, VisitDecision
from immunode.virtual_trials.visits import Visits

EXACT = Assay()


@dataclass(frozen=True, eq=False)
class Hazard:
    """Hold the state that accumulates hazard, the day from which it counts, and what each patient can bear (n,)."""

    state: str
    counted_from: float
    risk: np.ndarray


@dataclass(frozen=True, eq=False)
class Followed:
    """Hold courses `values` (n, days, observables), the engine's Solution at their end, and the decisions, by day.

    `at_visits` (n, visits, observables) are the values on the days on which patients came, also where they missed the
    visit; none without visits. `histories` say what each patient was prescribed, as it stands at the end, and
    `which` (n,) of `plans` what of it each took.
    """

    values: np.ndarray
    final: Solution
    decisions: tuple[Decision | VisitDecision, ...]
    at_visits: np.ndarray
    histories: Histories
    plans: Sequence[Regimen]
    which: np.ndarray


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
    rtol: float = 1e-6,
    threads: int = 1,
    progress: Progress | None = None,
) -> Followed:
    """Follow n patients of an arm on `days`, leg by leg, from one decision day to the next.

    `parameters` (n, parameters) are in the order of `model.typical`; `which` (n,) picks each patient's of `plans`. A
    rule sees, through `assay`, the values before the doses of its day, and adds a regimen from then on; then the first
    of the `protocol` that matches acts. Of what is prescribed patients take what their `attendance` says. `stops` end a
    leg, too: the solver pauses there, and its next steps are others.
    After the last, patients are followed up to the last of the days, among which are the planned days of all visits.
    """
    n, clock = len(parameters), model.per_day
    protocol = protocol or Protocol(Visits(np.empty(0), np.empty((n, 0)), np.empty((n, 0), dtype=bool)))
    visits, standing = protocol.visits, at_first(protocol, plans, which)
    values = np.full((n, len(days), len(observe)), np.nan)
    personal = np.full((n, len(visits.days), len(observe)), np.nan)
    threshold = None if hazard is None else _first_threshold(hazard, start)
    state: Solution | None = None
    decisions: list[Decision | VisitDecision] = []
    begin: End = start
    ends = [*stops, *(planned.rule.day for planned in rules)]
    for leg in legs_of(ends, visits, start, float(days[-1]), deciding=protocol.stopping):
        outputs = leg_outputs(days, begin, leg, n, first=state is None)
        plans, which = taken(standing.histories, attendance)
        state = run(
            model, parameters, plans, which,
            times=in_model_time(outputs, clock), observe=observe, start=begin * clock,
            end=None if leg.end is None else leg.end * clock, watch=None if hazard is None else hazard.state,
            threshold=threshold, resume=state, rtol=rtol, threads=threads, progress=progress,
        )  # fmt: skip
        values, at_own = placed(values, outputs, state.values)
        if hazard is not None and leg.planned == hazard.counted_from:
            threshold = hazard.risk + state.state[:, [s.name for s in model.states].index(hazard.state)]
        if leg.planned is not None:
            if at_own is not None:
                personal[:, visits.column(leg.planned)] = at_own
            seen = Seen(days, observe, visits, assay, values, _at_visits(values, personal, days, visits))
            standing, more = decided(standing, leg.planned, rules, protocol, seen)
            decisions += more
        begin = begin if leg.end is None else leg.end
    assert state is not None
    at_visits = _at_visits(values, personal, days, visits)
    return Followed(
        values, state, tuple(decisions), at_visits, standing.histories, *taken(standing.histories, attendance)
    )


def taken(histories: Histories, attendance: Attendance | None) -> tuple[list[Regimen], np.ndarray]:
    """Return the regimens that patients take of what they are prescribed, and which is each patient's (n,)."""
    plans = [one.regimen for one in histories.every]
    return (plans, histories.which) if attendance is None else attendance.taken(plans, histories.which)


def _at_visits(values: np.ndarray, personal: np.ndarray, days: np.ndarray, visits: Visits) -> np.ndarray:
    exact = at_exact_visits(values, days, visits)
    return np.where(np.isnan(exact), personal, exact)


def _first_threshold(hazard: Hazard, start: float) -> np.ndarray:
    return np.full(len(hazard.risk), np.inf) if hazard.counted_from > start else hazard.risk
