"""What may come next in a condition, in words."""

import re
from typing import Any

from immunode.conditions.measured import EXAMPLES, given_kind, spoken
from immunode.errors import nearest

_NEXT = {
    "NAME": "a signal such as cd4", "LESS": "a comparison (<, <=, >, >=)", "NUMBER": "a number",
    "BASELINE": "baseline, nadir, best, 'day N' or 'week N'", "VISITS": "visits", "AND": "'and'", "OR": "'or'",
    "FOR": "'for 2 visits'", "X": "x", "OF": "'of' and a signal", "UNIT": "a unit", "RIGHT": "')'",
}  # fmt: skip
_REFERENCES = ("baseline", "nadir", "best", "day")
_FACTORS = {"half": "0.5", "twice": "2", "double": "2", "thrice": "3"}
_OTHER = {
    "=": "a measured number is hardly ever equal to another: write < or >",
    "==": "a measured number is hardly ever equal to another: write < or >",
    "!": "write 'not'", "max": "the highest so far is called 'best'", "peak": "the highest so far is called 'best'",
    "min": "the lowest so far is called 'nadir'", "lowest": "the lowest so far is called 'nadir'",
    "highest": "the highest so far is called 'best'",
}  # fmt: skip
_MEASURES = {
    "max": "cmax", "maximum": "cmax", "peak": "cmax", "highest": "cmax", "best": "cmax", "min": "cmin",
    "minimum": "cmin", "lowest": "cmin", "area": "auc", "trend": "slope",
}  # fmt: skip
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(?:(h|d|wk?|mo?|y)s?|(hour|day|week|month|year)s?)(?!\w)", re.IGNORECASE)
_WHOLE = {"h": "hour", "d": "day", "w": "week", "m": "month", "y": "year"}
_MEASURE_TOKENS = {"MEASURE", "LEVEL_MEASURE"}


def hint(text: str, at: int, accepted: set[str], seen: list[Any]) -> str:
    """Return what was expected at position `at` of the text, where one of `accepted` may stand, after what was seen."""
    word = text[at:].split(" ")[0].strip("(),").lower()
    if seen and seen[-1].type in ("SINCE", "X") and (length := _LENGTH.match(text, at)):
        day = f"{_WHOLE[(length[2] or length[3])[0].lower()]} {length[1]}"
        return f"write '{'since' if seen[-1].type == 'SINCE' else 'x'} {day}'"
    if seen and (cure := _of_measures(word, seen)):
        return cure
    if word in _OTHER:
        return _OTHER[word]
    if word in _FACTORS and text[at:].split(" ")[1:2]:
        return f"write {_FACTORS[word]} x {text[at:].split(' ')[1]}"
    if (
        seen
        and seen[-1].type in ("PERCENT", "OF", "UNIT")
        and (word in _REFERENCES or (seen[-1].lower() == "day" and word.isdigit()))
    ):
        number = next((token for token in reversed(seen) if token.type == "NUMBER"), "1.3")
        return f"write {number} % of {word}" if seen[-1].type == "PERCENT" else f"write {number} x {_said(word, seen)}"
    if word == "the":
        return "leave 'the' out"
    times = not (seen and seen[-1].type == "UNIT")  # "cells/uL x day" is not what is missing there
    expected = [words for name, words in _NEXT.items() if name in accepted and (times or name != "X")]
    message = f"expected {', '.join(expected[:-1])} or {expected[-1]}" if len(expected) > 1 else ""
    message = message or f"expected {expected[0] if expected else 'nothing more'}"
    after_times = bool(seen) and seen[-1].type in ("X", "OF", "UP", "DOWN")
    close = nearest(word, _REFERENCES) if after_times and word.isalpha() else ""
    return message + (close if close.startswith("; did you mean") else "")


def _of_measures(word: str, seen: list[Any]) -> str:
    """Return the cure where a measure, or its window, is not written as it is read; nothing for another slip."""
    last, before, words = seen[-1], str(seen[-1]).lower(), [str(token).lower() for token in seen]
    if last.type == "NAME" and word in ("of", "in"):
        return _of_name(word, before, of_what=seen[-2].type == "OF" if len(seen) > 1 else False)
    if last.type == "NAME" and before in spoken() and word[:1].isalpha():
        return f"write '{before} of {word}'"
    if last.type == "NAME" and word == "given":
        return f"write 'given < 270 {last}'"
    if last.type == "GIVEN" and word in ("of", "in"):
        return f"what is given is of no signal: {_written_given(before)}"
    if last.type == "GIVEN" and word[:1].isalpha():
        return _written_given(before)
    if last.type == "UNIT" and word == "day" and _MEASURE_TOKENS & {token.type for token in seen}:
        return f"write '{last} x day'"
    if last.type == "SINCE":
        return f"write 'since day {word}'" if word.isdigit() else "expected baseline, 'day N' or 'week N'"
    if {word, before} & {"of", "in"} and {"days", "time"} & set(words):
        return "write 'time above 500 of cd4'"
    if word[:1] in "<>" and last.type in ("UNIT", "VISITS") and "over" in words:
        return "a measure is 'over 3 visits', 'since baseline' or 'since day 28'; doses are so since a day"
    return ""


def _written_given(before: str) -> str:
    kind = given_kind(before)
    return f"write '{kind} < {EXAMPLES[kind]}'"


def _of_name(word: str, before: str, *, of_what: bool) -> str:
    """Return the cure where "of" stands behind what is no measure; `of_what` where that is itself behind "of"."""
    if of_what:
        return "write 'over 3 visits' or 'since day 28'" if word == "in" else "a measure is of a signal, such as cd4"
    if before == "value":
        return "write the signal alone, cd4 < 500"
    if before in _MEASURES:
        return f"write '{_MEASURES[before]} of'"
    return f"'{before}' is no measure of what visits tell{nearest(before, spoken())}"


def _said(word: str, seen: list[Any]) -> str:
    """Return a reference as it is written, "day 28" after its word."""
    return f"day {word}" if seen[-1].lower() == "day" else word
