"""Read the sentence that a clinician writes, "3 MIU SC QD days 1-5 every 28 days x3", into phases; write them back."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from immunode import units
from immunode.errors import BadValue, UnitError
from immunode.storage import remembered

if TYPE_CHECKING:
    from lark import Lark, Token

Branch = Any  # a lark Tree[Token]: what a rule's children are is known from the grammar, not from their types
FREQUENCIES = {1: "QD", 2: "BID", 3: "TID", 4: "QID"}
COUNTS = {"once": 1, "twice": 2, "three": 3, "four": 4, "daily": 1, "every": 1, "qd": 1, "bid": 2, "tid": 3, "qid": 4}
UNITS = ("MIU", "kIU", "IU", "mg", "ug", "ng", "g", "cells", "copies")  # written in any case
UNIT_WORDS = {"million iu": "MIU", "mcg": "ug", "µg": "ug", "μg": "ug", "cell": "cells", "copy": "copies"}
MONTH = 30.4375
LAST_DAY = 36_525  # a century: beyond it a day number is a slip

# What may come next, in a clinician's words: within the list of clauses, and inside one of them.
CLAUSES = {
    "SC": "a route (SC, IV or CIV)", "IV": "a route (SC, IV or CIV)", "CIV": "a route (SC, IV or CIV)",
    "BOLUS": "bolus", "OVER": "a duration ('over 2 h')", "FREQUENCY": "how often (QD, BID, TID, QID or q12h)",
    "DAY": "the days ('days 1-5,8-12')", "FROM": "the start ('from day 15')", "EVERY": "the interval ('every 28 days')",
    "X": "how many cycles ('x3')", "FOR": "the body size ('for 1.85 m2')", "THEN": "'then' and the next phase",
}  # fmt: skip
INSIDE = {
    "UNIT": "a unit such as MIU", "NUMBER": "a number", "AREA": "m2", "KG": "kg", "MINUTES": "min", "HOURS": "h",
    "DAY": "days", "WEEKS": "weeks", "MONTHS": "months", "CYCLES": "cycles",
}  # fmt: skip
WORDS = {
    "SC": "SC subcutaneous", "IV": "IV intravenous", "CIV": "CIV", "BOLUS": "bolus", "OVER": "over",
    "FREQUENCY": "QD BID TID QID daily", "DAY": "days day", "FROM": "from starting", "EVERY": "every", "FOR": "for",
    "THEN": "then", "CYCLES": "cycles times", "HOURS": "hours", "WEEKS": "weeks", "MONTHS": "months", "KG": "kg",
    "AREA": "m2", "MINUTES": "minutes", "UNIT": " ".join(UNITS),
}  # fmt: skip
PER = {"AREA": ("per", "m2"), "KG": ("per", "kg"), "DAY": ("rate", "day"), "HOURS": ("rate", "h")}
SYNONYMS = {"sq": "SC", "subq": "SC", "subcut": "SC", "od": "QD", "bd": "BID", "tds": "TID", "qds": "QID"}
TWICE = {
    "route": "the route", "over": "the duration", "frequency": "how often", "days": "which days", "begin": "the start",
    "interval": "the interval", "repeats": "the number of cycles",
}  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """Hold one phase as written: amount per dose (per m2 or kg; per day or h for CIV), days of a cycle, cycles.

    `over` is an infusion's text ("2 h"); `every` the interval's ("8 weeks"), `interval` the same in whole days or 0;
    `start` is the day number stated with "from day", else None.
    """

    amount: float
    unit: str
    per: str = ""
    rate: str = ""
    route: str = ""
    over: str | None = None
    per_day: int = 1
    days: tuple[int, ...] = (1,)
    start: int | None = None
    every: str = ""
    interval: float = 0.0
    times: int = 1
    body: float | None = None


def read(text: str) -> tuple[Phase, ...]:
    """Return the phases of a sentence; raise BadValue that points at the word and says what was expected."""
    if not isinstance(text, str) or not text.strip():
        raise BadValue(f"{text!r} is no prescription; write one such as '3 MIU SC QD days 1-5 every 28 days x3'")
    text = " ".join(text.split())
    tree = _tree(text)
    sizes = _sizes(text, tree)
    phases: list[Phase] = []
    for branch in tree.children[::2]:  # the odd ones are the words "then"
        phase = _phase(text, branch, {size: value for size, (value, _) in sizes.items()})
        if phases and phase.start is None and not phases[-1].interval:
            raise _fault(text, _first(branch), "when does it begin? add 'from day N', or an interval before 'then'")
        phases.append(phase)
    for size, (_, token) in sizes.items():
        if all(phase.per != size for phase in phases):
            raise _fault(text, token, f"no dose is per {size}; leave the body size out, or write MIU/{size}")
    return tuple(phases)


def written(phases: Iterable[Phase]) -> str:
    """Write phases as a sentence in its one normal form, which reads back as the same phases."""
    return " then ".join(_written(phase) for phase in phases)


def plain(number: float) -> str:
    """Write a number so that it reads back as the same float, whole numbers without a point."""
    return repr(float(number)).removesuffix(".0")


def runs(days: Iterable[int]) -> list[tuple[int, int]]:
    """Return the (first, last) of every run of consecutive days; doubles count once."""
    found: list[tuple[int, int]] = []
    for day in sorted(set(days)):
        if found and day == found[-1][1] + 1:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def days_text(days: Iterable[int], most: int | None = None) -> str:
    """Write days as a clinician does, "days 1-5,8-12"; beyond `most` runs the middle is left out."""
    pieces = [str(a) if a == b else f"{a}-{b}" if a > 0 else f"{a} to {b}" for a, b in runs(days)]
    word = "day" if len(pieces) == 1 and pieces[0].lstrip("-").isdigit() else "days"
    if most and len(pieces) > most:
        pieces = [*pieces[: most - 1], "...", pieces[-1]]
    return f"{word} {','.join(pieces)}"


def _written(phase: Phase) -> str:
    amount = f"{plain(phase.amount)} {phase.unit}" + "".join(f"/{each}" for each in (phase.per, phase.rate) if each)
    route = {"sc": "SC", "iv": "IV", "civ": "CIV"}[phase.route]
    words = [amount, route, f"over {phase.over}" if phase.over else "bolus" if phase.route == "iv" else ""]
    if phase.route == "civ" or phase.per_day > 1 or phase.days != (1,):
        often = FREQUENCIES.get(phase.per_day, f"q{24 // phase.per_day}h")
        words += ["" if phase.route == "civ" else often, days_text(phase.days)]
    words.append(f"from day {phase.start}" if phase.start is not None else "")
    words.append(f"every {phase.every} x{phase.times}" if phase.every else "")
    words.append(f"for {plain(phase.body)} {phase.per}" if phase.body is not None else "")
    return " ".join(word for word in words if word)


@lru_cache(maxsize=1)
def _parser() -> "Lark":
    from lark import Lark  # slow to import: only who reads a sentence pays for it

    grammar = files("immunode").joinpath("sentence.lark").read_text(encoding="utf-8")

    def made() -> bytes:
        saved = BytesIO()
        Lark(grammar, parser="lalr").save(saved)
        return saved.getvalue()

    return Lark.load(BytesIO(remembered(f"lark {version('lark')} {grammar}", made)))


def _tree(text: str) -> Branch:
    from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    parser = _parser().parse_interactive(text)
    seen: list[Token] = []
    try:
        for token in parser.iter_parse():
            seen.append(token)
        return parser.feed_eof()
    except UnexpectedInput as error:
        for token in seen:
            if token.type == "UNIT":
                _unit(text, token)  # a missing unit makes the next word the unit: say that first
        at: int = len(text)
        if isinstance(error, UnexpectedCharacters):
            at = error.pos_in_stream or 0
        elif isinstance(error, UnexpectedToken) and error.token.type != "$END":
            at = error.token.start_pos or 0
        raise _unexpected(text, at, parser.accepts(), seen) from None


def _unexpected(text: str, at: int, accepted: set[str], seen: "list[Token]") -> BadValue:
    word = (re.match(r"[^\s,;]+|.", text[at:]) or [""])[0]
    expected = f"expected {_either(_expected(accepted, seen))}"
    if word == "," and "UNIT" in accepted:
        expected += "; write the number without a comma, 187500 or 7.5"
    return _fault(text, (at, word), expected + _suggestion(word, accepted))


def _expected(accepted: set[str], seen: "list[Token]") -> list[str]:
    """Return what may come next, without the clauses that this phase has already, or that need another one first."""
    if "EVERY" not in accepted:
        first = ["an amount such as 3 MIU"] if "MINUS" in accepted else []
        return first or [word for name, word in INSIDE.items() if name in accepted] or ["a word of a prescription"]
    begin = max((k + 1 for k, token in enumerate(seen) if token.type == "THEN"), default=0)
    types = [token.type for token in seen[begin:]]
    had = set(types) - {"DAY"}
    if any(name == "DAY" and before not in ("NUMBER", "EVERY", "FROM", "_PER") for before, name in pairwise(types)):
        had.add("DAY")
    if not had & {"SC", "IV", "CIV"}:
        return [CLAUSES["SC"], CLAUSES["FREQUENCY"]]
    had |= {"SC", "IV", "CIV"} | ({"OVER", "BOLUS"} if had & {"OVER", "BOLUS", "SC", "CIV"} else set())
    had |= (set() if "EVERY" in had else {"X"}) | (set() if "_PER" in had and had & {"AREA", "KG"} else {"FOR"})
    return list(dict.fromkeys(words for name, words in CLAUSES.items() if name in accepted - had))


def _suggestion(word: str, accepted: set[str]) -> str:
    choices = {each.lower(): each for name in accepted for each in WORDS.get(name, "").split()}
    found = SYNONYMS.get(word.lower().strip("."))
    if found is None or found.lower() not in choices:
        close = get_close_matches(word.lower(), sorted(choices), n=1, cutoff=0.6) if len(word) > 1 else []
        found = choices[close[0]] if close else None
    return f"; did you mean '{found}'?" if found else ""


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _fault(text: str, where: "Token | tuple[int, str]", message: str) -> BadValue:
    at, word = where if isinstance(where, tuple) else (where.start_pos or 0, str(where))
    subject = f"at '{word}'" if word else "at its end"
    caret = " " * at + "^" * max(1, len(word))
    return BadValue(f"cannot read the prescription {subject}: {message}\n  {text}\n  {caret}")


def _first(branch: Branch) -> "Token":
    return next(branch.scan_values(lambda value: value is not None))


def _number(text: str, token: "Token", what: str, *, whole: bool = False, zero: bool = False) -> float:
    """Return the number of a token; refuse what is not finite, zero (unless `zero`), or not whole (when `whole`)."""
    value, kind = float(token), "whole" if whole else "finite"
    if not math.isfinite(value) or (value == 0 and not zero) or (whole and value != int(value)):
        raise _fault(text, token, f"{what} must be a {kind} number{'' if zero else ' above zero'}")
    return value


def _unit(text: str, token: "Token") -> str:
    word = " ".join(str(token).lower().split())
    if str(token) == "mIU":
        raise _fault(text, token, "mIU is a thousandth of an IU; did you mean 'MIU' (a million)?")
    known = UNIT_WORDS.get(word) or {name.lower(): name for name in UNITS}.get(word)
    if known:
        return known
    for kind in ("IU", "g", "mol", "cells", "copies", "mL"):
        try:
            units.factor(str(token), kind)
            return str(token)
        except UnitError:  # not of this kind, or no unit at all
            continue
    raise _fault(text, token, "expected a unit such as MIU" + _suggestion(str(token), {"UNIT"}))


def _sizes(text: str, tree: Branch) -> "dict[str, tuple[float, Token]]":
    """Return the body sizes that the sentence states, wherever it does: {"m2" or "kg": (value, token)}."""
    found: dict[str, tuple[float, Token]] = {}
    for branch in tree.find_data("body"):
        _, number, size = branch.children
        value, name = _number(text, number, "a body size"), "kg" if size.type == "KG" else "m2"
        if found.setdefault(name, (value, number))[0] != value:
            raise _fault(text, number, f"the body size is {plain(found[name][0])} {name} already; state one")
    return found


def _phase(text: str, branch: Branch, sizes: dict[str, float]) -> Phase:
    amount, *clauses = branch.children
    given: dict[str, Branch] = {}
    for clause in clauses:
        if clause.data == "body":
            continue  # read once for the whole sentence, by _sizes
        kind = {"hourly": "frequency", "lasting": "days", "bolus": "over"}.get(clause.data, clause.data)
        if kind in given:
            raise _fault(text, _first(clause), f"{TWICE[kind]} is stated twice; leave one out")
        given[kind] = clause
    if "route" not in given:
        raise _fault(text, _first(branch), "this dose has no route; add SC, IV or CIV")
    return Phase(
        **_amount(text, amount, sizes),
        **_giving(text, given, amount),
        **_days(text, given),
        **_cycle(text, given),
        start=_start(text, given),
    )


def _amount(text: str, branch: Branch, sizes: dict[str, float]) -> dict[str, Any]:
    minus, number, unit, *pers = branch.children
    if minus is not None:
        raise _fault(text, (minus.start_pos, f"-{number}"), "a dose cannot be negative")
    value = {"amount": _number(text, number, "a dose", zero=True), "unit": _unit(text, unit), "per": "", "rate": ""}
    for token in pers:
        slot, name = PER[token.type]
        if value[slot]:
            raise _fault(text, token, f"the dose is per {value[slot]} already; leave one out")
        value[slot] = name
        if slot == "per" and name not in sizes:
            example = "1.85 m2" if name == "m2" else "70 kg"
            raise _fault(text, token, f"a dose per {name} needs the body size; add 'for {example}'")
    return value | {"body": sizes.get(str(value["per"]))}


def _giving(text: str, given: dict[str, Branch], amount: Branch) -> dict[str, Any]:
    """Return route, infusion time and doses per day; refuse combinations that say two things at once."""
    route_token = _first(given["route"])
    route = route_token.type.lower()
    rate = [token for token in amount.children if token and token.type in ("DAY", "HOURS")]
    if rate and route != "civ":
        raise _fault(text, rate[0], "a rate is for a continuous infusion; write CIV, or one dose with QD or BID")
    if route == "civ" and not rate:
        raise _fault(text, route_token, "a continuous infusion needs a rate; write the dose as '18 MIU/day CIV'")
    if route == "civ" and "days" not in given:
        raise _fault(text, route_token, "a continuous infusion needs its days; add 'days 1-5'")
    for kind in ("over", "frequency"):
        if route == "civ" and kind in given:
            raise _fault(text, _first(given[kind]), "CIV lasts all of its days; leave this out, or write IV")
    over = None
    if "over" in given and given["over"].data == "bolus":
        if route == "sc":
            raise _fault(text, _first(given["over"]), "a bolus is given IV; leave it out, or write IV")
    elif "over" in given:
        _, number, unit = given["over"].children
        name = {"MINUTES": "min", "HOURS": "h", "DAY": "days"}[unit.type]
        over = f"{plain(_number(text, number, 'the duration'))} {name}"
    return {"route": route, "over": over, "per_day": _per_day(text, given)}


def _per_day(text: str, given: dict[str, Branch]) -> int:
    if "frequency" not in given:
        return 1
    clause = given["frequency"]
    if "days" not in given:
        raise _fault(text, _first(clause), "on which days? add 'day 1', 'days 1-5' or 'for 5 days'")
    if clause.data == "frequency":
        return COUNTS[_first(clause).lower().split()[0]]
    number = clause.children[1]
    hours = _number(text, number, "hours between doses", whole=True)
    if 24 % hours:
        raise _fault(text, number, "hours between doses must divide a day: 4, 6, 8, 12 or 24; or 'every 2 days x5'")
    return int(24 // hours)


def _days(text: str, given: dict[str, Branch]) -> dict[str, Any]:
    days: list[int] = []
    if "days" in given and given["days"].data == "lasting":
        days = list(range(1, _day(text, given["days"].children[1]) + 1))
    elif "days" in given:
        for span in given["days"].find_data("span"):
            first, last = span.children
            a, b = _day(text, first), _day(text, last or first)
            if b < a:
                raise _fault(text, last, f"the days run backwards; write {b}-{a}")
            if set(days) & set(range(a, b + 1)):
                raise _fault(text, first, "a day is listed twice; for more doses on a day write BID, TID or q6h")
            days += range(a, b + 1)
    days = sorted(days) or [1]
    if "interval" in given and days[-1] > (interval := _interval(text, given["interval"])[1]):
        advice = f"every {days[-1]} days or more, or fewer days"
        raise _fault(text, _first(given["days"]) if "days" in given else _first(given["interval"]),
                     f"day {days[-1]} lies beyond the interval of {plain(interval)} days; write {advice}")  # fmt: skip
    return {"days": tuple(days)}


def _day(text: str, token: "Token") -> int:
    day = _number(text, token, "a day (day 1 is the first)", whole=True)
    if day > LAST_DAY:
        raise _fault(text, token, f"a day beyond a century; expected at most {LAST_DAY}")
    return int(day)


def _interval(text: str, clause: Branch) -> tuple[str, float]:
    """Return the interval as written ("8 weeks") and in days; months are rounded to whole days."""
    _, number, unit = clause.children
    count = 1.0 if number is None else _number(text, number, "the interval")
    name, size = {"DAY": ("day", 1.0), "WEEKS": ("week", 7.0), "MONTHS": ("month", MONTH)}[unit.type]
    days = float(round(count * size)) if name == "month" else count * size
    return f"{plain(count)} {name}{'s' * (count != 1)}", days


def _cycle(text: str, given: dict[str, Branch]) -> dict[str, Any]:
    if "interval" not in given and "repeats" not in given:
        return {}
    if "repeats" not in given:
        raise _fault(text, _first(given["interval"]), "how many cycles? add 'x3' after the interval")
    if "interval" not in given:
        raise _fault(text, _first(given["repeats"]), "how far apart are the cycles? add 'every 28 days' before it")
    every, interval = _interval(text, given["interval"])
    count = next(token for token in given["repeats"].children if token.type == "NUMBER")
    times = int(_number(text, count, "the number of cycles", whole=True))
    return {"every": every, "interval": interval, "times": times}


def _start(text: str, given: dict[str, Branch]) -> int | None:
    return _day(text, given["begin"].children[2]) if "begin" in given else None
