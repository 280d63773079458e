"""Pass generated kernels to the loop as addresses: to unbox a kernel itself takes Numba 0.1 ms at every call."""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from immunode.engine.signatures import (
    BECOMES,
    DECIDE,
    FORCED,
    GUARD,
    HOIST,
    INTERPOLATE,
    MARGINS,
    MOVING,
    OBSERVE,
    PLACES,
    STEP,
    WEIGH,
)


def address(kernel: Any, signature: Any) -> int:
    """Return the address of a compiled kernel, which is good as long as the kernel lives."""
    compiled = kernel.get_compile_result(signature)
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def _callable(signature: Any) -> Any:
    """Return the compiled function that makes an address a kernel again."""
    kernel = types.FunctionType(signature)

    @intrinsic
    def convert(_: Any, number: Any) -> Any:
        def write(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
            pointer = context.get_value_type(types.voidptr)
            builder.assume(builder.icmp_unsigned("!=", arguments[0], arguments[0].type(0)))  # spares code for none
            made = cgutils.create_struct_proxy(kernel)(context, builder)
            made.jit_addr = builder.inttoptr(arguments[0], pointer)
            made.c_addr = made.py_addr = pointer(None)
            return made._getvalue()

        return kernel(types.int64), write

    return convert


as_step, as_interpolate, as_observe, as_hoist = map(_callable, (STEP, INTERPOLATE, OBSERVE, HOIST))
as_decide, as_guard, as_margins, as_moving = map(_callable, (DECIDE, GUARD, MARGINS, MOVING))
as_forced, as_places = map(_callable, (FORCED, PLACES))
as_weigh, as_becomes = map(_callable, (WEIGH, BECOMES))
