"""Compile with Numba to machine code that can be kept: for one signature, without what Numba needs to call it."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils, compiler, config
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from immunode.engine import cache, signatures
from immunode.engine.records import Kernels
from immunode.engine.signatures import OPTIONS, PART
from immunode.errors import BadValue
from immunode.internal.gc_pause import paused

_TUPLES: Any = types.BaseTuple
_WORD = ir.IntType(64)
_ENTRY = types.void(types.CPointer(types.int64))  # entry(words): see `entries.words`


def compile_kernels(source: str, path: Path) -> bytes:
    """Return the machine code of a generated module's kernels."""
    module: dict[str, Any] = {"__name__": f"immunode_generated_{path.stem}", "__file__": str(path)}
    exec(compile(source, str(path), "exec"), module)
    kernels = {name: (module[name], _signature(name)) for name in Kernels._fields if name in module}
    return _compile(kernels, {})


def compile_entry(module: str, name: str) -> bytes:
    """Return the machine code of a function that Python calls: it takes one array of words."""
    function, signature = getattr(importlib.import_module(module), name), _signature(name)
    forms = [form for kind in signature.args for form in _forms(kind)]
    return _compile({name: (_entry(function, signature), _ENTRY)}, {name: forms})


def _signature(name: str) -> Any:
    return getattr(signatures, name.strip("_").upper())


def _compile(functions: Mapping[str, tuple[Callable[..., Any], Any]], forms: Mapping[str, list[str]]) -> bytes:
    """Return the code of functions, by name, in one object, which holds nothing that these do not call."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise BadValue("NUMBA_DISABLE_JIT is set, but equations must be compiled: unset it")
    with global_compiler_lock, paused(), _unloaded() as codegen:
        libraries = {name: _library(*function) for name, function in functions.items()}
        whole = binding.parse_assembly("")
        for library, _ in libraries.values():
            if forms:  # what LLVM prepares when it emits stays in the module: of it the loop is faster by tsit5
                codegen._tm.emit_object(library._final_module)
            whole.link_in(library._final_module, preserve=True)
        for name, (_, symbol) in libraries.items():
            whole.get_function(symbol).name = name
        _drop_all_but(whole, set(libraries), codegen)
        called = [f.name for f in whole.functions if f.is_declaration and not f.name.startswith("llvm.")]
        code = codegen._tm.emit_object(whole)
    return cache.pack(list(libraries), called, forms, code)


def _library(function: Callable[..., Any], signature: Any) -> tuple[Any, str]:
    """Return the optimised code of a function, and the name that it has there."""
    flags: Any = compiler.Flags()
    cpu_target.options.parse_as_flags(flags, dict(OPTIONS))
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    context = cpu_target.target_context
    made = compiler.compile_extra(
        cpu_target.typing_context, context, function, signature.args, signature.return_type, flags, {}
    )
    made.library._ensure_finalized()
    return made.library, made.fndesc.llvm_func_name


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """Hold the optimised code of one function as LLVM has it."""

    def _finalize_final_module(self) -> None:
        self._verify_declare_only_symbols()
        self._finalized = True


class _Codegen(JITCPUCodegen):  # type: ignore[misc]
    """Optimise code as Numba does, and load none: each function that is a part of others would be emitted, too.

    That took a sixth of the time for the loop, and loaded code is never given back.
    """

    _library_class = _Library

    def set_env(self, env_name: str, env: Any) -> None:
        """Leave unset what only code that handles Python's objects reads."""


@lru_cache(maxsize=1)
def _codegen() -> _Codegen:
    return _Codegen("immunode")


@contextmanager
def _unloaded() -> Iterator[_Codegen]:
    """Let Numba load nothing of what it compiles inside; who calls holds its lock."""
    context = cpu_target.target_context
    before = context._internal_codegen
    context._internal_codegen = _codegen()
    try:
        yield context._internal_codegen
    finally:
        context._internal_codegen = before


def _drop_all_but(module: Any, names: set[str], codegen: _Codegen) -> None:
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name not in names and not value.name.startswith("llvm."):
            value.linkage = "internal"
    builder = binding.create_pass_builder(codegen._tm, binding.create_pipeline_tuning_options())
    passes = binding.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_strip_dead_prototype_pass()
    passes.run(module, builder)


def _forms(kind: Any) -> list[str]:
    """Return what each number and array of an argument is: its type, and the dimensions of an array."""
    if isinstance(kind, types.Array):
        return [f"{_forms(kind.dtype)[0]}{kind.ndim}"]
    if isinstance(kind, _TUPLES):
        return [form for member in kind.types for form in _forms(member)]
    return [{types.float64: "f", types.int64: "i", types.boolean: "b"}[kind]]


def _entry(function: Callable[..., Any], signature: Any) -> Callable[..., Any]:
    """Return the function of words that calls `function` with the arguments that these are."""
    inner = njit(**PART)(function)

    @intrinsic
    def arguments(_: Any, words: Any) -> Any:
        def write(context: Any, builder: Any, kind: Any, values: Any) -> Any:
            return _Words(context, builder, values[0]).value(kind.return_type)

        return types.Tuple(signature.args)(words), write

    read: Any = arguments
    return lambda words: inner(*read(words))


class _Words:
    """Read arguments from an array of words, one after the other."""

    def __init__(self, context: Any, builder: Any, start: Any) -> None:
        self.context, self.builder, self.start, self.next = context, builder, start, 0

    def word(self) -> Any:
        address = self.builder.gep(self.start, [_WORD(self.next)])
        self.next += 1
        return self.builder.load(address)

    def value(self, kind: Any) -> Any:
        if isinstance(kind, types.Array):
            return self.array(kind)
        if isinstance(kind, _TUPLES):
            return self.context.make_tuple(self.builder, kind, [self.value(member) for member in kind.types])
        return self.builder.bitcast(self.word(), self.context.get_value_type(kind))

    def array(self, kind: Any) -> Any:
        """Return the array of an address and a shape; its rows follow each other."""
        builder, item = self.builder, self.context.get_data_type(kind.dtype)
        width = _WORD(self.context.get_abi_sizeof(item))
        data = builder.inttoptr(self.word(), item.as_pointer())
        shape = [self.word() for _ in range(kind.ndim)]
        strides: list[Any] = []
        stride = width
        for length in reversed(shape):
            strides.insert(0, stride)
            stride = builder.mul(stride, length)
        made = self.context.make_array(kind)(self.context, builder)
        of = {"shape": cgutils.pack_array(builder, shape), "strides": cgutils.pack_array(builder, strides)}
        self.context.populate_array(made, data=data, itemsize=width, meminfo=None, **of)
        return made._getvalue()
