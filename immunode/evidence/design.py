"""The design of a trial: arms, states set on a day, baselines, rules, and the variability of its patients."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from immunode.evidence.adherence import Adherence, Dropout
from immunode.evidence.baseline import Baseline, Baselines, listed
from immunode.evidence.rules import RecurringRule
from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import (
    ADDED,
    Correlated,
    Count,
    FilePart,
    Finite,
    NotNegative,
    NumberOrText,
    Positive,
    Share,
    Text,
)


class SetState(FilePart):
    """Hold a state that is set to a value on a day, such as therapy on (art = 1).

    Main arguments
        state: name of a state of the model
        value: what it is set to [unit of the state]
        day: when, before the doses of that time; day 0 is day 1 of a regimen sentence; a number, or "24 h" [day]

    Raises
        BadValue: for a field that is left out, unknown or no finite number. A state that the model does not have, and a
            day outside the trial, are refused by im.Trial.

    Example
        >>> import immunode as im
        >>> im.SetState(state="art", value=1, day=-14)
        SetState(state='art', value=1.0, day=-14.0)
    """

    state: Text
    value: Finite
    day: Days


class When(FilePart):
    """Hold a condition: the signal over its value on `baseline_day` is above `above` on every one of `days`.

    Main arguments
        signal: name of an output of the model, or of a state where it has none, such as "cd4"; it is seen as measured,
            with the noise of the assay
        days: visits on which it is looked at, each once: numbers, or "12 wk" [day]
        above: the ratio that it must be above [1]

    Other arguments
        baseline_day: the visit, or the start, that it is compared with; before all `days`, default 0 [day]

    Raises
        BadValue: for a field that is left out, unknown or no finite number, a ratio that is not above 0, a day that
            stands twice, a `baseline_day` that is not before the others. Days that are no visits are refused by
            im.Trial.

    Example
        >>> import immunode as im
        >>> im.When(signal="cd4", days=[91, 183], above=1.3)
        When(signal='cd4', baseline_day=0.0, days=(91.0, 183.0), above=1.3)
    """

    signal: Annotated[Text, Field(examples=["cd4"])]
    baseline_day: Days = 0.0
    days: Annotated[tuple[Days, ...], Field(min_length=1)]
    above: Positive

    @model_validator(mode="after")
    def _in_order(self) -> "When":
        if twice := [day for day in self.days if self.days.count(day) > 1]:
            raise ValueError(f"days = {list(self.days)}: day {twice[0]:g} stands twice; name each once")
        if self.baseline_day >= min(self.days):
            raise ValueError(
                f"baseline_day = {self.baseline_day:g} is not before day {min(self.days):g}, compared with it; "
                "give an earlier one"
            )
        return self


class Action(FilePart):
    """Hold what follows a decision: a label for the patient, and a regimen to add from the day of the decision.

    Main arguments
        label: what the patient is called from then on
        regimen: sentence of the doses to add, whose day 1 is the day of the decision; default none, nothing is added

    Raises
        BadValue: for a field that is left out, unknown or no text. A sentence that cannot be read is refused by
            im.Trial.

    Example
        >>> import immunode as im
        >>> im.Action(label="non-responder", regimen="1.5 MIU SC BID days 1-5")
        Action(label='non-responder', regimen='1.5 MIU SC BID days 1-5')
    """

    label: Text
    regimen: Text | None = None


class Rule(FilePart):
    """Hold a decision of the protocol: on `day`, when the condition holds then one action, otherwise the other.

    Main arguments
        name: what the rule is called in results
        day: the visit on which it is decided, before the doses of that day, a number or "6 mo" [day]
        when: an im.When, the condition; it may look at no day after `day`
        then: an im.Action for patients of whom the condition holds
        otherwise: an im.Action for all others

    Raises
        BadValue: for a field that is left out, unknown or of another kind. A rule that cannot decide is refused by
            im.Trial: days that are no visits or come after `day`, a signal that is no output of the model.

    Example
        >>> import immunode as im
        >>> rule = im.Rule(
        ...     name="responder at month 6",
        ...     day=183,
        ...     when=im.When(signal="cd4", days=[91, 183], above=1.3),
        ...     then=im.Action(label="responder"),
        ...     otherwise=im.Action(label="non-responder", regimen="1.5 MIU SC BID days 1-5"),
        ... )
        >>> rule.then.label
        'responder'
    """

    name: Text
    day: Days
    when: When
    then: Action
    otherwise: Action


def _kind(value: Any) -> Any:
    """Return a rule of a file as one of the two kinds: that with a table as its condition decides once."""
    if not isinstance(value, dict):
        return value
    once = isinstance(value.get("when"), dict) or ("otherwise" in value and not isinstance(value.get("when"), str))
    return (Rule if once else RecurringRule).model_validate(value)


AnyRule = Annotated[RecurringRule | Rule, BeforeValidator(_kind)]


class ArmDefaults(FilePart):
    """Hold what an arm has: its size, regimen sentence, patients in words, states set on a day, parameter values,
    baseline, rules, how doses are taken and patients leave, and its own shares of subgroups of the population."""

    n: Count | None = None
    regimen: Text | None = None
    set: tuple[SetState, ...] = ()
    values: dict[str, NumberOrText] = Field(default_factory=dict)
    baseline: Baselines = None
    rules: tuple[AnyRule, ...] = ()
    label: Text | None = None
    patients: Annotated[Text | None, ADDED] = None
    adherence: Annotated[Adherence | None, ADDED] = None
    dropout: Annotated[Dropout | None, ADDED] = None
    shares: Annotated[dict[str, Share], ADDED] = Field(default_factory=dict)


class ArmFile(ArmDefaults):
    """Hold an arm: its name, and what it has."""

    name: Text

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """Return the baselines that patients have, in order."""
        return listed(self.baseline)


class Correlation(FilePart):
    """Hold the correlation between the logarithms of two parameters."""

    between: tuple[str, str]
    value: Correlated


class Subgroup(FilePart):
    """Hold a class of patients: its share, and factors on typical values.

    Main arguments
        name: what the subgroup is called
        share: share of all patients, 0 to 1, of which an arm may have its own (im.Arm(shares=...)); those of all
            subgroups add up to 1 at most [1]
        scale: factors on typical values by parameter, such as {"CL": 0.5}; that of a fraction which varies among
            patients acts on its odds [1]
        source: where the numbers are from, or "assumed"

    Raises
        BadValue: for a field that is left out, unknown, a share outside 0 to 1, a factor that is not above 0. What is
            no parameter, or takes a typical value out of its bounds, is refused by im.Population.

    Example
        >>> import immunode as im
        >>> im.Subgroup(name="slow clearance", share=0.2, scale={"CL": 0.5}, source="assumed").share
        0.2
    """

    name: Text
    share: Annotated[Share, Field(examples=[0.3])]
    scale: Annotated[dict[str, Positive], Field(examples=[{"CL": 0.5}])]
    source: Text


def share_words(shares: Mapping[str, float]) -> list[str]:
    """Return shares of subgroups in words, such as "20 % slow clearance"."""
    return [f"{100 * share:g} % {name}" for name, share in shares.items()]


class PopulationFile(FilePart):
    """Hold variability: SD of the log of parameters, correlations, subgroups, and noise of an observed count."""

    omega: dict[str, NotNegative] = Field(default_factory=dict)
    correlations: tuple[Correlation, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()
    noise: dict[str, NotNegative] = Field(default_factory=dict)
    source: Text

    @model_validator(mode="after")
    def _stated_once(self) -> "PopulationFile":
        pairs = [frozenset(one.between) for one in self.correlations]
        for one, pair in zip(self.correlations, pairs, strict=True):
            if len(pair) < 2 or pairs.count(pair) > 1:
                why = "is of one parameter; name two" if len(pair) < 2 else "is stated twice; leave one out"
                raise ValueError(f"the correlation between '{one.between[0]}' and '{one.between[1]}' {why}")
        return self
