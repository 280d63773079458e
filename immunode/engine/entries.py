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
_from_buffer: Any = (ctypes.c_char * 0).from_buffer  # numpy's arrays are declared no buffers
_addressof = ctypes.addressof
_DOUBLE, _WORD = struct.Struct("=d"), struct.Struct("=q")
_TYPES = {"f": np.dtype(np.float64), "i": np.dtype(np.int64), "b": np.dtype(np.bool_)}
_ARRAYS = {f"{letter}{size}": (kind, size) for letter, kind in _TYPES.items() for size in range(1, 5)}
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
    packed: list[int] = []
    at = 0
    for group in arguments:
        if isinstance(group, Packed):
            size = len(group.forms)
            if group.forms != forms[at : at + size]:
                raise TypeError(f"compiled code takes {forms[at : at + size]}, not {group.forms}")
            packed += group.words
        else:
            values = group if isinstance(group, tuple) else (group,)
            size = len(values)
            for form, value in zip(forms[at : at + size], values):
                if form in _ARRAYS:
                    _pack_array(packed, form, value)
                elif form == "i":
                    packed.append(value)
                else:
                    packed += _WORD.unpack(_DOUBLE.pack(value))
        at += size
    if at != len(forms):
        raise TypeError(f"compiled code takes {len(forms)} numbers and arrays, not {at}")
    return array("q", packed)  # raises TypeError for what is no whole number


def address_of(value: Any) -> int:
    """Return where a contiguous array begins that can be written: five times as fast as `value.ctypes.data`."""
    return _addressof(_from_buffer(value))


def _pack_array(packed: list[int], form: str, value: Any) -> None:
    """Add the words of an array; where it begins is found by the quickest way that it allows.

    A call of the loop takes forty arrays.
    """
    dtype, dimensions = _ARRAYS[form]
    if isinstance(value, np.ndarray) and value.ndim == dimensions and value.dtype == dtype:
        flags = value.flags
        if flags.carray:  # its buffer can be written
            packed.append(_addressof(_from_buffer(value)))
            packed += value.shape
            return
        if flags.c_contiguous and flags.aligned:
            packed += value.ctypes.data, *value.shape
            return
    raise TypeError(f"compiled code takes an array {form}, not {value!r}")
