"""Doses in order of time, as data that can be repeated, moved and joined."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from immunode import units
from immunode.internal.arguments import only_fields, refuse, several
from immunode.regimen import words
from immunode.regimen.arguments import check_count, converted, positive_days, whole
from immunode.regimen.doses import Dose, delayed, marked

_REGIMEN = "a Regimen, such as prescribe('3 MIU SC')"


@only_fields()
@dataclass(frozen=True)
class Regimen:
    """Hold doses in order of time (the given order at equal times); every verb returns a new regimen.

    Verbs: `a + b`, `repeat(every=, times=)`, `shift(by)`, `at(time)`; `total()` and `end` say what is given and until
    when. Times: days, day 1 = 0. A reset, and a dose with `steady_state="replace"`, forget what was given before them
    in the order of doses, also what is still running or on its way; doses after them count in full. In a sum, `a + b`,
    those of `a` come first at equal times: `reset(day=1) + dose(...)` gives the dose, the other way round it is lost.

    Main arguments
        doses: im.Dose, any number of them, default none

    Other arguments
        sentence: the prescription it was read from, if any, and behind a ";" what states are set; it does not count for
            equality, default none

    Raises
        BadValue: for what is no list of doses.

    Example
        >>> import immunode as im
        >>> loading = im.dose("6 MIU", "sc")
        >>> course = loading + im.dose("3 MIU", "sc", days=[2, 3]).repeat(every="7 d", times=2)
        >>> len(course), course.total(), course.end
        (5, '18 MIU', 9.0)
    """

    doses: tuple[Dose, ...] = ()
    sentence: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        doses = several(self.doses, Dose, "doses of a regimen", "[Dose(...)], or what dose() returns")
        object.__setattr__(self, "doses", tuple(sorted(doses, key=lambda dose: dose.time)))

    def __len__(self) -> int:
        return len(self.doses)

    def __iter__(self) -> Iterator[Dose]:
        return iter(self.doses)

    def __add__(self, other: "Regimen") -> "Regimen":
        if not isinstance(other, Regimen):
            refuse("a regimen + what", other, _REGIMEN)
        check_count(len(self) + len(other))
        sentence = words.joined(self.sentence, other.sentence, self.doses, other.doses)
        return Regimen(self.doses + other.doses, sentence)

    def __radd__(self, other: object) -> "Regimen":
        return self if type(other) is int and other == 0 else refuse("what + a regimen", other, _REGIMEN)  # sum([a, b])

    @property
    def end(self) -> float:
        """Return the time [day] at which the last dose has been given; 0 for an empty regimen.

        A bioavailability of 1 is taken for a dose at a rate, and what the model times itself ends at once.
        """
        return max((d.time + (d.amount / d.rate if d.rate else d.duration) for d in self.doses), default=0.0)

    def repeat(self, *, every: Any, times: int) -> "Regimen":
        """Give the whole regimen `times` times, starting `every` ("28 d", or days) apart; raise BadValue if not > 0.

        Everything is repeated as it is: a reset resets in every cycle, and a dose at steady state puts the patient
        into that steady state again. For doses that go on from one steady state, write
        `dose(..., steady_state="replace", every="12 h") + dose(...).repeat(...).shift("12 h")`.
        """
        interval, count = positive_days(every, "every"), whole(times, "times")
        check_count(len(self) * count)
        doses = delayed(self.doses, (k * interval for k in range(count)))
        return Regimen(marked(doses, bare=True) if count > 1 and units.is_bare(every) else doses)

    def shift(self, by: Any) -> "Regimen":
        """Move every dose later by a duration ("14 d", or days); a negative one moves them earlier."""
        doses = delayed(self.doses, [converted(by, "day", "by")])
        return Regimen(marked(doses, bare=True) if units.is_bare(by) else doses)

    def at(self, time: Any) -> "Regimen":
        """Move the regimen so that its first dose is given at `time` ("14 d", or days)."""
        if not self.doses:
            return self
        doses = delayed(self.doses, [converted(time, "day", "time") - self.doses[0].time])
        return Regimen(marked(doses, bare=True) if units.is_bare(time) else doses)

    def total(self) -> str:
        """Return what is given in all, such as "90 MIU" (resets are not doses); unlike units are listed one by one."""
        return words.total(self.doses)

    def __str__(self) -> str:
        return self.sentence or words.as_line(self.doses)

    def _repr_html_(self) -> str:
        return words.as_html(self.doses, self.sentence)
