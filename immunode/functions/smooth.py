"""Functions of pure numbers, each on numbers, on units (the check) and on symbols (the trace)."""

import math
from collections.abc import Callable
from typing import Any

from immunode.functions.quantity import Units, pure
from immunode.functions.traced import is_symbolic, symbolic

Value = Any

LEAST = 5e-324  # the least number above zero: the logarithm of every other is its own


def _of_number(name: str, x: Value, make: Callable[[Any], Any] | None = None) -> Value:
    """Return the function `name` of math, of the check, or of SymPy, where `make` says how it is written."""
    if isinstance(x, Units):
        return pure(x, f"the argument of {name}")
    if is_symbolic(x):
        import sympy

        return symbolic(make or getattr(sympy, name), x)
    return getattr(math, name)(x)


def exp(x: Value) -> Value:
    """Return e to the power of the pure number `x`."""
    return _of_number("exp", x)


def _logarithm(name: str, x: Value) -> Value:
    if not isinstance(x, Units) and not is_symbolic(x):
        return getattr(math, name)(max(x, LEAST))

    def make(argument: Any) -> Any:
        import sympy
        from sympy.codegen import cfunctions

        function = sympy.log if name == "log" else getattr(cfunctions, name)
        return function(sympy.Max(argument, sympy.Float(LEAST)))

    return _of_number(name, x, make)


def log(x: Value) -> Value:
    """Return the natural logarithm of the pure number `x`, held finite where a state dips to zero or just below."""
    return _logarithm("log", x)


def log2(x: Value) -> Value:
    """Return the logarithm of the pure number `x` to base 2, held finite as log is."""
    return _logarithm("log2", x)


def log10(x: Value) -> Value:
    """Return the logarithm of the pure number `x` to base 10, held finite as log is."""
    return _logarithm("log10", x)


def sqrt(x: Value) -> Value:
    """Return the square root of `x`, zero where a state dips just below zero."""
    if isinstance(x, Units):
        return x**0.5
    if is_symbolic(x):
        import sympy

        return symbolic(lambda argument: sympy.sqrt(sympy.Max(argument, 0)), x)
    return math.sqrt(max(x, 0.0))


def sin(x: Value) -> Value:
    """Return the sine of `x`, a pure number or an angle in rad."""
    return _of_number("sin", x)


def cos(x: Value) -> Value:
    """Return the cosine of `x`, a pure number or an angle in rad."""
    return _of_number("cos", x)


def tan(x: Value) -> Value:
    """Return the tangent of `x`, a pure number or an angle in rad."""
    return _of_number("tan", x)


def asin(x: Value) -> Value:
    """Return the angle, -pi/2 to pi/2, whose sine is `x`, from -1 to 1; beyond there is none."""
    return _of_number("asin", x)


def acos(x: Value) -> Value:
    """Return the angle, 0 to pi, whose cosine is `x`, from -1 to 1; beyond there is none."""
    return _of_number("acos", x)


def atan(x: Value) -> Value:
    """Return the angle, -pi/2 to pi/2, whose tangent is `x`."""
    return _of_number("atan", x)


def sinh(x: Value) -> Value:
    """Return the hyperbolic sine of the pure number `x`."""
    return _of_number("sinh", x)


def cosh(x: Value) -> Value:
    """Return the hyperbolic cosine of the pure number `x`."""
    return _of_number("cosh", x)


def tanh(x: Value) -> Value:
    """Return the hyperbolic tangent of the pure number `x`."""
    return _of_number("tanh", x)


def factorial(x: Value) -> Value:
    """Return x! = gamma(x + 1) of the pure number `x`, also between whole numbers; below zero those have none."""
    if isinstance(x, Units) or is_symbolic(x):
        return _of_number("factorial", x)
    return math.gamma(x + 1)
