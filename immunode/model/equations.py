"""Write a trace's equations, in LaTeX and as plain text, and their exact Jacobian."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from immunode.model.calculus import derivative
from immunode.model.trace import Trace

if TYPE_CHECKING:
    import sympy

_SHORT = 4  # operations: what is shorter is written out


def jacobian(traced: Trace) -> "sympy.Matrix":
    """Return the exact derivative of each state's slope (rows) by each state (columns)."""
    import sympy

    return sympy.Matrix([[derivative(sympy.sympify(f), y) for y in traced.states] for f in traced.derivative])


def _names(traced: Trace, more: "Iterable[sympy.Symbol]" = ()) -> "dict[sympy.Symbol, str]":
    """Return how LaTeX writes time, states, parameters and `more`."""
    symbols = (traced.time, *traced.states, *traced.parameters, *more)
    return {symbol: r"\mathrm{" + symbol.name.replace("_", r"\_") + "}" for symbol in symbols}


def latex(traced: Trace, outputs: Sequence[str]) -> list[str]:
    """Return the equations of `readable` in LaTeX: what has a name, then one equation a state; names stand upright."""
    import sympy

    parts, slopes = readable_parts(traced, outputs)
    names = _names(traced, parts)

    def written(value: sympy.Expr) -> str:
        return str(sympy.latex(value, symbol_names=names, mul_symbol="dot"))

    lines = [f"{names[name]} = {written(value)}" for name, value in parts.items()]
    return lines + [
        rf"\frac{{d\,{names[state]}}}{{dt}} = {written(one)}" for state, one in zip(traced.states, slopes, strict=True)
    ]


def plain(traced: Trace) -> list[str]:
    """Return one equation a state as plain text, for the terminal."""
    import sympy

    width = max((len(str(state)) for state in traced.states), default=0)
    return [
        f"d {state!s:<{width}} / dt = {sympy.sstr(slope)}"
        for state, slope in zip(traced.states, traced.derivative, strict=True)
    ]


def readable(traced: Trace, outputs: Sequence[str]) -> list[str]:
    """Return the equations for a reader: the outputs by their names, which stand in the equations in place of what they
    are; what comes again, as q1, q2, ...; then one equation a state. It is the same model in other words."""
    import sympy

    names, slopes = readable_parts(traced, outputs)
    width = max((len(str(state)) for state in traced.states), default=0)
    lines = [f"{name} = {sympy.sstr(value)}" for name, value in names.items()]
    return lines + [f"d {state!s:<{width}} / dt = {sympy.sstr(one)}" for state, one in zip(traced.states, slopes)]


def readable_parts(traced: Trace, outputs: Sequence[str]) -> "tuple[dict[sympy.Symbol, sympy.Expr], list[sympy.Expr]]":
    """Return named parts, each of those before it, and the slope of each state, of these parts, states, parameters."""
    import sympy

    taken = {symbol.name for symbol in (traced.time, *traced.states, *traced.parameters)} | set(outputs)
    observed = [_whole(sympy.sympify(value)) for value in traced.observed]
    slopes = [_whole(sympy.sympify(slope)) for slope in traced.derivative]
    named: dict[sympy.Symbol, sympy.Expr] = {}
    for name, value in sorted(zip(outputs, observed, strict=True), key=lambda each: each[1].count_ops()):
        symbol = sympy.Symbol(name, real=True)
        named[symbol] = form = _in_words(value, named)  # as it stands in the slopes, which know the same names
        slopes = [_in_words(slope, {symbol: form}) for slope in slopes]
    parts, slopes = _without_short(*sympy.cse(slopes, symbols=sympy.numbered_symbols("_q"), order="none"))
    new = (sympy.Symbol(f"q{i}") for i in itertools.count(1) if f"q{i}" not in taken)
    called = dict(zip((symbol for symbol, _ in parts), new))  # without gaps
    named |= {called[symbol]: value.xreplace(called) for symbol, value in parts}
    return named, [slope.xreplace(called) for slope in slopes]


def _in_words(value: "sympy.Expr", named: "Mapping[sympy.Symbol, sympy.Expr]") -> "sympy.Expr":
    """Return an expression in which names stand in place of what they are, one after the other."""
    for symbol, form in named.items():
        if form.args:  # a state keeps its own name
            value = value.subs(form, symbol)
    return value


def _without_short(parts: Any, slopes: Any) -> Any:
    """Return parts and slopes with the parts that are hardly longer than a name written out."""
    short: dict[Any, Any] = {}
    kept = []
    for symbol, value in parts:
        written = value.xreplace(short)
        if written.count_ops() < _SHORT:
            short[symbol] = written
        else:
            kept.append((symbol, written))
    return kept, [slope.xreplace(short) for slope in slopes]


def _whole(value: "sympy.Expr") -> "sympy.Expr":
    """Return an expression in which 1.0 is 1."""
    import sympy

    return value.xreplace({n: sympy.Integer(int(n)) for n in value.atoms(sympy.Float) if float(n).is_integer()})


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
    traced = model.trace()
    lines = [*latex(traced, [output.name for output in model.outputs]), *latex_triggers(traced)]
    equations = "".join(f"<p>$${line}$$</p>" for line in lines)
    head = "<tr><th>parameter</th><th>value</th><th>unit</th><th>meaning</th><th>source</th></tr>"
    return f"<h4>{model.name}</h4><p>{model.meaning}</p>{equations}<table>{head}{rows}</table>"
