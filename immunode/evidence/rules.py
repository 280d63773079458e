"""Rules that decide again and again: on the days of a clock, while a condition on what was measured holds."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from immunode.conditions import Condition, read
from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import Count, FilePart, Positive, Text


def _readable(text: str) -> str:
    read(text)
    return text


Words = Annotated[Text, AfterValidator(_readable)]
_ACTS = ("add", "scale", "hold_until", "stop")


def _above_zero(days: float) -> float:
    if days <= 0:
        raise ValueError("expected a time above 0, such as '56 d'")
    return days


Span = Annotated[Days, AfterValidator(_above_zero)]


class RuleAction(FilePart):
    """Hold what a recurring rule does: one of `add`, `scale`, `hold_until` and `stop`, or a label alone.

    Main arguments
        add: sentence of the doses to add, whose day 1 is the day of the visit, default none

    Other arguments
        scale: factor on the doses from that day on, planned and still to be added, default none [1]
        hold_until: a condition; doses from that day on are left out, and none is added, until a visit at which it
            holds, default none
        stop: whether everything that is still planned is cancelled and nothing is added again, default False
        label: what the patient is called from then on, default none

    Raises
        BadValue: for a field that is unknown, an action that does nothing, or two things at once.

    Example
        >>> import immunode as im
        >>> im.RuleAction(add="4.5 MIU SC BID days 1-5").add
        '4.5 MIU SC BID days 1-5'
    """

    add: Text | None = None
    scale: Positive | None = None
    hold_until: Words | None = None
    stop: bool = False
    label: Text | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "RuleAction":
        acts = [name for name in _ACTS if getattr(self, name)]
        if not acts and not self.label:
            raise ValueError(f"an action that does nothing: give one of {', '.join(_ACTS)}, or a label")
        if len(acts) > 1:
            raise ValueError(f"'{acts[0]}' and '{acts[1]}' at once: write a rule for each")
        if self.scale == 1:
            raise ValueError("scale = 1 changes no dose; give another factor, such as 0.5")
        return self

    def __str__(self) -> str:
        """Return the action in a few words, for the log."""
        if self.add:
            return self.add
        if self.scale:
            return f"scale x {self.scale:g}"
        if self.hold_until:
            return f"hold until {read(self.hold_until)}"
        return "stop" if self.stop else f"call {self.label}"

    @property
    def changes_doses(self) -> bool:
        """Return whether it does more than to call a patient by a label."""
        return any(getattr(self, name) for name in _ACTS)


class RecurringRule(FilePart):
    """Hold a rule that decides again and again: on its days, where the condition holds, `then` is done.

    Without `every` and `days` it decides at every visit of the trial after the baseline. What its words mean:
    docs/rules.md.

    Main arguments
        name: what the rule is called in results
        when: a condition on what is measured, such as "cd4 < 1.3 x baseline for 2 visits and rna < 50", or on measures
            of it and what was given so far, "mean of cd4 over 3 visits < 500 and given < 270 MIU"
        then: an im.RuleAction
        every: time between its days, such as "56 d" or a number of days, default none [day]
        at_most: how many cycles it adds to a patient, or how often it acts where it adds none, default no limit

    Other arguments
        first: its first day, default one `every` after the baseline, day 0 [day]
        until: its last day, default the last visit [day]
        days: its days, in place of `every`, numbers or "12 wk", default none [day]
        min_gap: time from the beginning of one cycle to that of the next, of all that a patient is given, default
            none [day]
        total: the most that a patient may be prescribed in all, such as "90 MIU", default no limit
        confirm: whether the condition must hold again at the next visit before it acts, default False

    Raises
        BadValue: for a field that is left out, unknown or of another kind, a condition that cannot be read. A rule
            that can never act is refused by im.Trial.
        UnknownName: by im.Trial, for a signal that is no output of the model.

    Example
        >>> import immunode as im
        >>> rule = im.RecurringRule(
        ...     name="maintenance",
        ...     when="cd4 below 130 % of baseline",
        ...     every="8 weeks",
        ...     then=im.RuleAction(add="4.5 MIU SC BID days 1-5"),
        ...     at_most=6,
        ... )
        >>> print(rule.condition)
        cd4 < 1.3 x baseline
    """

    name: Text
    when: Annotated[Words, Field(examples=["cd4 < 1.3 x baseline"])]
    then: Annotated[RuleAction, Field(examples=[{"add": "4.5 MIU SC BID days 1-5"}])]
    every: Span | None = None
    first: Days | None = None
    until: Days | None = None
    days: Annotated[tuple[Days, ...], Field(min_length=1)] | None = None
    at_most: Count | None = None
    min_gap: Span | None = None
    total: Text | None = None
    confirm: bool = False

    @model_validator(mode="after")
    def _one_clock(self) -> "RecurringRule":
        if self.days is not None:
            if stated := [name for name in ("every", "first", "until") if getattr(self, name) is not None]:
                raise ValueError(f"'days' and '{stated[0]}' both say when; leave one of them out")
            if list(self.days) != sorted(set(self.days)):
                raise ValueError(f"days = {list(self.days)}: expected days that rise")
        if self.first is not None and self.until is not None and self.until < self.first:
            raise ValueError(f"until = {self.until:g} lies before first = {self.first:g}")
        return self

    @property
    def condition(self) -> Condition:
        """Return the condition as data, which writes itself in words."""
        return read(self.when)

    def __str__(self) -> str:
        """Return the rule in words: when it decides, the condition, what it does, and its limits."""
        if self.days is not None:
            clock = f"on days {', '.join(f'{day:g}' for day in self.days)}"
        else:
            clock = "at every visit" if self.every is None else f"every {self.every:g} days"
            clock += "" if self.first is None else f" from day {self.first:g}"
            clock += "" if self.until is None else f" to day {self.until:g}"
        limits = [
            "" if self.at_most is None else f"at most {self.at_most}",
            "" if self.total is None else f"at most {self.total} in all",
            "" if self.min_gap is None else f"at least {self.min_gap:g} days apart",
            "confirmed at the next visit" if self.confirm else "",
        ]
        called = f" ({self.then.label})" if self.then.label and self.then.changes_doses else ""
        return ", ".join([f"{clock}, if {self.condition}: {self.then}{called}", *filter(None, limits)])
