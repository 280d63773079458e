"""Turn a trace into the scalar functions of which a step is made: hoisted, shared, named, printed."""

import keyword
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from immunode.engine.elimination import Entry
from immunode.engine.layout import Layout
from immunode.engine.printer import Printer
from immunode.symbolic import Trace, derivative


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
        if self._constant(expr):
            return self.found.setdefault(expr, sympy.Symbol(f"hoisted{len(self.found)}", real=True))
        if expr.is_Add or expr.is_Mul:
            sign = [a for a in expr.args if expr.is_Mul and a == -1]
            fixed = [a for a in expr.args if self._constant(a) and a not in sign]
            if any(a.free_symbols for a in fixed):
                rest = [self(a) for a in expr.args if a not in fixed]
                return expr.func(self(expr.func(*fixed)), *rest)
        return expr.func(*[self(a) for a in expr.args])


@dataclass(frozen=True)
class Scalar:
    """Hold one inlined function of the generated module."""

    name: str
    arguments: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Equations:
    """Hold what a method needs to know of the equations, and how generated code loads and calls them."""

    names: tuple[str, ...]  # of the states, as identifiers
    constants: tuple[str, ...]  # of hoisted parameters and infusion rates, in the order of their rows
    timed: bool
    hoisted: tuple[Any, ...]  # expressions of parameters
    slopes: Scalar
    linear: Scalar  # slopes, then the Jacobian's entries, then the derivative by time of the `moving` slopes
    pattern: tuple[Entry, ...]
    moving: tuple[int, ...]

    def loads(self, rows: Layout) -> list[str]:
        """Return the lines that load parameters and infusion rates, once a step."""
        return [f"{name} = {rows.at(rows.parameter + i)}" for i, name in enumerate(self.constants)]

    def call(self, state: str, slope: str, time: str) -> str:
        """Return the line that assigns `slope`_i from `state`_i at the time that the text `time` gives."""
        return f"{', '.join(f'{slope}_{n}' for n in self.names)}, = slopes({self._given(state, time)})"

    def call_linear(self, state: str, slope: str, time: str) -> str:
        """Return the line that assigns `slope`_i, the entries j_row_column, and f_i for `moving` slopes."""
        found = [f"{slope}_{n}" for n in self.names] + [f"j_{i}_{j}" for i, j in self.pattern]
        found += [f"f_{i}" for i in self.moving]
        return f"{', '.join(found)}, = linear({self._given(state, time)})"

    def _given(self, state: str, time: str) -> str:
        return ", ".join([*([time] if self.timed else []), *(f"{state}_{n}" for n in self.names), *self.constants])


def share(expressions: Sequence[Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Return the common sub-expressions, and the expressions in their terms."""
    return sympy.cse(expressions, symbols=sympy.numbered_symbols("shared", real=True), order="canonical", list=True)


def equations(trace: Trace, exact: bool) -> Equations:
    """Return the equations of `trace`; `exact` adds the Jacobian, without which `linear` repeats `slopes`."""
    hoist = _Hoister(trace.parameters)
    states, n = trace.states, len(trace.states)
    slopes = [hoist(sympy.sympify(e)) for e in trace.derivative]
    entries = {(i, j): derivative(slopes[i], states[j]) for i in range(n) for j in range(n)} if exact else {}
    entries = {at: hoist(e) for at, e in entries.items() if e != 0}
    moving = {i: hoist(derivative(e, trace.time)) for i, e in enumerate(slopes) if exact}
    moving = {i: e for i, e in moving.items() if e != 0}
    names = identifiers(states)
    plain = dict(zip(trace.parameters, identifiers(trace.parameters), strict=True))
    text = {symbol: f"y_{name}" for symbol, name in zip(states, names, strict=True)} | {trace.time: "t"}
    text |= {s: f"p_{plain[e]}" if e.is_Symbol else f"q{i}" for i, (e, s) in enumerate(hoist.found.items())}
    constants = [text[symbol] for symbol in hoist.found.values()] + [f"r_{names[state]}" for state in trace.infused]
    timed = any(trace.time in e.free_symbols for e in slopes)
    arguments = (*(["t"] if timed else []), *(f"y_{name}" for name in names), *constants)

    def scalar(name: str, more: Sequence[Any]) -> Scalar:
        shared, found = share([*slopes, *more])
        printer = Printer(text | {symbol: f"c{i}" for i, (symbol, _) in enumerate(shared)})
        lines = [f"c{i} = {printer.doprint(part)}" for i, (_, part) in enumerate(shared)]
        results = [printer.doprint(e) for e in found]
        for i in trace.infused:
            results[i] += f" + r_{names[i]}"
        lines += [f"o{i} = {result}" for i, result in enumerate(results)]
        return Scalar(name, arguments, (*lines, f"return {', '.join(f'o{i}' for i in range(len(results)))},"))

    return Equations(
        names=tuple(names),
        constants=tuple(constants),
        timed=timed,
        hoisted=tuple(hoist.found),
        slopes=scalar("slopes", ()),
        linear=scalar("linear", [*entries.values(), *moving.values()]),
        pattern=tuple(entries),
        moving=tuple(moving),
    )


def weighted(weights: Sequence[float], terms: Sequence[str]) -> str:
    """Return the text of a weighted sum, without the terms of weight zero."""
    return " + ".join(f"{w!r}*{x}" for w, x in zip(weights, terms, strict=False) if w != 0).replace("+ -", "- ")


def squares(letter: str, names: Sequence[str]) -> str:
    """Return the text of the sum of squares of `letter`_name."""
    return " + ".join(f"{letter}_{name}*{letter}_{name}" for name in names)
