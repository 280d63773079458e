"""The sentence of a condition as data; a slip is named."""

from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from immunode.conditions.hints import hint
from immunode.conditions.measured import EXAMPLES, GIVEN, given_kind, is_level, kind_of, patterns, points, row
from immunode.conditions.syntax import Both, Bound, Comparison, Condition, Either, Quantity
from immunode.errors import BadValue
from immunode.internal.disk_cache import remembered
from immunode.internal.gc_pause import paused
from immunode.units import in_days

if TYPE_CHECKING:
    from lark import Lark

_Branch = Any  # a lark Tree[Token]: what a rule's children are is known from the grammar, not from their types
MOST_VISITS = 1000
_REFERENCES = ("baseline", "nadir", "best")
_SIGNS = {"LESS": "<", "MORE": ">", "LEAST": ">=", "MOST": "<="}


@lru_cache(maxsize=1)
def _parser() -> "Lark":
    with paused():
        from lark import Lark  # slow to import: only who reads a sentence pays for it
        from lark.grammar import Rule
        from lark.lexer import TerminalDef

    grammar = files("immunode.conditions").joinpath("grammar.lark").read_text(encoding="utf-8")
    for name, level in (("(MEASURES)", False), ("(LEVELS)", True)):
        grammar = grammar.replace(name, f"({patterns(level=level)})")

    def made() -> dict[str, Any]:  # what Lark.save writes, before it is pickled
        data, memo = Lark(grammar, parser="lalr").memo_serialize([TerminalDef, Rule])
        return {"data": data, "memo": memo}

    return Lark.load(remembered(f"lark {version('lark')} {grammar}", made))


def read(text: str) -> Condition:
    """Return the condition of a sentence such as "cd4 < 1.3 x baseline for 2 visits and rna < 50".

    Raise BadValue that names the word at fault and what was expected.
    """
    if not isinstance(text, str) or not text.strip():
        raise BadValue(f"{text!r} is no condition; write one such as 'cd4 < 1.3 x baseline'")
    try:
        return _read(" ".join(text.split()))
    except RecursionError:
        raise BadValue("cannot read a condition with that many brackets, or 'not'") from None


@lru_cache(maxsize=256)
def _read(text: str) -> Condition:
    from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    parser = _parser().parse_interactive(text)
    seen: list[Any] = []
    try:
        for token in parser.iter_parse():
            seen.append(token)
        tree = parser.feed_eof()
    except UnexpectedInput as error:
        at = len(text)
        if isinstance(error, UnexpectedCharacters):
            at = error.pos_in_stream or 0
        elif isinstance(error, UnexpectedToken) and error.token.type != "$END":
            at = error.token.start_pos or 0
        raise _fault(text, at, hint(text, at, parser.accepts(), seen)) from None
    return _either(text, tree.children[0])


def _fault(text: str, at: int, message: str) -> BadValue:
    word = text[at:].split(" ")[0]
    place = f"at '{word}'" if word else "at its end"
    return BadValue(f"cannot read the condition '{text}' {place}: {message}")


def _either(text: str, branch: _Branch) -> Condition:
    parts = [_both(text, child) for child in branch.children if not _is(child, "OR")]
    return _joined(Either, parts)


def _both(text: str, branch: _Branch) -> Condition:
    parts = [_factor(text, child) for child in branch.children if not _is(child, "AND")]
    return _joined(Both, parts)


def _joined(kind: type[Both] | type[Either], parts: list[Condition]) -> Condition:
    """Return parts as one condition; brackets around what is of the same kind say nothing."""
    if len(parts) == 1:
        return parts[0]
    same = [part.parts if isinstance(part, kind) and part.parts else (part,) for part in parts]
    return kind(tuple(part for group in same for part in group))


def _factor(text: str, branch: _Branch) -> Condition:
    first = branch.children[0]
    if _is(first, "ALWAYS"):
        return Both()
    if _is(first, "NOT"):
        return _factor(text, branch.children[1]).turned()
    return _either(text, branch.children[1]) if _is(first, "LEFT") else _comparison(text, first)


def _comparison(text: str, branch: _Branch) -> Comparison:
    quantity, operator, bound, sustained = branch.children
    visits = 1 if sustained is None else _count(text, sustained.children[-2], 1)
    what = _quantity(text, quantity)
    return Comparison(what, _SIGNS[operator.children[0].type], _bound(text, bound, what), visits)


