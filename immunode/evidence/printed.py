"""What a paper prints of a trial: figures to predict, numbers to fit, and what it leaves open."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, WrapValidator, field_validator, model_validator

from immunode.errors import nearest
from immunode.evidence.design import ArmFile
from immunode.evidence.toml_file import FilePart, Finite, NumberOrText, Positive, Text, left_out
from immunode.measures import measure
from immunode.units import in_days, parse


@dataclass(frozen=True)
class Needs:
    """Say what a kind of figure, or a test, needs: how many groups, which fields (an observable, a limit, what is read
    back, a test, visits as days), and of a trial events, a rule's label, a regimen that a rule adds."""

    groups: int = 1
    observable: bool = False
    below: bool = False
    what: bool = False
    test: bool = False
    day: bool = False
    from_day: bool = False
    events: bool = False
    label: bool = False
    added: bool = False


NEEDS = {
    "given": Needs(groups=0, what=True),
    "not_modelled": Needs(groups=0),
    "median": Needs(observable=True, day=True),
    "below": Needs(observable=True, below=True, day=True),
    "rebound": Needs(observable=True, below=True),
    "events": Needs(events=True),
    "responders": Needs(label=True),
    "gain": Needs(observable=True, day=True, added=True),
    "test": Needs(test=True),
    "mann_whitney": Needs(groups=2, observable=True, day=True),
    "wilcoxon": Needs(observable=True, day=True, from_day=True),
    "fisher": Needs(groups=2, events=True),
}


class Alternative(FilePart):
    """Hold another reading of an assumption: changes of fields of the file by path ("arms.0.baseline.log_sd")."""

    label: Text
    changes: dict[str, Any]


class Assumption(FilePart):
    """Hold what the paper leaves open, what is assumed, and the readings that are reported beside it."""

    name: Text
    assumed: Text
    alternatives: tuple[Alternative, ...] = ()


class Figure(FilePart):
    """Hold one printed figure and how it is predicted.

    `kind`: given (it enters the simulation; `what` says how it is read back), median (of `observable` on `day`), below
    (percent of patients under `below` on `day`), rebound (percent with a visit above `below` after the first under it),
    events (patients with an event by `day`), responders (percent with the label `groups[0]`), test (a p-value between
    `groups`, arms or labels), gain (what the regimen that a rule added gave those who got it), not_modelled. Kinds that
    read an observable name it. A figure with a `short` name is shown again under other readings of the assumptions.
    """

    label: Text
    kind: Literal["given", "median", "below", "rebound", "events", "responders", "test", "gain", "not_modelled"]
    published: NumberOrText
    groups: tuple[str, ...] = ()
    what: Annotated[
        Literal["n", "cut", "rise", "lead_in", "dose", "doses", "last_dose", "follow_up"] | None, Field(examples=["n"])
    ] = None
    observable: Annotated[str, Field(examples=["cd4"])] = ""
    day: Finite = 0.0
    from_day: Finite | None = None
    test: Annotated[Literal["mann_whitney", "fisher", "wilcoxon"] | None, Field(examples=["mann_whitney"])] = None
    below: Annotated[Positive | None, Field(examples=[50])] = None
    short: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "Figure":
        figure = f"figure '{self.label}' of kind '{self.kind}'"
        kinds = [self.kind, self.test] if self.kind == "test" and self.test else [self.kind]
        for kind in kinds:
            for field in ("what", "observable", "below", "test"):
                if getattr(NEEDS[kind], field) and getattr(self, field) in (None, ""):
                    raise ValueError(f"{figure}: {left_out(Figure, field)}")
        for field in ("what", "below", "test"):
            if getattr(self, field) is not None and not any(getattr(NEEDS[kind], field) for kind in kinds):
                raise ValueError(f"{figure} has no use for '{field}' = {getattr(self, field)!r}; leave it out")
        if len(self.groups) < NEEDS[kinds[-1]].groups:
            raise ValueError(f"{figure} needs {NEEDS[kinds[-1]].groups} name(s) of arms or labels in 'groups'")
        self._check_published(figure)
        return self

    def _check_published(self, figure: str) -> None:
        """Raise ValueError for a number in quotes, which would be compared with nothing, and for no p-value."""
        if self.kind in ("given", "not_modelled"):
            return
        if isinstance(self.published, str) and re.fullmatch(r"\s*(p\s*)?[<>≤≥=]*\s*[\d.,]+\s*%?\s*", self.published):
            raise ValueError(
                f"{figure}: published = '{self.published}' is a text, which is compared with nothing; "
                "state a number without signs and quotes, or say it in words"
            )
        if self.kind == "test" and not isinstance(self.published, str) and not 0 <= self.published <= 1:
            raise ValueError(f"{figure}: published = {self.published:g}: expected a p-value, from 0 to 1")

    @property
    def limit(self) -> float:
        """Return the limit that the kinds "below" and "rebound" count by."""
        assert self.below is not None, "checked when the figure was made"
        return self.below


