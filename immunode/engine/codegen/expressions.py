"""Turn a trace into the scalar functions of which a step is made: hoisted, shared, named, printed."""

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy.simplify.cse_main import tree_cse

from immunode.engine.codegen.elimination import Entry
from immunode.engine.codegen.printer import Printer
from immunode.engine.layout import Layout
from immunode.model.calculus import derivative
from immunode.model.switches import Switch, switched
from immunode.model.trace import Trace
from immunode.model.triggers import TracedTrigger


def identifiers(names: Iterable[Any], taken: Sequence[str] = ()) -> list[str]:
    """Return distinct Python identifiers that resemble `names`."""
    result: list[str] = []
    for name in map(str, names):
        text = re.sub(r"\W", "_", name)
        while text in result or text in taken or keyword.iskeyword(text):
            text += "_"
        result.append(text)
    return result


class _Hoister:
    """Replace each largest sub-expression of parameters alone by one symbol that is computed once a patient."""

    def __init__(self, parameters: Sequence[sympy.Symbol]) -> None:
        self.parameters = set(parameters)
        self.found: dict[sympy.Expr, sympy.Symbol] = {}

    def _constant(self, expr: Any) -> bool:
        return not expr.free_symbols - self.parameters

    def __call__(self, expr: Any) -> Any:
        if not expr.free_symbols & self.parameters:
            return expr
        if expr.is_Boolean or expr.is_Relational:  # no number, of which there could be a derivative
            return expr.func(*[self(a) for a in expr.args])
        if expr.is_Piecewise and not self._constant(expr):
            return expr.func(*[(self(value), self(condition)) for value, condition in expr.args])
        if self._constant(expr):
            return self.found.setdefault(expr, sympy.Symbol(f"hoisted{len(self.found)}", real=True))
        if isinstance(expr, (sympy.floor, sympy.ceiling)):
            # t/week is whole at its multiples, t times the hoisted 1/week just about
            above, below = expr.args[0].as_numer_denom()
            return expr.func(self(above) / self(below))
        if expr.is_Add or expr.is_Mul:
            sign = [a for a in expr.args if expr.is_Mul and a == -1]
            fixed = [a for a in expr.args if self._constant(a) and a not in sign]
            if any(a.free_symbols for a in fixed):
                rest = [self(a) for a in expr.args if a not in fixed]
                return expr.func(self(expr.func(*fixed)), *rest)
        return expr.func(*[self(a) for a in expr.args])


