"""Find the switches of a model: where its slopes jump, in time or in what the states reach.

A condition is the sign of `left - right`, a `floor` the whole part of its argument. A solver that ran over such a
place would mix slopes of both sides in one step. So each becomes a symbol, which is held during a step, and an
expression that says when the step must end. What only bends there (`maximum`, `abs`, a `where` whose sides agree) is
left as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from immunode.functions.smooth import LEAST
from immunode.model.levels import levels, turns
from immunode.model.periods import in_periods
from immunode.model.trace import Trace
from immunode.model.triggers import TracedTrigger

if TYPE_CHECKING:
    import sympy

SWITCH = "switch "  # begins the symbols' names, which no state or parameter can have
_FOLDED = 3  # choices in what is folded piece by piece: each doubles the pieces
_SIMPLE = 200  # operations: what is longer, and not seen to be one, is located
_POINTS = (0.61803399, 1.41421356, 0.30277564)  # with these, and other numbers for other symbols, chance agrees nowhere


@dataclass(frozen=True)
class Switch:
    """Hold a switch: `symbol` is the sign of `expression` (-1, 0 or 1), or its floor if it is `whole`.

    `rate` and `start`, where there are some, say that the expression is rate * time + start: its time is exact. They,
    and the expression, may hold the symbols of switches that come before.
    """

    symbol: "sympy.Symbol"
    expression: "sympy.Expr"
    whole: bool
    rate: "sympy.Expr | None" = None
    start: "sympy.Expr | None" = None

    @property
    def behind(self) -> "list[sympy.Symbol]":
        """Return the symbols of the switches that move this one."""
        expressions = [e for e in (self.expression, self.rate, self.start) if e is not None]
        symbols = {s for e in expressions for s in e.free_symbols if s.name.startswith(SWITCH)}
        return sorted(symbols, key=lambda s: int(s.name.removeprefix(SWITCH)))

    @property
    def timed(self) -> bool:
        """Return whether time and parameters alone say when it switches, at a time with a formula."""
        return self.rate is not None


@dataclass(frozen=True)
class Switched:
    """Hold slopes and triggers in terms of the switches' symbols; each switch after those that it depends on."""

    slopes: "tuple[sympy.Expr, ...]"
    switches: tuple[Switch, ...]
    triggers: tuple[TracedTrigger, ...] = ()

    @property
    def symbols(self) -> "tuple[sympy.Symbol, ...]":
        """Return the symbols of the switches."""
        return tuple(switch.symbol for switch in self.switches)


@lru_cache(maxsize=256)
def switched(trace: Trace) -> Switched:
    """Return the slopes of `trace`, and the conditions of its triggers, with their switches."""
    import sympy

    finder = _Finder(trace)
    slopes = tuple(finder.visit(sympy.sympify(slope)) for slope in trace.derivative)
    triggers = tuple(replace(one, when=finder.condition(one.when)) for one in trace.triggers)
    finder.complete = True
    return Switched(slopes, tuple(finder.switches), tuple(map(finder.carried_out, triggers)))


def jumps(trace: Trace, expressions: "Iterable[sympy.Expr]") -> list[Switch]:
    """Return where the expressions, and what triggers do, jump, as parameters also move them."""
    finder = _Finder(replace(trace, states=(*trace.states, *trace.parameters)), divides=False)
    for expression in expressions:
        finder.visit(expression)
    for one in trace.triggers:
        finder.condition(one.when)
        finder.carried_out(one)
    return finder.switches


