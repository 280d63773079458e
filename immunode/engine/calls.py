"""Call a model's kernels by their addresses, from machine code: there is one loop for all models."""
# ruff: noqa: D103 (each calls the kernel of its name at an address)

from typing import Any

from numba.extending import intrinsic

from immunode.engine import signatures
from immunode.engine.records import Kernels


def _kernel(definition: Any) -> Any:  # who calls it gives no context of types, which a type checker would ask for
    return intrinsic(definition)


def _call(kernels: Any, name: str) -> tuple[Any, Any]:
    """Return type and code of the call of a kernel of `Kernels`, which takes the arguments of its signature."""
    kernel = getattr(signatures, name.upper())

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = context.call_conv.get_function_type(kernel.return_type, kernel.args)
        address = builder.extract_value(values[0], Kernels._fields.index(name))
        function = builder.inttoptr(address, kind.as_pointer())
        _, result = context.call_conv.call_function(builder, function, kernel.return_type, kernel.args, values[1:])
        return result

    return kernel.return_type(kernels, *kernel.args), write


@_kernel
def step(_: Any, kernels: Any, s: Any, rtol: Any, blocks: Any) -> Any:
    return _call(kernels, "step")


@_kernel
def interpolate(_: Any, kernels: Any, s: Any, offset: Any, lane: Any, x: Any, m: Any, y: Any, row: Any) -> Any:
    return _call(kernels, "interpolate")


@_kernel
def observe(_: Any, kernels: Any, times: Any, first: Any, m: Any, y: Any, p: Any, seed: Any, out: Any) -> Any:
    return _call(kernels, "observe")


@_kernel
def hoist(_: Any, kernels: Any, p: Any, seed: Any, out: Any) -> Any:
    return _call(kernels, "hoist")


@_kernel
def decide(_: Any, kernels: Any, s: Any, lane: Any, level: Any) -> Any:
    return _call(kernels, "decide")


@_kernel
def guard(_: Any, kernels: Any, s: Any) -> Any:
    return _call(kernels, "guard")


@_kernel
def margins(_: Any, kernels: Any, s: Any, lane: Any, x: Any, m: Any, y: Any, out: Any) -> Any:
    return _call(kernels, "margins")


@_kernel
def moving(_: Any, kernels: Any, s: Any, lane: Any, blocks: Any, rates: Any) -> Any:
    return _call(kernels, "moving")


@_kernel
def forced(_: Any, kernels: Any, s: Any, lane: Any, times: Any, m: Any, blocks: Any, out: Any) -> Any:
    return _call(kernels, "forced")


@_kernel
def places(_: Any, kernels: Any, s: Any, lane: Any, gone: Any, times: Any, widths: Any) -> Any:
    return _call(kernels, "places")


@_kernel
def weigh(_: Any, kernels: Any, s: Any, lane: Any, blocks: Any, late: Any, weights: Any) -> Any:
    return _call(kernels, "weigh")


@_kernel
def becomes(_: Any, kernels: Any, s: Any, lane: Any, trigger: Any, blocks: Any, late: Any, values: Any) -> Any:
    return _call(kernels, "becomes")