@dataclass(frozen=True)
class Symbols:
    """Hold the slopes in terms of states and hoisted parameters, and how generated code calls those."""

    trace: Trace
    names: tuple[str, ...]  # of the states, as identifiers
    slopes: tuple[Any, ...]
    hoisted: tuple[Any, ...]  # expressions of parameters
    parameters: tuple[sympy.Symbol, ...]  # one for each of `hoisted`
    switches: tuple[Switch, ...]  # in the same terms
    triggers: tuple[TracedTrigger, ...]
    text: dict[Any, str]

    @property
    def timed(self) -> bool:
        """Return whether time itself is in the equations."""
        return any(self.trace.time in e.free_symbols for e in self.slopes)

    @property
    def constants(self) -> list[str]:
        """Return what is held during a step: hoisted parameters, switches, infusion rates."""
        held = [*self.parameters, *(switch.symbol for switch in self.switches)]
        return [*(self.text[symbol] for symbol in held), *(f"r_{self.names[state]}" for state in self.trace.infused)]

    def held(self, rows: Layout) -> dict[str, int]:
        """Return the rows of these."""
        places = [rows.parameter + i for i in range(len(self.parameters))]
        places += [rows.switch + i for i in range(len(self.switches))]
        places += [rows.rate + i for i in range(len(self.trace.infused))]
        return dict(zip(self.constants, places, strict=True))

    def loads(self, rows: Layout, lane: str = "l") -> list[str]:
        """Return the lines that load these."""
        return [f"{name} = {rows.at(row, lane)}" for name, row in self.held(rows).items()]

    def entries(self, expressions: Sequence[Any], by: Sequence[sympy.Symbol]) -> dict[Entry, Any]:
        """Return the derivatives that are not zero, by the place of expression and symbol."""
        used = [e.free_symbols for e in expressions]
        partials = {
            (i, j): derivative(e, s) for i, e in enumerate(expressions) for j, s in enumerate(by) if s in used[i]
        }
        return {at: e for at, e in partials.items() if e != 0}

    def write(
        self, expressions: Sequence[Any], more: Mapping[Any, str] | None = None, many: bool = False
    ) -> tuple[list[str], list[str]]:
        """Return the lines of what the expressions share, and the text of each; of `many` sharing is sought quickly."""
        shared, rest = share(expressions, many)
        printer = Printer(self.text | dict(more or {}) | {symbol: f"c{i}" for i, (symbol, _) in enumerate(shared)})
        lines = [f"c{i} = {printer.doprint(part)}" for i, (_, part) in enumerate(shared)]
        return lines, [printer.doprint(e) for e in rest]

    @property
    def slope_symbols(self) -> tuple[sympy.Symbol, ...]:
        """Return a symbol for each slope, d_i in text."""
        return tuple(sympy.Symbol(f"slope {i}", real=True) for i in range(len(self.names)))

    def printed(self, expressions: Sequence[Any]) -> list[str]:
        """Return the text of each expression, in which slopes may be."""
        slopes = {symbol: f"d_{x}" for symbol, x in zip(self.slope_symbols, self.names, strict=True)}
        printer = Printer(self.text | slopes)
        return [printer.doprint(e) for e in expressions]

    @property
    def infusions(self) -> dict[int, str]:
        """Return what is added to the text of a slope, by state."""
        return {i: f" + r_{self.names[i]}" for i in self.trace.infused}

    def infuse(self, results: list[str]) -> list[str]:
        """Return the texts of slopes (and what follows them) with the infusions added."""
        return [text + self.infusions.get(i, "") for i, text in enumerate(results)]


def symbols(trace: Trace) -> Symbols:
    """Hoist what depends on parameters alone, and name everything."""
    hoist, known = _Hoister(trace.parameters), switched(trace)
    slopes = tuple(hoist(e) for e in known.slopes)
    switches = tuple(
        replace(
            switch,
            expression=hoist(switch.expression),
            rate=None if switch.rate is None else hoist(switch.rate),
            start=None if switch.start is None else hoist(switch.start),
        )
        for switch in known.switches
    )
    triggers = tuple(one.mapped(hoist) for one in known.triggers)
    names = identifiers(trace.states)
    plain = dict(zip(trace.parameters, identifiers(trace.parameters), strict=True))
    text = {symbol: f"y_{name}" for symbol, name in zip(trace.states, names, strict=True)} | {trace.time: "t"}
    text |= {s: f"p_{plain[e]}" if e.is_Symbol else f"q{i}" for i, (e, s) in enumerate(hoist.found.items())}
    text |= {symbol: f"s{i}" for i, symbol in enumerate(known.symbols)}
    hoisted, parameters = tuple(hoist.found), tuple(hoist.found.values())
    return Symbols(trace, tuple(names), slopes, hoisted, parameters, switches, triggers, text)


def share(expressions: Sequence[Any], many: bool = False) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Return the common sub-expressions, and the expressions in their terms.

    Of `many` only whole sub-expressions are sought: to compare sums and products in parts takes most of the time.
    """
    named = sympy.numbered_symbols("shared", real=True)
    search = tree_cse if many else sympy.cse
    shared, rest = search(expressions, symbols=named, order="canonical")
    inverse = {symbol: part for symbol, part in shared if part.is_Pow and part.exp == -1}

    def divided(expr: Any) -> Any:  # what is rounded keeps its division, as in `_Hoister`
        return expr.replace(
            lambda e: isinstance(e, (sympy.floor, sympy.ceiling)), lambda e: e.func(e.args[0].xreplace(inverse))
        )

    return [(symbol, divided(part)) for symbol, part in shared], [divided(expr) for expr in rest]
