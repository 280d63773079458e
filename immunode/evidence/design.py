"""The design of a trial: arms, states set on a day, baselines, rules, and the variability of its patients."""

from typing import Annotated

from pydantic import Field, model_validator

from immunode.evidence.toml_file import (
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
    """Hold a state that is set to a value on a day, such as therapy on (art = 1)."""

    state: Text
    value: Finite
    day: Finite


class Baseline(FilePart):
    """Hold the distribution of an observable on a day: log-normal with the printed median, cut at `below`.

    `solve` names the parameter that is found per patient so that the model gives the drawn value.
    """

    observable: Annotated[Text, Field(examples=["cd4"])]
    median: Positive
    below: Positive | None = None
    log_sd: Positive
    day: Finite = 0.0
    solve: Annotated[Text, Field(examples=["cd4_start"])]
    source: Text


class When(FilePart):
    """Hold a condition: the signal over its value on `baseline_day` is above `above` on every one of `days`."""

    signal: Annotated[Text, Field(examples=["cd4"])]
    baseline_day: Finite = 0.0
    days: Annotated[tuple[Finite, ...], Field(min_length=1)]
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
    """Hold what follows a decision: a label for the patient, and a regimen to add from the day of the decision."""

    label: Text
    regimen: Text | None = None


class Rule(FilePart):
    """Hold a decision of the protocol: on `day`, when the condition holds then one action, otherwise the other."""

    name: Text
    day: Finite
    when: When
    then: Action
    otherwise: Action


class ArmFile(FilePart):
    """Hold an arm: its size, regimen sentence, states set on a day, parameter values, baseline and rules."""

    name: Text
    n: Count | None = None
    regimen: Text | None = None
    set: tuple[SetState, ...] = ()
    values: dict[str, NumberOrText] = Field(default_factory=dict)
    baseline: Baseline | None = None
    rules: tuple[Rule, ...] = ()
    label: Text | None = None


class Correlation(FilePart):
    """Hold the correlation between the logarithms of two parameters."""

    between: tuple[str, str]
    value: Correlated


class Subgroup(FilePart):
    """Hold a class of patients: its share, and factors on typical values."""

    name: Text
    share: Annotated[Share, Field(examples=[0.3])]
    scale: Annotated[dict[str, Positive], Field(examples=[{"CL": 0.5}])]
    source: Text


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
