"""Every Numba type, signature and option of the engine: the other files show only the numerics.

Numba's cache does not see an edit here: generated modules carry a hash of OPTIONS, but after a change of OPTIONS or of
a tuple below, touch loop.py.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types

Array = np.ndarray[Any, np.dtype[Any]]

# numpy error model: 0/0 is NaN, never an exception. These three flags beat plain and full fastmath and keep NaN honest.
OPTIONS: dict[str, Any] = {
    "fastmath": {"contract", "nsz", "arcp"},
    "error_model": "numpy",
    "nogil": True,
    "cache": True,
}
# of functions that others of the same file are made of: compiled with them, never called from Python
PART: dict[str, Any] = {k: v for k, v in OPTIONS.items() if k != "cache"} | {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
INLINE: dict[str, Any] = PART | {"forceinline": True}

_f8, _i8 = types.float64, types.int64
_vector, _matrix, _cube, _index = _f8[::1], _f8[:, ::1], _f8[:, :, ::1], _i8[::1]

STEP = types.void(_vector, _f8)  # step(scratch, rtol): one step of every lane
INTERPOLATE = types.void(_vector, _i8, _f8, _vector)  # interpolate(scratch, lane, theta, state_out)
OBSERVE = types.void(_f8, _vector, _vector, _vector)  # observe(t, state, parameters, outputs_out)
HOIST = types.void(_vector, _vector)  # hoist(parameters, hoisted_out)


class Kernels(NamedTuple):
    """Hold the four generated functions of a model."""

    step: Any
    interpolate: Any
    observe: Any
    hoist: Any


class Rows(NamedTuple):
    """Hold where the generic loop finds its rows in the scratch, and how many there are of each."""

    lanes: int
    total: int
    states: int
    hoisted: int
    infused: int
    observed: int
    state: int  # then slope, contiguous
    new: int  # then new_slope, contiguous
    parameter: int
    rate: int
    atol: int


class Settings(NamedTuple):
    """Hold the scalars of one solve."""

    start: float
    end: float
    rtol: float
    max_steps: int
    watch: int


class Patients(NamedTuple):
    """Hold the per-patient inputs; step and crossing are nan where there is nothing to resume."""

    y0: Array
    parameters: Array
    gain: Array
    threshold: Array
    step: Array
    rate: Array
    skip: Array


class Schedule(NamedTuple):
    """Hold events by segment, output times and columns, and for each state the index of its infusion rate (or -1)."""

    segment: Array
    first: Array
    table: Array  # one row an event: time, kind, state, value
    times: Array
    columns: Array
    infusion: Array
    atol: Array


class Results(NamedTuple):
    """Hold the arrays that the loop fills, one row per patient."""

    values: Array
    status: Array
    status_time: Array
    status_state: Array
    crossing: Array
    state: Array
    step: Array
    rate: Array
    steps: Array
    rejected: Array


def _tuple(cls: Any, *members: Any) -> Any:
    return types.NamedTuple(members, cls)


RUN = types.void(
    types.FunctionType(STEP),
    types.FunctionType(INTERPOLATE),
    types.FunctionType(OBSERVE),
    types.FunctionType(HOIST),
    types.NamedUniTuple(_i8, len(Rows._fields), Rows),
    _tuple(Settings, _f8, _f8, _f8, _i8, _i8),
    _tuple(Patients, _matrix, _matrix, _matrix, _vector, _vector, _matrix, _index),
    _tuple(Schedule, _index, _index, _matrix, _vector, _index, _index, _vector),
    _tuple(Results, _cube, _index, _vector, _index, _vector, _matrix, _vector, _matrix, _index, _index),
    _index,  # flags: [cancel, then done per block]
    _i8,
    _i8,
    _i8,
)
