"""Units and conditions, with which equations are called when a model is made: they refuse what does not fit."""

import math
from typing import Any

import numpy as np

from immunode.errors import ModelError, UnitError
from immunode.functions.refusal import array_function, finite, no_hash, no_truth, number, ufunc
from immunode.units import factor

Value = Any


class Condition:
    """Stand for a comparison while units are checked: where() takes it, and &, | and ~ join it to others."""

    def __repr__(self) -> str:
        return "a condition such as p.SEX == 1 (as a number: where(condition, 1, 0) of immunode.functions)"

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return ufunc(function, method, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return array_function(function)

    def __and__(self, other: Value) -> "Condition":
        return as_condition(other, "&")

    __or__ = __ror__ = __rand__ = __and__

    def __invert__(self) -> "Condition":
        return self

    def __bool__(self) -> bool:
        no_truth()

    def __eq__(self, other: object) -> Any:
        raise ModelError("two conditions are compared; use both(), either() and negate() of immunode.functions")

    __ne__ = __eq__

    def __hash__(self) -> int:
        no_hash()


def as_condition(value: Value, where: str) -> Condition:
    """Return the condition that `value` is, as a comparison is; raise ModelError for a number or a quantity."""
    if isinstance(value, Condition):
        return value
    if not isinstance(value, (bool, np.bool_)):
        raise ModelError(f"{where} needs a condition, such as p.SEX == 1 (in brackets beside & and |), not a number")
    return Condition()


class Units:
    """Carry only a unit through an equation, and refuse what does not fit: units, not only dimensions, must agree."""

    def __init__(self, unit: Any) -> None:
        self.unit = unit

    @property
    def name(self) -> str:
        """Return the unit in short form, "1" for a pure number."""
        return f"{self.unit:~C}" or "1"

    @property
    def one(self) -> "Units":
        """Return the unit of pure numbers."""
        return Units(self.unit / self.unit)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return ufunc(function, method, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return array_function(function)

    def _sympy_(self) -> Any:
        raise TypeError("SymPy's functions take no units")

    def same(self, other: Value, verb: str) -> "Units":
        """Return these units if `other` has them, too, or is zero; else raise UnitError."""
        if isinstance(other, Units):
            require_same(self, other, verb)
        elif number(other) != 0:
            require_same(self, self.one, verb)
        return self

    def __add__(self, other: Value) -> "Units":
        return self.same(other if isinstance(other, Units) else finite(other), "added to")

    def __sub__(self, other: Value) -> "Units":
        return self.same(other if isinstance(other, Units) else finite(other), "subtracted from")

    def __lt__(self, other: Value) -> Condition:
        self.same(other, "compared with")
        return Condition()

    def __eq__(self, other: object) -> Any:
        return self < other

    __radd__, __rsub__ = __add__, __sub__
    __gt__ = __le__ = __ge__ = __lt__
    __ne__ = __eq__

    def __hash__(self) -> int:
        no_hash()

    def __mul__(self, other: Value) -> "Units":
        if isinstance(other, Units):
            return Units(self.unit * other.unit)
        finite(other)
        return self

    __rmul__ = __mul__

    def __truediv__(self, other: Value) -> "Units":
        if isinstance(other, Units):
            return Units(self.unit / other.unit)
        if finite(other) == 0:
            raise ModelError("an equation divides by zero")
        return self

    def __rtruediv__(self, other: Value) -> "Units":
        finite(other)
        return Units(self.unit**-1)

    def __mod__(self, other: Value) -> "Units":
        _ = self / other  # by zero there is none
        return self.same(other, "taken modulo")

    def __rmod__(self, other: Value) -> "Units":
        return self.same(other, "taken modulo")

    def __floordiv__(self, other: Value) -> "Units":
        return self / other

    def __rfloordiv__(self, other: Value) -> "Units":
        return other / self  # type: ignore[no-any-return]

    def __pow__(self, power: Value) -> "Units":
        if isinstance(power, Units):
            pure(power, "an exponent")
            return pure(self, "the base of a power with a variable exponent")  # type: ignore[no-any-return]
        power = finite(power)
        return Units(self.unit**power) if power != 0 else self.one

    def __rpow__(self, base: Value) -> "Units":
        finite(base)
        return pure(self, "an exponent")  # type: ignore[no-any-return]

    def __neg__(self) -> "Units":
        return self

    __pos__ = __abs__ = __neg__

    def __bool__(self) -> bool:
        no_truth()


def require_same(left: Units, right: Units, verb: str) -> None:
    """Raise UnitError unless both units are one and the same, naming the factor between them if there is one."""
    if left.unit == right.unit:
        return
    try:
        scale = factor(right.name, left.name)
    except UnitError:
        plain = "1" in (left.name, right.name)
        cure = "; declare the number as a Parameter with its unit" if plain else ""
        raise UnitError(f"{right.name} {verb} {left.name}: these are different kinds of quantity{cure}") from None
    if not math.isclose(scale, 1.0, rel_tol=1e-9):
        raise UnitError(
            f"{right.name} {verb} {left.name}: the units differ by a factor of {scale:g}; "
            f"write convert(..., '{right.name}', '{left.name}') of immunode.functions, or declare both in the same unit"
        )


def pure(value: Value, what: str) -> Value:
    """Return `value` if it is a pure number, else raise UnitError that names `what` it was used as."""
    if isinstance(value, Units):
        try:
            require_same(value.one, value, "used as a number where one expects")
        except UnitError as error:
            raise UnitError(f"{what} must be a pure number, not {value.name}") from error
    return value


def common(left: Value, right: Value, verb: str) -> Value:
    """Return the unit that two values share, of which one at least is Units; raise UnitError if they share none."""
    if isinstance(left, Units):
        return left.same(right, verb)
    return right.same(left, verb) if isinstance(right, Units) else left
