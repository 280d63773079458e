"""Find edges: values of parameters at which a condition on parameters alone makes something of a model jump.

There it has no derivative by those parameters that move the condition. What only bends there has one to each side.
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
    edgy = np.zeros(len(values), bool)
    for edge in _edges(trace.whole, tuple(dosed)):
        for k, index in enumerate(which):
            if index >= 0 and trace.parameters[index] in edge.expression.free_symbols:
                place, slope = _functions(trace.whole, edge.expression, index)
                with np.errstate(all="ignore"):
                    at, moves = place(*values.T), np.abs(slope(*values.T) * scale[:, k])
                    at = at - np.round(at) if edge.whole else at
                    edgy |= (moves > 0.0) & (np.abs(at) <= _NEAR * moves)
    return edgy


@lru_cache(maxsize=256)
def _edges(trace: Trace, dosed: tuple[int, ...]) -> list[Switch]:
    expressions = [*trace.derivative, *trace.observed, *(e for e in trace.initial if e is not None)]
    for name in _DOSED:
        declared = getattr(trace, name)
        expressions += [declared[i] for i in dosed if i < len(declared) and declared[i] is not None]
    known = set(trace.parameters)
    return [jump for jump in jumps(trace, expressions) if jump.expression.free_symbols <= known]


@lru_cache(maxsize=1024)
def _functions(trace: Trace, expression: "sympy.Expr", index: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return an expression and its derivative by a parameter as functions of all parameters."""
    import sympy

    slope = derivative(expression, trace.parameters[index])
    return tuple(sympy.lambdify(trace.parameters, e, modules=[SPECIAL, "numpy"]) for e in (expression, slope))  # type: ignore[return-value]
