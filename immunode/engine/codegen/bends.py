"""Write the end of a step that makes bends of the slopes known to the error of one that goes over them."""

from collections.abc import Mapping, Sequence
from typing import Any

from immunode.engine.codegen.expressions import Symbols
from immunode.engine.codegen.forcing import LANE
from immunode.engine.layout import Layout
from immunode.model.bends import Bend
from immunode.model.calculus import derivative

_ALONG = 1e3  # of the error's square
_NEAR = 0.2  # of how far from a bend a step of an explicit method began
_AT_A_TIME = 8  # slopes in one function: LLVM takes the square of its length


def bent_parts(
    symbols: Symbols, rows: Layout, bends: Sequence[Bend], *, lanes: int, stiff: bool, directions: bool
) -> list[list[str]]:
    """Return the lines of the functions that raise the squared error of each lane's step to that of a bend inside.

    Where a slope bends inside a step it leaves its chord by as much as `kinked` says, and the step's increment is
    wrong by less than that times its size; an implicit method keeps of that what the state does not forget. The slopes
    of sensitivities jump there: of that tsit5's estimate sees a thirtieth.
    """
    states = sorted({i for bend in bends for i in bend.weight})
    firsts = range(0, len(states), _AT_A_TIME)
    return [_part(symbols, rows, bends, states[k : k + _AT_A_TIME], lanes, stiff, directions) for k in firsts]


def _part(
    symbols: Symbols, rows: Layout, every: Sequence[Bend], states: Sequence[int], lanes: int, stiff: bool,
    directions: bool,
) -> list[str]:  # fmt: skip
    bends = [bend for bend in every if set(states) & bend.weight.keys()]
    lines = [f"h = {rows.at(rows.size, LANE)}", *symbols.loads(rows, LANE), *_ends(symbols, rows, bends, states)]
    near = 0.0 if stiff else _NEAR
    lines += [f"b_{q} = kinked(m0_{q}, m1_{q}, g0_{q}, g1_{q}, {near!r})" for q in range(len(bends))]
    lines.append("worst = 0.0")
    for i in states:
        terms = [
            f"moved(b_{q}, g0_{q}, g1_{q}, k0_{q}_{i}, k1_{q}_{i})" for q, bend in enumerate(bends) if i in bend.weight
        ]
        tolerance = f"{rows.at(rows.atol + i, LANE)} + rtol*max(size0_{i}, size1_{i})"
        share = f"kept(h, r0_{i}, r1_{i})*" if stiff else ""
        lines.append(f"worst = max(worst, {share}h*({' + '.join(terms)})/({tolerance}))")
    error = rows.at(rows.error, LANE)
    if directions:
        crossed = " + ".join(f"b_{q}" for q in range(len(bends)))
        lines.append(f"{error} = {error}*({_ALONG!r} if {crossed} > 0.0 else 1.0)")
    lines += ["worst = worst*worst", f"{error} = max({error}, worst) if worst < 1e300 else {error}"]
    return [*_unless_met(symbols, rows, bends, lanes, near), *_of_lanes(lanes, lines)]


def _unless_met(symbols: Symbols, rows: Layout, bends: Sequence[Bend], lanes: int, near: float) -> list[str]:
    """Return the lines that end a function of `bent_parts` where no lane meets a bend, as in nearly all steps."""
    lines = [f"h = {rows.at(rows.size, LANE)}", *symbols.loads(rows, LANE)]
    for end in "01":
        lines += _at_end(symbols, rows, end, {f"m{end}_{q}": bend.margin for q, bend in enumerate(bends)})
    lines += [f"met |= meets(m0_{q}, m1_{q}, {near!r})" for q in range(len(bends))]
    return ["met = False", *_of_lanes(lanes, lines), "if not met:", "    return"]


def _of_lanes(lanes: int, lines: Sequence[str]) -> list[str]:
    return [f"for {LANE} in range({lanes}):", *(f"    {line}" for line in lines)]


def _ends(symbols: Symbols, rows: Layout, bends: Sequence[Bend], states: Sequence[int]) -> list[str]:
    """Return the lines that make, at both ends: margins m and gaps g of bends, weights k, sizes of states, rates r."""
    rates = [derivative(symbols.slopes[i], symbols.trace.states[i]) for i in states]
    lines = []
    for end in "01":
        known = {f"r{end}_{i}": rate for i, rate in zip(states, rates, strict=True)}
        for q, bend in enumerate(bends):
            known |= {f"m{end}_{q}": bend.margin, f"g{end}_{q}": bend.gap}
            known |= {f"k{end}_{q}_{i}": bend.weight[i] for i in states if i in bend.weight}
        lines += _at_end(symbols, rows, end, known)
        lines += [f"size{end}_{i} = abs(y_{symbols.names[i]})" for i in states]
    return lines


def _at_end(symbols: Symbols, rows: Layout, end: str, known: Mapping[str, Any]) -> list[str]:
    """Return the lines that make what is named where a step begins (end 0) or ends (1)."""
    first, time = (rows.state, "") if end == "0" else (rows.new, " + h")
    shared, texts = symbols.write(list(known.values()))
    return [
        f"t = {rows.at(rows.time, LANE)}{time}",
        *(f"y_{x} = {rows.at(first + i, LANE)}" for i, x in enumerate(symbols.names)),
        *shared,
        *(f"{name} = {text}" for name, text in zip(known, texts, strict=True)),
    ]
