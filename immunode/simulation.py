"""Simulate a model under regimens: parameters and doses in, an xarray.Dataset (or plain arrays for ensembles) out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.collector import paused
from immunode.engine import ADD, MULTIPLY, RATE, REPLACE, STOP, Directions, Events, Solution, build, solve
from immunode.errors import BadValue, Interrupted, SolveError, Status, UnitError, unknown
from immunode.initial import directions, initial_states, of_parameters
from immunode.model import Model
from immunode.models import model as find_model
from immunode.regimen import Regimen, prescribe
from immunode.units import factor, in_days

if TYPE_CHECKING:
    import xarray

RTOL = (1e-14, 0.1)  # below, rounding is larger; above, a step says nothing
ACTIONS = {"add": ADD, "replace": REPLACE, "multiply": MULTIPLY}


def days(first: float, last: float, every: float = 1.0) -> np.ndarray:
    """Return days from `first` to `last`, both included, in steps of `every`."""
    if not (np.isfinite([first, last, every]).all() and every > 0 and last >= first):
        raise BadValue(f"days({first}, {last}, every={every}): expected first <= last and a positive step")
    steps = int(np.floor((last - first) / every + 1e-9))
    inner = first + every * np.arange(steps + 1)
    return inner if last - inner[-1] < 1e-9 * max(1.0, abs(last)) else np.append(inner, last)


def table(
    model: Model,
    regimens: Sequence[Regimen],
    which: np.ndarray,
    lags: np.ndarray,
    stops: Sequence[float],
    start: float,
    resumed: bool,
) -> Events:
    """Return the event table: one segment for each distinct pair of regimen and lags.

    `stops` are visits of every patient.

    A run that resumes at `start` has had what came before. Else raise BadValue for a dose before `start`; UnitError for
    an amount in the wrong unit.
    """
    names = [s.name for s in model.states]
    dosed = sorted({names.index(model.target(d.into).name) for r in regimens for d in r.doses})
    keys = np.column_stack([which, lags[:, dosed]])
    kinds, segment = np.unique(keys, axis=0, return_inverse=True)
    rows: list[tuple[float, int, int, float]] = []
    first = [0]
    for key in kinds:
        lag = dict(zip(dosed, key[1:], strict=True))
        mine = [row for dose in regimens[int(key[0])].doses for row in _rows(model, dose, names, lag)]
        mine += [(float(stop), STOP, 0, 0.0) for stop in stops]
        if resumed:
            mine = [row for row in mine if row[0] >= start]
        rows += sorted(mine, key=lambda row: row[0])
        first.append(len(rows))
    time, kind, state, value = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 4
    time = np.where(np.abs(time) < np.finfo(float).tiny, 0.0, time)  # no step can be as short as a subnormal time
    if time.size and time.min() < start:
        raise BadValue(f"a dose on day {time.min():g} lies before the start of the simulation, day {start:g}")
    return Events(
        segment=segment.ravel().astype(np.int64),
        first=np.array(first, dtype=np.int64),
        time=time.astype(float),
        kind=kind.astype(np.int64),
        state=state.astype(np.int64),
        value=value.astype(float),
    )


def _rows(model: Model, dose: Any, names: list[str], lag: dict[int, float]) -> list[tuple[float, int, int, float]]:
    target = model.target(dose.into)
    column = names.index(target.name)
    if dose.action == "multiply":
        amount = dose.amount
    else:
        try:
            amount = dose.amount * factor(dose.unit, target.unit)
        except UnitError as error:
            raise UnitError(
                f"a dose of {dose.amount:g} {dose.unit} into {target.name} of {model.name}, "
                f"which is in {target.unit}: {error}"
            ) from error
    clock = factor("day", model.time)
    time = dose.time * clock + (lag[column] if dose.action == "add" else 0.0)
    if dose.duration > 0:
        duration = dose.duration * clock
        return [(time, RATE, column, amount / duration), (time + duration, RATE, column, -amount / duration)]
    return [(time, ACTIONS[dose.action], column, amount)]


def tolerances(model: Model, rtol: float) -> np.ndarray:
    """Return the absolute tolerance per state: rtol / 1000 of the state's scale."""
    return np.array([rtol * 1e-3 * s.scale for s in model.states])


