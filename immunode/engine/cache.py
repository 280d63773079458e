"""Keep machine code between processes, and load it without the compiler that made it.

An entry is one file, which appears whole, is checked by its hash and never changes. A process that compiles nothing is
spared what Numba needs to make ready, half a second. The code of a model lives as long as the object that holds it, and
its memory is given back then.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llvmlite import binding

from immunode.engine.code_folder import cache_directory
from immunode.internal.disk_cache import replace_file
from immunode.internal.stopping import not_swallowed

_SLOW = ("run", "model")  # kinds of what takes seconds to compile
_SEAL = hashlib.sha256().digest_size


@dataclass(frozen=True)
class MachineCode:
    """Hold loaded functions: the address of each by name, good as long as this lives, and forms of arguments."""

    at: Mapping[str, int]
    forms: Mapping[str, Sequence[str]]
    engine: Any = field(repr=False)


def loaded(name: str, make: Callable[[], bytes]) -> MachineCode:
    """Return the code that some process made under this name for this version of the engine, or make it."""
    folder = cache_directory()
    path = folder and folder / f"{name}.code"
    content = _intact(path) if path else None
    code = load(content) if content else None
    if code is None:
        with _announced(name, folder), not_swallowed():
            made = make()
        if path:
            with suppress(OSError):  # the disk is full, or somebody removed the folder
                replace_file(path, _seal(path, made) + made)
        code = load(made)
        assert code is not None  # the compiler has just resolved it
    return code


def _seal(path: Path, content: bytes) -> bytes:
    """Return the hash of an entry, and of its name: the code of another model must not be run for this one."""
    return hashlib.sha256(path.name.encode() + b"\n" + content).digest()


def _intact(path: Path) -> bytes | None:
    """Return what a file holds, or None where it is not what was written."""
    with suppress(OSError):
        content = path.read_bytes()
        if _seal(path, content[_SEAL:]) == content[:_SEAL]:
            return content[_SEAL:]
    return None


@contextmanager
def _announced(name: str, folder: Path | None) -> Iterator[None]:
    """Say on a terminal that something is compiled that takes seconds, and how long the last of its kind took."""
    kind = name.partition("_")[0]
    if kind not in _SLOW or not sys.stderr.isatty():
        yield
        return
    last, started = folder and folder / f"{kind}.seconds", time.perf_counter()
    before = ""
    with suppress(OSError, ValueError):
        before = f"; the last took {last.read_text(encoding='ascii')} s" if last else ""
    what = "for this model, method and kind of call" if kind == "model" else "for all models"
    print(f"immunode compiles, once on this machine {what}{before} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        seconds = f"{time.perf_counter() - started:.0f}"
        print(f" {seconds} s", file=sys.stderr)
    with suppress(OSError):
        if last:
            replace_file(last, seconds.encode())


def pack(names: Sequence[str], externals: Sequence[str], forms: Mapping[str, Sequence[str]], code: bytes) -> bytes:
    """Return object code and what to know of it: functions, what it calls of others, and forms of arguments."""
    return json.dumps({"names": names, "externals": externals, "forms": forms}).encode() + b"\n" + code


def load(packed: bytes) -> MachineCode | None:
    """Return the functions of packed object code, ready to be called, or None for code that calls unknown ones."""
    head, _, code = packed.partition(b"\n")
    known = json.loads(head)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target())  # first: it brings symbols with it
    if not _resolved(known["externals"]):
        return None
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
