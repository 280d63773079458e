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

ITEM = 8  # bytes of a number, and of a word
_NOTHING = ctypes.c_char * 0
_DOUBLE, _WORD = struct.Struct("=d"), struct.Struct("=q")
_TYPES = {"f": np.dtype(np.float64), "i": np.dtype(np.int64), "b": np.dtype(np.bool_)}
# as Numba calls: with two addresses for results, of which there are none
_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


@dataclass(frozen=True)
class Packed:
    """Hold arguments that are words already: what forms they have, and the memory that must live as long as they do."""

    forms: Sequence[str]
    words: Sequence[int]
    memory: Any


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

    Arguments are numbers, arrays, tuples of these, and `Packed` ones.
    """
    groups = [value if isinstance(value, tuple | Packed) else (value,) for value in arguments]
    sizes = [len(group.forms if isinstance(group, Packed) else group) for group in groups]
    if sum(sizes) != len(forms):
        raise TypeError(f"compiled code takes {len(forms)} numbers and arrays, not {sum(sizes)}")
    packed: list[int] = []
    at = 0
    for group, size in zip(groups, sizes, strict=True):
        packed += _packed(forms[at : at + size], group)
        at += size
    return array("q", packed)  # raises TypeError for what is no whole number


def _packed(forms: Sequence[str], values: Sequence[Any] | Packed) -> Sequence[int]:
    if isinstance(values, Packed):
        if values.forms != forms:
            raise TypeError(f"compiled code takes {forms}, not {values.forms}")
        return values.words
    packed: list[int] = []
    for form, value in zip(forms, values, strict=True):
        if form == "i":
            packed.append(value)
        elif form == "f":
            packed += _WORD.unpack(_DOUBLE.pack(value))
        else:
            packed.append(_address(value, form))
            packed += value.shape
    return packed


def _address(value: Any, form: str) -> int:
    """Return where an array begins, by the quickest way that it allows: a call of the loop takes forty arrays."""
    if isinstance(value, np.ndarray) and value.ndim == int(form[1]) and value.dtype == _TYPES[form[0]]:
        flags = value.flags
        if flags.carray:  # its buffer can be written
            return ctypes.addressof(_NOTHING.from_buffer(value))  # type: ignore[arg-type]  # by stubs for old Pythons
        if flags.c_contiguous and flags.aligned:
            return value.ctypes.data
    raise TypeError(f"compiled code takes an array {form}, not {value!r}")
