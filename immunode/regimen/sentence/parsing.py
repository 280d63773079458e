"""Parse the prescription sentence by its grammar, and point at a slip in it in a clinician's words."""

import math
import re
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from immunode import units
from immunode.errors import BadValue, UnitError
from immunode.internal.disk_cache import remembered

if TYPE_CHECKING:
    from lark import Lark, Token

Branch = Any  # a lark Tree[Token]: what a rule's children are is known from the grammar, not from their types
UNITS = ("MIU", "kIU", "IU", "mg", "ug", "ng", "g", "cells", "copies")  # written in any case
UNIT_WORDS = {"million iu": "MIU", "mcg": "ug", "µg": "ug", "μg": "ug", "cell": "cells", "copy": "copies"}
ROUTES = ("SC", "IV", "CIV", "PO", "IM")

# What may come next, in a clinician's words: within the list of clauses, and inside one of them.
CLAUSES = {route: "a route (SC, IV, CIV, PO or IM)" for route in ROUTES} | {
    "BOLUS": "bolus", "OVER": "a duration ('over 2 h')", "AT": "a rate ('at 10 mg/h')",
    "FREQUENCY": "how often (once, QD, BID, TID, QID or q12h)", "DAY": "the days ('days 1-5,8-12')",
    "STEADY": "'at steady state'", "FROM": "the start ('from day 15')", "EVERY": "the interval ('every 28 days')",
    "X": "how many ('x3')", "FOR": "the body size ('for 1.85 m2')", "THEN": "'then' and the next phase",
    "PLUS": "'plus' and another dose",
}  # fmt: skip
INSIDE = {
    "UNIT": "a unit such as MIU", "NUMBER": "a number", "AREA": "m2", "KG": "kg", "MINUTES": "min", "HOURS": "h",
    "DAY": "days", "WEEKS": "weeks", "MONTHS": "months", "CYCLES": "cycles", "DOSES": "doses", "LATER": "later",
}  # fmt: skip
WORDS = {
    "SC": "SC subcutaneous", "IV": "IV intravenous", "CIV": "CIV", "PO": "PO oral", "IM": "IM intramuscular",
    "BOLUS": "bolus", "OVER": "over", "AT": "at", "FREQUENCY": "QD BID TID QID daily", "ONCE": "once",
    "STEADY": "steady", "DAY": "days day", "FROM": "from starting", "LATER": "later", "EVERY": "every", "FOR": "for",
    "THEN": "then", "PLUS": "plus", "CYCLES": "cycles times", "DOSES": "doses", "HOURS": "hours", "WEEKS": "weeks",
    "MONTHS": "months", "KG": "kg", "AREA": "m2", "MINUTES": "minutes", "UNIT": " ".join(UNITS),
}  # fmt: skip
SYNONYMS = {
    "sq": "SC", "subq": "SC", "subcut": "SC", "od": "QD", "bd": "BID", "tds": "TID", "qds": "QID", "and": "plus",
    "with": "plus", "&": "plus", "stat": "once", "mouth": "PO",
}  # fmt: skip


@lru_cache(maxsize=1)
def _parser() -> "Lark":
    from lark import Lark  # slow to import: only who reads a sentence pays for it

    grammar = files("immunode.regimen.sentence").joinpath("grammar.lark").read_text(encoding="utf-8")

    def made() -> bytes:
        saved = BytesIO()
        Lark(grammar, parser="lalr").save(saved)
        return saved.getvalue()

    return Lark.load(BytesIO(remembered(f"lark {version('lark')} {grammar}", made)))


def parsed(text: str) -> Branch:
    """Return the sentence as a tree of sentence.lark; raise BadValue that points at a word and says what may follow."""
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
                unit_of(text, token)  # a missing unit makes the next word the unit: say that first
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
    if [token.type for token in seen[-2:]] == ["LIST", "NUMBER"] and "EVERY" in accepted:
        expected += "; 'and' joins days: for another dose write 'plus'"
    return fault(text, (at, word), expected + _suggestion(word, accepted))


def _expected(accepted: set[str], seen: "list[Token]") -> list[str]:
    """Return what may come next, without the clauses that this phase has already, or that need another one first."""
    if "EVERY" not in accepted:
        first = ["an amount such as 3 MIU"] if "MINUS" in accepted else []
        return first or [word for name, word in INSIDE.items() if name in accepted] or ["a word of a prescription"]
    begin = max((k + 1 for k, token in enumerate(seen) if token.type in ("THEN", "PLUS")), default=0)
    types = [token.type for token in seen[begin:]]
    had = set(types) - {"DAY"}
    if any(name == "DAY" and before not in ("NUMBER", "EVERY", "FROM", "_PER") for before, name in pairwise(types)):
        had.add("DAY")
    if not had & set(ROUTES):
        return [CLAUSES["SC"], CLAUSES["FREQUENCY"]]
    if set(types) & ({"OVER", "BOLUS", "AT", *ROUTES} - {"IV"}):
        had |= {"OVER", "BOLUS", "AT"}
    if had & {"FREQUENCY", "ONCE", "CIV"} or "EVERY NUMBER HOURS" in " ".join(types):
        had.add("FREQUENCY")
    if "EVERY" not in had and ("FREQUENCY" not in types or "DAY" in had):
        had.add("X")
    if "_PER" not in had or not had & {"AREA", "KG"}:
        had.add("FOR")
    if not had & {"FREQUENCY", "EVERY"}:
        had.add("STEADY")
    had |= set(ROUTES)
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


def fault(text: str, where: "Token | tuple[int, str]", message: str) -> BadValue:
    """Return the error that shows the sentence, with carets under the token or the (position, word) at fault."""
    at, word = where if isinstance(where, tuple) else (where.start_pos or 0, str(where))
    subject = f"at '{word}'" if word else "at its end"
    caret = " " * at + "^" * max(1, len(word))
    return BadValue(f"cannot read the prescription {subject}: {message}\n  {text}\n  {caret}")


def first_token(branch: Branch) -> "Token":
    """Return the first word of a branch, to point at."""
    return next(branch.scan_values(lambda value: value is not None))


def number_of(text: str, token: "Token", what: str, *, whole: bool = False, zero: bool = False) -> float:
    """Return the number of a token; refuse what is not finite, zero (unless `zero`), or not whole (when `whole`)."""
    value, kind = float(token), "whole" if whole else "finite"
    if not math.isfinite(value) or (value == 0 and not zero) or (whole and value != int(value)):
        raise fault(text, token, f"{what} must be a {kind} number{'' if zero else ' above zero'}")
    return value


def unit_of(text: str, token: "Token") -> str:
    """Return the unit of a token in its one spelling; refuse what is no unit of a dose."""
    word = " ".join(str(token).lower().split())
    if str(token) == "mIU":
        raise fault(text, token, "mIU is a thousandth of an IU; did you mean 'MIU' (a million)?")
    known = UNIT_WORDS.get(word) or {name.lower(): name for name in UNITS}.get(word)
    if known:
        return known
    for kind in ("IU", "g", "mol", "cells", "copies", "mL"):
        try:
            units.factor(str(token), kind)
            return str(token)
        except UnitError:  # not of this kind, or no unit at all
            continue
    raise fault(text, token, "expected a unit such as MIU" + _suggestion(str(token), {"UNIT"}))


def plain(number: float) -> str:
    """Write a number so that it reads back as the same float, whole numbers without a point."""
    return repr(float(number)).removesuffix(".0")
