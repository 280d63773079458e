"""Read the clauses of one phase of a prescription, "600 mg IV over 1 h q12h days 2-5", and refuse what contradicts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunode import units
from immunode.errors import UnitError
from immunode.regimen.sentence.parsing import Branch, fault, first_token, number_of, plain, unit_of

if TYPE_CHECKING:
    from lark import Token

COUNTS = {"once": 1, "twice": 2, "three": 3, "four": 4, "daily": 1, "every": 1, "qd": 1, "bid": 2, "tid": 3, "qid": 4}
MONTH = 30.4375
LAST_DAY = 36_525  # a century: beyond it a day number is a slip
PER = {"AREA": ("per", "m2"), "KG": ("per", "kg"), "DAY": ("rate", "day"), "HOURS": ("rate", "h")}
TIMES = {"MINUTES": "min", "HOURS": "h", "DAY": "days", "WEEKS": "weeks"}
SAME = {
    "hourly": "frequency",
    "once": "frequency",
    "lasting": "days",
    "bolus": "over",
    "pace": "over",
    "later": "begin",
}
TWICE = {
    "route": "the route", "over": "how fast it is given", "frequency": "how often", "days": "which days",
    "begin": "the start", "interval": "the interval", "repeats": "the number of cycles (of doses: 'x10 doses')",
    "doses": "the number of doses", "steady": "the steady state",
}  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """Hold one phase as written: amount per dose (per m2 or kg; per day or h for CIV), days of a cycle, cycles.

    `over` is an infusion's text ("2 h"), `pace` its rate's ("10 mg/h"); `doses` counts doses `hours` apart where no
    days are stated, else 0; `start` is the time [h] since day 1 at which the phase begins, if it is not where `then`
    puts it; `every` the interval's text ("8 weeks"), `interval` the same in whole days or 0. A phase that is
    `parallel` begins another course ("plus"). `steady`: its first dose finds the steady state of such doses.
    """

    amount: float
    unit: str
    per: str = ""
    rate: str = ""
    route: str = ""
    over: str | None = None
    pace: str | None = None
    per_day: int = 1
    days: tuple[int, ...] = (1,)
    doses: int = 0
    hours: float = 0.0
    steady: bool = False
    start: float | None = None
    every: str = ""
    interval: float = 0.0
    times: int = 1
    body: float | None = None
    parallel: bool = False


def sizes_of(text: str, tree: Branch) -> "dict[str, tuple[float, Token]]":
    """Return the body sizes that the sentence states, wherever it does: {"m2" or "kg": (value, token)}."""
    found: dict[str, tuple[float, Token]] = {}
    for branch in tree.find_data("body"):
        _, number, size = branch.children
        value, name = number_of(text, number, "a body size"), "kg" if size.type == "KG" else "m2"
        if found.setdefault(name, (value, number))[0] != value:
            raise fault(text, number, f"the body size is {plain(found[name][0])} {name} already; state one")
    return found


def phase_of(text: str, branch: Branch, sizes: dict[str, float]) -> Phase:
    """Return the phase of a branch; raise BadValue for a clause given twice or in the wrong company."""
    amount, *clauses = branch.children
    given: dict[str, Branch] = {}
    for clause in clauses:
        if clause.data == "body":
            continue  # read once for the whole sentence, by sizes_of
        kind = SAME.get(clause.data, clause.data)
        if kind in given:
            raise fault(text, first_token(clause), f"{TWICE[kind]} is stated twice; leave one out")
        given[kind] = clause
    if "route" not in given:
        raise fault(text, first_token(branch), "this dose has no route; add SC, IV, CIV, PO or IM")
    size, cycle = _amount(text, amount, sizes), _cycle(text, given)
    giving = _giving(text, given, amount, size["unit"])
    course = _course(text, given, cycle.get("interval", 0.0))
    if "steady" in given:
        _check_steady(text, given, course, cycle.get("interval", 0.0))
    return Phase(**size, **giving, **course, **cycle, steady="steady" in given, start=_start(text, given))


def day_of(text: str, token: "Token") -> int:
    """Return a day's number; refuse one that is not whole, below 1 or beyond a century."""
    day = number_of(text, token, "a day (day 1 is the first)", whole=True)
    if day > LAST_DAY:
        raise fault(text, token, f"a day beyond a century; expected at most {LAST_DAY}")
    return int(day)


