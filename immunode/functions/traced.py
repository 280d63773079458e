"""What stands for a state, a parameter or time while a model is traced into SymPy's expressions.

SymPy's symbols cannot: they compare by what they are while tracing, where patients' values are meant.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from immunode.functions.refusal import array_function, no_hash, no_truth, number, ufunc

Value = Any


def is_symbolic(*values: Value) -> bool:
    """Return whether any of `values` is traced, or an expression of SymPy's."""
    return any(isinstance(value, Traced) or hasattr(type(value), "free_symbols") for value in values)


def expression(value: Value) -> Any:
    """Return the expression (or the number) that `value` stands for; raise TypeError for what is neither."""
    if isinstance(value, Traced):
        return value.expression
    return value if is_symbolic(value) else number(value)


def symbolic(make: Callable[..., Any], *values: Value) -> Any:
    """Return what `make` makes of expressions: traced if any of `values` is, else SymPy's."""
    result = make(*map(expression, values))
    return Traced(result) if any(isinstance(value, Traced) for value in values) else result


def truth(value: Value) -> Any:
    """Return the condition that `value` stands for, True and False included."""
    import sympy

    return sympy.sympify(bool(value)) if isinstance(value, (bool, np.bool_)) else expression(value)


def modulo(left: Any, right: Any) -> Any:
    """Return what `left` lies above the last multiple of `right`, of expressions."""
    from immunode.functions import symbols

    return symbols.modulo(left, right)


def floored(left: Any, right: Any) -> Any:
    """Return floor(left / right) of expressions."""
    from immunode.functions import symbols

    return symbols.whole_periods(left, right)


def _equal(left: Any, right: Any) -> Any:
    import sympy

    return sympy.Eq(left, right)


def _unequal(left: Any, right: Any) -> Any:
    import sympy

    return sympy.Ne(left, right)


def _and(left: Any, right: Any) -> Any:
    import sympy

    return sympy.And(left, right)


def _or(left: Any, right: Any) -> Any:
    import sympy

    return sympy.Or(left, right)


def _joint(make: Callable[[Any, Any], Any]) -> Callable[["Traced", Value], Any]:
    return lambda self, other: Traced(make(self.expression, truth(other)))


def _binary(make: Callable[[Any, Any], Any]) -> Callable[["Traced", Value], Any]:
    return lambda self, other: Traced(make(self.expression, expression(other)))


def _reflected(make: Callable[[Any, Any], Any]) -> Callable[["Traced", Value], Any]:
    return lambda self, other: Traced(make(expression(other), self.expression))


def _unary(make: Callable[[Any], Any]) -> Callable[["Traced"], Any]:
    return lambda self: Traced(make(self.expression))


class Traced:
    """Hold an expression or a condition of SymPy's; == compares what patients have, and no truth is known."""

    __slots__ = ("expression",)

    def __init__(self, expression: Any) -> None:
        self.expression = expression

    def __repr__(self) -> str:
        return str(self.expression)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return ufunc(function, method, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return array_function(function)

    def _sympy_(self) -> Any:
        return self.expression

    def __bool__(self) -> bool:
        no_truth()

    def __hash__(self) -> int:
        no_hash()

    __add__, __radd__ = _binary(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _binary(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv), _reflected(operator.truediv)
    __pow__, __rpow__ = _binary(operator.pow), _reflected(operator.pow)
    __mod__, __rmod__ = _binary(modulo), _reflected(modulo)
    __floordiv__, __rfloordiv__ = _binary(floored), _reflected(floored)
    __neg__, __pos__, __abs__ = _unary(operator.neg), _unary(operator.pos), _unary(abs)
    __lt__, __le__, __gt__, __ge__ = map(_binary, (operator.lt, operator.le, operator.gt, operator.ge))
    __eq__, __ne__ = _binary(_equal), _binary(_unequal)  # type: ignore[assignment]
    __and__ = __rand__ = _joint(_and)
    __or__ = __ror__ = _joint(_or)
    __invert__ = _unary(operator.invert)
