"""An endpoint: which measure of which signal, between which days, and what is made of it over a group of patients."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import ADDED, FilePart, NumberOrText, Text
from immunode.measures import measure, statistic

YES_OR_NO = ("event", "rebound")  # measures that are 1 or 0
OF_YES_OR_NO = ("percent", "count")  # statistics of these


class Endpoint(FilePart):
    """Hold an endpoint: a measure of each patient, and the statistic of a group of them.

    Main arguments
        signal: name of an output or state of the model; none for "doses", "given" and "event", default none
        measure: what is measured of each patient's course (docs/measures.md lists them), such as "change" or "cmax",
            default "value"
        day: the day, or the end of the window, before what is given then, a number or "12 mo", default the last day of
            what is simulated [day]
        statistic: "median", "q1", "q3", "p5" (a percentile), "iqr", "min", "max", "mean", "sd", "se", "ci_low",
            "ci_high", "median_ci_low", "median_ci_high", "cv", "geometric_mean", "geometric_cv", "geometric_sd",
            "geometric_ci_low", "geometric_ci_high", "percent_above", "percent_below", "percent" (of a measure
            that is 1 or 0), "count_above", "count_below", "count", "of_medians" and "of_means" (the change of these,
            not these of the changes), default "median"

    Other arguments
        from_day: the begin of the window, after what is given then, default 0 [day]
        level: what "time_above", "time_below", "time_to_above", "time_to_below" and "rebound" count by, a number [unit
            of the signal] or a text ("1 IU/mL"), default none
        limit: what "percent_above", "percent_below", "count_above" and "count_below" count by, a number [unit of the
            measure] or a text, default none
        label: what tables call it, default its words
        better: "more" or "less", for comparisons: an endpoint of which it is said is a benefit, and the first of these
            is what schedules are judged by, default none: a number beside

    Raises
        BadValue: for a field that is left out, unknown or of another kind, and for what the measure or the statistic
            needs and does not have, or has and does not need. Signals and units are checked against the model by what
            takes the endpoint.

    Example
        >>> import immunode as im
        >>> im.Endpoint(signal="cd4", measure="change", day="12 mo").words
        'median change of cd4, day 0 to 365'
        >>> im.Endpoint(signal="cd4", statistic="percent_above", limit=500).words
        'percent with value of cd4 above 500'
    """

    signal: Annotated[str, Field(examples=["cd4"])] = ""
    measure: Text = "value"
    day: Days | None = None
    from_day: Days = 0.0
    level: Annotated[NumberOrText | None, Field(examples=[1.0])] = None
    statistic: Text = "median"
    limit: Annotated[NumberOrText | None, Field(examples=[500.0])] = None
    label: str = ""
    better: Annotated[Literal["more", "less"] | None, ADDED] = None

    @field_validator("measure")
    @classmethod
    def _known_measure(cls, name: str) -> str:
        measure(name)
        return name

    @field_validator("statistic")
    @classmethod
    def _known_statistic(cls, name: str) -> str:
        statistic(name)
        return name

    @model_validator(mode="after")
    def _complete(self) -> "Endpoint":
        what, over = measure(self.measure), statistic(self.statistic)
        _check_signal(self.measure, self.signal)
        for asked, value, field, name in (
            (what.level, self.level, "level", self.measure),
            (over.limit, self.limit, "limit", self.statistic),
        ):
            if asked and value is None:
                raise ValueError(f"'{name}' counts by a {field}; give {field} = 1, or with a unit")
            if not asked and value is not None:
                raise ValueError(f"'{name}' has no use for {field} = {value!r}; leave it out")
        if wrong := no_share(self.statistic, self.measure):
            raise ValueError(wrong)
        if over.of_values and what.needs != "ends":
            raise ValueError(f"statistic '{self.statistic}' is of a change between two days, not of '{self.measure}'")
        if self.from_day and not what.window:
            raise ValueError(f"from_day = {self.from_day:g} has no effect on '{self.measure}'; leave it out")
        if what.window and self.day is not None and self.from_day >= self.day:
            raise ValueError(f"from_day = {self.from_day:g} is not before day = {self.day:g}; give an earlier one")
        return self

    @property
    def of_each(self) -> str:
        """Return what each patient has of the endpoint, in words."""
        level = f" {_said(self.level)}" if self.level is not None else ""
        return f"{self.measure}{level}" + (f" of {self.signal}" if self.signal else "") + self._when

    @property
    def _when(self) -> str:
        if measure(self.measure).window and (self.day is not None or self.from_day):
            last = "the last day" if self.day is None else f"{self.day:.6g}"
            return f", day {self.from_day:.6g} to {last}"
        return "" if self.day is None else f", day {self.day:.6g}"

    @property
    def words(self) -> str:
        """Return the endpoint in words."""
        if self.label:
            return self.label
        what = self.measure + (f" {_said(self.level)}" if self.level is not None else "")
        of = f" of {self.signal}" if self.signal else ""
        when = self._when
        if statistic(self.statistic).limit:
            counted, side = self.statistic.split("_")
            return f"{counted} with {what}{of} {side} {_said(self.limit)}{when}"
        return f"{self.statistic} {what}{of}{when}"


def no_share(name: str, of: str) -> str:
    """Return why a statistic cannot be of a measure that is 1 or 0, or of another; nothing where it can."""
    if (name in OF_YES_OR_NO) == (of in YES_OR_NO):
        return ""
    counted = name if name in OF_YES_OR_NO else "percent"
    return (
        f"statistic '{name}' of the measure '{of}': expected {' or '.join(map(repr, OF_YES_OR_NO))} for "
        f"{' and '.join(YES_OR_NO)}, and for them alone; for other measures count with '{counted}_above' or "
        f"'{counted}_below'"
    )


def _said(value: float | str | None) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _check_signal(name: str, signal: str) -> None:
    """Raise ValueError for a measure of a course without a signal, and for a signal where nothing is looked at."""
    needs = measure(name).needs
    if measure(name).of_course and not signal:
        raise ValueError(f"'{name}' is of a course; name the output or state as 'signal', such as 'cd4'")
    if needs == "events" and signal:
        raise ValueError(f"'{name}' is of no course; leave out signal = '{signal}'")
