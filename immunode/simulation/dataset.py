"""Label what a run found: an xarray.Dataset with names, units, and how each patient ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.engine import Solution
from immunode.errors import Status
from immunode.internal.gc_pause import paused
from immunode.model.declaration import Model

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Asked:
    """Hold what was asked for. `time` (T,) of all patients, or of each record where `records` says whose it is.

    `more` are further coordinates of the records (of the times where there are none).
    """

    model: Model
    names: Sequence[str]
    time: np.ndarray
    attributes: Mapping[str, Any]
    sensitivities: Sequence[str] = ()
    records: np.ndarray | None = None
    more: Mapping[str, np.ndarray] | None = None
    single: bool = False
    throw: bool = True


def dataset(asked: Asked, found: Solution) -> "xarray.Dataset":
    """Return `found` with names and units; a single patient on times of its own has no dimension `patient`."""
    with paused():
        import pandas
        import xarray

    model, single, ragged = asked.model, asked.single, asked.records is not None
    along_time = ("record",) if ragged else ("time",) if single else ("patient", "time")
    main = along_time[-1]

    def shaped(array: Any) -> Any:
        return array[0] if single and not ragged else array

    # of an array xarray would ask whether it is one of pint's, and import pint for it
    coords: dict[str, Any] = {"time": (main, pandas.Index(asked.time), {"units": model.time})}
    coords |= {name: (main, values) for name, values in (asked.more or {}).items()}
    if ragged:
        coords["patient"] = ("record", asked.records)
    data: dict[str, Any] = {}
    for i, name in enumerate(asked.names):
        unit = model.observables[name]
        data[name] = (along_time, shaped(found.values[..., i]), {"units": unit})
        if asked.sensitivities:
            along = shaped(found.along[..., i])
            data[f"{name}_sensitivity"] = ((*along_time, "by"), along, {"units": f"{unit} per by_units"})
    if asked.sensitivities:
        units = [_unit(model, name) for name in asked.sensitivities]
        coords |= {"by": list(asked.sensitivities), "by_units": ("by", units)}
    if not (single and asked.throw):  # else there is a solution, or an exception
        data |= _statuses(asked, found)
    return xarray.Dataset(data, coords, dict(asked.attributes))


def _statuses(asked: Asked, found: Solution) -> dict[str, Any]:
    model, ragged = asked.model, asked.records is not None
    dims = ("record",) if ragged else () if asked.single else ("patient",)

    def shaped(array: Any) -> Any:
        return array[asked.records] if ragged else array if dims else array[0]

    states = np.array([*(s.name for s in model.states), ""])  # the last, "", for -1: no failure
    meanings = {"flag_values": [int(s) for s in Status], "flag_meanings": " ".join(s.name for s in Status)}
    return {
        "status": (dims, shaped(found.status), meanings),
        "status_time": (dims, shaped(found.status_time), {"units": model.time}),
        "status_state": (dims, shaped(states[found.status_state])),
    }


def _unit(model: Model, name: str) -> str:
    return model.parameter_units.get(name) or next(s.unit for s in model.states if s.name == name)
