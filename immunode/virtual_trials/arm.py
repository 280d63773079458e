"""An arm of a trial and its plan: what is given and set, in the one order that trials and fits follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from immunode.errors import BadValue, ImmunodeError, unknown
from immunode.evidence.adherence import Adherence, Dropout
from immunode.evidence.baseline import Baseline, listed
from immunode.evidence.design import ArmFile, Rule, SetState
from immunode.internal.arguments import by_name, named, one, only_fields, refuse, several, whole
from immunode.model.declaration import Model
from immunode.regimen import Dose, Regimen, prescribe
from immunode.simulation.dose_table import dose_table

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
        regimen: a sentence or an im.Regimen, whose day 1 is day 0 of the trial, default none
        baseline: an im.Baseline, which the patients have, or a list of them, default none
        rules: im.Rule, the decisions of the protocol, default none

    Other arguments
        set: im.SetState, states that are set on a day, to a number in the state's own unit, before the doses of that
            time, default none
        values: parameters that are other in this arm, by name: a number in the declared unit or a text ("10 L/h"),
            default none
        label: what all patients of an arm without rules are called in figures, default none
        patients: who they are in words, such as "cd4 200-500, suppressed" (docs/patients.md), which im.Trial reads into
            `baseline`, `set` and `values`, default none
        adherence: an im.Adherence, how doses are taken, default none: all on time
        dropout: an im.Dropout, how patients leave, default none: nobody does

    Raises
        BadValue: for what is of another kind, no number of patients, no name, or a label beside rules. What the
            model does not have or cannot be given is refused by im.Trial.

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
    rules: Sequence[Rule] = ()
    label: str = ""
    patients: str = ""
    adherence: Adherence | None = None
    dropout: Dropout | None = None

    def __post_init__(self) -> None:
        named(self.name, "an arm", "'low'")
        where = f"arm '{self.name}'"
        object.__setattr__(self, "n", whole(self.n, f"{where}: n", 1, MOST_SIZE))
        if self.regimen is not None and not isinstance(self.regimen, str | Regimen):
            refuse(f"{where}: regimen", self.regimen, _REGIMEN)
        object.__setattr__(self, "set", several(self.set, SetState, f"{where}: set"))
        object.__setattr__(self, "rules", several(self.rules, Rule, f"{where}: rules"))
        object.__setattr__(self, "values", by_name(self.values, f"{where}: values", "{'CL': 100}"))
        one(self.label, str, f"{where}: label", "a text, such as 'control'")
        if not isinstance(self.baseline, Baseline | None):
            object.__setattr__(self, "baseline", several(self.baseline, Baseline, f"{where}: baseline", _BASELINES))
        one(self.patients, str, f"{where}: patients", "a text, such as 'cd4 200-500, suppressed'")
        if self.adherence is not None:
            one(self.adherence, Adherence, f"{where}: adherence", "an Adherence(missed=0.1, ...)")
        if self.dropout is not None:
            one(self.dropout, Dropout, f"{where}: dropout", "a Dropout(share=0.2, by=365, ...)")
        if self.rules and self.label:
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
class Plan:
    """Hold what an arm gives: its regimen with the states that are set, and what its rules may add."""

    regimen: Regimen
    rules: tuple[PlannedRule, ...]


def planned(model: Model, arm: Arm | ArmFile) -> Plan:
    """Return the plan of an arm of a trial or of evidence for a fit.

    At one time the states are set first, in the order in which they stand, then the doses are given: therapy that
    begins on the day of a dose is on when the dose comes. Raise UnknownName, UnitError or BadValue, naming the arm,
    for what cannot be read, or not be given to the model.
    """
    where = f"arm '{arm.name}'"
    regimen = Regimen(tuple(settings(model, arm.set, where))) + _read(model, arm.regimen, where)
    rules = [_planned_rule(model, rule, where) for rule in arm.rules]
    return Plan(regimen, tuple(rules))


def final_labels(arm: Arm) -> frozenset[str]:
    """Return the labels that the patients of an arm end with: those of its last rule, or the arm's own."""
    if not arm.rules:
        return frozenset({arm.label} - {""})
    last = sorted(arm.rules, key=lambda rule: rule.day)[-1]
    return frozenset({last.then.label, last.otherwise.label})


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


def _read(model: Model, regimen: Regimen | str | None, where: str) -> Regimen:
    """Return a regimen, read from its sentence, whose routes and units the model has."""
    if regimen is None:
        return Regimen()
    try:
        read = prescribe(regimen) if isinstance(regimen, str) else regimen
        dose_table(model, [read])
    except ImmunodeError as error:
        raise type(error)(f"{where}: {error}") from error
    return read
