"""What may come next in a condition, in words."""

from typing import Any

from immunode.errors import nearest

_NEXT = {
    "NAME": "a signal such as cd4", "LESS": "a comparison (<, <=, >, >=)", "NUMBER": "a number",
    "BASELINE": "baseline, nadir, best or 'day N'", "VISITS": "visits", "AND": "'and'", "OR": "'or'",
    "FOR": "'for 2 visits'", "X": "x", "OF": "of", "UNIT": "a unit", "RIGHT": "')'",
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


def hint(text: str, at: int, accepted: set[str], seen: list[Any]) -> str:
    """Return what was expected at position `at` of the text, where one of `accepted` may stand, after what was seen."""
    word = text[at:].split(" ")[0].strip("(),").lower()
    if word in _OTHER:
        return _OTHER[word]
    if word in _FACTORS and text[at:].split(" ")[1:2]:
        return f"write {_FACTORS[word]} x {text[at:].split(' ')[1]}"
    if seen and seen[-1].type in ("PERCENT", "OF", "UNIT") and (word in _REFERENCES or seen[-1].lower() == "day"):
        number = next((token for token in reversed(seen) if token.type == "NUMBER"), "1.3")
        return f"write {number} % of {word}" if seen[-1].type == "PERCENT" else f"write {number} x {_said(word, seen)}"
    if word == "the":
        return "leave 'the' out"
    expected = [words for name, words in _NEXT.items() if name in accepted]
    message = f"expected {', '.join(expected[:-1])} or {expected[-1]}" if len(expected) > 1 else ""
    message = message or f"expected {expected[0] if expected else 'nothing more'}"
    after_times = bool(seen) and seen[-1].type in ("X", "OF", "UP", "DOWN")
    close = nearest(word, _REFERENCES) if after_times and word.isalpha() else ""
    return message + (close if close.startswith("; did you mean") else "")


def _said(word: str, seen: list[Any]) -> str:
    """Return a reference as it is written, "day 28" after its word."""
    return f"day {word}" if seen[-1].lower() == "day" else word
