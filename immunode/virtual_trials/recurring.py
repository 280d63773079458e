"""Recurring rules at a visit: the first that matches acts on a patient; every decision is kept, holds too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.evidence.rules import RecurringRule
from immunode.regimen import Regimen
from immunode.virtual_trials.arm import PlannedRecurring
from immunode.virtual_trials.prescribed import (
    Prescribed,
    added,
    amount_in,
    later,
    rescaled,
    resumed,
    stopped,
    withheld,
)
from immunode.virtual_trials.protocol import SCALED
from immunode.virtual_trials.signals import Memory

if TYPE_CHECKING:
    import pandas

NOBODY = -1
NOTHING, RESUME = "none", "resume"  # the action of a row where nothing is done, and where a hold ends
# why a patient's doses are changed at a visit, or not: what the log says
(ACTED, NOT_MET, CONFIRM, CAP, TOTAL, GAP, ON_HOLD, STOPPED, MISSED, RESUMED, LEFT, CHANGED) = range(12)
REASONS = (
    "met", "not met", "to confirm", "at most reached", "total reached", "gap too short", "on hold", "stopped",
    "missed visit", "hold ended", "has left", "changed",
)  # fmt: skip
UNSEEN = (MISSED, LEFT)
_SAME = 1e-9  # of a gap or an amount: what two sums of the same numbers may differ by


@dataclass(frozen=True, eq=False)
class Histories:
    """Hold what has been prescribed: the distinct prescriptions, and which of them each patient has (n,)."""

    every: Sequence[Prescribed]
    which: np.ndarray

    def per_patient(self, of: Callable[[Prescribed], Any]) -> np.ndarray:
        """Return something of each patient's prescription, shape (n,)."""
        return np.array([of(one) for one in self.every])[self.which]

    def changed(
        self, chosen: np.ndarray, at: np.ndarray, change: Callable[[Prescribed, float], Prescribed]
    ) -> "Histories":
        """Return the histories after a change of those `chosen`, on days `at`; the same change of the same is one."""
        if not chosen.any():
            return self
        patients = np.flatnonzero(chosen)
        pairs = np.stack([self.which[patients].astype(float), at[patients]], axis=1)
        distinct, index = np.unique(pairs, axis=0, return_inverse=True)
        every = [*self.every, *(change(self.every[int(old)], float(day)) for old, day in distinct)]
        which = self.which.copy()
        which[patients] = len(self.every) + index.ravel()
        return Histories(every, which).compact()

    def compact(self) -> "Histories":
        """Return the histories without those that nobody has any more."""
        used, which = np.unique(self.which, return_inverse=True)
        return Histories([self.every[int(i)] for i in used], which.ravel())


@dataclass(frozen=True, eq=False)
class Choice:
    """Hold what is done at a visit: whose hold ends (n,), and which rule acts on whom (n,), NOBODY for none."""

    resumed: np.ndarray
    acting: np.ndarray


@dataclass(frozen=True, eq=False)
class VisitRows:
    """Hold the rows of the log of a visit, of patients whom some rule looked at: patient, rule, reason (REASONS).

    The rule is NOBODY where several were looked at and none stands for what happened.
    """

    patient: np.ndarray
    rule: np.ndarray
    reason: np.ndarray

    def choice(self, n: int) -> Choice:
        """Return what the rows say was done with each of n patients."""
        resumed, acting = np.zeros(n, dtype=bool), np.full(n, NOBODY)
        resumed[self.patient[self.reason == RESUMED]] = True
        acted = self.reason == ACTED
        acting[self.patient[acted]] = self.rule[acted]
        return Choice(resumed, acting)


NO_ROWS = VisitRows(*(np.zeros(0, dtype=np.int64) for _ in range(3)))


