"""Texts in a CSV that a spreadsheet would take for a formula: marked when written, and as they were when read."""

import re

# what Excel and its like calculate, also behind marks of ours; a number is one for them too
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def guarded(text: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet would run it (= + - @ first, no number)."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Return the text that `guarded` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
