"""Turn a trace and a method into one readable module on disk, named by the hash of its source, compiled and cached."""

import keyword
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import sympy

from immunode.engine import tsit5
from immunode.engine.cache import load_module, write_module
from immunode.engine.loop import CONTROL_ROWS, ERR, LANES, H, T
from immunode.engine.printer import Printer
from immunode.engine.signatures import OPTIONS, Kernels, Rows
from immunode.errors import BadValue, ModelError, nearest
from immunode.symbolic import Trace

METHODS: dict[str, Any] = {"tsit5": tsit5}
_VERSION = 1


@dataclass(frozen=True)
class Program:
    """Hold what a model and a method became: the compiled kernels, where their rows are, and the module on disk."""

    trace: Trace
    method: str
    lanes: int
    rows: Rows
    kernels: Kernels
    path: Path
    seconds: float  # to generate and to compile, or to load


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
class Layout:
    """Say in which row of the scratch everything is; `at` writes the access to a row in generated code."""

    states: int
    hoisted: int
    rates: int
    stages: int
    lanes: int = LANES

    @property
    def state(self) -> int:
        return CONTROL_ROWS

    @property
    def slope(self) -> int:
        return self.state + self.states

    @property
    def new(self) -> int:
        return self.slope + self.states

    @property
    def new_slope(self) -> int:
        return self.new + self.states

    @property
    def parameter(self) -> int:
        return self.new_slope + self.states

    @property
    def rate(self) -> int:
        return self.parameter + self.hoisted

    @property
    def atol(self) -> int:
        return self.rate + self.rates

    @property
    def stage(self) -> int:
        return self.atol + self.states

    @property
    def total(self) -> int:
        return self.stage + self.stages

    time, size, error = T, H, ERR

    def at(self, row: int, lane: str = "l") -> str:
        """Return the text of the access to `row` for `lane`."""
        return f"s[{row * self.lanes} + {lane}]"


@dataclass(frozen=True)
class Rhs:
    """Hold the right-hand side as the generated function `slopes`: its lines, and how a method loads and calls it."""

    names: tuple[str, ...]  # of the states, as identifiers
    loads: tuple[str, ...]  # of parameters and infusion rates, once a step
    constants: tuple[str, ...]
    lines: tuple[str, ...]
    timed: bool

    @property
    def arguments(self) -> str:
        """Return the arguments of `slopes`."""
        return ", ".join([*(["t"] if self.timed else []), *(f"y_{n}" for n in self.names), *self.constants])

    def call(self, state: str, slope: str, time: str) -> str:
        """Return the line that assigns `slope`_i from `state`_i at the time that the text `time` gives."""
        given = [*([time] if self.timed else []), *(f"{state}_{n}" for n in self.names), *self.constants]
        return f"{', '.join(f'{slope}_{n}' for n in self.names)}, = slopes({', '.join(given)})"


