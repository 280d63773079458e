"""Call compiled functions from Python: arguments go as one array of words, which costs less than to unbox each."""

import ctypes
import operator
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.engine.cache import MachineCode, loaded

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
    failed = _FUNCTION(code.at[name])(ctypes.addressof(unused), ctypes.addressof(unused), packed.ctypes.data)
    if failed:  # compiled with checks that raise (NUMBA_BOUNDSCHECK)
        raise RuntimeError(f"the compiled function {name} failed with code {failed}")


@lru_cache
def _loaded(module: str, name: str) -> MachineCode:
    def make() -> bytes:
        from immunode.engine.compiler import compile_entry

        return compile_entry(module, name)

    return loaded(name.strip("_"), make)


def words(forms: Any, arguments: Any) -> Any:
    """Return the words of arguments: of an array its address and shape; raise TypeError for one of another form."""
    packed: list[int] = []
    for form, value in zip(forms, _flat(arguments), strict=True):
        if form == "i":
            packed.append(operator.index(value))
        elif form == "f":
            packed.append(struct.unpack("=q", struct.pack("=d", float(value)))[0])
        elif _fits(value, form):
            packed.append(value.__array_interface__["data"][0])
            packed.extend(value.shape)
        else:
            raise TypeError(f"compiled code takes an array {form}, not {value!r}")
    return np.array(packed, np.int64)


def _fits(value: Any, form: str) -> bool:
    known = isinstance(value, np.ndarray) and value.dtype == _TYPES[form[0]] and value.ndim == int(form[1])
    return known and bool(value.flags.c_contiguous and value.flags.aligned)


def _flat(arguments: Any) -> Iterator[Any]:
    for value in arguments:
        if isinstance(value, tuple):
            yield from _flat(value)
        else:
            yield value