def hours_of(text: str, number: "Token", unit: "Token", what: str) -> float:
    """Return a time as written ("12 h", "2 days") in hours."""
    return number_of(text, number, what) * {"HOURS": 1.0, "DAY": 24.0, "WEEKS": 168.0}[unit.type]


def _amount(text: str, branch: Branch, sizes: dict[str, float]) -> dict[str, Any]:
    minus, number, unit, *pers = branch.children
    if minus is not None:
        raise fault(text, (minus.start_pos, f"-{number}"), "a dose cannot be negative")
    value = {"amount": number_of(text, number, "a dose", zero=True), "unit": unit_of(text, unit), "per": "", "rate": ""}
    for token in pers:
        slot, name = PER[token.type]
        if value[slot]:
            raise fault(text, token, f"the dose is per {value[slot]} already; leave one out")
        value[slot] = name
        if slot == "per" and name not in sizes:
            example = "1.85 m2" if name == "m2" else "70 kg"
            raise fault(text, token, f"a dose per {name} needs the body size; add 'for {example}'")
    return value | {"body": sizes.get(str(value["per"]))}


def _giving(text: str, given: dict[str, Branch], amount: Branch, unit: str) -> dict[str, Any]:
    """Return the route and how fast; refuse combinations that say two things at once."""
    route = first_token(given["route"]).type.lower()
    _check_rate(text, given, amount, route)
    for kind in ("over", "steady"):
        if kind in given and given[kind].data in ("pace", "steady") and float(amount.children[1]) == 0:
            raise fault(text, first_token(given[kind]), "a dose of 0 has no rate and no steady state; leave this out")
    if "over" not in given:
        return {"route": route}
    clause, token = given["over"], first_token(given["over"])
    if clause.data == "bolus":
        if route != "iv":
            raise fault(text, token, "a bolus is given IV; leave it out, or write IV")
        return {"route": route}
    if route in ("po", "im"):
        raise fault(text, token, f"a dose {route.upper()} is given at once; leave this out, or write IV or SC")
    if clause.data == "over":
        _, number, span = clause.children
        return {"route": route, "over": f"{plain(number_of(text, number, 'the duration'))} {TIMES[span.type]}"}
    _, number, what, span = clause.children
    speed = unit_of(text, what)
    try:
        units.factor(speed, unit)
    except UnitError:
        raise fault(text, what, f"the dose is in {unit}, so its rate cannot be in {speed}; write {unit}/h") from None
    per = TIMES[span.type].removesuffix("s")
    return {"route": route, "pace": f"{plain(number_of(text, number, 'the rate'))} {speed}/{per}"}


def _check_rate(text: str, given: dict[str, Branch], amount: Branch, route: str) -> None:
    rate = [token for token in amount.children if token and token.type in ("DAY", "HOURS")]
    if rate and route != "civ":
        raise fault(text, rate[0], "a rate is for a continuous infusion; write CIV, or one dose with QD or BID")
    if route != "civ":
        return
    token = first_token(given["route"])
    if not rate:
        raise fault(text, token, "a continuous infusion needs a rate; write the dose as '18 MIU/day CIV'")
    for kind in ("over", "frequency", "doses"):
        if kind in given:
            raise fault(text, first_token(given[kind]), "CIV lasts all of its days; leave this out, or write IV")
    if "days" not in given:
        raise fault(text, token, "a continuous infusion needs its days; add 'days 1-5'")


