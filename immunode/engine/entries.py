"""Call compiled functions from Python: arguments go as one array of words, which costs less than to unbox each."""

import ctypes
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.engine.cache import MachineCode, loaded

_DOUBLE, _WORD = struct.Struct("=d"), struct.Struct("=q")
_TYPES = {"f": np.dtype(np.float64), "i": np.dtype(np.int64), "b": np.dtype(np.bool_)}
# as Numba calls: with two addresses for results, of which there are none
_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


@dataclass(frozen=True)
class Entry:
    """Name a function of compiled code that Python calls; its signature is that of the same name, in capitals.

    It is compiled, or loaded, when first called. It returns nothing and releases the interpreter's lock.
    """

    module: str
    name: str

    def __call__(self, *arguments: Any) -> None:
        """Call it; raise TypeError for arguments of other types than its signature has."""
        call(_loaded(self.module, self.name), self.name, arguments)


run = Entry("immunode.engine.loop", "run")


def call(code: MachineCode, name: str, arguments: Any) -> None:
    """Call a function of loaded code."""
    packed = words(code.forms[name], arguments)
    unused = ctypes.c_void_p()
    failed = _FUNCTION(code.at[name])(ctypes.addressof(unused), ctypes.addressof(unused), packed.buffer_info()[0])
    if failed:  # compiled with checks that raise (NUMBA_BOUNDSCHECK)
        raise RuntimeError(f"the compiled function {name} failed with code {failed}")


@lru_cache
def _loaded(module: str, name: str) -> MachineCode:
    def make() -> bytes:
        from immunode.engine.compiler import compile_entry

        return compile_entry(module, name)

    return loaded(name.strip("_"), make)


def words(forms: Sequence[str], arguments: Sequence[Any]) -> Any:
    """Return the words of arguments: of an array its address and shape; raise TypeError for one of another form.

    Arguments are numbers, arrays and tuples of these. One that comes again is looked at once.
    """
    count = sum(len(value) if isinstance(value, tuple) else 1 for value in arguments)
    if count != len(forms):
        raise TypeError(f"compiled code takes {len(forms)} numbers and arrays, not {count}")
    packed: list[int] = []
    seen: dict[int, tuple[list[str], list[int]]] = {}
    at = 0
    for argument in arguments:
        members = argument if isinstance(argument, tuple) else (argument,)
        wanted, at = list(forms[at : at + len(members)]), at + len(members)
        known = seen.get(id(argument))
        if known is None or known[0] != wanted:
            known = seen[id(argument)] = wanted, _packed(wanted, members)
        packed += known[1]
    return array("q", packed)  # raises TypeError for what is no whole number


def _packed(forms: Sequence[str], values: Sequence[Any]) -> list[int]:
    packed: list[int] = []
    for form, value in zip(forms, values, strict=True):
        if form == "i":
            packed.append(value)
        elif form == "f":
            packed += _WORD.unpack(_DOUBLE.pack(value))
        elif _fits(value, form):
            packed.append(value.__array_interface__["data"][0])
            packed += value.shape
        else:
            raise TypeError(f"compiled code takes an array {form}, not {value!r}")
    return packed


def _fits(value: Any, form: str) -> bool:
    if not isinstance(value, np.ndarray) or value.ndim != int(form[1]) or value.dtype != _TYPES[form[0]]:
        return False
    flags = value.flags
    return bool(flags.c_contiguous and flags.aligned)
