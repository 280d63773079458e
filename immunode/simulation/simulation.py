"""Simulate a model under regimens: parameters and doses in, an xarray.Dataset (or plain arrays for ensembles) out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.engine import Directions, Grid, Solution, build, solve
from immunode.errors import BadValue, Interrupted, SolveError, Status, nearest, unknown
from immunode.model.declaration import Model
from immunode.models import model as find_model
from immunode.nonmem import EventTable
from immunode.regimen import Regimen
from immunode.simulation import covariates as time_varying
from immunode.simulation.covariates import Covariates
from immunode.simulation.dataset import Asked, dataset
from immunode.simulation.dose_events import POST, PRE
from immunode.simulation.engine_input import Course, Outputs, course
from immunode.simulation.ensemble import Setting, first_states, setting
from immunode.simulation.request import from_lists, from_table

if TYPE_CHECKING:
    import xarray

RTOL = (1e-14, 0.1)  # below, rounding is larger; above, a step says nothing
SIDES = {"pre": (PRE,), "post": (POST,), "both": (PRE, POST)}


def days(first: float, last: float, every: float = 1.0) -> np.ndarray:
    """Return days from `first` to `last`, both included, in steps of `every`."""
    if not (np.isfinite([first, last, every]).all() and every > 0 and last >= first):
        raise BadValue(f"days({first}, {last}, every={every}): expected first <= last and a positive step")
    steps = int(np.floor((last - first) / every + 1e-9))
    inner = first + every * np.arange(steps + 1)
    return inner if last - inner[-1] < 1e-9 * max(1.0, abs(last)) else np.append(inner, last)


def tolerances(model: Model, rtol: float) -> np.ndarray:
    """Return the absolute tolerance per state: rtol / 1000 of the state's scale."""
    return np.array([rtol * 1e-3 * s.scale for s in model.states])


