"""Write the module of a trace for one method: readable source, of which Numba makes the kernels."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import NamedTuple

import sympy

from immunode.engine import layout
from immunode.engine.codegen.bends import bent_parts
from immunode.engine.codegen.expressions import Symbols, identifiers, share, symbols
from immunode.engine.codegen.forcing import forced_lines, places_lines
from immunode.engine.codegen.loops import Looped
from immunode.engine.codegen.partials import Partials
from immunode.engine.codegen.printer import Printer
from immunode.engine.codegen.rare import rare
from immunode.engine.codegen.switches import clocked, margins
from immunode.engine.codegen.switches import kernels as switch_kernels
from immunode.engine.codegen.triggers import kernels as trigger_kernels
from immunode.engine.codegen.triggers import with_triggers
from immunode.engine.constants import LANES, TILE
from immunode.engine.layout import Layout
from immunode.errors import ModelError
from immunode.model.bends import bends
from immunode.model.calculus import derivative
from immunode.model.forcing import forced, landmarks
from immunode.model.trace import Trace

_OF_SWITCHES = "floored, may_cross, sign, sign_at, signed, whole_at  # noqa: F401"
_TILED = "; of rows that all directions share there is one tile of lanes, which starts at `first`"
_LOAD = re.compile(r"\s*(\w+) = \w+\[[^\[\]]*\]$")
_AT_A_TIME = 64  # expressions of parameters in one function
_LONG = 1000  # operations: of more, what comes again is a name, or choices inside choices are written out without end


def _hoist_parts(trace: Trace, hoisted: Sequence[sympy.Expr], directions: bool) -> tuple[list[str], list[str]]:
    """Return the lines of `hoist`, and the functions that it calls where it is long: LLVM takes the square of it."""
    firsts = range(0, len(hoisted), _AT_A_TIME)
    parts = [_hoist_lines(trace, first, hoisted[first : first + _AT_A_TIME], directions) for first in firsts]
    if len(parts) < 2:
        return [line for lines in parts for line in lines], []
    functions: list[str] = []
    for i, lines in enumerate(parts):
        functions += ["", "", "@njit(**PART)", f"def hoist{i}(p, seed, out):", *(f"    {line}" for line in lines)]
    return [f"hoist{i}(p, seed, out)" for i in range(len(parts))], functions


def _hoist_lines(trace: Trace, first: int, hoisted: Sequence[sympy.Expr], directions: bool) -> list[str]:
    names = {s: f"p_{n}" for s, n in zip(trace.parameters, identifiers(trace.parameters), strict=True)}
    used = {s for e in hoisted for s in e.free_symbols}
    lines = [f"{names[s]} = p[{i}]" for i, s in enumerate(trace.parameters) if s in used]
    slopes = {
        (i, k): derivative(expr, s)
        for i, expr in enumerate(hoisted if directions else ())
        for k, s in enumerate(trace.parameters)
        if s in expr.free_symbols
    }
    slopes = {at: e for at, e in slopes.items() if e != 0}
    every = list(slopes.values())  # not the values: they are the same bits with and without directions
    shared, rest = share(every) if sum(e.count_ops() for e in every) > _LONG else ((), every)
    names |= {symbol: f"c{i}" for i, (symbol, _) in enumerate(shared)}
    printer = Printer(names)
    lines += [f"out[0, {i}] = {printer.doprint(e)}" for i, e in enumerate(hoisted, first)]
    lines += [f"{names[symbol]} = {printer.doprint(part)}" for symbol, part in shared]
    texts = {at: printer.doprint(e) for at, e in zip(slopes, rest, strict=True)}
    along = []
    for i in range(len(hoisted) if directions else 0):
        terms = [f"seed[k, {k}]*({text})" for (row, k), text in texts.items() if row == i]
        along.append(f"    out[1 + k, {first + i}] = {' + '.join(terms) or '0.0'}")
    return [*lines, *(["for k in range(seed.shape[0]):"] if along else []), *along]


def _observe_lines(trace: Trace, directions: bool) -> list[str]:
    outputs, n = [sympy.sympify(e) for e in trace.observed], len(trace.states)
    symbols = (*trace.states, *trace.parameters)
    slopes = (
        {(i, k): derivative(e, s) for i, e in enumerate(outputs) for k, s in enumerate(symbols)} if directions else {}
    )
    slopes = {at: e for at, e in slopes.items() if e != 0}
    shared, rest = share([*outputs, *slopes.values()])
    names = {trace.time: "t"} | {symbol: f"c{i}" for i, (symbol, _) in enumerate(shared)}
    fixed: list[str] = []
    varying = ["t = times[first + o]"]
    for array, group, lines in (("y", trace.states, varying), ("p", trace.parameters, fixed)):
        for i, (symbol, name) in enumerate(zip(group, identifiers(group), strict=True)):
            names[symbol] = f"{array}_{name}"
            if any(symbol in e.free_symbols for e in outputs):
                lines.append(f"{array}_{name} = {array}[{i}{', o' if array == 'y' else ''}]")
    printer = Printer(names)
    varying += [f"{names[symbol]} = {printer.doprint(part)}" for symbol, part in shared]
    varying += [f"out[{i}, o] = {printer.doprint(e)}" for i, e in enumerate(rest[: len(outputs)])]
    along = []
    for i in range(len(outputs) if directions else 0):
        terms = []
        for (row, k), expr in zip(slopes, rest[len(outputs) :], strict=True):
            change = f"y[(1 + k)*{n} + {k}, o]" if k < n else f"seed[k, {k - n}]"
            terms += [f"{change}*({printer.doprint(expr)})"] if row == i else []
        along.append(f"    out[(1 + k)*{len(outputs)} + {i}, o] = {' + '.join(terms) or '0.0'}")
    varying += ["for k in range(seed.shape[0]):", *along] if along else []
    return [*fixed, "for o in range(m):", *(f"    {line}" for line in varying)] if outputs else []


def _each(lanes: int, lines: Sequence[str]) -> list[str]:
    return [f"for l in range({lanes}):", *(f"    {line}" for line in lines)]


def _tiles(lanes: int, rows: Layout, states: Sequence[str], direction: Sequence[str]) -> list[str]:
    """Return the loop over tiles of lanes: the states' step, then that of each direction."""
    width = min(lanes, TILE)
    body = [*_each(width, states), *_directions(rows, _each(width, direction))]
    return [f"for first in range(0, {lanes}, {TILE}):", *(f"    {line}" for line in body)]


