"""Take a condition that holds in a band apart into conditions on levels: |x - a| < b is x < a + b and x > a - b.

A step tells from its ends whether a state has passed a level; of a narrow band it has passed they tell nothing. So
bends, even powers, rhythms, and what grows or falls with one of them, are taken apart until each part is a level.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sympy

_MOST = 4  # bends in one condition: each doubles the parts


def levels(difference: "sympy.Expr", relation: Any, moving: "set[sympy.Symbol]") -> "sympy.Basic | None":
    """Return the condition difference > 0 or >= 0 (`relation`: Gt or Ge) as one on levels, None where it is one."""
    rest, term = difference.as_independent(*moving, as_Add=True)
    factor, turning = term.as_independent(*moving, as_Add=False)
    parts = _Parts(relation, moving)
    if turning.is_Add or turning.is_Mul or turning.is_Symbol:
        square = _completed(difference, moving)
        return _bends(difference, parts) if square is None else parts.split(square)
    level = -rest / factor
    return _by_sign(
        factor,
        lambda: _beyond(turning, level, parts, up=True),
        lambda: _beyond(turning, level, parts, up=False),
        relation(rest, 0),
    )


def turns(difference: "sympy.Expr", states: "set[sympy.Symbol]") -> "list[tuple[sympy.Expr, bool]]":
    """Return where functions of states in a condition turn: zeros of expressions, and whole numbers where True.

    Between two of them a rhythm, a bell or a bend only rises or only falls. Zero of a state itself is none: there
    amounts rest, and rounding would turn them again and again.
    """
    import sympy

    result: dict[tuple[Any, bool], None] = {}
    for part in sympy.preorder_traversal(difference):
        if not part.free_symbols & states:
            continue
        if isinstance(part, sympy.sin | sympy.cos):
            result[part.args[0] / sympy.pi + (sympy.S.Half if isinstance(part, sympy.sin) else 0), True] = None
        elif isinstance(part, sympy.Abs):
            result[part.args[0], False] = None
        elif isinstance(part, sympy.Max | sympy.Min):
            result |= {(one - other, False): None for one, other in combinations(part.args, 2)}
        elif isinstance(part, sympy.exp) or (part.is_Pow and part.exp.is_negative):
            squares = [one for one in part.atoms(sympy.Pow) if one.exp.is_Integer and one.exp % 2 == 0 and one.exp > 0]
            known = sorted(squares, key=sympy.default_sort_key)
            result |= {(one.base, False): None for one in known if one.base.free_symbols & states}
    return [turn for turn in result if not (turn[0].is_Symbol or (-turn[0]).is_Symbol)]


@dataclass(frozen=True)
class _Parts:
    """Hold the relation of a condition and the symbols that move, and make its parts."""

    relation: Any
    moving: "set[sympy.Symbol]"

    def split(self, difference: Any) -> Any:
        """Return a part that is taken apart, None where it is not to be."""
        return levels(difference, self.relation, self.moving)

    def part(self, difference: Any) -> Any:
        """Return a part, taken apart where it is to be."""
        split = self.split(difference)
        return self.relation(difference, 0) if split is None else split

    def over(self, expr: Any, level: Any) -> Any:
        """Return the part on whether an expression is above a level."""
        return self.part(expr - level)

    def under(self, expr: Any, level: Any) -> Any:
        """Return the part on whether an expression is below a level."""
        return self.part(level - expr)


def _either(condition: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """Return what holds by a condition on what does not move; None where one of the two is none."""
    import sympy

    if condition in (sympy.true, sympy.false):
        return then() if condition == sympy.true else otherwise()
    first, second = then(), otherwise()
    if first is None or second is None:
        return None
    return sympy.Or(sympy.And(condition, first), sympy.And(sympy.Not(condition), second))


def _by_sign(factor: Any, up: Callable[[], Any], down: Callable[[], Any], none: Any) -> Any:
    import sympy

    if factor.is_positive:
        return up()
    if factor.is_negative:
        return down()
    return _either(factor > 0, up, lambda: _either(factor < 0, down, lambda: sympy.sympify(none)))


def _yes() -> Any:
    import sympy

    return sympy.true


def _no() -> Any:
    import sympy

    return sympy.false


def _beyond(turning: Any, level: Any, parts: _Parts, *, up: bool) -> Any:
    """Return whether a function is above (`up`) or below a level that does not move, None where it has no parts."""
    import sympy

    inside = parts.over if up else parts.under
    always = _yes if up else _no
    if isinstance(turning, sympy.Abs | sympy.Max | sympy.Min):
        several = sympy.Or if up != isinstance(turning, sympy.Min) else sympy.And
        return several(*(inside(value, level) for value in _values(turning)))
    inner = turning.args[0] if turning.args else None
    if isinstance(turning, sympy.exp):
        at = sympy.log(sympy.Abs(level))  # as of what is not below zero, also where that is not known of a parameter
        return _either(level > 0, lambda: parts.split(inner - at if up else at - inner), always)
    if isinstance(turning, sympy.log):
        return parts.split(inner - sympy.exp(level) if up else sympy.exp(level) - inner)
    if isinstance(turning, sympy.sin | sympy.cos):
        return _rhythm(inner, sympy.pi / 2 if isinstance(turning, sympy.sin) else 0, level, parts, up=up)
    if turning.is_Pow and turning.exp.is_Number:
        return _power(inner, sympy.nsimplify(turning.exp), level, parts, up=up)
    return None


def _rhythm(phase: Any, peak: Any, level: Any, parts: _Parts, *, up: bool) -> Any:
    """Return whether cos(phase - peak) is above a level: so near to its next peak is the phase then."""
    import sympy

    turn = 2 * sympy.pi
    off = phase - peak - turn * sympy.floor(phase / turn - peak / turn + sympy.S.Half)
    relation = parts.relation

    def near() -> Any:
        width = sympy.acos(level)
        if up:
            return sympy.And(relation(width - off, 0), relation(width + off, 0))
        return sympy.Or(relation(off - width, 0), relation(-off - width, 0))

    if up:
        return _either(level < -1, _yes, lambda: _either(level <= 1, near, _no))
    return _either(level > 1, _yes, lambda: _either(level >= -1, near, _no))


def _power(base: Any, power: Any, level: Any, parts: _Parts, *, up: bool) -> Any:
    """Return whether a power is above or below a level."""
    import sympy

    always = _yes if up else _no
    even = power.is_Integer and power % 2 == 0
    if power == -1:
        return _reciprocal(base, level, parts, up=up)
    if power < 0 and (even or not power.is_Integer):  # of something that is not below zero
        return _either(level > 0, lambda: _power(base, -power, 1 / level, parts, up=not up), always)
    root = sympy.Abs(level) ** (1 / power)
    if even:
        inside, several = (parts.over, sympy.Or) if up else (parts.under, sympy.And)

        return _either(level >= 0, lambda: several(inside(base, root), inside(-base, root)), always)
    if power.is_Integer:
        return None
    return _either(level >= 0, lambda: parts.split(base - root if up else root - base), always)


def _reciprocal(base: Any, level: Any, parts: _Parts, *, up: bool) -> Any:
    """Return whether 1 / base is above or below a level: it is so on one side of zero, or between zero and a level."""
    import sympy

    if up:
        above = _Parts(sympy.Gt, parts.moving).part(base)
        return _either(
            level > 0,
            lambda: sympy.And(above, parts.under(base, 1 / level)),
            lambda: _either(level < 0, lambda: sympy.Or(above, parts.under(base, 1 / level)), lambda: above),
        )
    below = _Parts(sympy.Gt, parts.moving).part(-base)
    return _either(
        level > 0,
        lambda: sympy.Or(below, parts.over(base, 1 / level)),
        lambda: _either(level < 0, lambda: sympy.And(below, parts.over(base, 1 / level)), lambda: below),
    )


def _values(bend: Any) -> tuple[Any, ...]:
    """Return the expressions of which a bend is the largest or the smallest."""
    import sympy

    return (bend.args[0], -bend.args[0]) if isinstance(bend, sympy.Abs) else bend.args


def _completed(difference: Any, moving: Any) -> Any:
    """Return a parabola in the one symbol that moves with its square completed, None for anything else."""
    import sympy

    symbols = difference.free_symbols & moving
    if len(symbols) != 1 or not difference.is_polynomial(*symbols):
        return None
    coefficients = sympy.Poly(difference, *symbols).all_coeffs()
    if len(coefficients) != 3 or not coefficients[0].is_number:
        return None
    bend, slope, start = coefficients
    return bend * (symbols.pop() + slope / (2 * bend)) ** 2 + (start - slope**2 / (4 * bend))


def _bends(difference: Any, parts: _Parts) -> Any:
    """Return the parts of a condition that grows or falls with its outermost bend, None of another."""
    import sympy

    bends = [bend for bend in difference.atoms(sympy.Abs, sympy.Max, sympy.Min) if bend.free_symbols & parts.moving]
    if not 0 < len(bends) <= _MOST:
        return None
    bend = max(bends, key=lambda one: (one.count_ops(), sympy.default_sort_key(one)))
    value = sympy.Dummy(real=True)
    slope = difference.xreplace({bend: value}).diff(value)
    if slope.free_symbols & {value, *parts.moving} and not (slope.is_positive or slope.is_negative):
        return None
    made = [parts.part(difference.xreplace({bend: one})) for one in _values(bend)]
    largest = not isinstance(bend, sympy.Min)
    up, down = (sympy.Or, sympy.And) if largest else (sympy.And, sympy.Or)
    rest = parts.relation(difference.xreplace({bend: sympy.S.Zero}), 0)
    return _by_sign(slope, lambda: up(*made), lambda: down(*made), rest)
