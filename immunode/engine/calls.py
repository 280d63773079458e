"""Call generated kernels by their addresses, from machine code: there is one loop for all of them."""
# ruff: noqa: D103 (each calls the kernel of its name at an address)

from typing import Any

from numba.extending import intrinsic

from immunode.engine import signatures


def _kernel(definition: Any) -> Any:  # who calls it gives no context of types, which a type checker would ask for
    return intrinsic(definition)


def _call(name: str) -> tuple[Any, Any]:
    """Return type and code of the call of kernel `name` at an address, which takes the arguments of its signature."""
    kernel = getattr(signatures, name.upper())

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = context.call_conv.get_function_type(kernel.return_type, kernel.args)
        function = builder.inttoptr(values[0], kind.as_pointer())
        _, result = context.call_conv.call_function(builder, function, kernel.return_type, kernel.args, values[1:])
        return result

    return kernel.return_type(signatures.ADDRESS, *kernel.args), write


@_kernel
def step(_: Any, at: Any, s: Any, rtol: Any, blocks: Any) -> Any:
    return _call("step")


@_kernel
def interpolate(_: Any, at: Any, s: Any, offset: Any, lane: Any, x: Any, m: Any, y: Any, row: Any) -> Any:
    return _call("interpolate")


@_kernel
def observe(_: Any, at: Any, times: Any, first: Any, m: Any, y: Any, p: Any, seed: Any, out: Any) -> Any:
    return _call("observe")


@_kernel
def hoist(_: Any, at: Any, p: Any, seed: Any, out: Any) -> Any:
    return _call("hoist")


@_kernel
def decide(_: Any, at: Any, s: Any, lane: Any, level: Any) -> Any:
    return _call("decide")


@_kernel
def guard(_: Any, at: Any, s: Any) -> Any:
    return _call("guard")


@_kernel
def margins(_: Any, at: Any, s: Any, lane: Any, x: Any, m: Any, y: Any, out: Any) -> Any:
    return _call("margins")


@_kernel
def moving(_: Any, at: Any, s: Any, lane: Any, blocks: Any, rates: Any) -> Any:
    return _call("moving")


@_kernel
def forced(_: Any, at: Any, s: Any, lane: Any, times: Any, m: Any, blocks: Any, out: Any) -> Any:
    return _call("forced")


@_kernel
def places(_: Any, at: Any, s: Any, lane: Any, gone: Any, times: Any, widths: Any) -> Any:
    return _call("places")


@_kernel
def weigh(_: Any, at: Any, s: Any, lane: Any, blocks: Any, late: Any, weights: Any) -> Any:
    return _call("weigh")


@_kernel
def becomes(_: Any, at: Any, s: Any, lane: Any, trigger: Any, blocks: Any, late: Any, values: Any) -> Any:
    return _call("becomes")
