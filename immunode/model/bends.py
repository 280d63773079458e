"""Find where slopes bend: `maximum`, `minimum`, `abs`, and choices whose sides agree where they turn.

Slopes do not jump there, and no step ends there. But a method's own estimate of its error is made for smooth slopes:
that of tsit5 sees a fourteenth of what a bend does to a step. So it is told how large the bend is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunode.functions.smooth import LEAST
from immunode.model.calculus import derivative

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class Bend:
    """Hold a bend: `margin` changes its sign there, `gap` is by how much the sides differ, `weight`, by the number of a
    slope, how fast that changes with what bends."""

    margin: "sympy.Expr"
    gap: "sympy.Expr"
    weight: "dict[int, sympy.Expr]"


def bends(slopes: "Sequence[sympy.Expr]", moving: "Sequence[sympy.Symbol]") -> list[Bend]:
    """Return the bends of slopes that time and states, which are `moving`, pass."""
    import sympy

    kinds, result = (sympy.Abs, sympy.Max, sympy.Min, sympy.Piecewise), []
    nodes = {node for slope in slopes for node in slope.atoms(*kinds)}
    for node in sorted(nodes, key=sympy.default_sort_key):
        sides = [(margin, gap) for margin, gap in _sides(node) if margin.free_symbols & set(moving)]
        weight = {i: _weight(slope, node) for i, slope in enumerate(slopes) if sides and slope.has(node)}
        result += [Bend(margin, gap, weight) for margin, gap in sides]
    return result


def _weight(slope: Any, node: Any) -> Any:
    import sympy

    alone = sympy.Dummy(real=True)
    return derivative(slope.xreplace({node: alone}), alone).xreplace({alone: node})


def _sides(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield, of each place where an expression bends, what changes its sign there, and the difference of its sides."""
    import sympy

    if isinstance(node, sympy.Abs):
        yield node.args[0], 2 * node.args[0]
    elif node.is_Piecewise:
        for k, (value, condition) in enumerate(node.args[:-1]):
            rest = sympy.Piecewise(*node.args[k + 1 :])
            relations = condition.atoms(sympy.core.relational.Relational)
            for relation in sorted(relations, key=sympy.default_sort_key):
                yield relation.lhs - relation.rhs, value - rest
    elif LEAST not in node.args:  # that of log is no bend
        best = node.args[0]
        for other in node.args[1:]:
            yield best - other, best - other
            best = node.func(best, other)
