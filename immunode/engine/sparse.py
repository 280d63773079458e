"""Sparse linear algebra on rows of lanes, for steps made of loops: its machine code is as long for 300 states as for 3.

A matrix is rows of the scratch, one an entry, and index arrays that say where its entries stand. A row is one vector
value: of loops over so few lanes the compiler would make scalar code. s[t] is row t here, LANES numbers.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

from immunode.engine.constants import LANES
from immunode.engine.signatures import OPTIONS, PART

_FLAGS = tuple(sorted(OPTIONS["fastmath"]))
_ROW = ir.VectorType(ir.DoubleType(), LANES)


def _operation(combine: Callable[..., Any]) -> Any:
    """Return the function (s, t, a, i, b, j) of compiled code that sets s[t] = combine(s[t], a[i], b[j])."""

    @intrinsic
    def operation(typing: Any, s: Any, t: Any, a: Any, i: Any, b: Any, j: Any) -> tuple[Signature, Any]:
        row = types.int64

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            addresses = []
            for array, at, kind in zip(arguments[::2], arguments[1::2], signature.args[::2], strict=True):
                data = context.make_array(kind)(context, builder, array).data
                start = builder.gep(data, [builder.mul(at, at.type(LANES))])
                addresses.append(builder.bitcast(start, _ROW.as_pointer()))
            values = [builder.load(address, align=8) for address in addresses]
            builder.store(combine(builder, *values), addresses[0], align=8)
            return context.get_dummy_value()

        return types.void(s, row, a, row, b, row), emit

    return operation


def _number(value: float) -> ir.Constant:
    return ir.Constant(_ROW, [value] * LANES)


def _larger(builder: Any, old: Any, x: Any, y: Any) -> Any:
    size = builder.select(builder.fcmp_ordered("<", x, _number(0.0)), builder.fneg(x), x)
    return builder.select(builder.fcmp_ordered(">", size, old), size, old)


_product = {sign: (lambda builder, old, x, y, sign=sign: getattr(builder, sign)(
    old, builder.fmul(x, y, flags=_FLAGS), flags=_FLAGS)) for sign in ("fadd", "fsub")}  # fmt: skip
add_product, subtract_product = (_operation(_product[sign]) for sign in ("fadd", "fsub"))
add = _operation(lambda builder, old, x, y: builder.fadd(old, x, flags=_FLAGS))
multiply = _operation(lambda builder, old, x, y: builder.fmul(x, y, flags=_FLAGS))
subtract = _operation(lambda builder, old, x, y: builder.fsub(x, y, flags=_FLAGS))
divide = _operation(lambda builder, old, x, y: builder.fdiv(x, y, flags=_FLAGS))
larger = _operation(_larger)


@njit(**PART)
def product(into, target, s, values, x, vector, first, column):
    """Add to the rows from `target` on the product of a matrix and the rows of `x` from `vector` on.

    Row i of the matrix has the entries first[i]..first[i + 1] - 1, of columns `column`, whose values `s` holds.
    """
    for i in range(first.size - 1):
        for k in range(first[i], first[i + 1]):
            add_product(into, target + i, s, values + k, x, vector + column[k])


@njit(**PART)
def scatter_add(into, target, s, source, index):
    """Add row `source` + k of `s` to row `target` + index[k] of `into`, for all k."""
    for k in range(index.size):
        add(into, target + index[k], s, source + k, s, source + k)


@njit(**PART)
def total(s, first, count):
    """Make row `first` the sum of `count` rows from there on."""
    for i in range(first + 1, first + count):
        add(s, first, s, i, s, i)


@njit(**PART)
def largest(s, target, values, index):
    """Make row `target` the largest absolute value of the rows `values` + index[k], or 0 without any."""
    for j in range(LANES):
        s[target * LANES + j] = 0.0
    for k in index:
        larger(s, target, s, values + k, s, values + k)


@njit(**PART)
def factor(s, jacobian, inverse, factors, work, order, position, first, upper, column, source):
    """Write the factors of W = inverse - J: the inverse pivots by state, then row by row in `order` what is left of W.

    The r-th row has the entries first[r]..upper[r] - 1 of columns eliminated before, then those up to first[r + 1] of
    columns still to come; source[e] is the entry of J at e, or -1 where elimination fills in; at its end the diagonal's
    by state. `work` has a row for each state, one for 0 and one for 1.
    """
    n = order.size
    left, zero, one = factors + n, work + n, work + n + 1
    for j in range(LANES):
        s[zero * LANES + j], s[one * LANES + j] = 0.0, 1.0
    for r in range(n):
        i = order[r]
        k = source[first[n] + i]
        subtract(s, work + i, s, inverse, s, jacobian + k if k >= 0 else zero)
        for e in range(first[r], first[r + 1]):
            k = source[e]
            subtract(s, work + column[e], s, zero, s, jacobian + k if k >= 0 else zero)
        for e in range(first[r], upper[r]):
            multiply(s, left + e, s, work + column[e], s, factors + column[e])
            q = position[column[e]]
            for f in range(upper[q], first[q + 1]):
                subtract_product(s, work + column[f], s, left + e, s, left + f)
        divide(s, factors + i, s, one, s, work + i)
        for e in range(upper[r], first[r + 1]):
            subtract(s, left + e, s, work + column[e], s, zero)


@njit(**PART)
def solve(s, factors, into, b, order, first, upper, column):
    """Turn the rows from `b` on of `into` into the solution, by what `factor` left in `s`."""
    n = order.size
    left = factors + n
    for r in range(n):
        for e in range(first[r], upper[r]):
            subtract_product(into, b + order[r], s, left + e, into, b + column[e])
    for r in range(n - 1, -1, -1):
        i = order[r]
        for e in range(upper[r], first[r + 1]):
            subtract_product(into, b + i, s, left + e, into, b + column[e])
        multiply(into, b + i, into, b + i, s, factors + i)