@dataclass
class _Finder:
    """Collect the switches of expressions while these are rewritten."""

    trace: Trace
    switches: list[Switch] = field(default_factory=list)
    known: dict[Any, Any] = field(default_factory=dict)  # expression and whether its floor is meant: the symbol
    complete: bool = False  # no further switches: what is none is decided from values
    divides: bool = True  # whether a band of states becomes its levels

    def visit(self, expr: Any, *, straight: bool = False) -> Any:
        """Return `expr` with the symbols of its switches; `straight` also rewrites what only bends, in time."""
        import sympy

        from immunode.functions.symbols import modulo, whole_periods

        if not expr.free_symbols & self._moving or not expr.has(
            sympy.Piecewise,
            sympy.floor,
            sympy.ceiling,
            sympy.sign,
            modulo,
            *((sympy.Abs, sympy.Max, sympy.Min) if straight else ()),
        ):
            return expr
        if expr.is_Piecewise:
            return self._piecewise(expr, straight)
        # what is cut off at a whole number rests there: that it bends there must be known
        within = straight or isinstance(expr, sympy.floor | sympy.ceiling | sympy.sign | modulo)
        args = [self.visit(a, straight=within) for a in expr.args]
        if isinstance(expr, sympy.floor):
            return self._whole(args[0])
        if isinstance(expr, modulo):
            return args[0] - args[1] * self.visit(whole_periods(*args), straight=straight)
        if isinstance(expr, sympy.ceiling):
            return -self._whole(-args[0])
        if isinstance(expr, sympy.sign):
            return self._signed(args[0])
        if straight and isinstance(expr, sympy.Abs):
            return args[0] * self._sign(args[0])
        if straight and isinstance(expr, sympy.Max | sympy.Min) and LEAST not in args:  # that of log is no place
            return self._extreme(args, sympy.Ge if isinstance(expr, sympy.Max) else sympy.Le)
        return expr.func(*args)

    def _by_piece(self, expr: Any, function: Any) -> Any:
        """Return `function` of each piece of an expression: one that rests at a whole number comes from no side.

        None where there are no pieces, or where all are straight lines in time, which are known at any time.
        """
        import sympy

        if not 0 < len(expr.atoms(sympy.Piecewise)) <= _FOLDED or self._linear(expr)[0] is not None:
            return None
        pieces = sympy.piecewise_fold(expr)
        if not pieces.is_Piecewise:
            return None
        return sympy.Piecewise(*((function(value), condition) for value, condition in pieces.args))

    def _whole(self, expr: Any) -> Any:
        """Return the floor of an expression whose parts have been visited."""
        pieces = self._by_piece(expr, self._whole)
        return self._switch(expr, whole=True) if pieces is None else pieces

    def _signed(self, expr: Any) -> Any:
        """Return the sign of an expression whose parts have been visited."""
        import sympy

        pieces = self._by_piece(expr, self._signed)
        if pieces is not None:
            return pieces
        if not expr.free_symbols & self._moving:
            return sympy.sign(expr)
        above, below = (self._divided(sympy.Gt(a, 0, evaluate=False)) for a in (expr, -expr))
        return self._sign(expr) if above is None else sympy.Piecewise((1, above), (-1, below), (0, True))

    @property
    def _moving(self) -> set[Any]:
        return {self.trace.time, *self.trace.states}

    def _extreme(self, args: list[Any], keeps: Any) -> Any:
        import sympy

        best = args[0]
        for other in args[1:]:
            best = sympy.Piecewise((best, self._relation(keeps(best, other))), (other, True))
        return best

    def _piecewise(self, expr: Any, straight: bool) -> Any:
        import sympy

        pieces = []
        for i, (value, condition) in enumerate(expr.args):
            rest = sympy.Piecewise(*expr.args[i + 1 :]) if i + 1 < len(expr.args) else sympy.nan
            swap = {
                relation: self._relation(relation)
                for relation in sorted(condition.atoms(sympy.core.relational.Relational), key=sympy.default_sort_key)
                if relation.free_symbols & self._moving and (straight or not self._agree(value, rest, relation))
            }
            pieces.append((self.visit(value, straight=straight), condition.xreplace(swap)))
        return sympy.Piecewise(*pieces)

    def condition(self, expr: Any) -> Any:
        """Return a trigger's condition, each relation of which is located, whatever the slopes do there."""
        if expr.is_Relational:
            return self._relation(expr) if expr.free_symbols & self._moving else expr
        return expr.func(*[self.condition(a) for a in expr.args]) if expr.args else expr

    def carried_out(self, one: TracedTrigger) -> TracedTrigger:
        """Return a trigger whose values, delay and priority take the sides of known switches: values err there."""
        then = tuple((state, self.visit(value)) for state, value in one.then)
        return replace(one, then=then, delay=self.visit(one.delay), priority=self.visit(one.priority))

    def _relation(self, relation: Any) -> Any:
        """Return the condition as one on the sign of the difference of its sides."""
        import sympy

        difference = relation.lhs - relation.rhs
        straight = not difference.free_symbols & set(self.trace.states)  # in time bends, too, have their places
        if isinstance(relation, sympy.Gt | sympy.Lt | sympy.Ge | sympy.Le):
            difference = in_periods(difference, self._moving)
        difference = self.visit(difference, straight=straight)
        if not difference.free_symbols & (self._moving | {s.symbol for s in self.switches}):
            return relation.func(difference, 0)
        divided = self._divided(relation.func(difference, 0, evaluate=False))
        if divided is not None:
            return divided
        moves = difference.free_symbols & self._moving  # else it is of known switches alone
        if self.complete and moves and not {(difference, False), (-difference, False)} & self.known.keys():
            return relation
        self._also(difference)
        return relation.func(self._sign(difference), 0)

    def _divided(self, relation: Any) -> Any:
        """Return a condition on states (difference, 0) as one on the signs of its levels, None where it is one."""
        import sympy

        if not (self.divides and relation.lhs.free_symbols & set(self.trace.states)):
            return None
        if not isinstance(relation, sympy.Gt | sympy.Lt | sympy.Ge | sympy.Le):
            return None
        upward = isinstance(relation, sympy.Gt | sympy.Ge)
        strict = sympy.Gt if isinstance(relation, sympy.Gt | sympy.Lt) else sympy.Ge
        parts = levels(relation.lhs if upward else -relation.lhs, strict, self._moving)
        if parts is None:
            return None
        known = sorted(parts.atoms(sympy.core.relational.Relational), key=sympy.default_sort_key)
        return parts.xreplace({part: self._level(part) for part in known})

    def _level(self, relation: Any) -> Any:
        """Return one part of a condition that was taken apart."""
        difference = self.visit(relation.lhs - relation.rhs)
        if not difference.free_symbols & self._moving:
            return relation.func(difference, 0)
        if self.complete and not {(difference, False), (-difference, False)} & self.known.keys():
            return relation
        self._also(difference)
        return relation.func(self._sign(difference), 0)

    def _also(self, difference: Any) -> None:
        """Let steps end, too, where functions of states in a condition turn: it may hold there for a moment alone."""
        states = set(self.trace.states)
        for place, whole in turns(difference, states) if self.divides and not self.complete else ():
            self._switch(place, whole=True) if whole else self._sign(place)

    def _sign(self, expr: Any) -> Any:
        """Return the sign of an expression; one and its negative have one switch."""
        return -self._switch(-expr, whole=False) if expr.could_extract_minus_sign() else self._switch(expr, whole=False)

    def _switch(self, expr: Any, *, whole: bool) -> Any:
        import sympy

        if not expr.free_symbols & self._moving:  # of earlier switches and parameters alone: it changes as they do
            return sympy.floor(expr) if whole else sympy.sign(expr)
        if (expr, whole) not in self.known and self.complete:
            return sympy.floor(expr) if whole else sympy.sign(expr)
        if (expr, whole) not in self.known:
            symbol = sympy.Symbol(f"{SWITCH}{len(self.switches)}", real=True)
            self.known[expr, whole] = symbol
            self.switches.append(Switch(symbol, expr, whole, *self._linear(expr)))
        return self.known[expr, whole]

    def _linear(self, expr: Any) -> tuple[Any, Any]:
        """Return the rate and the start of an expression that is a straight line in time, else None twice."""
        import sympy

        time = self.trace.time
        if expr.free_symbols & set(self.trace.states):
            return None, None
        rate = sympy.expand(expr).diff(time)
        return (None, None) if time in rate.free_symbols else (rate, expr.xreplace({time: sympy.S.Zero}))

    def _agree(self, value: Any, rest: Any, relation: Any) -> bool:
        """Return whether a choice has one value on both sides of where its condition changes.

        Most that do not differ at some of three points; that the others do not is to be shown: what is at its bound
        there (`tanh`, `maximum`) may differ elsewhere.
        """
        import sympy

        if not isinstance(relation, sympy.Gt | sympy.Lt | sympy.Ge | sympy.Le):
            return False
        difference = relation.lhs - relation.rhs
        for symbol in sorted(difference.free_symbols & self._moving, key=str):
            rate = sympy.expand(difference).diff(symbol)
            if symbol not in rate.free_symbols and rate != 0:
                meeting = -difference.xreplace({symbol: sympy.S.Zero}) / rate
                alike = all(self._same(value, rest, symbol, meeting, shift) for shift in _POINTS)
                return alike and _equal(value, rest, symbol, meeting)
        return False

    def _same(self, value: Any, rest: Any, symbol: Any, meeting: Any, shift: float) -> bool:
        import sympy

        others = sorted((value.free_symbols | rest.free_symbols | meeting.free_symbols) - {symbol}, key=str)
        point = {s: sympy.Float((shift * (i + 1)) % 1.0 + 0.5) for i, s in enumerate(others)}
        point[symbol] = meeting.xreplace(point)
        left, right = (e.xreplace(point).evalf() for e in (value, rest))
        return bool(left.is_Number and right.is_Number and abs(left - right) <= 1e-9 * (abs(left) + abs(right)))


def _equal(value: Any, rest: Any, symbol: Any, meeting: Any) -> bool:
    """Return whether two expressions can be shown to be one where `symbol` is `meeting`, whatever the numbers are."""
    import sympy

    value, rest, meeting = (sympy.nsimplify(e, rational=True) for e in (value, rest, meeting))  # 0.1 * 3 is 0.3
    apart = (value - rest).xreplace({symbol: meeting})
    zero = {power: sympy.S.Zero for power in apart.atoms(sympy.Pow) if power.base.is_zero}  # of a power above zero
    apart = apart.xreplace(zero)
    if apart.is_zero or apart.count_ops() > _SIMPLE:
        return bool(apart.is_zero)
    return bool(sympy.cancel(sympy.together(sympy.expand(apart))).is_zero)
