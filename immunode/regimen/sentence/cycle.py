"""When and how often: days, counts, cycles, steady state and start of a phase; a contradiction is pointed at."""

from typing import TYPE_CHECKING, Any

from immunode.regimen.sentence.parsing import Branch, fault, first_token, number_of, plain
from immunode.units import MONTH

if TYPE_CHECKING:
    from lark import Token

COUNTS = {"once": 1, "twice": 2, "three": 3, "four": 4, "daily": 1, "every": 1, "qd": 1, "bid": 2, "tid": 3, "qid": 4}
LAST_DAY = 36_525  # a century: beyond it a day number is a slip


def day_of(text: str, token: "Token") -> int:
    """Return a day's number; refuse one that is not whole, below 1 or beyond a century."""
    day = number_of(text, token, "a day (day 1 is the first)", whole=True)
    if day > LAST_DAY:
        raise fault(text, token, f"a day beyond a century; expected at most {LAST_DAY}")
    return int(day)


def hours_of(text: str, number: "Token", unit: "Token", what: str) -> float:
    """Return a time as written ("12 h", "2 days") in hours."""
    return number_of(text, number, what) * {"HOURS": 1.0, "DAY": 24.0, "WEEKS": 168.0}[unit.type]


def doses_of_cycle(text: str, stated: dict[str, Branch], interval: float) -> dict[str, Any]:
    """Return the doses of a cycle: on days, or a count of them some hours apart; refuse an open end."""
    often = stated["frequency"] if "frequency" in stated and stated["frequency"].data != "once" else None
    count = stated.get("doses") or (stated.get("repeats") if not interval else None)
    if count and "days" in stated:
        if count.data == "doses":
            raise fault(text, first_token(count), "the days say how many doses; leave one of them out")
        raise fault(text, first_token(count), "how far apart are the cycles? add 'every 28 days' before it")
    if count and often is None:
        cure = "add 'q12h' for doses, or 'every 28 days' for cycles"
        raise fault(text, first_token(count), f"how far apart are they? {cure}")
    hours = _hours(text, often) if often else 24.0
    if count:
        return _count(text, count, interval, hours)
    if often and "days" not in stated:
        if "steady" in stated and not interval:
            return {"doses": 1, "hours": hours}
        count_too = "'x10 doses'" if interval else "'x10'"
        raise fault(text, first_token(often), f"on which days? add 'days 1-5', 'for 5 days' or, to count, {count_too}")
    days = _days(text, stated, interval)
    if often and 24 % hours:
        cure = f"4, 6, 8, 12 or 24; or count them: 'q{plain(hours)}h x5'"
        raise fault(text, often.children[1], f"hours between doses must divide a day: {cure}")
    if "frequency" in stated and often is None and len(days) > 1:
        raise fault(
            text, first_token(stated["frequency"]), "once is one dose, these are more days; write QD, or one day"
        )
    return {"days": days, "per_day": int(24 // hours)}


def check_steady(text: str, stated: dict[str, Branch], doses: dict[str, Any], interval: float) -> None:
    """Refuse a steady state of cycles, of doses with a gap, or of one dose."""
    token, days = first_token(stated["steady"]), doses.get("days", (1,))
    civ = first_token(stated["route"]).type == "CIV"
    if interval and (civ or len(days) > 1 or "doses" in doses or doses["per_day"] > 1):
        raise fault(text, token, "cycles have no steady state; leave the interval out, or give one dose in each")
    if days[-1] - days[0] + 1 != len(days):
        raise fault(text, token, "doses with a gap have no steady state; write consecutive days")
    single = len(days) == 1 and ("frequency" not in stated or stated["frequency"].data == "once")
    if single and not interval and not civ:
        raise fault(text, token, "the steady state of what? say how often: 'q12h' or 'every 14 days'")


def _hours(text: str, clause: Branch) -> float:
    if clause.data == "frequency":
        return 24 / COUNTS[first_token(clause).lower().split()[0]]
    return number_of(text, clause.children[1], "hours between doses", whole=True)


def _count(text: str, clause: Branch, interval: float, hours: float) -> dict[str, Any]:
    token = next(each for each in clause.children if each and each.type == "NUMBER")
    doses = int(number_of(text, token, "the number of doses", whole=True))
    if doses * hours > 24 * LAST_DAY:
        raise fault(text, token, "doses beyond a century; write fewer")
    if interval and (doses - 1) * hours >= 24 * interval:
        raise fault(text, token, f"{doses} doses last longer than the interval of {plain(interval)} days; write fewer")
    return {"doses": doses, "hours": hours}


def _days(text: str, stated: dict[str, Branch], interval: float) -> tuple[int, ...]:
    days: list[int] = []
    if "days" in stated and stated["days"].data == "lasting":
        _, token, unit = stated["days"].children
        days = list(range(1, day_of(text, token) * (7 if unit.type == "WEEKS" else 1) + 1))
    elif "days" in stated:
        for span in stated["days"].find_data("span"):
            first, last = span.children
            a, b = day_of(text, first), day_of(text, last or first)
            if b < a:
                raise fault(text, last, f"the days run backwards; write {b}-{a}")
            if set(days) & set(range(a, b + 1)):
                raise fault(text, first, "a day is listed twice; for more doses on a day write BID, TID or q6h")
            days += range(a, b + 1)
    days = sorted(days) or [1]
    if interval and days[-1] > interval:
        advice = f"every {days[-1]} days or more, or fewer days"
        where = first_token(stated["days"] if "days" in stated else stated["interval"])
        raise fault(text, where, f"day {days[-1]} lies beyond the interval of {plain(interval)} days; write {advice}")
    return tuple(days)


def cycles_of(text: str, stated: dict[str, Branch]) -> dict[str, Any]:
    """Return the interval between cycles and their number, nothing where there is no interval."""
    if "interval" not in stated:
        return {}
    every, interval = _interval(text, stated["interval"])
    if "repeats" not in stated:
        if "steady" in stated:
            return {"every": every, "interval": interval}
        raise fault(text, first_token(stated["interval"]), "how many cycles? add 'x3' after the interval")
    count = next(token for token in stated["repeats"].children if token.type == "NUMBER")
    times = int(number_of(text, count, "the number of cycles", whole=True))
    return {"every": every, "interval": interval, "times": times}


def _interval(text: str, clause: Branch) -> tuple[str, float]:
    """Return the interval as written ("8 weeks") and in days; months are rounded to whole days."""
    _, number, unit = clause.children
    count = 1.0 if number is None else number_of(text, number, "the interval")
    name, size = {"DAY": ("day", 1.0), "WEEKS": ("week", 7.0), "MONTHS": ("month", MONTH)}[unit.type]
    days = float(round(count * size)) if name == "month" else count * size
    return f"{plain(count)} {name}{'s' * (count != 1)}", days


def start_of(text: str, stated: dict[str, Branch]) -> float | None:
    """Return the hour since day 1 at which a phase begins, None if it does not say so itself."""
    if "begin" not in stated or stated["begin"].data == "later":
        return None
    _, unit, token = stated["begin"].children
    if unit.type == "DAY":
        return 24.0 * (day_of(text, token) - 1)
    hour = number_of(text, token, "an hour (hour 0 begins day 1)", zero=True)
    if hour > 24 * (LAST_DAY - 1):
        raise fault(text, token, f"an hour beyond a century; expected at most {24 * (LAST_DAY - 1)}")
    return hour
