"""Find the inputs in time of a model: what of its slopes time moves by itself, otherwise than as a polynomial.

A pulse or a rhythm may lie between the places at which a step looks at the equations. A polynomial cannot hide there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.model.trace import Trace

if TYPE_CHECKING:
    import sympy

NARROW = 1e-3  # of its time: a wider pulse is seen (engine.forcing)
_FEW = 4


def forced(slopes: "Sequence[sympy.Expr]", time: "sympy.Symbol") -> "dict[int, sympy.Expr]":
    """Return the terms of each slope, by its number, that time moves otherwise than as a polynomial."""
    import sympy

    result = {}
    for i, slope in enumerate(slopes):
        terms = [a for a in sympy.Add.make_args(slope) if time in a.free_symbols and not _polynomial(a, time)]
        if terms:
            result[i] = sympy.Add(*terms)
    return result


def _polynomial(expr: Any, time: Any) -> bool:
    """Return whether time stands in `expr` under sums, products and whole powers alone."""
    if time not in expr.free_symbols or expr == time:
        return True
    if expr.is_Pow:
        return bool(expr.exp.is_Integer and expr.exp > 0) and _polynomial(expr.base, time)
    return bool(expr.is_Add or expr.is_Mul) and all(_polynomial(a, time) for a in expr.args)


@dataclass
class Landmarks:
    """Hold what is known of where inputs in time change.

    Rates of rhythms (radians per time), plain ones and those whose peaks may be sharp; time, width and logarithm of the
    height of pulses; whether there are inputs of other kinds; of clocks that begin anew (`mod`), how often they do.
    """

    rhythms: "list[sympy.Expr]" = field(default_factory=list)
    sharp: "list[sympy.Expr]" = field(default_factory=list)
    pulses: "list[tuple[sympy.Expr, sympy.Expr, sympy.Expr]]" = field(default_factory=list)
    other: bool = False
    clocks: "list[sympy.Expr]" = field(default_factory=list)


def landmarks(
    inputs: "Sequence[sympy.Expr]", conditions: "Sequence[sympy.Expr]", time: "sympy.Symbol", states: Any
) -> Landmarks:
    """Return the landmarks of inputs, and of expressions whose sign is a condition."""
    marks = Landmarks()
    for expr in inputs:
        _mark(expr, time, set(states), marks, sharp=False)
    for expr in conditions:
        if expr.free_symbols & set(states):
            for term in _terms(expr, time):
                _mark(term, time, set(states), marks, sharp=True)
            continue
        marks.other = marks.other or _polynomial(expr, time)
        _mark(expr, time, set(states), marks, sharp=True)
    return marks


def hides(expr: "sympy.Expr", time: "sympy.Symbol", states: Any) -> bool:
    """Return whether time moves an expression, beside its states, so that its ends tell nothing of a step."""
    marks = landmarks([], [expr], time, states)
    return bool(marks.rhythms or marks.sharp or marks.pulses or marks.other)


def _terms(expr: Any, time: Any) -> list[Any]:
    """Return what an expression is made of by sums, products and choices that time moves not as a polynomial."""
    if _polynomial(expr, time):
        return []
    if expr.is_Piecewise:
        return [term for value, _ in expr.args for term in _terms(value, time)]
    return [term for a in expr.args for term in _terms(a, time)] if expr.is_Add or expr.is_Mul else [expr]


def _mark(expr: Any, time: Any, states: set[Any], marks: Landmarks, *, sharp: bool) -> None:
    import sympy

    if time not in expr.free_symbols or expr == time:
        return
    coefficients = _coefficients(expr.args[0], time) if expr.args and not expr.free_symbols & states else []
    if isinstance(expr, sympy.sin | sympy.cos | sympy.tan) and len(coefficients) == 2:
        (marks.sharp if sharp or isinstance(expr, sympy.tan) else marks.rhythms).append(sympy.Abs(coefficients[0]))
    elif isinstance(expr, sympy.exp) and len(coefficients) == 3:
        bend, slope, start = coefficients
        top = start - slope**2 / (4 * bend)
        marks.pulses.append((-slope / (2 * bend), 1 / sympy.sqrt(2 * sympy.Abs(bend)), top))
    elif isinstance(expr, sympy.exp) and len(coefficients) == 2:
        return  # without a peak
    elif expr.is_Add or expr.is_Mul or _few(expr):
        for a in expr.args:
            _mark(a, time, states, marks, sharp=sharp)
    else:
        marks.other = True
        for a in expr.args:
            _mark(a, time, states, marks, sharp=True)


def _coefficients(expr: Any, time: Any) -> list[Any]:
    """Return the coefficients of a polynomial in time, the highest first; none of anything else."""
    import sympy

    if not (isinstance(expr, sympy.Expr) and time in expr.free_symbols and _polynomial(expr, time)):
        return []
    return list(sympy.Poly(expr, time).all_coeffs())


def _few(expr: Any) -> bool:
    """Return whether it is a whole power that makes a peak hardly narrower."""
    return bool(expr.is_Pow and expr.exp.is_Integer and 0 < expr.exp <= _FEW)


def unseen(trace: Trace, parameters: np.ndarray, start: np.ndarray, end: np.ndarray) -> list[str]:
    """Return the terms of the slopes, in words, that a solver may step over: what it is, and why.

    These are functions in which time and a state say together where a pulse lies, and pulses narrower than 1/1000 of
    their time, of any patient (n, P) between `start` and `end` (n,).
    """
    terms = [term for slope in trace.derivative for term in _mixed(slope, trace.time, set(trace.states))]
    texts = [f"{term} (its width depends on a state)" for term in dict.fromkeys(terms)]
    inputs = [part for term in forced(trace.derivative, trace.time).values() for part in _parts(term, trace.time)]
    for part in dict.fromkeys(inputs):
        if landmarks([part], [], trace.time, trace.states).other and not part.free_symbols & set(trace.states):
            narrow = _narrow(part, trace, parameters, start, end)
            texts += [] if narrow is None else [f"{part} (narrower than {NARROW:g} of its time, {narrow:g})"]
    return texts


def _parts(expr: Any, time: Any) -> list[Any]:
    """Return the functions of time that `expr` is a sum or product of."""
    if time not in expr.free_symbols:
        return []
    return [part for a in expr.args for part in _parts(a, time)] if expr.is_Add or expr.is_Mul else [expr]


def _narrow(part: Any, trace: Trace, parameters: np.ndarray, start: np.ndarray, end: np.ndarray) -> float | None:
    """Return the time of a pulse that is narrower than its time times NARROW, None where there is none."""
    import sympy

    pulse = sympy.lambdify((trace.time, *trace.parameters), part, modules="numpy")
    for place in _places(part, trace.time):
        where = sympy.lambdify(trace.parameters, place, modules="numpy")
        with np.errstate(all="ignore"):
            at = np.broadcast_to(np.asarray(where(*parameters.T), float), start.shape)
            width = NARROW * np.abs(at)
            peak, before, after = (pulse(time, *parameters.T) + 0.0 * at for time in (at, at - width, at + width))
            high = np.abs(peak - before)
            hidden = (np.abs(before - after) < 0.5 * high) & (high > 0.99 * np.maximum(np.abs(peak), np.abs(before)))
        hidden &= (start < at) & (at < end)
        if hidden.any():
            return float(at[hidden][0])
    return None


def _places(part: Any, time: Any) -> list[Any]:
    """Return where the straight lines and parabolas in time of `part` have their zero or their vertex."""
    import sympy

    places: dict[Any, None] = {}
    for inner in sympy.preorder_traversal(part):
        if time in inner.free_symbols and _polynomial(inner, time):
            coefficients = sympy.Poly(inner, time).all_coeffs()
            if len(coefficients) == 2:
                places[-coefficients[1] / coefficients[0]] = None
            elif len(coefficients) == 3:
                places[-coefficients[1] / (2 * coefficients[0])] = None
    return [place for place in places if place != 0]


def _mixed(expr: Any, time: Any, states: set[Any]) -> Iterator[Any]:
    """Yield the outermost functions of both time itself and a state; time in functions of its own counts as known."""
    if not (time in expr.free_symbols and expr.free_symbols & states):
        return
    if expr.is_Add or expr.is_Mul or (expr.is_Pow and expr.exp.is_Integer and expr.exp > 0):
        for a in expr.args:
            yield from _mixed(a, time, states)
    elif time in _without_inputs(expr, time, states).free_symbols:
        yield expr


def _without_inputs(expr: Any, time: Any, states: set[Any]) -> Any:
    """Return `expr` with a number for each function of time in which there is no state."""
    if time not in expr.free_symbols or expr == time:
        return expr
    if not expr.free_symbols & states and not _polynomial(expr, time):
        import sympy

        return sympy.S.One
    if expr.is_Piecewise:  # where its conditions change is known
        return sum(_without_inputs(value, time, states) for value, _ in expr.args)
    return expr.func(*[_without_inputs(a, time, states) for a in expr.args])
