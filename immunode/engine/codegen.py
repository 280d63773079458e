"""Turn a trace and a method into one readable module on disk, named by the hash of its source, compiled and cached."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numba
import sympy

from immunode.engine import rodas5p, tsit5
from immunode.engine.cache import load_module, write_module
from immunode.engine.control import LANES, VECTOR
from immunode.engine.expressions import equations, identifiers, share
from immunode.engine.layout import Layout
from immunode.engine.printer import Printer
from immunode.engine.signatures import OPTIONS, Kernels, Rows
from immunode.errors import BadValue, ModelError, nearest
from immunode.symbolic import Trace

# where there are two, a patient starts with the first and changes as its own steps ask for it
METHODS: dict[str, tuple[ModuleType, ...]] = {
    "tsit5": (tsit5,),
    "rodas5p": (rodas5p,),
    "auto": (tsit5, rodas5p),
}
_VERSION = 2
_LOCK = threading.RLock()  # one thread compiles, the others wait for what it made


@dataclass(frozen=True)
class Compiled:
    """Hold one method's kernels for a model, where their rows are, and the module on disk."""

    method: ModuleType
    lanes: int
    layout: Layout
    observed: int
    kernels: Kernels
    path: Path
    seconds: float  # to generate and to compile, or to load

    def rows(self, directions: int = 0) -> Rows:
        """Return where the loop finds its rows."""
        at = self.layout
        return Rows(
            lanes=self.lanes,
            total=at.total(directions),
            blocks=1 + directions,
            stride=at.stride,
            states=at.states,
            hoisted=at.hoisted,
            infused=at.rates,
            observed=self.observed,
            state=at.state,
            new=at.new,
            parameter=at.parameter,
            rate=at.rate,
            atol=at.atol,
        )


@dataclass(frozen=True)
class Program:
    """Name a model and the methods that solve it; each is compiled when a solve first needs it."""

    trace: Trace
    method: str

    @property
    def steps(self) -> tuple[ModuleType, ...]:
        """Return the methods, the one to start with first."""
        return METHODS[self.method]

    def compiled(self, step: ModuleType, patients: int = LANES) -> Compiled:
        """Return the kernels of one of `steps`, for the lanes of one vector if they hold the patients, else for all.

        A step of a single lane costs as much as one of a vector, and other instructions would round otherwise.
        """
        with _LOCK:
            return _compile(self.trace, step, VECTOR if patients <= VECTOR else LANES)


def _hoist_lines(trace: Trace, hoisted: Sequence[sympy.Expr]) -> list[str]:
    names = {s: f"p_{n}" for s, n in zip(trace.parameters, identifiers(trace.parameters), strict=True)}
    used = {s for e in hoisted for s in e.free_symbols}
    lines = [f"{names[s]} = p[{i}]" for i, s in enumerate(trace.parameters) if s in used]
    return lines + [f"out[0, {i}] = {Printer(names).doprint(e)}" for i, e in enumerate(hoisted)]


def _observe_lines(trace: Trace) -> list[str]:
    shared, outputs = share([sympy.sympify(e) for e in trace.observed])
    names = {trace.time: "t"} | {symbol: f"c{i}" for i, (symbol, _) in enumerate(shared)}
    fixed, varying = [], ["t = times[first + o]"]
    for array, symbols, lines in (("y", trace.states, varying), ("p", trace.parameters, fixed)):
        for i, (symbol, name) in enumerate(zip(symbols, identifiers(symbols), strict=True)):
            names[symbol] = f"{array}_{name}"
            if any(symbol in e.free_symbols for e in trace.observed):
                lines.append(f"{array}_{name} = {array}[{i}{', o' if array == 'y' else ''}]")
    varying += [f"{names[symbol]} = {Printer(names).doprint(part)}" for symbol, part in shared]
    varying += [f"out[{i}, o] = {Printer(names).doprint(e)}" for i, e in enumerate(outputs)]
    return [*fixed, "for o in range(m):", *(f"    {line}" for line in varying)]


def _function(signature: str, head: str, doc: str, lines: Sequence[str], lanes: int = 0) -> list[str]:
    body = ["    " + line for line in lines] or ["    pass"]
    if lanes:
        body = [f"    for l in range({lanes}):", *("    " + line for line in body)]
    return ["", "", f"@njit({signature}, **OPTIONS)", f"def {head}:", f'    """{doc}"""', *body]


def generate(trace: Trace, step: ModuleType, lanes: int) -> tuple[str, Layout]:
    """Return the source of the module of `trace` for one method, and its layout."""
    _check(trace)
    name = step.__name__.rpartition(".")[2]
    found = equations(trace, step.STIFF)
    n = len(trace.states)
    layout = Layout(n, len(found.hoisted), len(trace.infused), step.stage_rows(n))
    lines = [
        f'"""Generated: do not edit (immunode codegen {_VERSION}, Numba {numba.__version__}, {name}, {lanes} lanes).',
        "",
        f"Numba options {sorted((k, sorted(v) if isinstance(v, set) else v) for k, v in OPTIONS.items())}",
        f"states: {', '.join(map(str, trace.states))}",
        f"Row r of lane l is s[r*{LANES} + l].",
        '"""',
        "",
        "from math import exp, log, nan, sqrt  # noqa: F401",
        "",
        "from numba import njit",
        "",
        "from immunode.engine.signatures import HOIST, INLINE, INTERPOLATE, OBSERVE, OPTIONS, STEP",
    ]
    for scalar in step.emit_functions(found):
        lines += ["", "", "@njit(**INLINE)", f"def {scalar.name}({', '.join(scalar.arguments)}):"]
        lines += [f"    {line}" for line in scalar.lines]
    one_step = step.emit_step(found, layout)
    lines += _function("STEP", "step(s, rtol, blocks)", "Try one step in every lane.", one_step, lanes)
    lines += _function(
        "INTERPOLATE",
        "interpolate(s, offset, lane, x, m, y, row)",
        "Write the states of one lane at m fractions x of its step into y.",
        step.emit_interpolate(layout),
    )
    head = "observe(times, first, m, y, p, seed, out)"
    lines += _function("OBSERVE", head, "Write the model's outputs at m times.", _observe_lines(trace))
    hoist = _hoist_lines(trace, found.hoisted)
    lines += _function("HOIST", "hoist(p, seed, out)", "Write what depends on parameters alone.", hoist)
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
def _compile(trace: Trace, step: ModuleType, lanes: int) -> Compiled:
    clock = time.perf_counter()
    source, layout = generate(trace, step, lanes)
    path = write_module(source)
    module = load_module(path)
    kernels = Kernels(module.step, module.interpolate, module.observe, module.hoist)
    return Compiled(step, lanes, layout, len(trace.observed), kernels, path, time.perf_counter() - clock)


@lru_cache(maxsize=256)
def build(trace: Trace, method: str = "auto") -> Program:
    """Return the solver of `trace` by `method`; raise BadValue for an unknown method.

    What it needs is generated and compiled when a solve first needs it; what has been compiled on this machine is
    loaded (about 0.1 s). The solve raises ModelError for what cannot be compiled.
    """
    if method not in METHODS:
        raise BadValue(f"there is no method '{method}'{nearest(method, METHODS)}")
    return Program(trace, method)
