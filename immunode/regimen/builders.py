"""Doses and actions from Python: dose(), replace(), multiply() and reset(), each a Regimen."""

from collections.abc import Iterable
from typing import Any

from immunode import units
from immunode.errors import BadValue
from immunode.regimen.arguments import (
    check_count,
    converted,
    days_of,
    listed,
    moment,
    per_patient,
    positive_days,
    quantity,
    whole,
)
from immunode.regimen.doses import Dose, at_times
from immunode.regimen.regimen import Regimen


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
    """Give an amount into a route or state, on days or at times, at once or as an infusion.

    Main arguments
        amount: "3 MIU", "3 MIU/m2" with `body`, or a pint quantity
        into: a route or state of the model, such as "sc"
        days: whole days, day 1 = time 0, each once, default day 1
        times: times in place of days, such as "36 h", or numbers [day], default none

    Other arguments
        per_day: doses a day, evenly spaced from the start of the day; with `days` alone, default 1
        duration: of an infusion, "2 h" or a number [day], or "modelled" for the model's own, default none
        rate: of an infusion, "10 mg/h" or a number [unit of the amount/day], or "modelled", default none
        steady_state: "replace" or "add", with `every`: as if the dose had been given for ever (see im.Dose), default
            none
        every: the interval of a steady state, "12 h" or a number [day], default none
        body: size of the body for an amount per m2 or kg, such as "1.85 m2", default none

    Returns
        an im.Regimen, whose verbs repeat, move and join it

    Raises
        BadValue: for what is no amount, day or time, a day that stands twice, days beside times, a duration beside a
            rate, an amount per m2 or kg without a body.
        UnitError: for a unit that does not exist, or does not fit.

    Example
        >>> import immunode as im
        >>> print(im.dose("3 MIU", "sc", days=[1, 2, 3, 4, 5]).repeat(every="28 d", times=2).total())
        30 MIU
        >>> im.dose("5 mg/kg", "iv", body="70 kg", duration="2 h").doses[0].amount
        350.0
    """
    number, unit = per_patient(*quantity(amount, "amount"), body)
    infused = {"duration": duration, "rate": rate}
    modelled = [name for name, value in infused.items() if isinstance(value, str) and value == "modelled"]
    how: dict[str, Any] = {"steady_state": steady_state}
    if every is not None:
        how["every"] = positive_days(every, "every")
    if duration is not None and rate is not None:
        raise BadValue(f"duration = {duration!r} and rate = {rate!r}: an infusion has one of them; give one")
    if modelled:
        how["modelled"] = modelled[0]
    elif duration is not None:
        how["duration"] = positive_days(duration, "duration")
    elif rate is not None:
        how["rate"] = converted(rate, f"{unit}/day", "rate")
    split = whole(per_day, "per_day")
    if times is None:
        on = days_of(days)
        check_count(len(on) * split)
        when = [day - 1 + k / split for day in on for k in range(split)]
    elif days is None and split == 1:
        times = listed(times, "times")
        when = [converted(time, "day", "times") for time in times]
    else:
        raise BadValue("give either days (with per_day) or times, not both")
    how["bare"] = _any_bare([every, *(() if modelled else infused.values()), *(times or ())])
    return Regimen(at_times(Dose(number, unit, into, 0.0, **how), map(float, when)))


def replace(state: str, value: Any, *, day: float | None = None, time: Any = None) -> Regimen:
    """Set a state to a value on a day or at a time.

    Main arguments
        state: name of a state of the model
        value: what it is set to, such as "50 copies/mL"
        day: 1 is time 0 and -1 the day before it, as in trial protocols: there is no day 0; give it or `time`, default
            none
        time: "14 d", or a number [day], default none

    Returns
        an im.Regimen of this one action, to be added to others

    Raises
        BadValue: for a negative value, no day, a day beside a time, or neither.
        UnitError: for a unit that does not exist.

    Example
        >>> import immunode as im
        >>> regimen = im.prescribe("3 MIU SC QD days 1-5") + im.replace("rna", "50 copies/mL", day=15)
        >>> regimen.doses[-1].time
        14.0
    """
    return Regimen(
        (Dose(*quantity(value, "value"), state, moment(day, time), action="replace", bare=_any_bare([time])),)
    )


def multiply(state: str, by: float, *, day: float | None = None, time: Any = None) -> Regimen:
    """Multiply a state by a number on a day or at a time.

    Main arguments
        state: name of a state of the model
        by: factor, 0 or more [1]
        day: as in im.replace: 1 is time 0, -1 the day before it; give it or `time`, default none
        time: "14 d", or a number [day], default none

    Returns
        an im.Regimen of this one action, to be added to others

    Raises
        BadValue: for a negative factor, no day, a day beside a time, or neither.
        UnitError: for a factor with a unit.

    Example
        >>> import immunode as im
        >>> im.multiply("cd4", 0.5, time="14 d").doses[0].action
        'multiply'
    """
    factor = converted(by, "1", "by")
    return Regimen((Dose(factor, "1", state, moment(day, time), action="multiply", bare=_any_bare([time])),))


def reset(*, day: float | None = None, time: Any = None) -> Regimen:
    """Put every state back to its initial value and end what is being given, on a day or at a time.

    Doses that stand before it in the regimen are forgotten, also those of the same time (see im.Regimen).

    Main arguments
        day: as in im.replace: 1 is time 0, -1 the day before it; give it or `time`, default none
        time: "14 d", or a number [day], default none

    Returns
        an im.Regimen of this one action, to be added to others

    Raises
        BadValue: for no day, a day beside a time, or neither.

    Example
        >>> import immunode as im
        >>> [dose.action for dose in im.dose("3 MIU", "sc", days=[1, 29]) + im.reset(day=29)]
        ['add', 'add', 'reset']
    """
    return Regimen((Dose(0.0, "1", "", moment(day, time), action="reset", bare=_any_bare([time])),))


def _any_bare(values: Iterable[Any]) -> bool:
    return any(value is not None and units.is_bare(value) for value in values)