def _directions(rows: Layout, lines: Sequence[str]) -> list[str]:
    """Return the loop over directions: each is copied to rows whose distance to the others the compiler knows.

    Else it would have to check before every step that no row is another's, and gives up vector code.
    """

    def copied(first: int, count: int, back: bool) -> list[str]:
        block = f"b*{rows.stride * LANES} + {first * LANES} + r*{LANES} + first"
        tile = f"{rows.tiled(first - rows.stride)} + r*{TILE}"
        into, source = (block, tile) if back else (tile, block)
        return [f"for r in range({count}):", f"    carry(s, {into}, {source})"]

    inner = [
        *copied(rows.state, 2 * rows.states, back=False),
        *copied(rows.parameter, rows.stage - rows.parameter, back=False),
        *lines,
        *copied(rows.new, 2 * rows.states, back=True),
        *copied(rows.stage, rows.stages, back=True),
    ]
    return ["for b in range(1, blocks):", *(f"    {line}" for line in inner)]


def _function(head: str, doc: str, lines: Sequence[str]) -> list[str]:
    body = ["    " + line for line in _without_idle_loads(lines)] or ["    pass"]
    return ["", "", f"def {head}:", f'    """{doc}"""', *body]


class _Steps(NamedTuple):
    """Hold what tries a step: where its rows are, its lines, and the tables and functions that these need."""

    rows: Layout
    body: Sequence[str]
    tables: Sequence[str] = ()
    functions: Sequence[str] = ()


def generate(trace: Trace, step: ModuleType, lanes: int, directions: bool) -> tuple[str, Layout]:
    """Return the source of the module of `trace` for one method, and its layout."""
    _check(trace)
    known = symbols(trace)
    steps = _steps(trace, known, step, lanes, directions)
    inputs = forced(known.slopes, trace.time)
    timed = [margin.expression for margin in margins(known) if clocked(known, margin)]
    marks = landmarks(list(inputs.values()), timed, trace.time, trace.states)
    marks.clocks += _clocks(known, inputs.values())
    bent = bends(known.slopes, (trace.time, *trace.states))
    rows = replace(steps.rows, clocked=len(timed), forced=len(inputs))
    lanes = LANES if rows.looped else lanes
    hoist, parts = _hoist_parts(trace, known.hoisted, directions)
    bends_of = bent_parts(known, rows, bent, lanes=lanes, stiff=step.STIFF, directions=directions)
    for i, lines in enumerate(bends_of):
        parts += ["", "", "@njit(**PART)", f"def bent{i}(s, rtol):"]
        parts += [f"    {line}" for line in _without_idle_loads(lines)]
    steps = steps._replace(body=[*steps.body, *(f"bent{i}(s, rtol)" for i in range(len(bends_of)))])
    functions = [
        ("step(s, rtol, blocks)", "Try one step in every lane.", steps.body),
        (
            "interpolate(s, offset, lane, x, m, y, row)",
            "Write the states of one lane at m fractions x of its step into y.",
            step.emit_interpolate(rows),
        ),
        (
            "observe(times, first, m, y, p, seed, out)",
            "Write the model's outputs at m times.",
            _observe_lines(trace, directions),
        ),
        (
            "hoist(p, seed, out)",
            "Write what depends on parameters alone.",
            hoist,
        ),
    ]
    if known.switches:
        functions += switch_kernels(known, rows, marks, lanes, directions, step.STIFF)
    if inputs or timed:
        doc = "Write the next cells of the mesh of one lane's step."
        functions.append(("places(s, j, gone, x, w)", doc, places_lines(known, marks, rows)))
    if inputs:
        doc, written = "Write what time alone moves of the slopes.", forced_lines(known, inputs, rows, directions)
        functions.append(("forced(s, j, x, m, blocks, out)", doc, written))
    if known.triggers:
        rows = with_triggers(rows, known)
        functions += trigger_kernels(known, rows, directions)
    lines = [*steps.functions, *parts, *(line for function in functions for line in _function(*function))]
    header = _header(trace, step, lanes, rows)
    header += ["from immunode.engine.forcing import beside_pulse"] if marks.pulses else []
    header += ["from immunode.engine.bends import kept, kinked, meets, moved  # noqa: F401"] if bent else []
    header += [f"from immunode.engine.switches import {_OF_SWITCHES}"] if known.switches else []
    lines = [*header, *steps.tables, *rare([*steps.tables, *lines]), *lines]
    return "\n".join(lines) + "\n", rows


