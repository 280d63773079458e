"""Functions with steps and kinks, and conditions, each on numbers, on units (the check) and on symbols (the trace)."""

import math
from collections.abc import Callable
from typing import Any

from immunode.functions import values
from immunode.functions.quantity import Condition, Units, as_condition, common, pure, require_same
from immunode.functions.traced import is_symbolic, modulo, symbolic, truth

Value = Any


def where(condition: Value, yes: Value, no: Value) -> Value:
    """Return `yes` where `condition` holds, else `no`: the traceable form of a Python `if`."""
    if isinstance(condition, (Condition, Units)):
        as_condition(condition, "where()")
        return common(yes, no, "chosen against")
    if is_symbolic(condition):
        return symbolic(_choice, condition, yes, no)
    return yes if condition else no


def _choice(condition: Any, yes: Any, no: Any) -> Any:
    """Return the Piecewise of `condition`, taken apart where it has one symbol.

    SymPy rewrites compound conditions of one symbol by solving them, which moves thresholds by a rounding.
    """
    import sympy

    if len(condition.free_symbols) != 1:
        return sympy.Piecewise((yes, condition), (no, True))
    if isinstance(condition, sympy.And):
        first, *rest = condition.args
        return _choice(first, _choice(sympy.And(*rest), yes, no), no)
    if isinstance(condition, sympy.Or):
        first, *rest = condition.args
        return _choice(first, yes, _choice(sympy.Or(*rest), yes, no))
    if isinstance(condition, sympy.Not):
        return _choice(condition.args[0], no, yes)
    return sympy.Piecewise((yes, condition), (no, True))


def both(first: Value, *others: Value) -> Value:
    """Return the condition that all of these hold, as Python's `and`; `a & b` is the same."""
    return _joined("both()", "And", all, first, *others)


def either(first: Value, *others: Value) -> Value:
    """Return the condition that one at least of these holds, as Python's `or`; `a | b` is the same."""
    return _joined("either()", "Or", any, first, *others)


def negate(condition: Value) -> Value:
    """Return the condition that `condition` does not hold, as Python's `not`; `~a` is the same."""
    return _joined("negate()", "Not", lambda values: not values[0], condition)


def _joined(name: str, symbol: str, numeric: Callable[[Any], Any], *conditions: Value) -> Value:
    if any(isinstance(value, (Condition, Units)) for value in conditions):
        for value in conditions:
            as_condition(value, name)
        return Condition()
    if is_symbolic(*conditions):
        import sympy

        plain = (value if is_symbolic(value) else truth(value) for value in conditions)
        return symbolic(getattr(sympy, symbol), *plain)
    return numeric(conditions)


def floor(x: Value) -> Value:
    """Return the largest whole number that is not above `x`, in the unit of `x`."""
    return _step("floor", x)


def ceil(x: Value) -> Value:
    """Return the smallest whole number that is not below `x`, in the unit of `x`."""
    return _step("ceil", x)


def _step(name: str, x: Value) -> Value:
    if isinstance(x, Units):
        return x
    if is_symbolic(x):
        import sympy

        return symbolic(sympy.floor if name == "floor" else sympy.ceiling, x)
    return getattr(math, name)(x)


def sign(x: Value) -> Value:
    """Return -1 where `x` is below zero, 1 above, 0 at zero: a pure number."""
    if isinstance(x, Units):
        return x.one
    if is_symbolic(x):
        import sympy

        return symbolic(sympy.sign, x)
    return (x > 0) - (x < 0)


def mod(x: Value, period: Value) -> Value:
    """Return what `x` lies above the last multiple of `period`, in the unit that both share; `x % period` is the same.

    It has the sign of `period`, as in Python: mod(-1, 24) is 23. Multiples count as they are rounded: mod(1.0, 0.1)
    is zero.
    """
    if is_symbolic(x, period):
        return symbolic(modulo, x, period)
    return x % period if isinstance(x, Units) or isinstance(period, Units) else values.modulo(x, period)


def minimum(left: Value, right: Value) -> Value:
    """Return the smaller of two values of the same unit."""
    return _extreme(left, right, "Min", min)


def maximum(left: Value, right: Value) -> Value:
    """Return the larger of two values of the same unit."""
    return _extreme(left, right, "Max", max)


def _extreme(left: Value, right: Value, name: str, numeric: Callable[[Value, Value], Value]) -> Value:
    if isinstance(left, Units) or isinstance(right, Units):
        return common(left, right, "compared with")
    if is_symbolic(left, right):
        import sympy

        return symbolic(getattr(sympy, name), left, right)
    return numeric(left, right)


def hill(x: Value, half: Value, power: Value = 1) -> Value:
    """Return the saturating effect x^power / (half^power + x^power), between 0 and 1 and zero for x below zero."""
    above = x if isinstance(x, Units) else maximum(x, 0)
    if isinstance(x, Units) and isinstance(half, Units):
        require_same(x, half, "compared with")
        above, half = pure(x / x, "x"), pure(half / half, "half")
    if isinstance(x, Units) or isinstance(half, Units) or isinstance(power, Units):
        raised = above**power
        return raised / (half**power + raised)
    if is_symbolic(x, half, power):
        plain = not is_symbolic(power) and power == 1  # x / (half + x) needs no power
        return above / (half + above) if plain else symbolic(_hill, x, half, power)
    return values.hill_term(x / half, power, 0, 1, 1, 0)


def _hill(x: Any, half: Any, power: Any) -> Any:
    from immunode.functions import symbols

    return symbols.hill(x, half, power)


def rescale(value: Value, scale: float, unit: Any) -> Value:
    """Return `value` times `scale` as a quantity in pint `unit`: how a declared output unit takes effect."""
    return Units(unit) if isinstance(value, Units) else value * scale
