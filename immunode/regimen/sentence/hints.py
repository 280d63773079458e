"""What may come next in a prescription, in a clinician's words, and the word that a slip was meant for."""

import re
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Token

UNITS = ("MIU", "kIU", "IU", "mg", "ug", "ng", "g", "cells", "copies")  # written in any case
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
# a letter away from another dose: never guessed from a slip
APART = frozenset(("mg", "ug", "ng", "g", "qd", "bid", "tid", "qid"))
_OTHER_DAYS = "every other day: write the days, such as 'day 1 every 2 days x14'"
_WEEKLY, _DAILY = "write the days, such as 'day 1 every 7 days x4'", "write QD"
NOT_READ = {  # abbreviations that are not read, what they mean, and how it is written
    "tiw": "three times a week: write the days, such as 'days 1,3,5 every 7 days x4'",
    "biw": "twice a week: write the days, such as 'days 1,4 every 7 days x4'",
    "qiw": "four times a week: write the days, such as 'days 1,2,4,6 every 7 days x4'",
    "qw": f"once a week: {_WEEKLY}", "qwk": f"once a week: {_WEEKLY}", "ow": f"once a week: {_WEEKLY}",
    "weekly": f"once a week: {_WEEKLY}",
    "qow": "every other week: write the days, such as 'day 1 every 14 days x4'",
    "qod": _OTHER_DAYS, "eod": _OTHER_DAYS,
    "qam": f"each morning: {_DAILY}", "qpm": f"each evening: {_DAILY}", "hs": f"at bedtime: {_DAILY}",
    "qhs": f"at bedtime: {_DAILY}", "prn": "as needed: write the days on which it is given",
    "monthly": "once a month: write the days, such as 'day 1 every 28 days x4'",
}  # fmt: skip
SYNONYMS = {
    "sq": "SC", "subq": "SC", "subcut": "SC", "od": "QD", "bd": "BID", "tds": "TID", "qds": "QID", "and": "plus",
    "with": "plus", "&": "plus", "stat": "once", "mouth": "PO",
}  # fmt: skip

_NOTHING = frozenset(("none", "nothing", "no", "nil", "untreated", "placebo", "control"))


def hint(text: str, at: int, accepted: set[str], seen: "list[Token]") -> tuple[str, str]:
    """Return the word at position `at`, and what was expected there: one of `accepted`, after what was `seen`."""
    word = (re.match(r"[^\s,;]+|.", text[at:]) or [""])[0]
    if word.lower().strip(".") in NOT_READ and "FREQUENCY" in accepted:
        return word, NOT_READ[word.lower().strip(".")]
    if word.lower() in ("while", "until", "if", "when"):
        return (
            word,
            "a rule, which follows what is measured: arms of trials and schedules of a comparison have rules",
        )
    if not seen and word.lower() in _NOTHING:
        return word, "whom nothing is given needs no prescription: leave it out (a comparison has 'no doses' beside)"
    expected = f"expected {_either(_expected(accepted, seen))}"
    if word == "," and "UNIT" in accepted:
        expected += "; write the number without a comma, 187500 or 7.5"
    if [token.type for token in seen[-2:]] == ["LIST", "NUMBER"] and "EVERY" in accepted:
        expected += "; 'and' joins days: for another dose write 'plus'"
    return word, expected + suggestion(word, accepted)


def suggestion(word: str, accepted: set[str]) -> str:
    """Return "; did you mean 'SC'?" for the accepted word that `word` stands for or comes near, else nothing.

    A slip for a dose or a number of doses a day is not guessed: a wrong guess is another dose.
    """
    choices = {each.lower(): each for name in accepted for each in WORDS.get(name, "").split()}
    meant = SYNONYMS.get(word.lower().strip("."))
    if meant is None or meant.lower() not in choices:
        near = {
            each for each in choices if each not in APART or (len(each) == 3 and sorted(each) == sorted(word.lower()))
        }
        close = get_close_matches(word.lower(), sorted(near), n=1, cutoff=0.6) if len(word) > 1 else []
        meant = choices[close[0]] if close else None
    return f"; did you mean '{meant}'?" if meant else ""


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


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
