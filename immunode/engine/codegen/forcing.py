"""Write the kernel of a model's inputs in time: what time moves of its slopes, the states held."""

from typing import Any

from immunode.engine.codegen.expressions import Symbols
from immunode.engine.constants import ATONCE, CELLS, FINEST, GONE, LANES, LEAST, START, TURN, WAVE
from immunode.engine.layout import Layout
from immunode.model.calculus import derivative
from immunode.model.forcing import Landmarks

LANE = "j"  # of kernels for one lane; not the step's own l, whose shared rows lie in tiles


def width_lines(symbols: Symbols, marks: Landmarks, size: str) -> list[str]:
    """Return the lines that make `width` no wider than the mesh's cell that begins at t, in a step of this size."""
    turns = dict.fromkeys([*((WAVE, rate) for rate in marks.rhythms), *((TURN, rate) for rate in marks.sharp)])
    limits = [f"max({turn!r}/({symbols.printed([rate])[0]}), {FINEST!r}*{size})" for turn, rate in turns]
    limits += [f"beside_pulse(t, {', '.join(symbols.printed(pulse))})" for pulse in dict.fromkeys(marks.pulses)]
    limits += [f"max(abs(t), {START!r}*{size})*{1 / CELLS!r}"] if marks.other else []
    for rate in dict.fromkeys(marks.clocks):  # a pulse of a day's clock is as narrow on the last day as on the first
        limits.append(f"max({1 / CELLS!r}/(abs({symbols.printed([rate])[0]}) + 1e-300), {FINEST!r}*{size})")
    return [*(f"width = min(width, {limit})" for limit in limits), f"width = max(width, {LEAST!r}*{size})"]


def places_lines(symbols: Symbols, marks: Landmarks, rows: Layout) -> list[str]:
    """Return the lines that write the middles x and widths w of the mesh's cells from `gone` of lane `j`'s step on."""
    return [
        *symbols.loads(rows, LANE),
        f"size, m = {rows.at(rows.size, LANE)}, 0",
        f"while m < {ATONCE} and gone < size:",
        f"    t, width = {rows.at(rows.time, LANE)} + gone, size - gone",
        *(f"    {line}" for line in width_lines(symbols, marks, "size")),
        "    x[m], w[m] = t + 0.5*width, width",
        "    gone = size if width >= size - gone else gone + width",
        "    m += 1",
        f"w[{GONE}] = gone",
        "return m",
    ]


def forced_lines(symbols: Symbols, inputs: dict[int, Any], rows: Layout, directions: bool) -> list[str]:
    """Return the lines that write, of lane `j`, the inputs at m times x, along each direction, then two rows of each.

    These hold, in their first column, how fast the state forgets, and its number.
    """
    n, terms = len(inputs), list(inputs.values())
    values = {symbols.names[i]: rows.state + i for i in range(len(symbols.names))}
    lines = [f"y_{x} = {rows.at(row, LANE)}" for x, row in values.items()] + symbols.loads(rows, LANE)
    rates = symbols.printed([derivative(symbols.slopes[i], symbols.trace.states[i]) for i in inputs])
    lines.append(f"t = {rows.at(rows.time, LANE)}")
    for k, (state, rate) in enumerate(zip(inputs, rates, strict=True)):
        lines += [f"out[blocks*{n} + {k}, 0] = abs({rate})", f"out[(blocks + 1)*{n} + {k}, 0] = {float(state)!r}"]
    by = [*symbols.trace.states, *symbols.parameters]
    at = [*values.values(), *(rows.parameter + i for i in range(len(symbols.hoisted)))]
    partials = symbols.entries(terms, by) if directions else {}
    shared, texts = symbols.write([*terms, *partials.values()])
    inner = ["t = x[o]", *shared, *(f"out[{k}, o] = {text}" for k, text in enumerate(texts[:n]))]
    along = [f"g_{i}_{q} = {text}" for (i, q), text in zip(partials, texts[n:], strict=True)]
    if directions:
        along.append("for b in range(1, blocks):")
        for k in range(n):
            moved = [
                f"g_{i}_{q}*{rows.at(at[q], LANE, offset=f'b*{rows.stride * LANES}')}" for i, q in partials if i == k
            ]
            along.append(f"    out[b*{n} + {k}, o] = {' + '.join(moved) or '0.0'}")
    return [*lines, "for o in range(m):", *(f"    {line}" for line in [*inner, *along])]
