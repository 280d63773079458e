"""The functions that a model may use: each works on numbers, on units (the check) and on symbols (the trace)."""

import math
from collections.abc import Callable
from typing import Any

from immunode.errors import UnitError
from immunode.units import factor

Value = Any


class Units:
    """Carry only a unit through an equation, and refuse what does not fit: units, not only dimensions, must agree."""

    __array_ufunc__ = None  # NumPy's functions cannot be traced: let them fail at once

    def __init__(self, unit: Any) -> None:
        self.unit = unit

    @property
    def name(self) -> str:
        """Return the unit in short form, "1" for a pure number."""
        return f"{self.unit:~}" or "1"

    def _same(self, other: Value, verb: str) -> "Units":
        if isinstance(other, Units):
            require_same(self, other, verb)
        elif other != 0:
            require_same(self, Units(self.unit**0), verb)
        return self

    def __add__(self, other: Value) -> "Units":
        return self._same(other, "added to")

    def __sub__(self, other: Value) -> "Units":
        return self._same(other, "subtracted from")

    def __lt__(self, other: Value) -> "Units":
        return self._same(other, "compared with")

    __radd__, __rsub__ = __add__, __sub__
    __gt__ = __le__ = __ge__ = __lt__

    def __mul__(self, other: Value) -> "Units":
        return Units(self.unit * other.unit) if isinstance(other, Units) else self

    __rmul__ = __mul__

    def __truediv__(self, other: Value) -> "Units":
        return Units(self.unit / other.unit) if isinstance(other, Units) else self

    def __rtruediv__(self, other: Value) -> "Units":
        return Units(self.unit**-1)

    def __pow__(self, power: Value) -> "Units":
        if isinstance(power, Units):
            pure(power, "an exponent")
            return pure(self, "the base of a power with a variable exponent")
        return Units(self.unit**power)

    def __rpow__(self, base: Value) -> "Units":
        return pure(self, "an exponent")

    def __neg__(self) -> "Units":
        return self

    __pos__ = __abs__ = __neg__

    def __bool__(self) -> bool:
        raise UnitError(
            "a Python 'if' (or 'and', 'min', ...) on a state or parameter cannot be traced; "
            "use where() of immunode.functions"
        )


def require_same(left: Units, right: Units, verb: str) -> None:
    """Raise UnitError unless both units are one and the same, naming the factor between them if there is one."""
    if left.unit == right.unit:
        return
    scale = factor(right.name, left.name)
    if not math.isclose(scale, 1.0, rel_tol=1e-9):
        raise UnitError(
            f"{right.name} {verb} {left.name}: the units differ by a factor of {scale:g}; declare both in the same unit"
        )


def pure(value: Value, what: str) -> Value:
    """Return `value` if it is a pure number, else raise UnitError that names `what` it was used as."""
    if isinstance(value, Units):
        try:
            require_same(Units(value.unit**0), value, "used as a number where one expects")
        except UnitError as error:
            raise UnitError(f"{what} must be a pure number, not {value.name}") from error
    return value


def _symbolic(*values: Value) -> bool:
    return any(type(value).__module__.startswith("sympy") for value in values)


def exp(x: Value) -> Value:
    """Return e to the power of the pure number `x`."""
    if isinstance(x, Units):
        return pure(x, "the argument of exp")
    if _symbolic(x):
        import sympy

        return sympy.exp(x)
    return math.exp(x)


def log(x: Value) -> Value:
    """Return the natural logarithm of the pure number `x`, held finite where a state dips to zero or just below."""
    if isinstance(x, Units):
        return pure(x, "the argument of log")
    if _symbolic(x):
        import sympy

        return sympy.log(sympy.Max(x, sympy.Float(1e-300)))
    return math.log(max(x, 1e-300))


def sqrt(x: Value) -> Value:
    """Return the square root of `x`, zero where a state dips just below zero."""
    if isinstance(x, Units):
        return x**0.5
    if _symbolic(x):
        import sympy

        return sympy.sqrt(sympy.Max(x, 0))
    return math.sqrt(max(x, 0.0))


def where(condition: Value, yes: Value, no: Value) -> Value:
    """Return `yes` where `condition` holds, else `no`: the traceable form of a Python `if`."""
    if isinstance(condition, Units):
        return _common(yes, no, "chosen against")
    if _symbolic(condition):
        import sympy

        return sympy.Piecewise((yes, condition), (no, True))
    return yes if condition else no


def _common(left: Value, right: Value, verb: str) -> Value:
    if isinstance(left, Units):
        return left._same(right, verb)
    return right._same(left, verb) if isinstance(right, Units) else left


def minimum(left: Value, right: Value) -> Value:
    """Return the smaller of two values of the same unit."""
    return _extreme(left, right, "Min", min)


def maximum(left: Value, right: Value) -> Value:
    """Return the larger of two values of the same unit."""
    return _extreme(left, right, "Max", max)


def _extreme(left: Value, right: Value, symbolic: str, numeric: Callable[[Value, Value], Value]) -> Value:
    if isinstance(left, Units) or isinstance(right, Units):
        return _common(left, right, "compared with")
    if _symbolic(left, right):
        import sympy

        return getattr(sympy, symbolic)(left, right)
    return numeric(left, right)


def hill(x: Value, half: Value, power: Value = 1) -> Value:
    """Return the saturating effect x^power / (half^power + x^power), between 0 and 1 and zero for x below zero."""
    above = x if isinstance(x, Units) else maximum(x, 0)
    if isinstance(x, Units) and isinstance(half, Units):
        require_same(x, half, "compared with")
        above, half = pure(x / x, "x"), pure(half / half, "half")
    raised = above**power
    return raised / (half**power + raised)


def rescale(value: Value, scale: float, unit: Any) -> Value:
    """Return `value` times `scale` as a quantity in pint `unit`: how a declared output unit takes effect."""
    return Units(unit) if isinstance(value, Units) else value * scale
