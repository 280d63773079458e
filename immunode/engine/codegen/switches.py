"""Write the kernels of a model's switches: where each stands, whether a step may have crossed one, where, and how fast.

A switch that the states move has one margin, its expression times its sign, or two if it is a whole part: the distances
to the whole numbers below and above. A margin below zero is crossed.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sympy import Add, S, zoo

from immunode.engine.codegen.expressions import Symbols
from immunode.engine.codegen.forcing import LANE, width_lines
from immunode.engine.constants import (
    ACCEPTED,
    ADDED,
    END,
    LANES,
    LOOK,
    NEVER,
    NEXT,
    OF_SCALES,
    OF_STATES,
    SORT,
    SOUGHT,
    TIMED,
)
from immunode.engine.layout import Layout
from immunode.model.calculus import derivative
from immunode.model.forcing import Landmarks, hides


class Margin(NamedTuple):
    """Hold one margin: the switch's number, its expression, and the side of a whole part (0 of a sign)."""

    switch: int
    expression: Any
    side: int


def _at(rows: Layout, row: int, offset: str = "") -> str:
    return rows.at(row, LANE, offset=offset)


def margins(symbols: Symbols) -> list[Margin]:
    """Return the margins of all switches that have no time known beforehand, first of those on the mesh of time."""
    result = []
    for k, switch in enumerate(symbols.switches):
        if switch.whole and not switch.timed:
            result += [Margin(k, switch.expression - switch.symbol, -1)]
            result += [Margin(k, switch.symbol + 1 - switch.expression, 1)]
        elif not switch.timed:
            result.append(Margin(k, switch.expression, 0))
    return sorted(result, key=lambda margin: not clocked(symbols, margin))


def clocked(symbols: Symbols, margin: Margin) -> bool:
    """Return whether time moves a margin, the other switches held, by itself or as a pulse or rhythm beside states."""
    states = set(symbols.trace.states)
    return not margin.expression.free_symbols & states or hides(margin.expression, symbols.trace.time, states)


def decide_lines(symbols: Symbols, rows: Layout) -> list[str]:
    """Return the lines that say where each switch of lane `j` stands, and when the next is due.

    At level 0, the start and after doses, all are decided; at level 1, where a switch has been reached, those that time
    or other switches move, and what has been reached goes where it was seen to go; at level 2 those of time. The goal
    of a switch that nothing but its own place has moved is left beside it.
    """
    lines = [f"following = {NEVER!r}", *_present(symbols, rows)]
    for k, switch in enumerate(symbols.switches):
        side, row, goal = f"s{k}", _at(rows, rows.switch + k), _at(rows, rows.switch + rows.switches + k)
        if switch.rate is not None:
            call = "whole_at" if switch.whole else "sign_at"
            period = (1 / switch.rate).xreplace({zoo: S.Zero})  # where the rate is zero there is none, and none is used
            rate, period, start = symbols.printed([switch.rate, period, switch.start])
            lines.append(f"{side}, due = {call}({rate}, {period}, {start}, t)")
            lines.append("following = min(following, due)")
        else:
            asked = "level < 2" if switch.behind else "level == 0"
            value = f"{'floored' if switch.whole else 'sign'}({_one(symbols, switch.expression)})"
            lines += [f"if {goal} == {goal}:", f"    {side} = {goal}", f"elif {asked}:", f"    {side} = {value}"]
        lines.append(f"moved{k} = {side} != {row}")
        alone = "".join(f" and not moved{_number(symbols, other)}" for other in switch.behind)
        lines += [f"if level == 1 and moved{k}{alone}:", f"    {goal} = {side}", f"{row} = {side}"]
    return [*lines, f"{_at(rows, NEXT)} = following"]


def _number(symbols: Symbols, symbol: Any) -> int:
    return [switch.symbol for switch in symbols.switches].index(symbol)


def _one(symbols: Symbols, expression: Any) -> str:
    return symbols.printed([expression])[0]


def _values(symbols: Symbols, rows: Layout, letter: str, first: int) -> list[str]:
    return [f"{letter}_{x} = {_at(rows, first + i)}" for i, x in enumerate(symbols.names)]


