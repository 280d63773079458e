"""Ask the compiler for vectors of 512 bits in one function, where they have been measured to pay.

LLVM prefers 256 on processors that slowed down for 512 in earlier years. From Sapphire Rapids on they do not, and a
step, which is all arithmetic, is done a fifth sooner; the bits are the same.
"""

from typing import Any

from llvmlite import binding
from numba import types
from numba.extending import intrinsic

# what came with the first of them; others of 512 bits are left as LLVM has them: not measured, or 512 already
PAYS = bool(binding.get_host_cpu_features().get("avx512fp16"))
_WIDE = '"prefer-vector-width"="512"'


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