def _share(expressions: Sequence[Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    return sympy.cse(expressions, symbols=sympy.numbered_symbols("shared", real=True), order="canonical", list=True)


def _prepare(trace: Trace) -> tuple[Rhs, _Hoister]:
    hoist = _Hoister(trace.parameters)
    shared, slopes = _share([hoist(sympy.sympify(e)) for e in trace.derivative])
    names = identifiers(trace.states)
    text = {symbol: f"y_{n}" for symbol, n in zip(trace.states, names, strict=True)} | {trace.time: "t"}
    text |= {symbol: f"c{i}" for i, (symbol, _) in enumerate(shared)}
    constants, layout = [], Layout(len(names), len(hoist.found), len(trace.infused), 0)
    plain = dict(zip(trace.parameters, identifiers(trace.parameters), strict=True))
    for i, (expr, symbol) in enumerate(hoist.found.items()):
        text[symbol] = f"p_{plain[expr]}" if expr.is_Symbol else f"q{i}"
        constants.append((text[symbol], layout.parameter + i))
    for i, state in enumerate(trace.infused):
        constants.append((f"r_{names[state]}", layout.rate + i))
    printer = Printer(text)
    lines = [f"{text[symbol]} = {printer.doprint(part)}" for symbol, part in shared]
    for i, (name, slope) in enumerate(zip(names, slopes, strict=True)):
        infusion = f" + r_{name}" if i in trace.infused else ""
        lines.append(f"k_{name} = {printer.doprint(slope)}{infusion}")
    lines.append(f"return {', '.join(f'k_{name}' for name in names)},")
    rhs = Rhs(
        names=tuple(names),
        loads=tuple(f"{name} = {layout.at(row)}" for name, row in constants),
        constants=tuple(name for name, _ in constants),
        lines=tuple(lines),
        timed=any(trace.time in sympy.sympify(e).free_symbols for e in trace.derivative),
    )
    return rhs, hoist


def _hoist_lines(trace: Trace, hoist: _Hoister) -> list[str]:
    names = {s: f"p_{n}" for s, n in zip(trace.parameters, identifiers(trace.parameters), strict=True)}
    used = {s for e in hoist.found for s in e.free_symbols}
    lines = [f"{names[s]} = p[{i}]" for i, s in enumerate(trace.parameters) if s in used]
    return lines + [f"out[{i}] = {Printer(names).doprint(e)}" for i, e in enumerate(hoist.found)]


def _observe_lines(trace: Trace) -> list[str]:
    shared, outputs = _share([sympy.sympify(e) for e in trace.observed])
    names = {trace.time: "t"} | {symbol: f"c{i}" for i, (symbol, _) in enumerate(shared)}
    lines = []
    for array, symbols in (("y", trace.states), ("p", trace.parameters)):
        for i, (symbol, name) in enumerate(zip(symbols, identifiers(symbols), strict=True)):
            names[symbol] = f"{array}_{name}"
            if any(symbol in e.free_symbols for e in trace.observed):
                lines.append(f"{array}_{name} = {array}[{i}]")
    lines += [f"{names[symbol]} = {Printer(names).doprint(part)}" for symbol, part in shared]
    return lines + [f"out[{i}] = {Printer(names).doprint(e)}" for i, e in enumerate(outputs)]


def _function(signature: str, head: str, doc: str, lines: Sequence[str], lanes: int = 0) -> list[str]:
    body = ["    " + line for line in lines] or ["    pass"]
    if lanes:
        body = [f"    for l in range({lanes}):", *("    " + line for line in body)]
    return ["", "", f"@njit({signature}, **OPTIONS)", f"def {head}:", f'    """{doc}"""', *body]


def generate(trace: Trace, method: str = "tsit5") -> tuple[str, Layout]:
    """Return the source of the module of `trace` and `method`, and its layout; raise BadValue for an unknown method."""
    if method not in METHODS:
        raise BadValue(f"there is no method '{method}'{nearest(method, METHODS)}")
    _check(trace)
    emit = METHODS[method]
    rhs, hoist = _prepare(trace)
    n = len(trace.states)
    layout = Layout(n, len(hoist.found), len(trace.infused), emit.stage_rows(n))
    lines = [
        f'"""Generated: do not edit (immunode codegen {_VERSION}, Numba {numba.__version__}, {method}, {LANES} lanes).',
        "",
        f"Numba options {sorted((k, sorted(v) if isinstance(v, set) else v) for k, v in OPTIONS.items())}",
        f"states: {', '.join(map(str, trace.states))}",
        "Row r of lane l is s[r*lanes + l].",
        '"""',
        "",
        "from math import exp, log, nan, sqrt  # noqa: F401",
        "",
        "from numba import njit",
        "",
        "from immunode.engine.signatures import HOIST, INLINE, INTERPOLATE, OBSERVE, OPTIONS, STEP",
    ]
    lines += ["", "", "@njit(**INLINE)", f"def slopes({rhs.arguments}):", *(f"    {line}" for line in rhs.lines)]
    for name, arguments, value in emit.emit_functions():
        lines += ["", "", "@njit(**INLINE)", f"def {name}({arguments}):", f"    return {value}"]
    lines += _function("STEP", "step(s, rtol)", "Try one step in every lane.", emit.emit_step(rhs, layout), LANES)
    lines += _function(
        "INTERPOLATE",
        "interpolate(s, lane, x, y)",
        "Write the state of one lane at the fraction x of its step into y.",
        emit.emit_interpolate(layout),
    )
    lines += _function("OBSERVE", "observe(t, y, p, out)", "Write the model's outputs.", _observe_lines(trace))
    lines += _function("HOIST", "hoist(p, out)", "Write what depends on parameters alone.", _hoist_lines(trace, hoist))
    return "\n".join(lines) + "\n", layout


def _check(trace: Trace) -> None:
    known = {trace.time, *trace.states, *trace.parameters}
    for name, expressions in (("derivative", trace.derivative), ("output", trace.observed)):
        for i, expr in enumerate(map(sympy.sympify, expressions)):
            free = sorted(map(str, expr.free_symbols - known))
            if free or expr.has(sympy.nan, sympy.zoo, sympy.oo, sympy.I):
                what = (
                    f"uses {', '.join(free)}, which is no state or parameter" if free else "is not a finite real number"
                )
                raise ModelError(f"the {name} {i} of the model {what}: {expr}")


@lru_cache(maxsize=256)
def build(trace: Trace, method: str = "tsit5") -> Program:
    """Generate, compile and cache the solver of `trace` by `method`; the same trace gives the same Program.

    A module already compiled on this machine is loaded (about 0.1 s). Raise ModelError for what cannot be compiled.
    """
    clock = time.perf_counter()
    source, layout = generate(trace, method)
    path = write_module(source)
    module = load_module(path)
    rows = Rows(
        lanes=LANES,
        total=layout.total,
        states=layout.states,
        hoisted=layout.hoisted,
        infused=layout.rates,
        observed=len(trace.observed),
        state=layout.state,
        new=layout.new,
        parameter=layout.parameter,
        rate=layout.rate,
        atol=layout.atol,
    )
    kernels = Kernels(module.step, module.interpolate, module.observe, module.hoist)
    return Program(trace, method, LANES, rows, kernels, path, time.perf_counter() - clock)