def _present(symbols: Symbols, rows: Layout) -> list[str]:
    """Return the lines that load time, states, and what is held during a step."""
    return [f"t = {_at(rows, rows.time)}", *_values(symbols, rows, "y", rows.state), *symbols.loads(rows, LANE)]


def guard_lines(symbols: Symbols, rows: Layout, marks: Landmarks, stiff: bool) -> list[str]:
    """Return the lines that mark lane `j` for a look if its step may have crossed a margin.

    The cubic with the margin's values and slopes at both ends leaves their chord by no more than 4/27 of the step times
    the differences of slopes; twice that is held to be enough for the dense output. A `stiff` method leaves the slopes
    of the start in the new ones: those of the end are evaluated.
    """
    lines = [f"h = {_at(rows, rows.size)}", f"marked = {_at(rows, LOOK)}"]
    start = rows.new_slope if stiff else rows.slope
    ends = (("0", _at(rows, rows.time), rows.state, start), ("1", _at(rows, END), rows.new, rows.new_slope))
    lines.append("crossed = 0.0")
    lines += symbols.loads(rows, LANE)
    for end, time, first, slope in ends:
        lines += [f"t = {time}", *_values(symbols, rows, "y", first), *_values(symbols, rows, "d", slope)]
        lines += _slopes(symbols) if stiff and end == "1" else []
        for q, margin in enumerate(margins(symbols)):
            value, rate = symbols.printed([margin.expression, _along(symbols, margin.expression)])
            side = f"s{margin.switch}"
            lines += [f"m{end}_{q} = {value}", f"r{end}_{q} = {rate}"]
            if margin.side == 0:
                lines += [f"r{end}_{q} = {side}*r{end}_{q}", f"m{end}_{q} = signed(m{end}_{q}, {side})"]
    for q in range(len(margins(symbols))):
        lines.append(f"crossed = crossed + may_cross(m0_{q}, r0_{q}, m1_{q}, r1_{q}, h)")
    if any(clocked(symbols, margin) for margin in margins(symbols)):  # of a long step its ends tell nothing
        lines += [f"t, width = {rows.at(rows.time, LANE)}, h", *width_lines(symbols, marks, "h")]
        lines.append("crossed = crossed + (1.0 if h > width else 0.0)")
    moved = f"(2.0 if (h > 0.0) & ({_at(rows, ACCEPTED)} > 0.0) & (crossed > 0.0) else 0.0)"
    return [*lines, f"{_at(rows, LOOK)} = marked + {moved}"]


def _slopes(symbols: Symbols) -> list[str]:
    """Return the lines that evaluate those slopes on which margins depend."""
    used = set().union(*(margin.expression.free_symbols for margin in margins(symbols)))
    needed = [i for i, state in enumerate(symbols.trace.states) if state in used]
    lines, texts = symbols.write([symbols.slopes[i] for i in needed])
    moved = [
        f"d_{symbols.names[i]} = {text}{symbols.infusions.get(i, '')}" for i, text in zip(needed, texts, strict=True)
    ]
    return [*lines, *moved]


def _along(symbols: Symbols, expression: Any) -> Any:
    """Return the change of an expression per time along the slopes d_i."""
    total = derivative(expression, symbols.trace.time)
    for symbol, slope in zip(symbols.trace.states, symbols.slope_symbols, strict=True):
        total += derivative(expression, symbol) * slope
    return total


def margin_lines(symbols: Symbols, rows: Layout) -> list[str]:
    """Return the lines that write of lane `j`, at m fractions x of its step: margins, where each switch goes, which."""
    known = margins(symbols)
    lines = [
        *symbols.loads(rows, LANE),
        "for o in range(m):",
        f"    t = {_at(rows, rows.time)} + x[o]*{_at(rows, rows.size)}",
    ]
    lines += [f"    y_{x} = y[{i}, o]" for i, x in enumerate(symbols.names)]
    for q, margin in enumerate(known):
        value, side = _one(symbols, margin.expression), f"s{margin.switch}"
        goal = f"{side} + {margin.side!r}" if margin.side else f"-{side} if {side} != 0.0 else sign(v)"
        lines += [f"    v = {value}", f"    out[{q}, o] = {'v' if margin.side else f'signed(v, {side})'}"]
        lines += [
            f"    out[{len(known) + q}, o] = {goal}",
            f"    out[{2 * len(known) + q}, o] = {float(margin.switch)!r}",
        ]
    return lines


