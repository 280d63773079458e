"""Every Numba type, signature and option of the engine: the other files show only the numerics."""

from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from numba import njit, types

from immunode.engine.records import Kernels, Patients, Results, Rows, Schedule, Scratch, Settings, Switch

# numpy error model: 0/0 is NaN, never an exception. These three flags beat plain and full fastmath and keep NaN honest.
OPTIONS: dict[str, Any] = {
    "fastmath": {"contract", "nsz", "arcp"},
    "error_model": "numpy",
    "nogil": True,
    "_nrt": False,  # no counted references, which would take a third of the time: what is compiled makes no array
}
# of functions that others of the same file are made of: compiled with them, never called from Python
PART: dict[str, Any] = OPTIONS | {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
INLINE: dict[str, Any] = PART | {"forceinline": True}


def common(function: FunctionType) -> Any:
    """Return the compiled form of a function of numbers that calls only what Python itself has.

    Of a text that several generated modules hold it is one, which is compiled once in a process.
    """
    return _common(function.__code__.replace(co_firstlineno=1, co_filename="common"))


@lru_cache(maxsize=128)
def _common(code: CodeType) -> Any:
    return njit(**INLINE)(FunctionType(code, {"__name__": "immunode_generated_common"}))


_f8, _i8 = types.float64, types.int64
_vector, _matrix, _index = _f8[::1], _f8[:, ::1], _i8[::1]

STEP = types.void(_vector, _f8, _i8)  # step(scratch, rtol, blocks): one step of every lane
# interpolate(scratch, offset, lane, fractions, m, states_out, row): the block at `offset`, into rows from `row` on
INTERPOLATE = types.void(_vector, _i8, _i8, _vector, _i8, _matrix, _i8)
# observe(times, first, m, states, parameters, seed, outputs_out): the outputs, then their change along each direction
OBSERVE = types.void(_vector, _i8, _i8, _matrix, _vector, _matrix, _matrix)
# decide(scratch, lane, level), guard(scratch), margins(scratch, lane, fractions, m, states, margins_out),
# moving(scratch, lane, blocks, rates_out): of switches (see codegen.switches)
DECIDE = types.void(_vector, _i8, _i8)
GUARD = types.void(_vector)
MARGINS = types.void(_vector, _i8, _vector, _i8, _matrix, _matrix)
MOVING = types.void(_vector, _i8, _i8, _matrix)
# forced(scratch, lane, times, m, blocks, out): what time alone moves of slopes (see codegen.forcing)
FORCED = types.void(_vector, _i8, _vector, _i8, _i8, _matrix)
# places(scratch, lane, gone, times_out, widths_out): the next cells of the mesh of its step; how many
PLACES = types.int64(_vector, _i8, _f8, _vector, _vector)
# of triggers: weigh(scratch, lane, blocks, late, weights_out) and
# becomes(scratch, lane, trigger, blocks, late, values_out)
WEIGH = types.void(_vector, _i8, _i8, _vector, _matrix)
BECOMES = types.void(_vector, _i8, _i8, _i8, _vector, _matrix)
HOIST = types.void(_vector, _matrix, _matrix)  # hoist(parameters, seed, hoisted_out): one row, then one a direction


def _tuple(cls: Any, *members: Any) -> Any:
    return types.NamedTuple(members, cls)


_method = (
    types.NamedUniTuple(_i8, len(Kernels._fields), Kernels),  # addresses
    types.NamedUniTuple(_i8, len(Rows._fields), Rows),
    types.NamedUniTuple(_f8, len(Switch._fields), Switch),
    _tuple(
        Scratch,
        _vector,
        _vector,
        _matrix,
        _matrix,
        _matrix,
        _f8[:, :, ::1],
        *([_index] * 4),
        _matrix,
        _matrix,
        _vector,
        *([_matrix] * 5),
        _vector,
        *([_matrix] * 4),
    ),
)
RUN = types.void(
    *_method,
    *_method,
    _tuple(Settings, _f8, _i8, _i8, _i8, _f8),
    _tuple(Patients, _matrix, _matrix, _vector, _matrix, _vector, _index, _index),
    _tuple(
        Schedule, _index, _index, _matrix, _vector, _vector, _index, _index, _vector, _index, *([_matrix] * 3), _index
    ),
    _tuple(
        Results,
        _matrix,
        _index,
        _vector,
        _index,
        _vector,
        _matrix,
        _vector,
        _matrix,
        *([_index] * 5),
        _vector,
        *([_matrix] * 3),
    ),
    _index,  # flags: [cancel, then done per block]
    _i8,
    _i8,
    _i8,
)
VARY = types.void(_vector, types.boolean[::1], _matrix, _matrix, _matrix)
EXPONENTIAL = types.void(_vector, _vector)
