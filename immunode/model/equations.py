"""Write a trace's equations, in LaTeX and as plain text, and their exact Jacobian."""

from typing import TYPE_CHECKING, Any

from immunode.model.calculus import derivative
from immunode.model.trace import Trace

if TYPE_CHECKING:
    import sympy


def jacobian(traced: Trace) -> "sympy.Matrix":
    """Return the exact derivative of each state's slope (rows) by each state (columns)."""
    import sympy

    return sympy.Matrix([[derivative(sympy.sympify(f), y) for y in traced.states] for f in traced.derivative])


def _names(traced: Trace) -> "dict[sympy.Symbol, str]":
    """Return how LaTeX writes time, states and parameters."""
    symbols = (traced.time, *traced.states, *traced.parameters)
    return {symbol: r"\mathrm{" + symbol.name.replace("_", r"\_") + "}" for symbol in symbols}


def latex(traced: Trace) -> list[str]:
    """Return one LaTeX equation a state, in the order of the states; names stand upright, as words."""
    import sympy

    names = _names(traced)
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


def plain_triggers(traced: Trace) -> list[str]:
    """Return one line a trigger as plain text: its condition, what states become, delay and priority."""
    import sympy

    lines = []
    for one in traced.triggers:
        then = ", ".join(f"{traced.states[state]} := {sympy.sstr(value, full_prec=False)}" for state, value in one.then)
        delay = "" if one.delay.is_zero else f" after {sympy.sstr(one.delay, full_prec=False)}"
        priority = "" if one.priority.is_zero else f" (priority {sympy.sstr(one.priority, full_prec=False)})"
        lines.append(f"when {sympy.sstr(one.when, full_prec=False)}{delay}: {then}{priority}")
    return lines


def latex_triggers(traced: Trace) -> list[str]:
    """Return one line of LaTeX a trigger: its condition, and what states become."""
    import sympy

    names, lines = _names(traced), []
    for one in traced.triggers:
        written = {state: sympy.latex(value, symbol_names=names, mul_symbol="dot") for state, value in one.then}
        then = r",\; ".join(rf"{names[traced.states[state]]} \leftarrow {value}" for state, value in written.items())
        when = sympy.latex(one.when, symbol_names=names)
        delay = "" if one.delay.is_zero else rf" \;+\; {sympy.latex(one.delay, symbol_names=names)}"
        lines.append(rf"{when}{delay} \;\Rightarrow\; {then}")
    return lines


def html(model: Any) -> str:
    """Return a model for a notebook: its equations, and its parameters with units and sources."""
    rows = "".join(
        f"<tr><td>{p.name}</td><td>{p.value:g}</td><td>{p.unit}</td><td>{p.meaning}</td><td>{p.source}</td></tr>"
        for p in model.parameters
    )
    equations = "".join(f"<p>$${line}$$</p>" for line in [*latex(model.trace()), *latex_triggers(model.trace())])
    head = "<tr><th>parameter</th><th>value</th><th>unit</th><th>meaning</th><th>source</th></tr>"
    return f"<h4>{model.name}</h4><p>{model.meaning}</p>{equations}<table>{head}{rows}</table>"