def run(
    model: Model,
    parameters: np.ndarray,
    regimens: Sequence[Regimen],
    which: np.ndarray,
    *,
    times: np.ndarray,
    observe: Sequence[str],
    start: float,
    end: float | None = None,
    stops: Sequence[float] = (),
    rtol: float = 1e-6,
    method: str = "auto",
    sensitivities: Sequence[str] = (),
    threads: int = 1,
    watch: str | None = None,
    threshold: np.ndarray | None = None,
    resume: Solution | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Solution:
    """Solve for n patients at once and return the engine's Solution: `values` (n, times, observe), `status` (n,), ...

    `parameters` is (n, parameters) in the order of `model.typical`, in declared units; `which` (n,) picks each
    patient's regimen. Times and `start` are in the model's time unit, doses in days; `watch` names a state whose first
    crossing of `threshold` (n,) is located. With `sensitivities`, names of parameters and of states (their initial
    value), the Solution's `along` (n, times, sensitivities, observe) holds the derivatives.
    """
    if not (isinstance(rtol, int | float) and RTOL[0] <= rtol <= RTOL[1]):
        raise BadValue(f"rtol = {rtol!r}: expected a number between {RTOL[0]:g} and {RTOL[1]:g}, such as 1e-6")
    trace = model.lazy_trace()
    known = list(model.observables)
    for name in observe:
        if name not in known:
            raise unknown("output or state", name, known, model.name)
    last = float(end if end is not None else times[-1])
    lags = of_parameters(trace, "lag", parameters)
    events = table(model, regimens, np.asarray(which), lags, stops, start, resume is not None)
    y0 = initial_states(model, parameters) if resume is None else None
    along = _directions(model, parameters, y0, sensitivities, regimens) if sensitivities else None
    found = solve(
        build(trace, method, sensitivities=along is not None),
        y0,
        np.ascontiguousarray(parameters, dtype=float),
        events,
        np.asarray(times, dtype=float),
        columns=np.array([known.index(name) for name in observe], dtype=np.int64),
        start=float(start),
        end=last,
        rtol=rtol,
        atol=tolerances(model, rtol),
        gain=of_parameters(trace, "bioavailability", parameters),
        watch=-1 if watch is None else [s.name for s in model.states].index(watch),
        threshold=threshold,
        resume=resume,
        directions=along,
        threads=threads,
        progress=progress,
    )
    return found if along is None else replace(found, along=found.along / along.scale[:, None, :, None])


def _directions(
    model: Model, parameters: np.ndarray, y0: np.ndarray | None, names: Sequence[str], regimens: Sequence[Regimen]
) -> Directions:
    """Return the directions of `names`, scaled as the states are; raise BadValue where a dose's lag depends on one."""
    dosed = {model.target(d.into).name for r in regimens for d in r.doses if d.action == "add"}
    return directions(model, parameters, y0, names, dosed)


def matrix(model: Model, changes: Mapping[str, Any] | None) -> np.ndarray:
    """Return parameters (n, parameters) from values or arrays of n values by name.

    Numbers are taken in the declared unit.
    """
    single = {k: v for k, v in (changes or {}).items() if np.ndim(v) == 0}
    many = {k: np.asarray(v, dtype=float) for k, v in (changes or {}).items() if np.ndim(v) > 0}
    lengths = {v.shape for v in many.values()}
    if len(lengths) > 1 or any(len(shape) > 1 or shape == (0,) for shape in lengths):
        raise BadValue(
            f"parameters given as arrays differ in length, or are no rows of numbers: shapes {sorted(lengths)}"
        )
    out = np.tile(list(model.values(single).values()), (lengths.pop()[0] if lengths else 1, 1))
    for name, values in many.items():
        for extreme in (values.min(), values.max()):
            model.values({name: extreme})
        out[:, list(model.typical).index(name)] = values
    return out


def simulate(
    model: str | Model,
    regimen: Regimen | str | None = None,
    *,
    times: Any,
    parameters: Mapping[str, Any] | None = None,
    outputs: str | Sequence[str] | None = None,
    start: float | None = None,
    rtol: float = 1e-6,
    method: str = "auto",
    sensitivities: str | Sequence[str] = (),
    threads: int = 1,
    throw: bool = True,
) -> "xarray.Dataset":
    """Simulate `model` (a name or a Model) under `regimen` (a sentence or a Regimen) and return a Dataset over `time`.

    `times` are days (numbers), `parameters` changes by name ("10 L/h", a number in the declared unit, or an array: then
    a `patient` dimension leads), `outputs` default to every state and output. An output at the time of a dose is the
    value before it. `start` defaults to day 0, or earlier when a dose or time is. `rtol` is the relative tolerance of a
    step; the absolute one is rtol / 1000 of each state's `scale` (docs/tolerances.md). `method` is "auto", "tsit5" or
    "rodas5p". `sensitivities` names parameters, and states for their initial values: each output `x` then has
    `x_sensitivity`, its exact derivatives, with the dimension `by`. With many patients, or without `throw`, `status`
    (errors.Status) says how each ended, `status_time` and `status_state` when and in which state one failed. Raise
    UnknownName, UnitError, BadValue for bad input; SolveError for failed patients unless `throw` is False; Interrupted
    after Ctrl-C.
    """
    model = find_model(model)
    plan = prescribe(regimen) if isinstance(regimen, str) else (regimen or Regimen(()))
    clock = factor("day", model.time)
    given = np.atleast_1d(times)
    at = np.unique(given if given.dtype.kind in "iuf" else [in_days(t) for t in given]) * clock
    if not (at.size and np.isfinite(at).all()):
        raise BadValue(f"times = {times!r}: expected at least one finite time")
    begin = float(min([0.0, at[0], *(d.time * clock for d in plan.doses)])) if start is None else float(start)
    if at[0] < begin:
        raise BadValue(f"time {at[0]:g} lies before the start, {begin:g} {model.time}")
    values = matrix(model, parameters)
    names = _names(outputs) or list(model.observables)
    sensitivities = _names(sensitivities)
    which = np.zeros(len(values), dtype=np.int64)
    single = not any(np.ndim(v) > 0 for v in (parameters or {}).values())
    options: dict[str, Any] = {"rtol": rtol, "method": method, "sensitivities": sensitivities, "threads": threads}
    dataset = partial(_dataset, model, plan, at, names, options, single, throw)
    try:
        found = run(model, values, [plan], which, times=at, observe=names, start=begin, **options)
    except Interrupted as stop:
        raise Interrupted(dataset(stop.found), stop.done, stop.total) from None
    if throw:
        raise_failures(model, found, method)
    return dataset(found)


def _dataset(
    model: Model,
    plan: Regimen,
    at: np.ndarray,
    names: Sequence[str],
    options: Mapping[str, Any],
    single: bool,
    throw: bool,
    found: Solution,
) -> "xarray.Dataset":
    """Return what was found with names and units; a single patient has no dimension `patient`."""
    with paused():
        import pandas
        import xarray

    def of(array: Any, *dims: str) -> tuple[tuple[str, ...], Any]:
        return (dims, array[0]) if single else (("patient", *dims), array)

    sensitivities = options["sensitivities"]
    # of an array xarray would ask whether it is one of pint's, and import pint for it
    coords: dict[str, Any] = {"time": ("time", pandas.Index(at), {"units": model.time})}
    data: dict[str, Any] = {}
    for i, name in enumerate(names):
        unit = model.observables[name]
        data[name] = (*of(found.values[..., i], "time"), {"units": unit})
        if sensitivities:
            data[f"{name}_sensitivity"] = (*of(found.along[..., i], "time", "by"), {"units": f"{unit} per by_units"})
    if sensitivities:
        coords |= {"by": list(sensitivities), "by_units": ("by", [_unit(model, name) for name in sensitivities])}
    if not (single and throw):  # else there is a solution, or an exception
        states = np.array([*(s.name for s in model.states), ""])  # the last, "", for -1: no failure
        meanings = {"flag_values": [int(s) for s in Status], "flag_meanings": " ".join(s.name for s in Status)}
        data["status"] = (*of(found.status), meanings)
        data["status_time"] = (*of(found.status_time), {"units": model.time})
        data["status_state"] = of(states[found.status_state])
    attributes = {"model": model.name, "regimen": str(plan), "at_dose": "pre"}
    return xarray.Dataset(data, coords, attributes | {key: options[key] for key in ("rtol", "method")})


def _names(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else [] if given is None else [str(name) for name in given]


def _unit(model: Model, name: str) -> str:
    return model.parameter_units.get(name) or next(s.unit for s in model.states if s.name == name)


def raise_failures(model: Model, found: Solution, method: str = "auto") -> None:
    """Raise SolveError that names the first failed patient, when and in which state; do nothing when all are solved."""
    failed = np.flatnonzero(found.status)
    if failed.size:
        i = failed[0]
        state = model.states[int(found.status_state[i])].name if found.status_state[i] >= 0 else "?"
        long = found.status[i] == Status.too_many_steps and method == "tsit5"
        raise SolveError(
            f"{failed.size} of {len(found.status)} patients failed; patient {i}: {Status(int(found.status[i])).name} "
            f"at {found.status_time[i]:g} {model.time} in state '{state}'"
            + ("; a stiff model needs method='auto' or 'rodas5p'" if long else "")
        )
