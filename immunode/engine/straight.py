"""Give LLVM the straight lines of one lane as vector instructions, where there are too many of them for Numba.

Numba infers types line by line, for minutes where there are thousands. These lines hold numbers only: `name = text` and
`s[row] = text`, with s[row] a row of the scratch and `node` the function's one other argument; what may stand in a text
is what `codegen.printer` writes. A function is in blocks, since the time to compile one grows faster than its length.
"""
# ruff: noqa: N802 (methods are called after the nodes of Python's grammar)

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from immunode.engine.constants import LANES, VECTOR
from immunode.engine.signatures import OPTIONS
from immunode.engine.vectors import PAYS, widen

_FLAGS = tuple(sorted(OPTIONS["fastmath"]))
_WIDTH = 2 * VECTOR if PAYS else VECTOR  # lanes that one instruction serves; the bits are those of any number
_NUMBER, _COUNT = ir.DoubleType(), ir.IntType(64)
_VECTOR = ir.VectorType(_NUMBER, _WIDTH)
_KNOWN = {"exp": "exp", "log": "log", "sqrt": "sqrt", "floor": "floor", "abs": "fabs"}  # to LLVM, of vectors
_OPERATIONS = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_CHOICES = {"max": ">", "min": "<"}


def straight(name: str, blocks: Sequence[str], functions: Mapping[str, Callable[..., float]]) -> Any:
    """Return the function (s, node) of compiled code that carries out the lines of `blocks`, one block after another.

    `functions` are those that the lines call, by name, but for the few that LLVM has itself.
    """

    @intrinsic
    def function(_: Any, s: Any, node: Any) -> tuple[Any, Any]:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            for k, text in enumerate(blocks):
                block = _block(context, builder.module, f"{name}_{k}", text, functions)
                for first in range(0, LANES, _WIDTH):
                    builder.call(block, [builder.gep(data, [_COUNT(first)]), arguments[1]])
            return context.get_dummy_value()

        return types.void(s, types.float64), emit

    return function


def _block(context: Any, module: Any, name: str, text: str, functions: Mapping[str, Any]) -> Any:
    """Return the function (address of the first lane, node) of `text`, which is written once a module."""
    if name in module.globals:
        return module.globals[name]
    block = ir.Function(module, ir.FunctionType(ir.VoidType(), [_NUMBER.as_pointer(), _NUMBER]), name)
    block.linkage = "internal"
    block.attributes.add("noinline")  # else all blocks become one function again
    widen(block)
    builder = ir.IRBuilder(block.append_basic_block())
    _Lines(context, builder, block.args[0], functions, {"node": _spread(builder, block.args[1])}).write(text)
    builder.ret_void()
    return block


def _spread(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), _WIDTH), [0] * _WIDTH)
    return builder.shuffle_vector(one, one, zeros)


def _constant(number: float) -> Any:
    return ir.Constant(_VECTOR, [number] * _WIDTH)


