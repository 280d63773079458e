"""Doses and actions from Python: dose(), replace(), multiply() and reset(), each a Regimen."""

from collections.abc import Iterable
from typing import Any

from immunode import units
from immunode.errors import BadValue
from immunode.regimen.arguments import check_count, days_of, listed, moment, per_patient, positive_days, whole
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
    """Give `amount` ("3 MIU", "3 MIU/m2" with `body="1.85 m2"`, a pint quantity) into a route or state.

    On `days` (day 1 = time 0; default day 1), `per_day` doses evenly spaced from the start of the day; or at `times`
    ("36 h", or days). An infusion has a `duration` ("2 h", or days) or a `rate` ("10 mg/h"), or "modelled" for the
    model's own. `steady_state` "replace" or "add", with `every` ("12 h"): as if the dose had been given for ever (see
    Dose). Raises BadValue or UnitError.
    """
    number, unit = per_patient(*units.parse(amount), body)
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
        how["rate"] = units.convert(rate, f"{unit}/day")
    split = whole(per_day, "per_day")
    if times is None:
        on = days_of(days)
        check_count(len(on) * split)
        when = [day - 1 + k / split for day in on for k in range(split)]
    elif days is None and split == 1:
        times = listed(times, "times")
        when = [units.in_days(time) for time in times]
    else:
        raise BadValue("give either days (with per_day) or times, not both")
    how["bare"] = _any_bare([every, *(() if modelled else infused.values()), *(times or ())])
    return Regimen(at_times(Dose(number, unit, into, 0.0, **how), map(float, when)))


def replace(state: str, value: Any, *, day: float | None = None, time: Any = None) -> Regimen:
    """Set `state` to `value` ("50 copies/mL") on a day or at a time ("14 d", or days); raise BadValue or UnitError.

    Day 1 is time 0 and day -1 the day before it, as in trial protocols: there is no day 0.
    """
    return Regimen((Dose(*units.parse(value), state, moment(day, time), action="replace", bare=_any_bare([time])),))


def multiply(state: str, by: float, *, day: float | None = None, time: Any = None) -> Regimen:
    """Multiply `state` by the number `by` on a day or at a time, as in `replace`; raise BadValue when negative."""
    factor = units.convert(by, "1")
    return Regimen((Dose(factor, "1", state, moment(day, time), action="multiply", bare=_any_bare([time])),))


def reset(*, day: float | None = None, time: Any = None) -> Regimen:
    """Put every state back to its initial value and end what is being given; day and time as in `replace`."""
    return Regimen((Dose(0.0, "1", "", moment(day, time), action="reset", bare=_any_bare([time])),))


def _any_bare(values: Iterable[Any]) -> bool:
    return any(value is not None and units.is_bare(value) for value in values)