@dataclass(frozen=True, eq=False)
class VisitDecision:
    """Hold the decisions of one visit: the `choice`, `rows` of the log, what was measured, by signal (n,), what else
    conditions looked at, `computed`, by its name (n,), and the `factor` that is on doses that are added (n,)."""

    rules: tuple[PlannedRecurring, ...]
    day: float
    at: np.ndarray
    choice: Choice
    rows: VisitRows
    measured: Mapping[str, np.ndarray]
    baseline: Mapping[str, np.ndarray]
    computed: Mapping[str, np.ndarray]
    factor: np.ndarray

    def treated(self) -> np.ndarray:
        """Return whose doses are changed by these decisions, shape (n,)."""
        changes = np.array([planned.rule.then.changes_doses for planned in self.rules] + [False])
        return changes[self.choice.acting] | self.choice.resumed

    def relabelled(self, label: np.ndarray) -> np.ndarray:
        """Return the labels of patients, given those before, shape (n,)."""
        labels = np.array([planned.rule.then.label or "" for planned in self.rules] + [""], dtype=object)
        return np.where(labels[self.choice.acting] != "", labels[self.choice.acting], label)

    def additions(self) -> list[tuple[Regimen, str, np.ndarray]]:
        """Return the regimens that were added on the planned day, with the names of their rules, and to whom (n,)."""
        return [
            (planned.extra.shift(self.day), planned.rule.then.label or f"by rule '{planned.rule.name}'", acted)
            for i, planned in enumerate(self.rules)
            if planned.extra is not None and (acted := self.choice.acting == i).any()
        ]

    def log(self) -> "pandas.DataFrame":
        """Return one row a decision: the visit's planned and actual day, what was measured, the rule, the action."""
        import pandas

        who, reason = self.rows.patient, self.rows.reason
        rules = [planned.rule for planned in self.rules]
        words = words_of(rules, self.rows.rule, reason)
        adds = np.array([*(bool(one.then.add) for one in rules), False])[self.rows.rule] & (reason == ACTED)
        factors = np.where(adds, self.factor[who], 1.0)
        scaled = np.array([f"{SCALED}{x:g}" if x != 1 else "" for x in factors], dtype=object)
        words["action"] = words["action"].astype(object) + scaled
        columns: dict[str, Any] = {
            "patient": who,
            "day": self.day,
            "seen_on": np.where(np.isin(reason, UNSEEN), np.nan, self.at[who]),
            **words,
        }
        columns |= {f"measured_{name}": values[who] for name, values in self.measured.items()}
        columns |= {f"baseline_{name}": values[who] for name, values in self.baseline.items()}
        columns |= {name: values[who] for name, values in self.computed.items()}
        return pandas.DataFrame(columns)