def moving_lines(symbols: Symbols, rows: Layout) -> list[str]:
    """Return the lines that write, of lane `j` and each switch: its change per time, and along each direction."""
    lines = [*_present(symbols, rows), *_values(symbols, rows, "d", rows.slope)]
    by = [*symbols.trace.states, *symbols.parameters]
    at = [rows.state + i for i in range(len(symbols.names))] + [rows.parameter + i for i in range(len(symbols.hoisted))]
    along = []
    for k, switch in enumerate(symbols.switches):
        lines.append(f"out[{k}, 0] = {_one(symbols, _along(symbols, switch.expression))}")
        partials = {row: derivative(switch.expression, symbol) for symbol, row in zip(by, at, strict=True)}
        terms = [
            f"({_one(symbols, e)})*{_at(rows, r, offset=f'b*{rows.stride * LANES}')}"
            for r, e in partials.items()
            if e != 0
        ]
        along.append(f"    out[{k}, b] = {' + '.join(terms) or '0.0'}")
        lines += _doubted(symbols, rows, k, partials)
    return [*lines, "for b in range(1, blocks):", *along]


def _doubted(symbols: Symbols, rows: Layout, k: int, partials: dict[int, Any]) -> list[str]:
    """Return the lines that write how far a switch's expression may err as states may, and of which sort it is."""
    at = {rows.state + i: i for i in range(len(symbols.names))}
    sizes = {at[row]: f"abs({_one(symbols, e)})" for row, e in partials.items() if row in at and e != 0}
    states = " + ".join(f"{size}*abs(y_{symbols.names[i]})" for i, size in sizes.items())
    scales = " + ".join(f"{size}*{_at(rows, rows.atol + i)}" for i, size in sizes.items())
    sort = (ADDED if _adds(symbols, k) else TIMED) if symbols.switches[k].timed else SOUGHT
    texts = {OF_STATES: states or "0.0", OF_SCALES: scales or "0.0", SORT: f"{sort!r}.0"}
    return [f"out[{k}, blocks + {column}] = {text}" for column, text in texts.items()]


def _adds(symbols: Symbols, k: int) -> bool:
    """Return whether a switch that time brings only adds to slopes what no state and no other place changes."""
    symbol = symbols.switches[k].symbol
    sought = {switch.symbol for switch in symbols.switches if not switch.timed} | set(symbols.trace.states)
    readers = [e for one in symbols.switches for e in (one.expression, one.rate, one.start) if e is not None]
    if any(symbol in e.free_symbols for e in [*readers, *(one.when for one in symbols.triggers)]):
        return False
    terms = [a for slope in symbols.slopes for a in Add.make_args(slope) if symbol in a.free_symbols]
    return not any(term.free_symbols & sought for term in terms)


def kernels(
    symbols: Symbols, rows: Layout, marks: Landmarks, lanes: int, directions: bool, stiff: bool
) -> Sequence[tuple[str, str, list[str]]]:
    """Return head, docstring and lines of each kernel of a model that has switches."""
    every = [f"for {LANE} in range({lanes}):", *(f"    {line}" for line in guard_lines(symbols, rows, marks, stiff))]
    return [
        ("decide(s, j, level)", "Say where the switches of one lane stand.", decide_lines(symbols, rows)),
        ("guard(s)", "Mark the lanes that may have crossed a switch.", every if margins(symbols) else []),
        (
            "margins(s, j, x, m, y, out)",
            "Write the margins of one lane inside its step.",
            margin_lines(symbols, rows),
        ),
        (
            "moving(s, j, blocks, out)",
            "Write how fast each switch comes.",
            moving_lines(symbols, rows) if directions else [],
        ),
    ]
