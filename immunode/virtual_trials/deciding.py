"""The decisions of an arm, day by day: what was measured is remembered, rules decide, prescriptions change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from immunode.conditions import Comparison
from immunode.conditions.measured import GIVEN
from immunode.conditions.syntax import comparisons
from immunode.regimen import Regimen, prescribe
from immunode.virtual_trials.arm import PlannedRecurring, PlannedRule
from immunode.virtual_trials.given_so_far import Taken, given_before
from immunode.virtual_trials.prescribed import Prescribed, added, cycle_starts, later, prescribed
from immunode.virtual_trials.protocol import Assay, Decision, decide, looked_at, noise_factors
from immunode.virtual_trials.recurring import (
    NO_ROWS,
    Histories,
    VisitDecision,
    VisitRows,
    carried_out,
    decide_visit,
    decision_of,
)
from immunode.virtual_trials.seen_so_far import since_day
from immunode.virtual_trials.signals import Memory, after_visit, nothing_yet
from immunode.virtual_trials.visits import Visits


@dataclass(frozen=True, eq=False)
class Replay:
    """Hold what a log says: rows of recurring rules by planned day; of the others by name of whom the condition held,
    and who was given nothing as all was stopped."""

    rows: Mapping[float, VisitRows]
    met: Mapping[str, np.ndarray]
    stopped: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Protocol:
    """Hold what decides again and again: when patients are seen, the rules, the days on which planned cycles begin.

    With a `replay` nothing is decided, and what it says is done again. Legs end at visits where somebody is `stopping`.
    """

    visits: Visits
    rules: Sequence[PlannedRecurring] = ()
    starts: Sequence[float] = ()
    baseline_day: float = 0.0
    replay: Replay | None = None
    stopping: bool = True


def deciding_days(protocol: Protocol, once: Sequence[PlannedRule]) -> np.ndarray:
    """Return the days on which the doses of each patient may be changed, (n, days): all visits with recurring rules,
    as one may end a hold; else those of rules that decide `once`."""
    decide_once = [planned.rule.day for planned in once]
    return protocol.visits.at[:, np.isin(protocol.visits.days, decide_once) | bool(protocol.rules)]


@dataclass(frozen=True, eq=False)
class Seen:
    """Hold true values: on `days` (n, days, observables), and at visits (n, visits, observables), the assay, and what
    was `taken` so far."""

    days: np.ndarray
    observe: Sequence[str]
    visits: Visits
    assay: Assay
    values: np.ndarray
    at_visits: np.ndarray
    taken: Taken

    def measured(self, signal: str, days: np.ndarray) -> np.ndarray:
        """Return a signal as it was measured on planned days, (n, days); nan where a visit was missed."""
        i, planned = list(self.observe).index(signal), self.visits.days.tolist()
        columns = [
            np.where(self.visits.attended[:, planned.index(day)], self.at_visits[:, planned.index(day), i], np.nan)
            if day in planned
            else self.values[:, np.searchsorted(self.days, day), i]
            for day in days.tolist()
        ]
        return np.column_stack(columns) * noise_factors(self.assay, len(self.values), signal, days)


@dataclass(frozen=True, eq=False)
class Standing:
    """Hold what is prescribed, remembered of `known` visits, and which rules wait for confirmation (n, rules)."""

    histories: Histories
    memory: Memory | None
    pending: np.ndarray
    known: int = 0


def at_first(protocol: Protocol, plans: Sequence[Regimen], which: np.ndarray) -> Standing:
    """Return what stands before the first day."""
    rules, n = protocol.rules, len(which)
    every = [prescribed(plan, protocol.starts, len(rules)) for plan in plans]
    conditions = [part for rule in rules for part in (rule.condition, rule.release) if part is not None]
    memory = nothing_yet(conditions, signals_of(rules), n, protocol.baseline_day) if rules else None
    return Standing(Histories(every, np.asarray(which)), memory, np.zeros((n, len(rules)), dtype=bool))


def signals_of(rules: Sequence[PlannedRecurring]) -> list[str]:
    """Return the signals that recurring rules look at."""
    parts = [part for rule in rules for part in (rule.condition, rule.release) if part is not None]
    names = (one.quantity.signal for part in parts for one in comparisons(part))
    return list(dict.fromkeys(filter(None, names)))  # what is given has none


def decided(
    standing: Standing, day: float, once: Sequence[PlannedRule], protocol: Protocol, seen: Seen
) -> tuple[Standing, list[Decision | VisitDecision]]:
    """Return what stands after the decisions of a planned day, and the decisions: rules that decide once come first."""
    decisions: list[Decision | VisitDecision] = []
    for planned in once:
        if planned.rule.day == day:
            one = decide(planned, seen.measured(planned.rule.when.signal, looked_at(planned.rule)))
            one = _beside(one, standing.histories)
            if protocol.replay is not None:
                name = planned.rule.name
                one = replace(one, met=protocol.replay.met[name], stopped=protocol.replay.stopped[name])
            decisions.append(one)
            standing = replace(standing, histories=_added(one, protocol.visits.on(day), standing.histories))
    standing = _remembering(standing, day, protocol, seen)
    if standing.memory is None or day not in protocol.visits.days:
        return standing, decisions
    column = protocol.visits.column(day)
    at, attended = protocol.visits.at[:, column], protocol.visits.attended[:, column]
    if protocol.replay is not None:
        rows = protocol.replay.rows.get(day, NO_ROWS)
        decision = decision_of(protocol.rules, day, at, standing.memory, standing.histories, rows)
    else:
        decision, pending = decide_visit(
            protocol.rules,
            day,
            at,
            attended,
            protocol.visits.gone(column),
            standing.memory,
            standing.histories,
            standing.pending,
        )
        standing = replace(standing, pending=pending)
    changed = carried_out(protocol.rules, at, decision.choice, standing.histories)
    return replace(standing, histories=changed), [*decisions, decision]


def _remembering(standing: Standing, day: float, protocol: Protocol, seen: Seen) -> Standing:
    """Return what stands with the visits up to a day remembered."""
    memory, days = standing.memory, protocol.visits.days
    if memory is None:
        return standing
    known = int(np.searchsorted(days, day, side="right"))
    for column in range(standing.known, known):
        one = days[column : column + 1]
        values = {name: seen.measured(name, one)[:, 0] for name in memory.measured}
        amounts = _given(memory, column, standing.histories, protocol, seen)
        memory = after_visit(memory, float(one[0]), protocol.visits.at[:, column], values, amounts)
    return replace(standing, memory=memory, known=max(known, standing.known))


def _given(
    memory: Memory, column: int, histories: Histories, protocol: Protocol, seen: Seen
) -> dict[Comparison, np.ndarray]:
    """Return what was given before a visit (n,), by the comparison that asks; nan of who was not seen."""
    asked = [one for one in memory.watched if one.quantity.kind in GIVEN]
    if not asked:
        return {}
    at, attended = protocol.visits.at[:, column], protocol.visits.attended[:, column]
    amounts = {one: given_before(one, seen.taken, histories, _since(one, protocol), at) for one in asked}
    return {one: np.where(attended, values, np.nan) for one, values in amounts.items()}


def _since(one: Comparison, protocol: Protocol) -> float | np.ndarray:
    """Return from when on a comparison counts what is given: of a visit the day on which each patient came."""
    day = since_day(one.quantity.since, protocol.baseline_day)
    return protocol.visits.on(day)


def _beside(decision: Decision, histories: Histories) -> Decision:
    """Return a decision with what recurring rules have done to the patients before."""
    factor, held, over = (
        histories.per_patient(of) for of in (lambda one: one.factor, lambda one: one.held >= 0, lambda one: one.stopped)
    )
    return replace(decision, factor=factor, held=held, stopped=over)


def _added(decision: Decision, at: np.ndarray, histories: Histories) -> Histories:
    """Return the histories with what a rule that decides once adds, from the days `at` (n,) on which patients came."""
    planned, day = decision.planned, decision.rule.day
    ways = ((planned.then, planned.rule.then, decision.met), (planned.otherwise, planned.rule.otherwise, ~decision.met))
    for extra, action, chosen in ways:
        if extra is not None:
            chosen = chosen & ~decision.stopped
            change = partial(_with, extra=extra, starts=_starts(extra, action.regimen, day), planned=day)
            histories = histories.changed(chosen, at, change)
    return histories


def _with(before: Prescribed, day: float, extra: Regimen, starts: Sequence[float], planned: float) -> Prescribed:
    by = day - planned
    return added(before, later(extra, by), [start + by for start in starts]) if by else added(before, extra, starts)


def _starts(extra: Regimen, sentence: str | None, day: float) -> list[float]:
    if sentence is None:
        return list(cycle_starts(extra))
    return [day + start for start in cycle_starts(prescribe(sentence))]
