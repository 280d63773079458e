"""Say to the compiler what it would not see by itself: vectors of 512 bits, and copies of whole vectors.

LLVM prefers 256 on processors that slowed down for 512 in earlier years. From Sapphire Rapids on they do not, and a
step, which is all arithmetic, is done a fifth sooner; the bits are the same.
"""

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from immunode.engine.constants import TILE

# what came with the first of them; others of 512 bits are left as LLVM has them: not measured, or 512 already
PAYS = bool(binding.get_host_cpu_features().get("avx512fp16"))
_WIDE = '"prefer-vector-width"="512"'
_TILE = ir.VectorType(ir.DoubleType(), TILE)


@intrinsic
def wide(_: Any) -> Any:
    """Let the function that calls this be compiled to vectors of 512 bits, where they pay; it does nothing itself."""

    def write(context: Any, builder: Any, *_: Any) -> Any:
        widen(builder.function)
        return context.get_dummy_value()

    return types.none(), write


def widen(function: Any) -> None:
    """Let a function that is being written in LLVM's language be compiled to vectors of 512 bits, where they pay."""
    if PAYS:
        set.add(function.attributes, _WIDE)  # llvmlite knows no attribute with a value


@intrinsic
def carry(_: Any, s: Any, into: Any, source: Any) -> Any:
    """Copy a tile of lanes within the scratch, from s[source] on to s[into] on.

    A loop would do it number by number: the compiler unrolls one so short before it looks for vectors.
    """

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        to, at = (builder.bitcast(builder.gep(data, [i]), _TILE.as_pointer()) for i in arguments[1:])
        builder.store(builder.load(at, align=8), to, align=8)
        return context.get_dummy_value()

    return types.void(s, types.int64, types.int64), write
