"""Say what is given, when and where: doses, infusions and resets of states, as data that can be repeated and joined."""

import math
import operator
import re
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from dataclasses import replace as changed
from html import escape
from itertools import pairwise
from typing import Any

from immunode import units
from immunode.errors import BadValue, UnitError
from immunode.regimen.sentence.clauses import Phase
from immunode.regimen.sentence.parsing import plain
from immunode.regimen.sentence.phases import days_text, read, runs, written

ACTIONS = ("add", "replace", "multiply", "reset")
MODELLED = ("", "duration", "rate")
STEADY = ("", "replace", "add")
PER_BODY = re.compile(r"(.+?)\s*/\s*(kg|m(?:2|²|\^2|\s?\*\*\s?2))\s*$")
MOST_DOSES = 100_000  # a slip such as x30000 is told at once instead of filling the memory


@dataclass(frozen=True)
class Dose:
    """Hold one dose: `amount` in `unit` into a route or state, at `time` [day].

    At once, or over `duration` [day] (bioavailability changes the rate), or at `rate` [unit/day] (bioavailability
    changes the duration); `modelled` is "duration" or "rate" where the state's own, of the model, is meant.
    `action` "add" is a dose; "replace" sets a state to `amount`, "multiply" scales it, "reset" puts every state back to
    its initial value and ends what is being given or on its way. A dose with `steady_state` "replace" puts the patient
    into the steady state of that dose given every `every` [day] for ever (0 and a `rate`: of an infusion that ends
    now), "add" adds that steady state to what is there; then the dose itself follows.
    The unit is kept as given: it is converted, or refused, against the state's own when simulated. Raises BadValue or
    UnitError.
    """

    amount: float
    unit: str
    into: str
    time: float
    duration: float = 0.0
    action: str = "add"
    rate: float = 0.0
    modelled: str = ""
    steady_state: str = ""
    every: float = 0.0

    def __post_init__(self) -> None:
        _check_dose(self)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What is given, and how: all but the time."""
        return tuple(value for name, value in vars(self).items() if name != "time")


def at_times(dose: Dose, times: Iterable[float]) -> tuple[Dose, ...]:
    """Return the dose once at each of `times` [day]."""
    return tuple(_moved(dose, time) for time in times)


def delayed(doses: Iterable[Dose], delays: Iterable[float]) -> tuple[Dose, ...]:
    """Return all doses once for each delay [day], that much later; a negative delay is earlier."""
    return tuple(_moved(dose, dose.time + delay) for delay in delays for dose in doses)


def _moved(dose: Dose, time: float) -> Dose:
    """Return the dose at another time.

    The rest was checked when the dose was made, and a trial moves thousands of doses: so this copies the dose, where
    Dose(...) or dataclasses.replace would check all of it again.
    """
    if not math.isfinite(time):
        raise BadValue(f"time of a dose = {time!r}: expected a finite number")
    moved = copy(dose)
    object.__setattr__(moved, "time", time)  # doses are frozen, but this one is nobody else's yet
    return moved


@dataclass(frozen=True)
class Regimen:
    """Hold doses in order of time (the given order at equal times); every verb returns a new regimen.

    `sentence` is the prescription it was read from, if any; it does not count for equality. Times: days, day 1 = 0.
    A reset, and a dose with `steady_state="replace"`, forget what was given before them in the order of doses, also
    what is still running or on its way; doses after them count in full. In a sum, `a + b`, those of `a` come first at
    equal times: `reset(day=1) + dose(...)` gives the dose, the other way round it is lost.
    """

    doses: tuple[Dose, ...] = ()
    sentence: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for item in self.doses:
            if not isinstance(item, Dose):
                raise BadValue(f"a regimen holds doses, got {item!r}; make them with dose(), or with Dose(...)")
        object.__setattr__(self, "doses", tuple(sorted(self.doses, key=lambda item: item.time)))

    def __len__(self) -> int:
        return len(self.doses)

    def __iter__(self) -> Iterator[Dose]:
        return iter(self.doses)

    def __add__(self, other: "Regimen") -> "Regimen":
        return Regimen(self.doses + other.doses) if isinstance(other, Regimen) else NotImplemented

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
        interval, count = _positive_days(every, "every"), whole(times, "times")
        _check_count(len(self) * count)
        return Regimen(delayed(self.doses, (k * interval for k in range(count))))

    def shift(self, by: Any) -> "Regimen":
        """Move every dose later by a duration ("14 d", or days); a negative one moves them earlier."""
        return Regimen(delayed(self.doses, [units.in_days(by)]))

    def at(self, time: Any) -> "Regimen":
        """Move the regimen so that its first dose is given at `time` ("14 d", or days)."""
        return self.shift(units.in_days(time) - self.doses[0].time) if self.doses else self

    def total(self) -> str:
        """Return what is given in all, such as "90 MIU" (resets are not doses); unlike units are listed one by one."""
        return _total([item for item in self.doses if item.action == "add"])

    def __str__(self) -> str:
        if self.sentence:
            return self.sentence
        return "; ".join(_line(*row) for row in rows(self)) or "no treatment"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{title}</th>" for title in ("dose", "into", "days", "n", "total"))
        body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows(self))
        caption = f"<caption>{escape(self.sentence)}</caption>" if self.sentence else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def dose(
    amount: Any,
    into: str,
    *,
    days: Iterable[int] | None = None,
    times: Iterable[Any] | None = None,
    per_day: int = 1,
    duration: Any = None,
    rate: Any = None,
    steady_state: str = "",
    every: Any = None,
    body: Any = None,
) -> Regimen:
    """Give `amount` ("3 MIU", "3 MIU/m2" with `body="1.85 m2"`, a pint quantity) into a route or state.

    On `days` (day 1 = time 0; default day 1), `per_day` doses evenly spaced from the start of the day; or at `times`
    ("36 h", or days). An infusion has a `duration` ("2 h", or days) or a `rate` ("10 mg/h"), or "modelled" for the
    model's own. `steady_state` "replace" or "add", with `every` ("12 h"): as if the dose had been given for ever (see
    Dose). Raises BadValue or UnitError.
    """
    number, unit = _per_patient(*units.parse(amount), body)
    how: dict[str, Any] = {"steady_state": steady_state}
    if every is not None:
        how["every"] = _positive_days(every, "every")
    if duration is not None and rate is not None:
        raise BadValue(f"duration = {duration!r} and rate = {rate!r}: an infusion has one of them; give one")
    if "modelled" in (duration, rate):
        how["modelled"] = "duration" if duration == "modelled" else "rate"
    if duration not in (None, "modelled"):
        how["duration"] = _positive_days(duration, "duration")
    if rate not in (None, "modelled"):
        how["rate"] = units.convert(rate, f"{unit}/day")
    split = whole(per_day, "per_day")
    if times is None:
        listed = _days(days)
        _check_count(len(listed) * split)
        when = [day - 1 + k / split for day in listed for k in range(split)]
    elif days is None and split == 1:
        when = [units.in_days(time) for time in _listed(times, "times")]
    else:
        raise BadValue("give either days (with per_day) or times, not both")
    return Regimen(at_times(Dose(number, unit, into, 0.0, **how), map(float, when)))


def replace(state: str, value: Any, *, day: float | None = None, time: Any = None) -> Regimen:
    """Set `state` to `value` ("50 copies/mL") on a day or at a time ("14 d", or days); raise BadValue or UnitError.

    Day 1 is time 0 and day -1 the day before it, as in trial protocols: there is no day 0.
    """
    return Regimen((Dose(*units.parse(value), state, _moment(day, time), action="replace"),))


def multiply(state: str, by: float, *, day: float | None = None, time: Any = None) -> Regimen:
    """Multiply `state` by the number `by` on a day or at a time, as in `replace`; raise BadValue when negative."""
    return Regimen((Dose(units.convert(by, "1"), "1", state, _moment(day, time), action="multiply"),))


def reset(*, day: float | None = None, time: Any = None) -> Regimen:
    """Put every state back to its initial value and end what is being given; day and time as in `replace`."""
    return Regimen((Dose(0.0, "1", "", _moment(day, time), action="reset"),))


def prescribe(text: str) -> Regimen:
    """Read a prescription such as "3 MIU SC QD days 1-5,8-12 every 28 days x3"; raise BadValue that points at the word.

    "then" begins a phase when the one before would have given its next cycle or dose, or "from day 57"; "plus" begins
    another course on day 1. What may be written: docs/prescriptions.md. Lag, bioavailability, resets and what is set
    in a state are not in a sentence: they are the model's, or added with `+ replace(...)`.
    """
    phases = read(text)
    course, begin = Regimen(), 0.0
    for phase in phases:
        if phase.parallel:
            begin = 0.0
        if phase.start is not None:
            begin = phase.start / 24
        course += _cycles(phase).shift(begin)
        begin += phase.interval * phase.times
    return Regimen(course.doses, sentence=written(phases))


def whole(value: Any, what: str) -> int:
    """Return `value` as a whole number >= 1; raise BadValue, naming `what`, otherwise."""
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise BadValue(f"{what} = {value!r}: expected a whole number, 1 or more")
    return number


def rows(regimen: Regimen) -> list[tuple[str, str, str, int, str]]:
    """Return one row (dose, into, days, number, total) for each kind of dose, in order of first use."""
    kinds: dict[tuple[Any, ...], list[Dose]] = {}
    for item in regimen.doses:
        kinds.setdefault(item.kind, []).append(item)
    return [(_what(same[0]), same[0].into, _when(same), len(same), _total(same)) for same in kinds.values()]


def _cycles(phase: Phase) -> Regimen:
    cycle = _infusions(phase) if phase.route == "civ" else _injections(phase)
    if phase.interval:
        cycle = cycle.repeat(every=phase.interval, times=phase.times)
    if not phase.steady or phase.route == "civ":
        return cycle
    first, *rest = cycle.doses
    every = phase.interval or (phase.hours or 24 / phase.per_day) / 24
    return Regimen((changed(first, steady_state="replace", every=every), *rest))


def _injections(phase: Phase) -> Regimen:
    amount, body = _written_amount(phase, phase.amount)
    how: dict[str, Any] = {"duration": phase.over, "rate": phase.pace, "body": body}
    if phase.doses:
        return dose(amount, phase.route, **how).repeat(every=phase.hours / 24, times=phase.doses)
    return dose(amount, phase.route, days=phase.days, per_day=phase.per_day, **how)


def _infusions(phase: Phase) -> Regimen:
    """Give one infusion for each run of days; at steady state the first goes on from one that has run for ever."""
    daily, cycle = phase.amount * (24 if phase.rate == "h" else 1), Regimen()
    for first, last in runs(phase.days):
        amount, body = _written_amount(phase, daily * (last - first + 1))
        cycle += dose(amount, "iv", days=[first], duration=float(last - first + 1), body=body)
    if not phase.steady:
        return cycle
    going = cycle.doses[0]
    before = changed(going, amount=0.0, duration=0.0, rate=going.amount / going.duration, steady_state="replace")
    return Regimen((before,)) + cycle


def _written_amount(phase: Phase, amount: float) -> tuple[str, str | None]:
    per = f"/{phase.per}" if phase.per else ""
    return f"{plain(amount)} {phase.unit}{per}", f"{plain(phase.body)} {phase.per}" if phase.body else None


def _what(item: Dose) -> str:
    amount = f"{item.amount:.10g}" + (f" {item.unit}" if item.unit != "1" else "")
    if item.action != "add":
        return {"replace": f"set to {amount}", "multiply": f"times {amount}", "reset": "reset"}[item.action]
    if item.duration:
        amount += f" over {_time(item.duration)}"
    elif item.modelled:
        amount += f" at the model's {item.modelled}"
    if item.rate:
        speed = f"{item.rate:.10g} {item.unit}/day"
        amount = f"{amount} at {speed}" if item.amount else speed
    if item.steady_state:
        amount += f", at steady state of every {_time(item.every)}" if item.every else ", steady until then"
    return amount + (", added to what is there" if item.steady_state == "add" else "")


def _time(days: float) -> str:
    return f"{days:.4g} d" if days >= 1 else f"{days * 24:.4g} h"


def _when(same: list[Dose]) -> str:
    days = (math.floor(item.time) for item in same)
    return days_text((day + 1 if day >= 0 else day for day in days), most=6)


def _line(what: str, into: str, days: str, n: int, total: str) -> str:
    return f"{what} {into} {days} (n = {n}{f', total {total}' if total else ''})"


def _total(doses: list[Dose]) -> str:
    sums: dict[str, list[float]] = {}
    for item in doses:
        if item.action != "add":
            continue
        for unit in sums:
            try:
                sums[unit].append(item.amount * units.factor(item.unit, unit))
                break
            except UnitError:  # another kind of quantity: it gets a sum of its own
                continue
        else:
            sums[item.unit] = [item.amount]
    return " + ".join(f"{math.fsum(amounts):.10g} {unit}" for unit, amounts in sums.items())


def _per_patient(amount: float, unit: str, body: Any) -> tuple[float, str]:
    match = PER_BODY.match(unit)
    if match is None:
        if body is not None:
            raise BadValue(f"body = {body!r} is of no use: {amount:g} {unit} is not per m2 or per kg")
        return amount, unit
    size = "kg" if match[2] == "kg" else "m2"
    if body is None:
        example = "70 kg" if size == "kg" else "1.85 m2"
        raise BadValue(f"{amount:g} {unit} is per {size} but no body size is stated; add body='{example}'")
    scale = units.convert(body, size)
    if scale <= 0:
        raise BadValue(f"body = {body!r}: expected more than zero {size}")
    return amount * scale, match[1]


def _check_dose(item: Dose) -> None:
    for name in ("amount", "time", "duration", "rate", "every"):
        value = getattr(item, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise BadValue(f"{name} of a dose = {value!r}: expected a finite number")
        if name != "time" and value < 0:
            raise BadValue(f"{name} of a dose = {value:g} is negative; expected 0 or more")
    for name, known in (("action", ACTIONS), ("modelled", MODELLED), ("steady_state", STEADY)):
        if getattr(item, name) not in known:
            raise BadValue(f"{name} = {getattr(item, name)!r}: expected one of {', '.join(map(repr, known))}")
    infused = [bool(item.duration), bool(item.rate), bool(item.modelled)]
    if item.action != "add" and (any(infused) or item.steady_state):
        raise BadValue(f"'{item.action}' happens at once: it has no duration, rate or steady state")
    if sum(infused) > 1:
        raise BadValue("a dose has a duration, or a rate, or one of them from the model; give one")
    if item.action == "reset" and (item.amount or item.into):
        raise BadValue("a reset is of the whole patient: it has no amount and goes into no state; see replace()")
    _check_steady_state(item)
    if item.action != "reset" and (not isinstance(item.into, str) or not item.into.strip()):
        raise BadValue(f"into = {item.into!r}: expected a route such as 'sc' or 'iv', or the name of a state")
    units.check(item.unit)


def _check_steady_state(item: Dose) -> None:
    if not item.steady_state and item.every:
        raise BadValue("every = ... is the interval of a steady state; to give a dose again use repeat(every=, times=)")
    if item.steady_state and not item.every and (item.amount or not (item.rate or item.modelled == "rate")):
        raise BadValue(
            "a steady state needs the interval of its doses, every='12 h'; only an infusion of amount 0 at a rate, "
            "which has no end, has none"
        )
    if item.steady_state and item.every and not item.amount:
        raise BadValue(f"amount = 0 every {item.every:g} days has no steady state; expected more than 0")
    if item.rate and not item.amount and not item.steady_state:
        raise BadValue("amount = 0 at a rate gives nothing; expected more than 0")


def _positive_days(value: Any, what: str) -> float:
    number = units.in_days(value)
    if number <= 0:
        raise BadValue(f"{what} = {value!r}: expected a time longer than zero, such as '28 d' or '2 h'")
    return number


def _listed(values: Any, what: str) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise BadValue(f"{what} = {values!r}: expected a list, such as {what}=[1, 2, 3]")
    listed = list(values)
    if not listed:
        raise BadValue(f"{what} is empty: expected at least one")
    _check_count(len(listed))
    return listed


def _check_count(count: int) -> None:
    if count > MOST_DOSES:
        raise BadValue(f"{count} doses are more than the {MOST_DOSES} a regimen may hold; give fewer days or repeats")


def _days(days: Iterable[int] | None) -> list[int]:
    listed = [1] if days is None else [whole(day, "a day (day 1 is the first)") for day in _listed(days, "days")]
    if len(set(listed)) < len(listed):
        twice = next(a for a, b in pairwise(sorted(listed)) if a == b)
        raise BadValue(f"day {twice} is listed twice; for more doses on a day use per_day")
    return listed


def _moment(day: float | None, time: Any) -> float:
    if (day is None) == (time is None):
        raise BadValue("say when: either day=15 (day 1 is time 0) or time='14 d'")
    if day is None:
        return units.in_days(time)
    if not float(day).is_integer() or day == 0:
        raise BadValue(f"day = {day!r}: expected a whole number; day 1 is time 0, day -1 the day before it")
    return float(day - 1 if day > 0 else day)