def _quantity(text: str, branch: _Branch) -> Quantity:
    if _is(branch.children[0], "GIVEN"):
        kind, window = branch.children
        return Quantity(given_kind(str(kind)), since="" if window is None else _since(text, window))
    what, name, window = branch.children
    if what is None:
        if window is not None:
            word = "over N visits" if window.data == "over" else "since a day"
            cure = f"only a measure is '{word}', such as 'mean of {name} {_said(window)}'"
            raise _fault(text, window.children[0].start_pos, f"{cure}; write 'for N visits' for a value that lasts")
        return Quantity("value", str(name))
    kind = kind_of(str(what.children[0]))
    level = _level(text, what) if what.data == "level_measure" else None
    if window is None:
        if kind == "slope":
            return Quantity(kind, str(name), 2)
        return Quantity(kind, str(name), since="baseline", level=level)
    if window.data == "since":
        return Quantity(kind, str(name), since=_since(text, window), level=level)
    return Quantity(kind, str(name), _count(text, window.children[-2], points(kind)), level=level)


def _level(text: str, branch: _Branch) -> Bound:
    _, *bound = branch.children
    if len(bound) == 2:
        return _bound(text, bound[0], Quantity("value"))
    minus, number = bound[:2]  # of a signal in percent; "50 % of baseline" is a bound
    return Bound(_number(text, number) * (1 if minus is None else -1), "%")


def _since(text: str, branch: _Branch) -> str:
    return _reference(text, branch.children[1:])


def _said(window: _Branch) -> str:
    return " ".join(str(token) for token in window.children if token is not None)


def _bound(text: str, branch: _Branch, what: Quantity) -> Bound:
    first = branch.children[0]
    if first.data == "level":
        minus, number, unit = first.children
        if (word := _unit(unit).lower()) in _REFERENCES:
            at = next(unit.scan_values(lambda token: token is not None)).start_pos
            raise _fault(text, at, f"write {number} x {word}")
        level = Bound(_number(text, number) * (1 if minus is None else -1), _unit(unit))
        _check_count(text, number, level, what)
        return level
    multiple, reference = first.children
    if not is_level(what.kind):
        at = next(reference.scan_values(lambda token: token is not None))
        raise _fault(text, at.start_pos, f"{what.kind} is compared with a number, such as {what} > {_example(what)}")
    offset, unit = 0.0, ""
    if branch.children[1] is not None:
        sign, number, its_unit = branch.children[1].children
        offset, unit = _number(text, number) * (-1 if sign.type == "MINUS" else 1), _unit(its_unit)
    times = 1.0 if multiple is None else _multiple(text, multiple)
    return Bound(offset, unit, times, _reference(text, reference.children))


def _multiple(text: str, branch: _Branch) -> float:
    number, *words = branch.children
    value = _number(text, number)
    last = words[-1].type
    if last != "X":  # 30 % above is written as 1.3 times: the shortest decimal that is meant
        share = {"OF": 0.0, "UP": 100.0, "DOWN": 100.0}[last] + (-value if last == "DOWN" else value)
        value = float(f"{share / 100:.12g}")
    if value <= 0:
        raise _fault(text, number.start_pos, "expected a factor above 0, such as 1.3 x baseline")
    return value


def _check_count(text: str, number: Any, level: Bound, what: Quantity) -> None:
    """Raise BadValue for a number of doses in a unit, and for an amount without one."""
    if what.kind in GIVEN and (what.kind == "given") != bool(level.unit):
        cure = "an amount has a unit" if what.kind == "given" else "a number has no unit"
        raise _fault(text, number.start_pos, f"{cure}, such as {_example(what)}")


def _example(what: Quantity) -> str:
    return EXAMPLES.get(what.kind) or ("28 days" if row(what.kind).unit == "day" else "100")


def _reference(text: str, tokens: list[Any]) -> str:
    first, *others = tokens
    if first.type != "DAY":
        return str(first).lower()
    minus, number = others
    time = in_days(f"{'-' if minus is not None else ''}{_number(text, number)!r} {str(first).lower()}")
    return f"day {time:.12g}"


def _unit(branch: _Branch | None) -> str:
    if branch is None:
        return ""
    words = [{"PER": "/", "PERCENT": "%", "X": "*"}.get(token.type, str(token)) for token in branch.children if token]
    return "".join(words)


def _number(text: str, token: Any) -> float:
    value = float(token)
    if value == float("inf"):
        raise _fault(text, token.start_pos, "expected a finite number")
    return value


def _count(text: str, token: Any, least: int) -> int:
    value = _number(text, token)
    if value != int(value) or not least <= value <= MOST_VISITS:
        raise _fault(text, token.start_pos, f"expected a whole number of visits, {least} or more")
    return int(value)


def _is(node: _Branch, kind: str) -> bool:
    return bool(getattr(node, "type", None) == kind)
