"""Label a solution: an xarray.Dataset with names, units, and how each patient ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.engine import NEVER, Grid, Solution
from immunode.errors import Status
from immunode.internal.gc_pause import paused
from immunode.model.declaration import Model
from immunode.simulation.ties import POST
from immunode.simulation.times import OutputTimes

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Labels:
    """Hold what a Dataset says beside the numbers. `time` (T,) is of all patients, or of each record of `records`.

    `records` is the patient of each output, None where all share their times; `coordinates` are further ones of the
    records (of the times where there are none); `of_patients` of the patients. `of_time` are attributes of the time,
    `of_names` of the variables.
    """

    model: Model
    names: Sequence[str]
    time: np.ndarray
    attributes: Mapping[str, Any]
    sensitivities: Sequence[str] = ()
    records: np.ndarray | None = None
    coordinates: Mapping[str, np.ndarray] | None = None
    single: bool = False
    throw: bool = True
    of_patients: Mapping[str, np.ndarray] | None = None
    of_time: Mapping[str, Any] | None = None
    of_names: Mapping[str, Mapping[str, Any]] | None = None


def without_copies(
    labels: Labels, outputs: OutputTimes, solution: Solution, grid: Grid | None
) -> tuple[Labels, Solution]:
    """Drop the copy after what happens where nothing does, and say of the others on which `side` they are.

    A dose is known beforehand; a trigger or a switch is told by what changes.
    """
    n, common = len(solution.status), outputs.first is None
    after, happens = outputs.order == POST, np.zeros(outputs.time.shape, bool)
    if grid is not None:
        dosed = grid.due == NEVER
        happens = dosed.reshape(n, -1).any(axis=0) if common else dosed
        for made in (solution.values, solution.along):
            happens[1:] |= _changes(np.moveaxis(made, 0, 1) if common else made)
    keep = ~after | happens
    side = np.where(after, "post", np.where(np.append(keep[1:] & after[1:], False), "pre", ""))
    coordinates = {**(labels.coordinates or {}), "side": side[keep]}
    records = None if labels.records is None else labels.records[keep]
    rows: Any = (slice(None), keep) if common else keep
    shown = replace(solution, values=solution.values[rows], along=solution.along[rows])
    return replace(labels, time=labels.time[keep], coordinates=coordinates, records=records), shown


def _changes(rows: np.ndarray) -> np.ndarray:
    """Return which rows are not those before them."""
    before, now = rows[:-1].reshape(len(rows) - 1, -1), rows[1:].reshape(len(rows) - 1, -1)
    return ((before != now) & ~(np.isnan(before) & np.isnan(now))).any(axis=1)


def dataset(labels: Labels, solution: Solution) -> "xarray.Dataset":
    """Return the solution with names and units; a single patient on times of its own has no dimension `patient`."""
    with paused():
        import pandas
        import xarray

    model, single, ragged = labels.model, labels.single, labels.records is not None
    along_time = ("record",) if ragged else ("time",) if single else ("patient", "time")
    main, units = along_time[-1], model.observables

    def shaped(array: Any) -> Any:
        return array[0] if single and not ragged else array

    # of an array xarray would ask whether it is one of pint's, and import pint for it
    coords: dict[str, Any] = {
        "time": (main, pandas.Index(labels.time), {"units": model.time, **(labels.of_time or {})})
    }
    coords |= {name: (main, values) for name, values in (labels.coordinates or {}).items()}
    coords |= _of_patients(labels)
    data: dict[str, Any] = {}
    # an output also says its own: below it of the largest value there is noise (as `nca` must know)
    tolerance = {"rtol": labels.attributes["rtol"]} if "rtol" in labels.attributes else {}
    meanings, noted = model.meanings, labels.of_names or {}
    for i, name in enumerate(labels.names):
        attributes = {"units": units[name]} | ({"long_name": meanings[name]} if meanings[name] else {})
        attributes |= {**tolerance, **noted.get(name, {})}
        data[name] = (along_time, shaped(solution.values[..., i]), attributes)
        if labels.sensitivities:
            along = shaped(solution.along[..., i])
            said = {"units": f"{units[name]} per by_units", "long_name": f"sensitivity of {meanings[name] or name}"}
            data[f"{name}_sensitivity"] = ((*along_time, "by"), along, said)
    if labels.sensitivities:
        known = {s.name: s.unit for s in model.states} | model.parameter_units
        coords |= {"by": list(labels.sensitivities), "by_units": ("by", [known[name] for name in labels.sensitivities])}
    if not (single and labels.throw):  # else there is a solution, or an exception
        data |= _statuses(labels, solution)
    if len(coords) == 1 and main == "time":
        return _of_time(data, coords["time"], dict(labels.attributes))
    return xarray.Dataset(data, coords, dict(labels.attributes))


def _of_patients(labels: Labels) -> dict[str, Any]:
    """Return the coordinates of patients; of patients with times of their own each record has them."""
    records, coordinates = labels.records, labels.of_patients or {}
    if records is None:
        return {name: ("patient", values) for name, values in coordinates.items()}
    return {"patient": ("record", records)} | {name: ("record", v[records]) for name, v in coordinates.items()}


def _of_time(data: dict[str, Any], time: tuple[str, Any, Any], attributes: dict[str, Any]) -> "xarray.Dataset":
    """Return xarray.Dataset(data, {"time": time}, attributes), in a fifth of the time where xarray still allows it.

    There is nothing to merge or to align here: all variables were made for this one index.
    """
    import xarray
    from xarray.indexes import PandasIndex  # older versions do not import it by themselves

    make = getattr(xarray.Dataset, "_construct_direct", None)
    if make is None:
        return xarray.Dataset(data, {"time": time}, attributes)
    dimension, values, units = time
    index = PandasIndex(values, dimension)
    variables: dict[Any, Any] = index.create_variables({dimension: xarray.Variable(dimension, values, units)})
    for name, (dims, array, *rest) in data.items():
        attributes_of = rest[0] if rest else None
        variables[name] = xarray.Variable(dims, array, attributes_of, fastpath=isinstance(array, np.ndarray))
    return make(variables, {dimension}, attrs=attributes, indexes={dimension: index})


def _statuses(labels: Labels, solution: Solution) -> dict[str, Any]:
    model, ragged = labels.model, labels.records is not None
    dims = ("record",) if ragged else () if labels.single else ("patient",)

    def shaped(array: Any) -> Any:
        return array[labels.records] if ragged else array if dims else array[0]

    states = np.array([*(s.name for s in model.states), ""])  # the last, "", for -1: no failure
    meanings = {"flag_values": [int(s) for s in Status], "flag_meanings": " ".join(s.name for s in Status)}
    return {
        "status": (dims, shaped(solution.status), meanings),
        "status_time": (dims, shaped(solution.status_time), {"units": model.time}),
        "status_state": (dims, shaped(states[solution.status_state])),
    }