class SaidDays(float):
    """Hold days that were said with a unit, "24 h": a model that counts hours takes these, and no number alone."""


def _read_days(value: Any, handler: Callable[[Any], float]) -> float:
    if isinstance(value, SaidDays):
        return value
    if not isinstance(value, str):
        return handler(value)
    number, unit = parse(value)
    if unit == "1":
        return handler(number)
    return SaidDays(in_days(value))


Days = Annotated[Finite, WrapValidator(_read_days)]


class PrintedNumber(FilePart):
    """Hold one printed number: what was measured in `arm`, on which day, its value and the error that a fit gives it.

    With `versus` the number is compared with that arm's, as a difference or a ratio: `versus_value` is what the paper
    prints for it, or empty when the paper prints the comparison itself. `measure` names what is made of the course
    (immunode.measures), from `from_day`, after what is given then, to `day`, before what is given then (numbers, or
    "24 h"). `unit` and `sigma` are those of the value; on the log `scale` sigma is taken relative to it. A `check` is
    reported, never fitted.
    """

    arm: Text
    versus: str = ""
    compare: Literal["difference", "ratio"] = "difference"
    observable: Annotated[Text, Field(examples=["cd4"])]
    statistic: Literal["mean", "median"] = "median"
    measure: Text = "value"
    day: Days
    from_day: Days = 0.0
    unit: str = ""
    value: Finite
    versus_value: Finite | None = None
    sigma: Positive
    sigma_source: str = ""
    scale: Literal["linear", "log"] = "linear"
    use: Literal["fit", "check"] = "fit"
    cohort: str = ""
    note: str = ""

    @field_validator("measure")
    @classmethod
    def _known_measure(cls, name: str) -> str:
        measure(name)
        return name

    @property
    def observed(self) -> float:
        """Return the printed number, less (or over) the one printed for the arm it is compared with."""
        if self.versus_value is None:
            return self.value
        return self.value - self.versus_value if self.compare == "difference" else self.value / self.versus_value


def _contradiction(row: PrintedNumber) -> str:
    """Return what a row says that cannot be, or has no effect, with the cure; nothing when all is well."""
    if row.measure == "value" and row.from_day:
        return (
            f"from_day = {row.from_day:g} has no effect on the 'value' of a day; leave it out, or name another measure"
        )
    if row.compare == "ratio" and not row.versus:
        return "a ratio needs the arm that it is to; name it as 'versus'"
    if row.versus == row.arm:
        return f"arm '{row.arm}' is compared with itself; name another as 'versus'"
    if row.versus_value is not None and not row.versus:
        return f"versus_value = {row.versus_value:g} is of no arm; name it as 'versus'"
    if row.compare == "ratio" and row.versus_value == 0:
        return "a ratio to versus_value = 0 is no number; compare by difference"
    return ""


class Evidence(FilePart):
    """Hold what a fit reads of a trial: arms and printed numbers; `arms` may be given as {name: regimen sentence}."""

    name: Text
    arms: tuple[ArmFile, ...]
    rows: Annotated[tuple[PrintedNumber, ...], Field(min_length=1)]
    start: Finite = 0.0
    assumptions: tuple[Assumption, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("arms"), dict):
            raw = raw | {"arms": [{"name": key, "regimen": value} for key, value in raw["arms"].items()]}
        return raw

    @model_validator(mode="after")
    def _known_arms(self) -> "Evidence":
        names = [arm.name for arm in self.arms]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two arms are called '{twice[0]}'; give each a name of its own")
        for number, row in enumerate(self.rows, start=1):
            for arm in filter(None, (row.arm, row.versus)):
                if arm not in names:
                    raise ValueError(f"row {number}: {self.name} has no arm '{arm}'{nearest(arm, names)}")
            if wrong := _contradiction(row):
                raise ValueError(f"row {number}: {wrong}")
            if row.scale == "log" and row.observed <= 0:
                raise ValueError(f"row {number}: a fit on the log scale needs a positive number, not {row.observed:g}")
        return self
