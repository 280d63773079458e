"""Write the kernels of a model's triggers: what each weighs (truth, priority, delay), and what states become."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from immunode.engine.codegen.expressions import Symbols
from immunode.engine.codegen.forcing import LANE
from immunode.engine.constants import DELAY, FIRST, KEPT, LANES, PERSISTS, PRIORITY, TRUTH
from immunode.engine.layout import Layout
from immunode.model.calculus import derivative


def with_triggers(rows: Layout, symbols: Symbols) -> Layout:
    """Return the layout that counts the triggers, too."""
    assigned = [len(one.then) for one in symbols.triggers]
    kept = [len(one.then) for one in symbols.triggers if one.kept]
    return replace(rows, triggers=len(assigned), assigned=max(assigned), kept=max(kept, default=0))


def _present(symbols: Symbols, rows: Layout) -> list[str]:
    """Return the lines that load time, states, and what is held during a step."""
    values = [f"y_{x} = {rows.at(rows.state + i, LANE)}" for i, x in enumerate(symbols.names)]
    return [f"t = {rows.at(rows.time, LANE)}", *values, *symbols.loads(rows, LANE)]


def _along(symbols: Symbols, rows: Layout, expression: Any) -> str:
    """Return the text of an expression's change along direction b - 1, as its time moves by late[b - 1]."""
    first = [rows.state + i for i in range(len(symbols.names))]
    first += [rows.parameter + i for i in range(len(symbols.hoisted))]
    terms = []
    for symbol, row in zip([*symbols.trace.states, *symbols.parameters], first, strict=True):
        partial = derivative(expression, symbol)
        if partial != 0:
            terms.append(f"({symbols.printed([partial])[0]})*{rows.at(row, LANE, offset=f'b*{rows.stride * LANES}')}")
    by_time = derivative(expression, symbols.trace.time)
    if by_time != 0:
        terms.append(f"({symbols.printed([by_time])[0]})*late[b - 1]")
    return " + ".join(terms) or "0.0"


def weigh_lines(symbols: Symbols, rows: Layout, directions: bool) -> list[str]:
    """Return the lines that write a row a trigger: what is known of it now, its delay, and how that changes."""
    lines, along = _present(symbols, rows), []
    for i, one in enumerate(symbols.triggers):
        when, priority, delay = symbols.printed([one.when, one.priority, one.delay])
        numbers = {PERSISTS: one.persistent, FIRST: one.initial, KEPT: len(one.then) if one.kept else 0}
        lines += [f"out[{i}, {TRUTH}] = 1.0 if {when} else 0.0", f"out[{i}, {PRIORITY}] = {priority}"]
        lines += [f"out[{i}, {column}] = {float(number)!r}" for column, number in numbers.items()]
        lines.append(f"out[{i}, {DELAY}] = {delay}")
        along.append(f"    out[{i}, {DELAY} + b] = {_along(symbols, rows, one.delay) if directions else '0.0'}")
    return [*lines, "for b in range(1, blocks):", *along]


def becomes_lines(symbols: Symbols, rows: Layout, directions: bool) -> list[str]:
    """Return the lines that write a row for each state that trigger i assigns: value, changes, and which state."""
    lines = _present(symbols, rows)
    for i, one in enumerate(symbols.triggers):
        lines.append(f"if i == {i}:")
        values = symbols.printed([value for _, value in one.then])
        for m, ((state, value), text) in enumerate(zip(one.then, values, strict=True)):
            lines += [f"    out[{m}, 0] = {text}", f"    out[{m}, blocks] = {float(state)!r}"]
            if directions:
                lines += ["    for b in range(1, blocks):", f"        out[{m}, b] = {_along(symbols, rows, value)}"]
    return lines


def kernels(symbols: Symbols, rows: Layout, directions: bool) -> Sequence[tuple[str, str, list[str]]]:
    """Return head, docstring and lines of each kernel of a model that has triggers."""
    return [
        (
            "weigh(s, j, blocks, late, out)",
            "Say of one lane which triggers hold, and how they are carried out.",
            weigh_lines(symbols, rows, directions),
        ),
        (
            "becomes(s, j, i, blocks, late, out)",
            "Write what trigger i makes of the states of one lane.",
            becomes_lines(symbols, rows, directions),
        ),
    ]