def run(
    model: Model,
    parameters: np.ndarray,
    regimens: Sequence[Regimen],
    which: np.ndarray,
    *,
    times: "np.ndarray | Outputs",
    observe: Sequence[str],
    start: "float | np.ndarray",
    end: float | None = None,
    stops: Sequence[float] = (),
    rtol: float = 1e-6,
    method: str = "auto",
    sensitivities: Sequence[str] = (),
    covariates: Covariates | None = None,
    threads: int = 1,
    watch: str | None = None,
    threshold: np.ndarray | None = None,
    resume: Solution | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Solution:
    """Solve for n patients at once and return the engine's Solution: `values` (n, times, observe), `status` (n,), ...

    `parameters` is (n, parameters) in the order of `model.typical`, in declared units; `which` (n,) picks each
    patient's regimen. Times and `start` are in the model's time unit, doses in days; `times` are for all patients, each
    output before the events of its time, or Outputs: then `values` is (all outputs, observe). `stops` are visits of
    every patient. Without `end` a patient is followed up to its last output. `watch` names a state whose first crossing
    of `threshold` (n,) is located. With `sensitivities`, names of parameters and of states (their initial value), the
    Solution's `along` (n, times, sensitivities, observe) holds the derivatives.
    """
    outputs = times if isinstance(times, Outputs) else Outputs(np.asarray(times, float), np.full(len(times), PRE))
    begin = np.broadcast_to(np.asarray(start, float), len(parameters))
    values = np.ascontiguousarray(parameters, float)
    this = Setting(model, values, regimens, np.asarray(which), begin, covariates, rtol=rtol, method=method)
    options: dict[str, Any] = {
        "stops": stops,
        "threads": threads,
        "watch": watch,
        "threshold": threshold,
        "resume": resume,
    }
    return _solved(setting(this, sensitivities), outputs, observe, end, progress=progress, **options)[0]


def _solved(
    this: Setting,
    outputs: Outputs,
    observe: Sequence[str],
    end: float | None,
    *,
    stops: Sequence[float] = (),
    threads: int = 1,
    watch: str | None = None,
    threshold: np.ndarray | None = None,
    resume: Solution | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Solution, Course]:
    """Return the Solution of `run`, and what the engine was given."""
    model, rtol = this.model, this.rtol
    if not (isinstance(rtol, int | float) and RTOL[0] <= rtol <= RTOL[1]):
        raise BadValue(f"rtol = {rtol!r}: expected a number between {RTOL[0]:g} and {RTOL[1]:g}, such as 1e-6")
    known = list(model.observables)
    for name in observe:
        if name not in known:
            raise unknown("output or state", name, known, model.name)
    given = course(this, outputs, stops, resume is not None, np.inf if end is None else float(end))
    y0, along = (None, this.along) if resume is not None else first_states(this)
    finished = partial(_finished, this, outputs, along, given.failed)
    try:
        found = solve(
            build(given.trace, this.method, sensitivities=along is not None),
            y0,
            given.parameters,
            given.events,
            given.times,
            columns=np.array([known.index(name) for name in observe], dtype=np.int64),
            start=this.start,
            end=end,
            rtol=rtol,
            atol=tolerances(model, rtol),
            gain=given.gain,
            watch=-1 if watch is None else [s.name for s in model.states].index(watch),
            threshold=threshold,
            resume=resume,
            directions=along,
            threads=threads,
            progress=progress,
        )
    except Interrupted as stop:
        raise Interrupted(finished(stop.found), stop.done, stop.total) from None
    return finished(found), given


def _finished(
    this: Setting, outputs: Outputs, along: Directions | None, failed: Mapping[int, str], found: Solution
) -> Solution:
    """Return the Solution in the shape of `outputs`, sensitivities in the units of their parameters.

    Patients that have no steady state have that status, and no values.
    """
    n, common = len(this.which), outputs.first is None
    shape = (n, len(outputs.time)) if common else (len(outputs.time),)
    values = found.values.reshape(*shape, found.values.shape[-1])
    slopes = found.along.reshape(*shape, *found.along.shape[-2:])

    def each(patients: np.ndarray) -> np.ndarray:
        return patients[:, None] if common else patients[outputs.whose]

    if along is not None:
        slopes = slopes / each(along.scale)[..., None]
    found = replace(found, values=values, along=slopes)
    if not failed:
        return found
    lost = np.zeros(n, bool)
    lost[list(failed)] = True
    return replace(
        found,
        values=np.where(each(lost)[..., None], np.nan, values),
        along=np.where(each(lost)[..., None, None], np.nan, slopes),
        status=np.where(lost, int(Status.no_steady_state), found.status),
        status_time=np.where(lost, this.start, found.status_time),
    )


def matrix(model: Model, changes: Mapping[str, Any] | None, n: int | None = None) -> np.ndarray:
    """Return parameters (n, parameters) from values or arrays of n values by name.

    Numbers are taken in the declared unit. Without `n` the arrays say how many patients there are.
    """
    single = {k: v for k, v in (changes or {}).items() if np.ndim(v) == 0}
    many = {k: np.asarray(v, dtype=float) for k, v in (changes or {}).items() if np.ndim(v) > 0}
    lengths = {v.shape for v in many.values()} | ({(n,)} if n is not None else set())
    if len(lengths) > 1 or any(len(shape) > 1 or shape == (0,) for shape in lengths):
        raise BadValue(
            f"parameters given as arrays differ in length, or are no rows of numbers: shapes {sorted(lengths)}"
            + (f"; there are {n} patients" if n is not None else "")
        )
    out = np.tile(list(model.values(single).values()), (lengths.pop()[0] if lengths else 1, 1))
    for name, values in many.items():
        for extreme in (values.min(), values.max()):
            model.values({name: extreme})
        out[:, list(model.typical).index(name)] = values
    return out


def simulate(
    model: str | Model,
    regimen: "Regimen | str | Sequence[Regimen | str] | EventTable | None" = None,
    *,
    times: Any = None,
    at_dose: str = "pre",
    parameters: Mapping[str, Any] | None = None,
    covariates: Mapping[str, Any] | None = None,
    covariate_rule: str = "nocb",
    outputs: str | Sequence[str] | None = None,
    start: float | None = None,
    rtol: float = 1e-6,
    method: str = "auto",
    sensitivities: str | Sequence[str] = (),
    threads: int = 1,
    throw: bool = True,
) -> "xarray.Dataset":
    """Simulate `model` (a name or a Model) under `regimen` (a sentence or a Regimen) and return a Dataset over `time`.

    `times` are days; `parameters` changes by name ("10 L/h", a number in the declared unit, or an array: then a
    `patient` dimension leads); `outputs` default to every state and output. An output at the time of a dose is the
    value before it, with `at_dose` "post" after it, with "both" either (coordinate `side`). `regimen` may be a list,
    one a patient, and `times` a list of lists: then the Dataset is over `record`, as for an event table
    (`read_events`), which brings its own times. `covariates` are parameters that change in time, {name: (times,
    values)} in the model's time unit, or a list of such pairs: between two records the value is the next one's, with
    `covariate_rule` "locf" the last one's, with "linear" on the line. `start` defaults to day 0, or earlier
    when a dose or time is; in an event table to the first record. `rtol` is the relative tolerance of a step; the
    absolute one is rtol / 1000 of each state's `scale` (docs/tolerances.md). `method` is "auto", "tsit5" or "rodas5p".
    `sensitivities` names parameters, and states for their initial values: each output `x` then has `x_sensitivity`,
    its exact derivatives, with the
    dimension `by`. With many patients, or without `throw`, `status` (errors.Status) says how each ended, `status_time`
    and `status_state` when and in which state one failed. Raise UnknownName, UnitError, BadValue for bad input;
    SolveError for failed patients unless `throw` is False, or where there is no steady state; Interrupted after Ctrl-C.
    """
    model = find_model(model)
    if hasattr(regimen, "columns"):
        raise BadValue("regimen is a DataFrame: read it with read_events(frame, model), and simulate what that returns")
    if at_dose not in SIDES:
        raise BadValue(f"at_dose = {at_dose!r}: expected pre, post or both{nearest(str(at_dose), SIDES)}")
    table = regimen if isinstance(regimen, EventTable) else None
    if table is not None:
        if at_dose != "pre":
            raise BadValue(f"at_dose = {at_dose!r}: in an event table the order of its records counts; leave it out")
        if start is not None:
            raise BadValue(f"start = {start!r}: an event table begins with each patient's first record; leave it out")
        wanted = from_table(model, table, times, parameters, covariates, covariate_rule)
    else:
        wanted = from_lists(model, regimen, times, parameters, covariates, start, SIDES[at_dose])
    names = _names(outputs) or list(model.observables)
    twice = sorted(set(wanted.parameters) & set(wanted.covariates))
    if twice:
        raise BadValue(f"'{twice[0]}' is given as a parameter and as a covariate that changes in time; leave out one")
    values = matrix(model, wanted.parameters, None if wanted.single else wanted.n)
    given = time_varying.read(model, wanted.covariates, covariate_rule, wanted.n) if wanted.covariates else None
    this = Setting(model, values, wanted.regimens, wanted.which, wanted.start, given, rtol=rtol, method=method)
    attributes = {"model": model.name, "regimen": wanted.text, "at_dose": "record" if table is not None else at_dose}
    asked = Asked(
        model, names, wanted.outputs.time, attributes | {"rtol": rtol, "method": method}, _names(sensitivities),
        wanted.records, wanted.more, single=wanted.single, throw=throw,
    )  # fmt: skip
    try:
        found, course_given = _solved(setting(this, asked.sensitivities), wanted.outputs, names, None, threads=threads)
    except Interrupted as stop:
        raise Interrupted(dataset(*_shown(asked, wanted.outputs, stop.found, None)), stop.done, stop.total) from None
    if throw:
        raise_failures(model, found, method, course_given.failed)
    return dataset(*_shown(asked, wanted.outputs, found, course_given.times))


def _shown(asked: Asked, outputs: Outputs, found: Solution, grid: "Grid | np.ndarray | None") -> tuple[Asked, Solution]:
    """Return what is shown of what was found: of two sides of a time at which nothing happens only one."""
    n, common = len(found.status), outputs.first is None
    if asked.attributes["at_dose"] != "both":
        return asked, found
    held: Any = np.zeros(outputs.time.shape, bool)
    if isinstance(grid, Grid):
        held = grid.held.reshape(n, -1).any(axis=0) if common else grid.held
    after = outputs.order == POST
    keep = ~after | held
    side = np.where(after, "post", np.where(np.append(keep[1:] & after[1:], False), "pre", ""))
    more = {**(asked.more or {}), "side": side[keep]}
    records = None if asked.records is None else asked.records[keep]
    if common:
        shown = replace(found, values=found.values[:, keep], along=found.along[:, keep])
    else:
        shown = replace(found, values=found.values[keep], along=found.along[keep])
    return replace(asked, time=asked.time[keep], more=more, records=records), shown


def _names(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else [] if given is None else [str(name) for name in given]


def raise_failures(
    model: Model, found: Solution, method: str = "auto", unsteady: Mapping[int, str] | None = None
) -> None:
    """Raise SolveError that names the first failed patient, when and in which state; do nothing when all are solved.

    `unsteady` says why patients have no steady state.
    """
    if unsteady:
        i, why = next(iter(unsteady.items()))
        raise SolveError(
            f"{model.name} has no steady state of these doses in {len(unsteady)} of {len(found.status)} patients; "
            f"patient {i}: {why}"
        )
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
