"""What the verbs of a regimen are told: numbers, times, days and body sizes, refused with the cure if they are none."""

import re
from collections.abc import Iterable, Sized
from itertools import pairwise
from typing import Any

from immunode import units
from immunode.errors import BadValue
from immunode.internal.arguments import is_list, number, short, whole

MOST_DOSES = 100_000  # a slip such as x30000 is told at once instead of filling the memory
_PER_BODY = re.compile(r"(.+?)\s*/\s*(kg|m(?:2|²|\^2|\s?\*\*\s?2))\s*$")


def quantity(value: Any, what: str) -> tuple[float, str]:
    """Return a quantity as number and unit; raise the error of units, naming `what`, for what is none."""
    try:
        return units.parse(value)
    except (BadValue, units.UnitError) as error:
        raise type(error)(f"{what}: {error}") from error


def converted(value: Any, unit: str, what: str) -> float:
    """Return a quantity as a number in a unit; raise the error of units, naming `what`, for another."""
    try:
        return units.in_days(value) if unit == "day" else units.convert(value, unit)
    except (BadValue, units.UnitError) as error:
        example = {"day": "days, or a time such as '12 h'", "1": "a number"}.get(unit, f"a quantity in {unit}")
        raise type(error)(f"{what} = {short(value)}: expected {example} ({error})") from error


def positive_days(value: Any, what: str) -> float:
    """Return a time longer than zero in days; raise BadValue, naming `what`, otherwise."""
    number = converted(value, "day", what)
    if number <= 0:
        raise BadValue(f"{what} = {short(value)}: expected a time longer than zero, such as '28 d' or '2 h'")
    return number


def check_count(count: int) -> None:
    """Raise BadValue for more doses than a regimen may hold."""
    if count > MOST_DOSES:
        raise BadValue(f"{count} doses are more than the {MOST_DOSES} a regimen may hold; give fewer days or repeats")


def listed(values: Any, what: str) -> list[Any]:
    """Return what is listed; raise BadValue, naming `what`, for text, no list or an empty one."""
    if not is_list(values) or getattr(values, "ndim", 1) > 1:
        raise BadValue(f"{what} = {short(values)}: expected a list, such as {what}=[1, 2, 3]")
    check_count(len(values) if isinstance(values, Sized) else 0)
    several = list(values)
    if not several:
        raise BadValue(f"{what} is empty: expected at least one")
    check_count(len(several))
    return several


def days_of(days: Iterable[int] | None) -> list[int]:
    """Return the days of a list, [1] if there is none; raise BadValue for one that is no day, or is there twice."""
    numbers = [1] if days is None else [whole(day, "a day (day 1 is the first)") for day in listed(days, "days")]
    if len(set(numbers)) < len(numbers):
        twice = next(a for a, b in pairwise(sorted(numbers)) if a == b)
        raise BadValue(f"day {twice} is listed twice; for more doses on a day use per_day")
    return numbers


def moment(day: float | None, time: Any) -> float:
    """Return the time [day] of a day (day 1 is time 0, no day 0) or of a time; raise BadValue unless one is said."""
    if (day is None) == (time is None):
        raise BadValue("say when: either day=15 (day 1 is time 0) or time='14 d'")
    if day is None:
        return converted(time, "day", "time")
    count = number(day)
    if not count or not count.is_integer():
        raise BadValue(f"day = {short(day)}: expected a whole number; day 1 is time 0, day -1 the day before it")
    return count - 1 if count > 0 else count


def per_patient(amount: float, unit: str, body: Any) -> tuple[float, str]:
    """Return amount and unit of a dose, one per m2 or kg for the stated body; raise BadValue where they do not fit."""
    match = _PER_BODY.match(unit)
    if match is None:
        if body is not None:
            raise BadValue(f"body = {short(body)} is of no use: {amount:g} {unit} is not per m2 or per kg")
        return amount, unit
    size = "kg" if match[2] == "kg" else "m2"
    if body is None:
        example = "70 kg" if size == "kg" else "1.85 m2"
        raise BadValue(f"{amount:g} {unit} is per {size} but no body size is stated; add body='{example}'")
    scale = converted(body, size, "body")
    if scale <= 0:
        raise BadValue(f"body = {short(body)}: expected more than zero {size}")
    return amount * scale, match[1]