def words_of(rules: Sequence[RecurringRule], rule: np.ndarray, reason: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the log says in words where the rules, by their place, stand for these reasons (REASONS)."""
    acted = reason == ACTED
    actions, labels, names, conditions = (
        np.array([*(of(one) for one in rules), ""], dtype=object)[rule]  # NOBODY picks the last
        for of in (
            lambda r: str(r.then),
            lambda r: r.then.label or "",
            lambda r: r.name,
            lambda r: str(r.condition),
        )
    )
    return {
        "rule": names,
        "condition": conditions,
        "met": np.isin(reason, (ACTED, CONFIRM, CAP, TOTAL, GAP)),
        "label": np.where(acted, labels, ""),
        "action": np.where(acted, actions, np.where(reason == RESUMED, RESUME, NOTHING)),
        "reason": np.array(REASONS, dtype=object)[reason],
    }


def decide_visit(
    rules: Sequence[PlannedRecurring],
    day: float,
    at: np.ndarray,
    attended: np.ndarray,
    gone: np.ndarray,
    memory: Memory,
    histories: Histories,
    pending: np.ndarray,
) -> tuple[VisitDecision, np.ndarray]:
    """Return the decisions of the visit planned for `day`, and which rules then wait to be confirmed, (n, rules).

    `memory` is that after the visit. Of a patient who came the first rule that is due acts whose condition holds and
    whose caps allow it. Who missed the visit, has left (`gone`), is on hold or stopped has a row of the log, and no
    action.
    """
    n, due = len(at), np.array([day in planned.days for planned in rules])
    looked = due[None, :] | pending
    held, over = histories.per_patient(lambda one: one.held), histories.per_patient(lambda one: one.stopped)
    rows: list[tuple[np.ndarray, np.ndarray, int]] = []
    first_due = np.where(looked.sum(axis=1) == 1, looked.argmax(axis=1), NOBODY)
    concerned = looked.any(axis=1) | (held >= 0)
    shown_rule = np.where(held >= 0, held, first_due)
    rows.append((concerned & ~attended & ~gone, shown_rule, MISSED))
    rows.append((concerned & gone, shown_rule, LEFT))
    rows.append((concerned & attended & over, first_due, STOPPED))
    ends = np.zeros(n, dtype=bool)
    for index, planned in enumerate(rules):
        if planned.release is not None:
            ends |= (held == index) & attended & memory.holds(planned.release)
    rows.append((ends, shown_rule, RESUMED))
    still = (held >= 0) & ~ends
    rows.append((still & attended, shown_rule, ON_HOLD))
    open_to = attended & ~over & ~still & looked.any(axis=1)
    acting, blocked, waiting = _first_match(rules, day, at, memory, histories, pending, looked, open_to)
    for index, planned in enumerate(rules):  # seen on hold, where nothing acts, it waits on where its condition holds
        waiting[:, index] &= open_to | ~attended | memory.holds(planned.condition)
    rows += [(open_to & (acting == index), np.full(n, index), ACTED) for index in range(len(rules))]
    no_rule = open_to & (acting == NOBODY)
    for reason in (NOT_MET, CONFIRM, CAP, TOTAL, GAP):
        chosen = no_rule & (blocked[0] == reason)
        rows.append((chosen, np.where(blocked[1] >= 0, blocked[1], first_due), reason))
    return decision_of(rules, day, at, memory, histories, _rows(rows)), waiting


def decision_of(
    rules: Sequence[PlannedRecurring],
    day: float,
    at: np.ndarray,
    memory: Memory,
    histories: Histories,
    rows: VisitRows,
) -> VisitDecision:
    """Return the decisions that the rows of a log say, of a visit planned for `day`, after which `memory` is; the
    `histories` are those before it."""
    baseline = {name: memory.reference("baseline", name) for name in memory.measured}
    factor = histories.per_patient(lambda one: one.factor)
    choice = rows.choice(len(at))
    return VisitDecision(tuple(rules), day, at, choice, rows, memory.measured, baseline, memory.computed, factor)


def _first_match(
    rules: Sequence[PlannedRecurring], day: float, at: np.ndarray, memory: Memory, histories: Histories,
    pending: np.ndarray, looked: np.ndarray, open_to: np.ndarray,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]:  # fmt: skip
    """Return which rule acts (n,), why none does with the rule that says so, and which rules wait, (n, rules)."""
    n = len(at)
    acting, why, said_by = np.full(n, NOBODY), np.full(n, NOT_MET), np.full(n, NOBODY)
    waiting = pending.copy()
    for index, planned in enumerate(rules):
        considered = open_to & looked[:, index]
        holds = considered & memory.holds(planned.condition)
        met, reason = holds & (acting == NOBODY), np.full(n, ACTED)
        if planned.rule.confirm:
            reason = np.where(pending[:, index], ACTED, CONFIRM)
        limit = _limits(index, planned, at, met & (reason == ACTED), histories)
        reason = np.where(reason == ACTED, limit, reason)
        acts = met & (reason == ACTED)
        acting = np.where(acts, index, acting)
        if planned.rule.confirm:  # seen once, it waits for the next visit, also where another rule acted
            waiting[considered, index] = (holds & ~acts)[considered]
        stops = met & (reason != ACTED) & (said_by == NOBODY)
        why, said_by = np.where(stops, reason, why), np.where(stops, index, said_by)
    return acting, (why, said_by), waiting


def _limits(index: int, planned: PlannedRecurring, at: np.ndarray, met: np.ndarray, histories: Histories) -> np.ndarray:
    """Return the cap that forbids a rule to act, ACTED for none, shape (n,); only of those of whom it is `met`."""
    rule, reason = planned.rule, np.full(len(at), ACTED)
    if rule.at_most is not None:
        used = histories.per_patient(lambda one: one.acts[index])
        reason[used + max(1, len(planned.starts)) > rule.at_most] = CAP
    if planned.total is not None and planned.extra is not None:
        most, unit = planned.total
        more = amount_in(planned.extra, unit)
        sums = histories.per_patient(lambda one: one.amount(unit) + one.factor * more)
        reason[(reason == ACTED) & (sums > most * (1 + _SAME))] = TOTAL
    if rule.min_gap is not None and planned.starts:
        first, last, gap = planned.starts[0], planned.starts[-1], rule.min_gap * (1 - _SAME)
        for patient in np.flatnonzero(met & (reason == ACTED)):
            starts, day = histories.every[histories.which[patient]].starts, at[patient]
            if any(day + first - gap < start < day + last + gap for start in starts):
                reason[patient] = GAP
    return reason


def _rows(parts: Sequence[tuple[np.ndarray, np.ndarray, int]]) -> VisitRows:
    """Return the rows of a log by patient; of one patient in the order of the parts."""
    who = np.concatenate([np.flatnonzero(chosen) for chosen, _, _ in parts])
    rule = np.concatenate([of[chosen] for chosen, of, _ in parts])
    reason = np.concatenate([np.full(int(chosen.sum()), code) for chosen, _, code in parts])
    order = np.argsort(who, kind="stable")
    return VisitRows(who[order], rule[order], reason[order])


def carried_out(rules: Sequence[PlannedRecurring], at: np.ndarray, choice: Choice, histories: Histories) -> Histories:
    """Return the histories after what was chosen at a visit on days `at` (n,): holds end first, then rules act."""
    histories = histories.changed(choice.resumed, at, resumed)
    for index, planned in enumerate(rules):
        moved = None if planned.extra is None else cache(partial(later, planned.extra))  # many get it on one day
        change = partial(_acted, index=index, planned=planned, moved=moved)
        histories = histories.changed(choice.acting == index, at, change)
    return histories


def _acted(
    before: Prescribed, day: float, index: int, planned: PlannedRecurring, moved: Callable[[float], Regimen] | None
) -> Prescribed:
    then = planned.rule.then
    if moved is not None:
        return added(before, moved(day), [day + start for start in planned.starts], index)
    if then.scale:
        return rescaled(before, then.scale, day, index)
    if then.hold_until:
        return withheld(before, day, index)
    if then.stop:
        return stopped(before, day, index)
    return replace(before, acts=tuple(n + (i == index) for i, n in enumerate(before.acts)))
