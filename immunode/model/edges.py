"""Find edges: values of parameters, and starts, at which a condition makes something of a model jump.

There it has no derivative along what moves the condition. What only bends there has one to each side.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.model.calculus import derivative
from immunode.model.evaluate import SPECIAL
from immunode.model.switches import Switch, jumps
from immunode.model.trace import Trace

if TYPE_CHECKING:
    import sympy

_DOSED = ("lag", "bioavailability", "rate", "duration")
_NEAR = 1e-12  # of what a parameter is: times and conditions that differ by so much are one


def on_edge(
    trace: Trace, dosed: Sequence[int], values: np.ndarray, which: Sequence[int], scale: np.ndarray
) -> np.ndarray:
    """Return which rows of parameters `values` (n, P) lie on an edge that one of the parameters `which` moves.

    `dosed` are the states that are given doses; `scale` (n, k) is how large each of the parameters is.
    """
    changes = np.zeros((len(values), len(which), values.shape[1]))
    for k, index in enumerate(which):
        if index >= 0:
            changes[:, k, index] = scale[:, k]
    return _moved(_edges(trace.whole, tuple(dosed)), trace.parameters, values, changes)


def starts_on_edge(
    trace: Trace, start: np.ndarray, y0: np.ndarray, values: np.ndarray, which: Sequence[int], scale: np.ndarray,
    changes: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return which patients start, by time and state (n, S), on an edge of slopes or triggers that a direction moves.

    `changes` (n, k, S) are those of the states along the directions, the others are as for `on_edge`.
    """
    n, states = y0.shape
    known = np.hstack([start[:, None], y0, values[:, : len(trace.parameters)]])
    along = np.zeros((n, len(which), known.shape[1]))
    along[:, :, 1 : 1 + states] = changes
    for k, index in enumerate(which):
        if index >= 0:
            along[:, k, 1 + states + index] = scale[:, k]
    symbols = (trace.time, *trace.states, *trace.parameters)
    return _moved(_starts(trace.whole), symbols, known, along)


def _moved(edges: Sequence[Switch], symbols: Any, known: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Return which rows of `known` values (n, m) of `symbols` lie on an edge that a direction of `along` moves."""
    edgy = np.zeros(len(known), bool)
    for edge in edges:
        used = [i for i, symbol in enumerate(symbols) if symbol in edge.expression.free_symbols]
        place, *slopes = _functions(edge.expression, tuple(symbols[i] for i in used))
        arguments = known[:, used].T
        with np.errstate(all="ignore"):
            at = place(*arguments) + np.zeros(len(known))
            at = at - np.round(at) if edge.whole else at
            rates = [slope(*arguments) + np.zeros(len(known)) for slope in slopes]
            size = sum(np.abs(rate * known[:, i]) for i, rate in zip(used, rates, strict=True))
            moves = sum(along[:, :, i] * rate[:, None] for i, rate in zip(used, rates, strict=True))
            edgy |= (np.abs(at) <= _NEAR * size) & (np.abs(moves) > _NEAR * size[:, None]).any(axis=1)
    return edgy


@lru_cache(maxsize=256)
def _edges(trace: Trace, dosed: tuple[int, ...]) -> list[Switch]:
    expressions = [*trace.derivative, *trace.observed, *(e for e in trace.initial if e is not None)]
    for name in _DOSED:
        declared = getattr(trace, name)
        expressions += [declared[i] for i in dosed if i < len(declared) and declared[i] is not None]
    known = set(trace.parameters)
    return [jump for jump in jumps(trace, expressions) if jump.expression.free_symbols <= known]


@lru_cache(maxsize=256)
def _starts(trace: Trace) -> list[Switch]:
    """Return the edges of slopes and triggers that time or a state moves, too; not those behind other conditions."""
    moving = {trace.time, *trace.states}
    known = {*moving, *trace.parameters}
    reached = [edge for edge in jumps(trace, trace.derivative) if edge.expression.free_symbols & moving]
    return [edge for edge in reached if edge.expression.free_symbols <= known]


@lru_cache(maxsize=1024)
def _functions(expression: "sympy.Expr", symbols: "tuple[sympy.Symbol, ...]") -> list[Callable[..., Any]]:
    """Return an expression, and its derivatives by the symbols, as functions of these."""
    import sympy

    known = [expression, *(derivative(expression, symbol) for symbol in symbols)]
    return [sympy.lambdify(symbols, e, modules=[SPECIAL, "numpy"]) for e in known]
