"""Write a trace's equations, in LaTeX and as plain text, and their exact Jacobian."""

from typing import TYPE_CHECKING

from immunode.model.calculus import derivative
from immunode.model.trace import Trace

if TYPE_CHECKING:
    import sympy


def jacobian(traced: Trace) -> "sympy.Matrix":
    """Return the exact derivative of each state's slope (rows) by each state (columns)."""
    import sympy

    return sympy.Matrix([[derivative(sympy.sympify(f), y) for y in traced.states] for f in traced.derivative])


def latex(traced: Trace) -> list[str]:
    """Return one LaTeX equation a state, in the order of the states; names stand upright, as words."""
    import sympy

    symbols = (traced.time, *traced.states, *traced.parameters)
    names = {symbol: r"\mathrm{" + symbol.name.replace("_", r"\_") + "}" for symbol in symbols}
    return [
        rf"\frac{{d\,{names[state]}}}{{dt}} = {sympy.latex(slope, symbol_names=names, mul_symbol='dot')}"
        for state, slope in zip(traced.states, traced.derivative, strict=True)
    ]


def plain(traced: Trace) -> list[str]:
    """Return one equation a state as plain text, for the terminal."""
    import sympy

    width = max((len(str(state)) for state in traced.states), default=0)
    return [
        f"d {state!s:<{width}} / dt = {sympy.sstr(slope)}"
        for state, slope in zip(traced.states, traced.derivative, strict=True)
    ]
