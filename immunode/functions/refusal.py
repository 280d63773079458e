"""What an equation cannot say, in one place: each is refused with the words that it can say."""

import math
import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from immunode.errors import ModelError, UnitError

KNOWN = (  # the functions of this package
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "log2", "log10", "sqrt"),
    *("factorial", "floor", "ceil", "mod", "sign", "minimum", "maximum", "hill", "where", "both", "either", "negate"),
    "convert",
)
# words of math, NumPy and SymPy for what an equation calls otherwise
CURES = {
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan")},
    **{name: "abs()" for name in ("fabs", "absolute", "Abs")},
    **{name: "**" for name in ("pow", "power", "square", "Pow")},
    **{name: "mod" for name in ("fmod", "remainder", "Mod")},
    **{name: "maximum" for name in ("max", "fmax", "amax", "Max", "clip")},
    **{name: "minimum" for name in ("min", "fmin", "amin", "Min")},
    **{name: "where" for name in ("Piecewise", "heaviside", "Heaviside", "select", "piecewise", "ITE")},
    **{name: "both" for name in ("And", "logical_and")},
    **{name: "either" for name in ("Or", "logical_or")},
    **{name: "negate" for name in ("Not", "logical_not")},
    **{"ceiling": "ceil", "gamma": "factorial", "ln": "log", "log1p": "log", "expm1": "exp"},
}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {  # what NumPy's own numbers call where one stands on the left
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "power": operator.pow,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


def cure(name: str) -> str:
    """Return what to write instead of the function `name` of another package."""
    word = name if name in KNOWN else CURES.get(name, "")
    if word and word not in KNOWN:
        return f"use {word}"
    return f"use {word or 'operators, or ' + ', '.join(KNOWN)} of immunode.functions"


def no_truth() -> NoReturn:
    """Refuse to decide while tracing what patients decide later."""
    raise UnitError(
        "a Python 'if' (or 'and', 'or', 'not', 'in', 'match', 'min', 'max', a < b < c) on a state, a parameter or time "
        "cannot be traced; use where(condition, yes, no), both(), either(), negate(), minimum() or maximum() of "
        "immunode.functions"
    )


def no_hash() -> NoReturn:
    """Refuse a state or parameter as a key, of which there would be one for all patients."""
    # a TypeError that starts so, as SymPy's cache expects
    raise TypeError(
        "unhashable type: a state, a parameter or time is no key of a dict, set or cache; "
        "use where(p.SEX == 1, a, b) of immunode.functions"
    )


def ufunc(function: Any, method: str, inputs: tuple[Any, ...]) -> Any:
    """Return what an operator makes of a number of NumPy's and of what is traced; refuse NumPy's functions by name."""
    name = function.__name__
    if method == "__call__" and name in OPERATORS and not any(isinstance(x, np.ndarray) and x.ndim for x in inputs):
        left, right = (x.item() if isinstance(x, (np.generic, np.ndarray)) else x for x in inputs)
        return OPERATORS[name](left, right)
    raise ModelError(f"numpy.{name} cannot be traced: {cure(name)}, not NumPy's")


def array_function(function: Any) -> NoReturn:
    """Refuse a function of NumPy's that is not for numbers alone, such as where, by name."""
    name = function.__name__
    raise ModelError(f"numpy.{name} cannot be traced: {cure(name)}, not NumPy's")


def number(value: Any) -> Any:
    """Return a number of an equation as Python's own; raise TypeError for what is none."""
    if isinstance(value, (bool, np.bool_)):
        return int(value)  # p.SEX == True
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (str, bytes, np.ndarray)) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{value!r} is no number")
    return value


def finite(value: Any) -> Any:
    """Return a number as `number` does; raise ModelError unless it is finite."""
    value = number(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelError(f"{value} in an equation: every number there must be finite")
    return value
