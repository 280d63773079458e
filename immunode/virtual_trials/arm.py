"""An arm of a trial and its plan: what is given and set, in the one order that trials and fits follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from immunode.conditions import Condition, read
from immunode.errors import BadValue, ImmunodeError, unknown
from immunode.evidence.adherence import Adherence, Dropout
from immunode.evidence.baseline import Baseline, listed
from immunode.evidence.design import ArmFile, Rule, SetState
from immunode.evidence.rules import RecurringRule
from immunode.internal.arguments import by_name, finite, is_list, named, one, only_fields, refuse, several, short, whole
from immunode.model.declaration import Model
from immunode.regimen import Dose, Regimen, prescribe
from immunode.simulation.dose_table import dose_table
from immunode.units import factor, parse
from immunode.virtual_trials.prescribed import cycle_starts
from immunode.virtual_trials.rule_words import has_rules, read_treatment
from immunode.virtual_trials.signals import resolved

MOST_SIZE = 100_000  # patients of a trial's own: 2000 replicates of more do not fit in memory
_BASELINES = "[Baseline(observable='cd4', ...)]"
_REGIMEN = "a sentence such as '3 MIU SC QD days 1-5', or a Regimen, such as what dose() returns"


@only_fields()
@dataclass(frozen=True, eq=False)
class Arm:
    """Describe an arm of a trial: its size, what is given and set, who its patients are, and its rules.

    Main arguments
        name: what the arm is called, each of a trial otherwise
        n: patients of the trial's own, by which printed figures are judged; im.run_trial simulates as many as it is
            told
        regimen: a sentence or an im.Regimen, whose day 1 is day 0 of the trial, default none; a sentence may end in a
            rule, "... every 56 days while cd4 < 1.3 x baseline, at most 6" (docs/rules.md)
        baseline: an im.Baseline, which the patients have, or a list of them, default none
        rules: im.Rule and im.RecurringRule, the decisions of the protocol, default none; those that decide once come
            first, then the first of the others that matches acts

    Other arguments
        set: im.SetState, states that are set on a day, to a number in the state's own unit, before the doses of that
            time, default none
        values: parameters that are other in this arm, by name: a number in the declared unit or a text ("10 L/h"),
            default none
        label: what patients are called in figures whom no rule calls otherwise, default none
        patients: who they are in words, such as "cd4 200-500, suppressed" (docs/patients.md), which im.Trial reads into
            `baseline`, `set` and `values`, default none
        adherence: an im.Adherence, how doses are taken, default none: all on time
        dropout: an im.Dropout, how patients leave, default none: nobody does
        shares: shares of subgroups of the population that are other in this arm, by name of the im.Subgroup, such as
            {"slow": 0.9}, default none: those of the population [1]

    Raises
        BadValue: for what is of another kind, no number of patients, no name, no share, or a label beside rules. What
            the model or population does not have or cannot be given is refused by im.Trial.

    Example
        >>> import immunode as im
        >>> therapy = [im.SetState(state="art", value=1, day=-14)]
        >>> arm = im.Arm("low", 20, "1.5 MIU SC BID days 1-5 every 56 days x3", set=therapy)
        >>> arm.n
        20
    """

    name: str
    n: int
    regimen: Regimen | str | None = None
    set: Sequence[SetState] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    baseline: Baseline | Sequence[Baseline] | None = None
    rules: Sequence[Rule | RecurringRule] = ()
    label: str = ""
    patients: str = ""
    adherence: Adherence | None = None
    dropout: Dropout | None = None
    shares: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named(self.name, "an arm", "'low'")
        where = f"arm '{self.name}'"
        object.__setattr__(self, "n", whole(self.n, f"{where}: n", 1, MOST_SIZE))
        if self.regimen is not None and not isinstance(self.regimen, str | Regimen):
            refuse(f"{where}: regimen", self.regimen, _REGIMEN)
        object.__setattr__(self, "set", several(self.set, SetState, f"{where}: set"))
        object.__setattr__(self, "rules", _rules(self.rules, where))
        object.__setattr__(self, "values", by_name(self.values, f"{where}: values", "{'CL': 100}"))
        one(self.label, str, f"{where}: label", "a text, such as 'control'")
        if not isinstance(self.baseline, Baseline | None):
            object.__setattr__(self, "baseline", several(self.baseline, Baseline, f"{where}: baseline", _BASELINES))
        one(self.patients, str, f"{where}: patients", "a text, such as 'cd4 200-500, suppressed'")
        if self.adherence is not None:
            one(self.adherence, Adherence, f"{where}: adherence", "an Adherence(missed=0.1, ...)")
        if self.dropout is not None:
            one(self.dropout, Dropout, f"{where}: dropout", "a Dropout(share=0.2, by=365, ...)")
        object.__setattr__(self, "shares", _shares(self.shares, where))
        if isinstance(self.regimen, str) and has_rules(self.regimen):
            treatment = read_treatment(self.regimen)
            object.__setattr__(self, "regimen", treatment.regimen)
            object.__setattr__(self, "rules", (*self.rules, *treatment.rules))
        if one_time(self) and self.label:
            raise BadValue(f"{where}: its rules label the patients; leave out label = '{self.label}'")

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """Return the baselines that patients have, in order."""
        return listed(self.baseline)


@dataclass(frozen=True, eq=False)
class PlannedRule:
    """Hold a rule and the regimens that its two actions add, moved to the day of the decision; None adds nothing."""

    rule: Rule
    then: Regimen | None
    otherwise: Regimen | None


@dataclass(frozen=True, eq=False)
class PlannedRecurring:
    """Hold a recurring rule made ready: conditions in the units of the model, `extra`, what it adds (day 1 is day 0).

    `starts` are the days of `extra` on which cycles begin; `total` is the cap on all that is prescribed, with its unit;
    `days` are those on which it decides, once the trial's visits are known.
    """

    rule: RecurringRule
    condition: Condition
    release: Condition | None
    extra: Regimen | None
    starts: tuple[float, ...]
    total: tuple[float, str] | None
    days: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """Hold what an arm gives: its regimen with the states that are set, and what its rules may add."""

    regimen: Regimen
    rules: tuple[PlannedRule, ...]
    recurring: tuple[PlannedRecurring, ...] = ()
    starts: tuple[float, ...] = ()  # of the cycles of the regimen

    @property
    def regimens(self) -> list[Regimen]:
        """Return all that may be given: the regimen, and what rules may add."""
        added = [extra for rule in self.rules for extra in (rule.then, rule.otherwise)]
        added += [rule.extra for rule in self.recurring]
        return [self.regimen, *(extra for extra in added if extra is not None)]


def planned(model: Model, arm: Arm | ArmFile) -> Plan:
    """Return the plan of an arm of a trial or of evidence for a fit.

    At one time the states are set first, in the order in which they stand, then the doses are given: therapy that
    begins on the day of a dose is on when the dose comes. Raise UnknownName, UnitError or BadValue, naming the arm,
    for what cannot be read, or not be given to the model.
    """
    where = f"arm '{arm.name}'"
    planned_doses = _read(model, arm.regimen, where)
    regimen = Regimen(tuple(settings(model, arm.set, where))) + planned_doses
    rules = [_planned_rule(model, rule, where) for rule in one_time(arm)]
    again = [_planned_recurring(model, rule, where) for rule in recurring(arm)]
    return Plan(regimen, tuple(rules), tuple(again), cycle_starts(planned_doses))


def one_time(arm: Arm | ArmFile) -> list[Rule]:
    """Return the rules of an arm that decide once."""
    return [rule for rule in arm.rules if isinstance(rule, Rule)]


def recurring(arm: Arm | ArmFile) -> list[RecurringRule]:
    """Return the rules of an arm that decide again and again."""
    return [rule for rule in arm.rules if isinstance(rule, RecurringRule)]


def _rules(rules: Any, where: str) -> tuple[Rule | RecurringRule, ...]:
    expected = "a list of Rule or RecurringRule, such as [im.RecurringRule(name=..., when=..., then=...)]"
    if isinstance(rules, Rule | RecurringRule) or not is_list(rules):  # a part of a file is iterable, too
        refuse(f"{where}: rules", rules, expected)
    listed = tuple(rules)
    for rule in listed:
        if not isinstance(rule, Rule | RecurringRule):
            raise BadValue(f"{where}: rules: {short(rule)} is no Rule; expected {expected}")
    return listed


def _shares(shares: Any, where: str) -> dict[str, float]:
    """Return shares of subgroups by name; raise BadValue for what is none, naming the subgroup."""
    checked, expected = {}, "a share from 0 to 1, such as 0.9 for 90 %"
    for name, share in by_name(shares, f"{where}: shares", "{'slow': 0.9}").items():
        what = f"{where}: share of '{name}'"
        checked[name] = finite(share, what, expected)
        if not 0 <= checked[name] <= 1:
            refuse(what, share, expected)
    return checked


def final_labels(arm: Arm) -> frozenset[str]:
    """Return the labels that the patients of an arm end with: those of its last rule, or the arm's own."""
    again = {rule.then.label or "" for rule in recurring(arm)}
    once = one_time(arm)
    if not once:
        return frozenset({arm.label, *again} - {""})
    last = sorted(once, key=lambda rule: rule.day)[-1]
    return frozenset({last.then.label, last.otherwise.label, *again} - {""})


