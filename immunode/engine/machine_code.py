"""Load machine code without the compiler that made it: half a second that a process which compiles nothing is spared.

The code of a model lives as long as the object that holds it, and its memory is given back then.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llvmlite import binding


@dataclass(frozen=True)
class MachineCode:
    """Hold loaded functions: the address of each by name, good as long as this lives, and forms of arguments."""

    at: Mapping[str, int]
    forms: Mapping[str, Sequence[str]]
    engine: Any = field(repr=False)


def pack(names: Sequence[str], externals: Sequence[str], forms: Mapping[str, Sequence[str]], code: bytes) -> bytes:
    """Return object code and what to know of it: functions, what it calls of others, and forms of arguments."""
    return json.dumps({"names": names, "externals": externals, "forms": forms}).encode() + b"\n" + code


def load(packed: bytes) -> MachineCode | None:
    """Return the functions of packed object code, ready to be called, or None for code that calls unknown ones."""
    head, _, code = packed.partition(b"\n")
    known = json.loads(head)
    if not _resolved(known["externals"]):
        return None
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return MachineCode({name: engine.get_function_address(name) for name in known["names"]}, known["forms"], engine)


def _resolved(externals: Sequence[str]) -> bool:
    """Return whether all functions called are there: LLVM ends the process at one that is not."""
    if any(binding.address_of_symbol(name) is None for name in externals):
        from numba.core.registry import cpu_target  # brings its own with it

        cpu_target.target_context.codegen()
    return all(binding.address_of_symbol(name) is not None for name in externals)


def _target() -> Any:
    """Return what to compile for; the engine that takes it owns it."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(jit=True)