def _clocks(known: Symbols, inputs: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """Return how often the clocks begin anew that inputs are functions of: `mod(t, day)` is the time of a day."""
    used = {symbol for expr in inputs for symbol in expr.free_symbols}
    return [s.rate for s in known.switches if s.whole and s.rate is not None and s.symbol in used]


def _steps(trace: Trace, known: Symbols, step: ModuleType, lanes: int, directions: bool) -> _Steps:
    n = len(trace.states)
    partials = Partials(known, step.STIFF, directions)
    if n == 0:  # outputs of time and parameters: every step is right, and moves nothing
        rows = Layout(0, len(known.hoisted), 0, 0, len(trace.infused), 0)
        return _Steps(rows, _each(lanes, [f"{rows.at(rows.error)} = 0.0", f"{rows.at(rows.rho)} = 0.0"]))
    if partials.larger(layout.STRAIGHT_ALONG if directions else layout.STRAIGHT):
        looped = Looped(partials, step.own_rows(n))
        return _Steps(looped.rows, step.emit_looped(looped), looped.header(), looped.functions())
    shared = step.shared_rows(partials)
    sizes = len(known.hoisted), len(known.switches), len(margins(known)), len(trace.infused)
    rows = Layout(n, *sizes, step.stage_rows(n), shared, directions)
    scalars, states = step.emit_functions(partials), step.emit_step(partials, rows)
    along = step.emit_direction(partials, rows) if directions else []
    body = ["wide()", *(_tiles(lanes, rows, states, along) if directions else _each(lanes, states))]
    functions: list[str] = []
    for scalar in scalars:
        made = "@common" if scalar.common else "@njit(**INLINE)"
        functions += ["", "", made, f"def {scalar.name}({', '.join(scalar.arguments)}):"]
        functions += [f"    {line}" for line in scalar.lines]
    return _Steps(rows, body, functions=functions)


def _header(trace: Trace, step: ModuleType, lanes: int, rows: Layout) -> list[str]:
    return [
        f'"""Generated: do not edit ({step.__name__.rpartition(".")[2]}, {lanes} lanes).',
        "",
        f"states: {', '.join(map(str, trace.states))}",
        f"Row r of lane l is s[r*{LANES} + l]{_TILED if rows.copied else ''}.",
        '"""',
        "",
        "from math import exp, log, nan, sqrt  # noqa: F401",
        "",
        "from numba import njit",
        "",
        "from immunode.engine.signatures import INLINE, PART, common  # noqa: F401",
        "from immunode.engine.vectors import carry, wide",
    ]


def _without_idle_loads(lines: Sequence[str]) -> list[str]:
    """Return the lines without those that load what none reads: of hundreds of states a switch reads few."""
    texts = [line.partition(" = ")[2] or line for line in lines]
    read = {name for text in texts for name in re.findall(r"\b[A-Za-z_]\w*", text)}
    return [line for line in lines if not (load := _LOAD.match(line)) or load[1] in read]


def _check(trace: Trace) -> None:
    known = {trace.time, *trace.states, *trace.parameters}
    triggered = [e for one in trace.triggers for e in (one.when, one.delay, one.priority, *(v for _, v in one.then))]
    for name, expressions in (("derivative", trace.derivative), ("output", trace.observed), ("trigger", triggered)):
        for i, expr in enumerate(map(sympy.sympify, expressions)):
            free = sorted(map(str, expr.free_symbols - known))
            if free or expr.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I):
                what = (
                    f"uses {', '.join(free)}, which is no state or parameter" if free else "is not a finite real number"
                )
                of = f"of {trace.states[i]}" if name == "derivative" else f"{i}"
                raise ModelError(f"the {name} {of} {what}: {expr}")
