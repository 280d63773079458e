"""The functions that a model may use: each works on numbers, on units (the check) and on symbols (the trace).

Beside them an equation has + - * / // % ** abs(), the comparisons < <= > >= == !=, and & | ~ between comparisons in
brackets. Python's `if`, `and`, `or`, `not`, `in`, `match`, and the functions of math, NumPy and SymPy are refused.

Example
    >>> import immunode as im
    >>> float(im.functions.where(2 > 1, im.functions.exp(0), 5))
    1.0
"""

from immunode.functions.conversion import convert
from immunode.functions.smooth import (
    acos,
    asin,
    atan,
    cos,
    cosh,
    exp,
    factorial,
    log,
    log2,
    log10,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)
from immunode.functions.steps import (
    both,
    ceil,
    either,
    floor,
    hill,
    maximum,
    minimum,
    mod,
    negate,
    sign,
    where,
)

__all__ = [
    "acos",
    "asin",
    "atan",
    "both",
    "ceil",
    "convert",
    "cos",
    "cosh",
    "either",
    "exp",
    "factorial",
    "floor",
    "hill",
    "log",
    "log2",
    "log10",
    "maximum",
    "minimum",
    "mod",
    "negate",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "where",
]