class _Lines:
    """Write the instructions of lines; `names` holds the values of those assigned so far."""

    def __init__(
        self, context: Any, builder: Any, start: Any, functions: Mapping[str, Any], names: Mapping[str, Any]
    ) -> None:
        self.context, self.builder, self.start, self.functions = context, builder, start, functions
        self.names = {"nan": _constant(float("nan"))} | dict(names)

    def write(self, text: str) -> None:
        for line in ast.parse(text).body:
            target, value = line.targets[0], self.value(line.value)  # type: ignore[attr-defined]
            if isinstance(target, ast.Name):
                self.names[target.id] = value
            else:
                self.builder.store(self.number(value), self.row(target), align=8)

    def row(self, node: Any) -> Any:
        address = self.builder.gep(self.start, [_COUNT(node.slice.value * LANES)])
        return self.builder.bitcast(address, _VECTOR.as_pointer())

    def value(self, node: Any) -> Any:
        return getattr(self, type(node).__name__)(node)

    def number(self, value: Any) -> Any:
        """Return a value as a number: of a condition that blocks share, 1 where it holds."""
        return value if value.type == _VECTOR else self.builder.uitofp(value, _VECTOR)

    def condition(self, node: Any) -> Any:
        value = self.value(node)
        return self.builder.fcmp_unordered("!=", value, _constant(0.0)) if value.type == _VECTOR else value

    def Constant(self, node: Any) -> Any:
        return _constant(float(node.value))

    def Name(self, node: Any) -> Any:
        return self.names[node.id]

    def Subscript(self, node: Any) -> Any:
        return self.builder.load(self.row(node), align=8)

    def UnaryOp(self, node: Any) -> Any:
        if isinstance(node.op, ast.USub):
            return self.builder.fneg(self.value(node.operand))
        return self.builder.not_(self.condition(node.operand))

    def BinOp(self, node: Any) -> Any:
        left = self.value(node.left)
        if not isinstance(node.op, ast.Pow):
            return self.operation(_OPERATIONS[type(node.op)], left, self.value(node.right))
        if isinstance(node.right, ast.Constant) and isinstance(node.right.value, int):
            return self.power(left, node.right.value)
        return self.intrinsic("pow", left, self.value(node.right))

    def operation(self, name: str, left: Any, right: Any) -> Any:
        return getattr(self.builder, name)(left, right, flags=_FLAGS)

    def power(self, base: Any, exponent: int) -> Any:
        """Return a whole power by squares, as Numba does."""
        result = None
        while exponent:
            if exponent & 1:
                result = base if result is None else self.operation("fmul", result, base)
            exponent >>= 1
            base = self.operation("fmul", base, base) if exponent else base
        return result

    def intrinsic(self, name: str, *arguments: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(arguments))
        function = get_or_insert_function(self.builder.module, kind, f"llvm.{name}.v{_WIDTH}f64")
        return self.builder.call(function, arguments)

    def Call(self, node: Any) -> Any:
        name, arguments = node.func.id, [self.value(argument) for argument in node.args]
        if name in _KNOWN:
            return self.intrinsic(_KNOWN[name], *arguments)
        if name in _CHOICES:
            first = self.builder.fcmp_ordered(_CHOICES[name], *arguments)
            return self.builder.select(first, *arguments)
        return self.each_lane(self.functions[name], arguments)

    def each_lane(self, function: Callable[..., float], arguments: Sequence[Any]) -> Any:
        signature = types.float64(*[types.float64] * len(arguments))

        called = (lambda x: function(x)) if len(arguments) == 1 else (lambda x, y: function(x, y))
        compiled = self.context.compile_subroutine(self.builder, called, signature)
        result = ir.Constant(_VECTOR, ir.Undefined)
        for lane in map(ir.IntType(32), range(_WIDTH)):
            numbers = [self.builder.extract_element(argument, lane) for argument in arguments]
            _, number = self.context.call_internal_no_propagate(self.builder, compiled.fndesc, signature, numbers)
            result = self.builder.insert_element(result, number, lane)
        return result

    def IfExp(self, node: Any) -> Any:
        chosen = [self.value(side) for side in (node.body, node.orelse)]
        if chosen[0].type != chosen[1].type:  # two conditions, of which an earlier block has made one
            chosen = [self.number(value) for value in chosen]
        return self.builder.select(self.condition(node.test), *chosen)

    def Compare(self, node: Any) -> Any:
        left, right, sign = self.value(node.left), self.value(node.comparators[0]), _COMPARISONS[type(node.ops[0])]
        compare = self.builder.fcmp_unordered if sign == "!=" else self.builder.fcmp_ordered
        return compare(sign, left, right)

    def BoolOp(self, node: Any) -> Any:
        first, *others = map(self.condition, node.values)
        for other in others:
            first = getattr(self.builder, "and_" if isinstance(node.op, ast.And) else "or_")(first, other)
        return first
