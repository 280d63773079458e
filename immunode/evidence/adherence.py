"""What patients of a trial do not do as planned: doses that are missed or late, and leaving it."""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from immunode.evidence.time_fields import Days, PerDay
from immunode.evidence.toml_file import FilePart, Share, Text


class Adherence(FilePart):
    """Hold how patients take their doses: each is missed by chance, and what is taken comes later or earlier.

    It is of doses that are given, not of states that are set.

    Main arguments
        source: where the numbers are from, or "assumed"

    Other arguments
        missed: probability that a dose is not taken, each on its own, default 0 [1]
        delay: how much later than planned each dose is taken, "6 h" or a number of days, default 0 [day]
        delay_sd: SD of the delay, normal, each dose on its own, default 0 [day]

    Raises
        BadValue: for a field that is left out or unknown, a probability outside 0 to 1, a negative delay, nothing said.

    Example
        >>> import immunode as im
        >>> im.Adherence(missed=0.1, delay_sd="2 h", source="assumed").missed
        0.1
    """

    missed: Share = 0.0
    delay: Days = 0.0
    delay_sd: Days = 0.0
    source: Text

    @model_validator(mode="after")
    def _something(self) -> Self:
        for name in ("delay", "delay_sd"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name):g} is negative; expected 0 or more days")
        if not (self.missed or self.delay or self.delay_sd):
            raise ValueError("nothing is missed or late; give 'missed', 'delay' or 'delay_sd', or leave it out")
        return self

    @property
    def words(self) -> str:
        """Return what it says in words."""
        hours = [f"{24 * value:.3g} h" for value in (self.delay, self.delay_sd)]
        parts = [f"{100 * self.missed:g} % of doses missed" if self.missed else ""]
        parts += [
            f"doses {hours[0]} late" if self.delay else "",
            f"times of doses with an SD of {hours[1]}" if self.delay_sd else "",
        ]
        return ", ".join(part for part in parts if part)


class Dropout(FilePart):
    """Hold how patients leave a trial: at a constant hazard, said as a share by a day, or as it is.

    Who leaves has no later visit, and his doses end.

    Main arguments
        source: where the numbers are from, or "assumed"

    Other arguments
        share: the share who have left by the day `by`, default none [1]
        by: that day, "12 months" or a number of days, default none [day]
        hazard: the rate at which those who are there leave, in place of `share` and `by`, a number or "0.1/year",
            default none [1/day]
        from_day: the day from which patients leave, default 0 [day]

    Raises
        BadValue: for a field that is left out or unknown, a share of 1 or more, a day `by` not after `from_day`, what
            is said in two ways.

    Example
        >>> import immunode as im
        >>> round(im.Dropout(share=0.2, by="12 months", source="assumed").rate, 6)
        0.000611
    """

    share: Annotated[float, Field(ge=0, lt=1)] | None = None
    by: Days | None = None
    hazard: PerDay | None = None
    from_day: Days = 0.0
    source: Text

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.hazard is None) == (self.share is None):
            raise ValueError("say how many leave: 'share' and 'by', such as share = 0.2, by = 365, or 'hazard'")
        if (self.share is None) != (self.by is None):
            raise ValueError("'share' and 'by' go together: the share who have left by that day")
        if self.by is not None and self.by <= self.from_day:
            raise ValueError(f"by = {self.by:g} is not after from_day = {self.from_day:g}")
        return self

    @property
    def rate(self) -> float:
        """Return the hazard [1/day]."""
        if self.hazard is not None:
            return float(self.hazard)
        return -math.log1p(-float(self.share or 0.0)) / (float(self.by or 0.0) - self.from_day)

    @property
    def words(self) -> str:
        """Return what it says in words."""
        if self.share is None:
            return f"patients leave at {self.rate:.3g} a day from day {self.from_day:g}"
        return f"{100 * self.share:g} % of patients have left by day {self.by:.4g}"