def _course(text: str, given: dict[str, Branch], interval: float) -> dict[str, Any]:
    """Return the doses of a cycle: on days, or a count of them some hours apart; refuse an open end."""
    often = given["frequency"] if "frequency" in given and given["frequency"].data != "once" else None
    count = given.get("doses") or (given.get("repeats") if not interval else None)
    if count and "days" in given:
        if count.data == "doses":
            raise fault(text, first_token(count), "the days say how many doses; leave one of them out")
        raise fault(text, first_token(count), "how far apart are the cycles? add 'every 28 days' before it")
    if count and often is None:
        cure = "add 'q12h' for doses, or 'every 28 days' for cycles"
        raise fault(text, first_token(count), f"how far apart are they? {cure}")
    hours = _hours(text, often) if often else 24.0
    if count:
        return _count(text, count, interval, hours)
    if often and "days" not in given:
        if "steady" in given and not interval:
            return {"doses": 1, "hours": hours}
        count_too = "'x10 doses'" if interval else "'x10'"
        raise fault(text, first_token(often), f"on which days? add 'days 1-5', 'for 5 days' or, to count, {count_too}")
    days = _days(text, given, interval)
    if often and 24 % hours:
        cure = f"4, 6, 8, 12 or 24; or count them: 'q{plain(hours)}h x5'"
        raise fault(text, often.children[1], f"hours between doses must divide a day: {cure}")
    if "frequency" in given and often is None and len(days) > 1:
        raise fault(
            text, first_token(given["frequency"]), "once is one dose, these are more days; write QD, or one day"
        )
    return {"days": days, "per_day": int(24 // hours)}


def _check_steady(text: str, given: dict[str, Branch], course: dict[str, Any], interval: float) -> None:
    token, days = first_token(given["steady"]), course.get("days", (1,))
    civ = first_token(given["route"]).type == "CIV"
    if interval and (civ or len(days) > 1 or "doses" in course or course["per_day"] > 1):
        raise fault(text, token, "cycles have no steady state; leave the interval out, or give one dose in each")
    if days[-1] - days[0] + 1 != len(days):
        raise fault(text, token, "doses with a gap have no steady state; write consecutive days")
    single = len(days) == 1 and ("frequency" not in given or given["frequency"].data == "once")
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


def _days(text: str, given: dict[str, Branch], interval: float) -> tuple[int, ...]:
    days: list[int] = []
    if "days" in given and given["days"].data == "lasting":
        _, token, unit = given["days"].children
        days = list(range(1, day_of(text, token) * (7 if unit.type == "WEEKS" else 1) + 1))
    elif "days" in given:
        for span in given["days"].find_data("span"):
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
        where = first_token(given["days"] if "days" in given else given["interval"])
        raise fault(text, where, f"day {days[-1]} lies beyond the interval of {plain(interval)} days; write {advice}")
    return tuple(days)


def _interval(text: str, clause: Branch) -> tuple[str, float]:
    """Return the interval as written ("8 weeks") and in days; months are rounded to whole days."""
    _, number, unit = clause.children
    count = 1.0 if number is None else number_of(text, number, "the interval")
    name, size = {"DAY": ("day", 1.0), "WEEKS": ("week", 7.0), "MONTHS": ("month", MONTH)}[unit.type]
    days = float(round(count * size)) if name == "month" else count * size
    return f"{plain(count)} {name}{'s' * (count != 1)}", days


def _cycle(text: str, given: dict[str, Branch]) -> dict[str, Any]:
    if "interval" not in given:
        return {}
    every, interval = _interval(text, given["interval"])
    if "repeats" not in given:
        if "steady" in given:
            return {"every": every, "interval": interval}
        raise fault(text, first_token(given["interval"]), "how many cycles? add 'x3' after the interval")
    count = next(token for token in given["repeats"].children if token.type == "NUMBER")
    times = int(number_of(text, count, "the number of cycles", whole=True))
    return {"every": every, "interval": interval, "times": times}


def _start(text: str, given: dict[str, Branch]) -> float | None:
    if "begin" not in given or given["begin"].data == "later":
        return None
    _, unit, token = given["begin"].children
    if unit.type == "DAY":
        return 24.0 * (day_of(text, token) - 1)
    hour = number_of(text, token, "an hour (hour 0 begins day 1)", zero=True)
    if hour > 24 * (LAST_DAY - 1):
        raise fault(text, token, f"an hour beyond a century; expected at most {24 * (LAST_DAY - 1)}")
    return hour
