"""Visits in words: "every 4 weeks to 12 mo", "day 0, 4 wk, 12 wk", and days of a list such as "12 wk"."""

import re
from typing import Any

from immunode.errors import BadValue, ImmunodeError
from immunode.internal.arguments import finite, is_list, short
from immunode.model.clock import Days
from immunode.units import SaidDays, convert, counts_months, said_days

MOST = 10_000  # visits; more are a step in a wrong unit
_TEXT = "a text, such as 'day 0, day 28, 8 wk' or 'every 4 weeks to 12 mo'"
EXPECTED = f"a list of days, such as [0, 28, 56] or ['0 d', '4 wk'], or {_TEXT}"
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)"
_TIME = rf"{_NUMBER} ?[a-z]+"
_DAY = rf"{_TIME}|(?:hour|day|week|month|year) {_NUMBER}"
_STEPS = re.compile(rf"(?:from ({_DAY}) )?every ({_TIME}|[a-z]+) (?:up to|to|until|for) ({_DAY})", re.IGNORECASE)
_ENDLESS = re.compile(rf"(?:from ({_DAY}) )?every ({_TIME}|[a-z]+)", re.IGNORECASE)


def visit_days(visits: Any) -> tuple[float, ...]:
    """Return the visits as days that rise; months and years are rounded to whole days.

    Steps are from day 0, or from where those before them end ("every 4 weeks to 24 wk, then every 12 weeks to 2 y"), up
    to the last day, which is one of them where it is half a step or more behind the last step. Raise BadValue for what
    is no day, names no end, or does not rise.
    """
    if isinstance(visits, str):
        return _in_words(" ".join(visits.split()))
    if not is_list(visits):
        raise BadValue(f"visits = {short(visits)}: expected {EXPECTED}")
    days = tuple(SaidDays(day) if isinstance(visits, Days) else _day(day) for day in visits)
    if not days or list(days) != sorted(set(days)):
        raise BadValue(f"visits = {list(visits)}: expected days that rise")
    return days


def _day(value: Any) -> float:
    what, expected = "a day of visits", "days that rise, such as [0, 28, 56]"
    quantity = hasattr(type(value), "magnitude") or isinstance(value, SaidDays)
    if not quantity and not (isinstance(value, str) and re.fullmatch(_DAY, value.strip(), re.IGNORECASE)):
        return finite(value, what, expected)
    try:
        return _read(value.strip()) if isinstance(value, str) else said_days(value)
    except ImmunodeError as error:
        raise BadValue(f"{what} = {value!r}: expected {expected} ({error})") from error


def _read(text: str) -> float:
    """Return a day, "12 wk", "week 12" or "day 84"; one in months or years as whole days."""
    word, _, number = text.partition(" ")
    return said_days(f"{number} {word}" if word.isalpha() else text)


def _in_words(text: str) -> tuple[float, ...]:
    days: list[float] = []
    # commas within a part, "from day 28, every 4 weeks, up to day 84"
    joined = re.sub(r",(?= (?:up to|to|until|for) )", "", text, flags=re.IGNORECASE)
    joined = re.sub(rf"(from (?:{_DAY})),(?= every )", r"\1", joined, flags=re.IGNORECASE)
    for part in re.split(r"\s*(?:,\s*(?:then|and)\s|,|;|\bthen\b|\band\b)\s*", joined):
        try:
            days += _part(part, days[-1] if days else 0.0)
        except ImmunodeError as error:
            raise BadValue(f"visits = '{text}': {error}") from error
    # where steps go on from the end of others that day is one of both
    days = [day for i, day in enumerate(days) if not i or day != days[i - 1]]
    if days != sorted(set(days)):
        raise BadValue(f"visits = '{text}': expected days that rise")
    return tuple(days)


def _part(part: str, before: float) -> list[float]:
    """Return the days of a part of a text: one day, or steps."""
    if re.fullmatch(_DAY, part, re.IGNORECASE):
        return [_read(part)]
    steps = _STEPS.fullmatch(part)
    if steps is None:
        if _ENDLESS.fullmatch(part):
            raise BadValue(f"until when? write such as '{part} to 12 mo'")
        raise BadValue(f"cannot read '{part}'; expected {_TEXT}")
    return _steps(_read(steps[1]) if steps[1] else before, steps[2], _read(steps[3]), part)


def _steps(begin: float, every: str, last: float, part: str) -> list[float]:
    every = every if every[-1:].isdigit() or re.match(_NUMBER, every) else f"1 {every}"
    step, whole = convert(every, "day"), counts_months(every)
    if not step > 0 or last <= begin:
        raise BadValue(f"'{part}': expected a step above 0 and an end after day {begin:g}")
    if (last - begin) / step > MOST:
        raise BadValue(f"'{part}' is more than {MOST:,} visits; take a longer step, or an earlier end")
    count = int((last - begin) / step + (0.05 if whole else 1e-9))  # 12 months of whole days are 365, not 365.25
    days = [begin + k * step for k in range(count + 1)]
    days = [float(round(day)) for day in days] if whole else days
    days = [day for day in days if day <= last]
    days = days if last - days[-1] < step / 2 else [*days, last]
    return [SaidDays(day) for day in days]