def settings(model: Model, changes: Sequence[SetState], where: str) -> list[Dose]:
    """Return the doses that set states; raise UnknownName or BadValue, naming `where`, for what cannot be set."""
    states = [state.name for state in model.states]
    for change in changes:
        if change.state not in states:
            raise unknown("state", change.state, states, f"{where}, set: {model.name}")
    return [_setting(model, change, where) for change in changes]


def _setting(model: Model, change: SetState, where: str) -> Dose:
    try:
        unit = model.target(change.state).unit
        setting = Dose(float(change.value), unit, change.state, float(change.day), action="replace", bare=False)
        dose_table(model, [Regimen((setting,))])
    except BadValue as error:
        raise BadValue(f"{where}, set '{change.state}' to {change.value:g}: {error}") from error
    return setting


def _planned_rule(model: Model, rule: Rule, where: str) -> PlannedRule:
    where = f"{where}, rule '{rule.name}'"
    then, otherwise = [
        _read(model, action.regimen, where).shift(rule.day) if action.regimen else None
        for action in (rule.then, rule.otherwise)
    ]
    return PlannedRule(rule, then, otherwise)


def _planned_recurring(model: Model, rule: RecurringRule, where: str) -> PlannedRecurring:
    where = f"{where}, rule '{rule.name}'"
    known = list(model.shown)
    release = None
    if rule.then.hold_until:
        release = resolved(read(rule.then.hold_until), known, model.observables, where)
    extra = _read(model, rule.then.add, where) if rule.then.add else None
    condition = resolved(rule.condition, known, model.observables, where)
    return PlannedRecurring(rule, condition, release, extra, cycle_starts(extra), _total(rule, extra, where))


def _total(rule: RecurringRule, extra: Regimen | None, where: str) -> tuple[float, str] | None:
    """Return the cap on all that is prescribed, in a unit that the doses of the rule have."""
    if rule.total is None:
        return None
    try:
        most, unit = parse(rule.total)
        for dose in extra.doses if extra is not None else ():
            factor(dose.unit, unit)
    except ImmunodeError as error:
        raise type(error)(f"{where}: total = '{rule.total}': {error}") from error
    return most, unit


def _read(model: Model, regimen: Regimen | str | None, where: str) -> Regimen:
    """Return a regimen, read from its sentence, whose routes and units the model has."""
    if regimen is None:
        return Regimen()
    if isinstance(regimen, str) and has_rules(regimen):  # an arm of a trial has taken its rules out
        raise BadValue(
            f"{where}: '{regimen}' has a rule, and what reads it follows none; write the doses that are given"
        )
    try:
        doses = prescribe(regimen) if isinstance(regimen, str) else regimen
        dose_table(model, [doses])
    except ImmunodeError as error:
        raise type(error)(f"{where}: {error}") from error
    return doses
