"""The prescription sentence as a tree of its grammar; a slip is named."""

import math
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from immunode import units
from immunode.errors import BadValue, UnitError
from immunode.internal.disk_cache import remembered
from immunode.internal.gc_pause import paused
from immunode.regimen.sentence.hints import UNITS, hint, suggestion

if TYPE_CHECKING:
    from lark import Lark, Token

Branch = Any  # a lark Tree[Token]: what a rule's children are is known from the grammar, not from their types
_LONGEST = 100  # letters of a sentence that are shown
UNIT_WORDS = {"million iu": "MIU", "mcg": "ug", "µg": "ug", "μg": "ug", "cell": "cells", "copy": "copies"}


@lru_cache(maxsize=1)
def _parser() -> "Lark":
    with paused():
        from lark import Lark  # slow to import: only who reads a sentence pays for it
        from lark.grammar import Rule
        from lark.lexer import TerminalDef

    grammar = files("immunode.regimen.sentence").joinpath("grammar.lark").read_text(encoding="utf-8")

    def made() -> dict[str, Any]:  # what Lark.save writes, before it is pickled
        data, memo = Lark(grammar, parser="lalr").memo_serialize([TerminalDef, Rule])
        return {"data": data, "memo": memo}

    return Lark.load(remembered(f"lark {version('lark')} {grammar}", made))


def parsed(text: str) -> Branch:
    """Return the sentence as a tree of grammar.lark; raise BadValue that names a word and says what may follow."""
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
        word, expected = hint(text, at, parser.accepts(), seen)
        raise fault(text, (at, word), expected) from None


def fault(text: str, where: "Token | tuple[int, str]", message: str) -> BadValue:
    """Return the error that shows the sentence, and in it the token or the (position, word) at fault."""
    at, word = where if isinstance(where, tuple) else (where.start_pos or 0, str(where))
    place = f"at '{one_line(word)}'" if word else "at its end"
    if word and text.count(word) > 1:
        place += f" (letter {at + 1})"
    return BadValue(f"cannot read the prescription '{_near(text, at)}' {place}: {message}")


def one_line(text: str) -> str:
    """Return a text without breaks."""
    return " ".join(text.split())


def _near(text: str, at: int) -> str:
    """Return a sentence in one line, of a long one what is near a position."""
    if len(text) <= _LONGEST:
        return one_line(text)
    first = max(0, min(at - _LONGEST // 2, len(text) - _LONGEST))
    shown = one_line(text[first : first + _LONGEST])
    return f"{'...' if first else ''}{shown}{'...' if first + _LONGEST < len(text) else ''}"


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
    raise fault(text, token, "expected a unit such as MIU" + suggestion(str(token), {"UNIT"}))


def plain(number: float) -> str:
    """Write a number so that it reads back as the same float, whole numbers without a point."""
    return repr(float(number)).removesuffix(".0")
