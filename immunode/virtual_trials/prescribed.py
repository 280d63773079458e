"""What a patient has been prescribed so far: the regimen, when its cycles begin, and what rules did to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from immunode import units
from immunode.errors import UnitError
from immunode.regimen import Dose, Regimen
from immunode.regimen.doses import delayed
from immunode.regimen.sentence.phases import read_phases

PAUSE = 7.0  # days without a dose that end a cycle of a Regimen that no sentence describes
NOTHING = Regimen()
_SAME = 1e-9  # days: a dose at the time of a visit is given after it


@dataclass(frozen=True, eq=False)
class Prescribed:
    """Hold what patients with the same history are prescribed.

    `starts` are the days on which cycles begin; `acts` is what each rule has used of its `at_most`; `factor` is on
    doses that are still to be added; `held` is the rule that holds the doses (-1: none), with what is `withheld`.
    """

    regimen: Regimen
    starts: tuple[float, ...]
    acts: tuple[int, ...] = ()
    factor: float = 1.0
    held: int = -1
    withheld: Regimen = NOTHING
    withheld_starts: tuple[float, ...] = ()
    stopped: bool = False

    def amount(self, unit: str) -> float:
        """Return how much is prescribed in all, in a unit; doses of another kind do not count."""
        return amount_in(self.regimen, unit)


def prescribed(regimen: Regimen, starts: Sequence[float], rules: int) -> Prescribed:
    """Return what all patients of an arm are prescribed at first."""
    return Prescribed(regimen, tuple(starts), (0,) * rules)


def added(before: Prescribed, extra: Regimen, starts: Sequence[float], rule: int = -1) -> Prescribed:
    """Return the prescription with more doses, whose times and cycle starts count from the start of the trial; on hold
    they are kept aside, as planned ones are."""
    more = scaled(extra, before.factor, -float("inf"))
    if before.held >= 0:
        return replace(before, withheld=before.withheld + more, withheld_starts=(*before.withheld_starts, *starts))
    regimen = before.regimen + more
    used = before.acts if rule < 0 else _used(before, rule, max(1, len(starts)))
    return replace(before, regimen=regimen, starts=(*before.starts, *starts), acts=used)


def later(regimen: Regimen, by: float) -> Regimen:
    """Return a regimen that many days later; as `shift`, but without checking doses that were checked before."""
    return Regimen(delayed(regimen.doses, [by]))


def rescaled(before: Prescribed, factor: float, day: float, rule: int) -> Prescribed:
    """Return the prescription with all doses from `day` on, and those still to be added, times `factor`."""
    regimen = scaled(before.regimen, factor, day)
    return replace(before, regimen=regimen, factor=before.factor * factor, acts=_used(before, rule, 1))


def withheld(before: Prescribed, day: float, rule: int) -> Prescribed:
    """Return the prescription without the doses from `day` on, which are kept aside."""
    kept, rest = _split(before.regimen, day)
    early = tuple(start for start in before.starts if start < day - _SAME)
    late = tuple(start for start in before.starts if start >= day - _SAME)
    return replace(
        before, regimen=kept, withheld=rest, starts=early, withheld_starts=late, held=rule,
        acts=_used(before, rule, 1),
    )  # fmt: skip


def resumed(before: Prescribed, day: float) -> Prescribed:
    """Return the prescription with those of the withheld doses that are due from `day` on; the others are lost."""
    late = tuple(start for start in before.withheld_starts if start >= day - _SAME)
    regimen = before.regimen + _split(before.withheld, day)[1]
    return replace(
        before, regimen=regimen, starts=(*before.starts, *late), held=-1, withheld=NOTHING, withheld_starts=()
    )


def stopped(before: Prescribed, day: float, rule: int) -> Prescribed:
    """Return the prescription without the doses from `day` on, for good."""
    out = withheld(before, day, rule)
    return replace(out, held=-1, withheld=NOTHING, withheld_starts=(), stopped=True)


def scaled(regimen: Regimen, factor: float, day: float) -> Regimen:
    """Return a regimen whose doses from `day` on are times `factor`, given over the same time."""
    if factor == 1.0:
        return regimen
    return Regimen(tuple(_scaled(dose, factor) if _comes(dose, day) else dose for dose in regimen.doses))


def _scaled(dose: Dose, factor: float) -> Dose:
    return replace(dose, amount=dose.amount * factor, rate=dose.rate * factor)


def _comes(dose: Dose, day: float) -> bool:
    """Return whether a dose is still to come on a day; what is set in a state is no dose."""
    return dose.action == "add" and dose.time >= day - _SAME


def _split(regimen: Regimen, day: float) -> tuple[Regimen, Regimen]:
    kept = tuple(dose for dose in regimen.doses if not _comes(dose, day))
    return Regimen(kept), Regimen(tuple(dose for dose in regimen.doses if _comes(dose, day)))


def _used(before: Prescribed, rule: int, more: int) -> tuple[int, ...]:
    return tuple(count + more * (index == rule) for index, count in enumerate(before.acts))


def amount_in(regimen: Regimen, unit: str) -> float:
    """Return how much a regimen gives in a unit; doses of another kind do not count."""
    return sum(amount_of(dose, unit) for dose in regimen.doses if dose.action == "add")


def amount_of(dose: Dose, unit: str) -> float:
    """Return how much a dose is in a unit; nothing for one of another kind."""
    return dose.amount * _factor(dose.unit, unit)


def _factor(source: str, target: str) -> float:
    try:
        return units.factor(source, target)
    except UnitError:
        return 0.0


def cycle_starts(regimen: Regimen | None) -> tuple[float, ...]:
    """Return the days on which the cycles of a regimen begin.

    A sentence says so: "every 28 days x3" are three. Otherwise, and of a Regimen without a sentence, a cycle begins
    after more than PAUSE days without a dose.
    """
    if regimen is None or not any(dose.action == "add" for dose in regimen.doses):
        return ()
    if regimen.sentence is None:
        times = [dose.time for dose in regimen.doses if dose.action == "add"]
        return tuple(time for i, time in enumerate(times) if i == 0 or time - times[i - 1] > PAUSE)
    return _of_sentence(regimen.sentence.partition(";")[0])  # behind it is what is set


def _of_sentence(sentence: str) -> tuple[float, ...]:
    begin, starts, end = 0.0, set[float](), -math.inf
    for phase in read_phases(sentence):
        if phase.parallel:
            begin, end = 0.0, -math.inf
        if phase.start is not None:
            begin = phase.start / 24
        first = begin + phase.days[0] - 1
        if phase.interval or first - end > PAUSE:
            starts |= {first + k * phase.interval for k in range(phase.times)}
        end = begin + (phase.doses * phase.hours / 24 or phase.days[-1])
        end += phase.interval * (phase.times - 1)
        begin += phase.interval * phase.times
    return tuple(sorted(starts))
