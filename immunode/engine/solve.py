"""Solve a program for many patients: check the input, cut it into blocks, run them on threads, collect the results."""

import math
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from immunode.engine import loop
from immunode.engine.control import VECTOR
from immunode.engine.events import PARAMETER
from immunode.engine.inputs import Events, Grid, check_events, check_times, one_grid
from immunode.engine.program import Compiled, Program
from immunode.engine.signatures import Patients, Results, Schedule, Settings, Switch
from immunode.errors import BadValue, Interrupted, Status

_BLOCK = 1024  # patients in one call: large enough to keep the lanes full, small enough to share between threads
_SOON = 20_000_000  # steps times states of few patients, which are over in two seconds
_PATIENCE = 1.0  # seconds that Ctrl-C waits for blocks to stop


@dataclass(frozen=True)
class Directions:
    """Hold k directions along which sensitivities are wanted, for each of n patients.

    `parameter`[k] is the parameter that changes at the rate `scale`[n, k] (-1 for none); `start`[n, k, S] the change of
    the initial state along the direction. A scale that makes a direction as
    large as the states themselves (the parameter's own value) makes their tolerances fit it.
    """

    parameter: NDArray[np.int64]
    scale: NDArray[np.float64]
    start: NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """Hold what `solve` found; arrays have one row per patient.

    values[n, T, C], or [times of all patients, C] of a Grid (nan after a failure); status[n] (Status), status_time[n]
    and status_state[n] of a failure (nan and -1 if ok); crossing[n] (nan = none); state[n, S], step[n] and rate[n, I]
    at the end, with which to resume; steps[n] taken and rejected[n]; place[n], which of two methods a patient is in;
    along, as values, with a sensitivity's directions before C.
    """

    values: NDArray[np.float64]
    status: NDArray[np.int64]
    status_time: NDArray[np.float64]
    status_state: NDArray[np.int64]
    crossing: NDArray[np.float64]
    state: NDArray[np.float64]
    step: NDArray[np.float64]
    rate: NDArray[np.float64]
    steps: NDArray[np.int64]
    rejected: NDArray[np.int64]
    place: NDArray[np.int64]
    time: NDArray[np.float64]
    along: NDArray[np.float64]


def solve(
    program: Program,
    y0: ArrayLike | None,
    parameters: ArrayLike,
    events: Events,
    times: "ArrayLike | Grid",
    *,
    columns: ArrayLike,
    start: ArrayLike,
    end: ArrayLike | None,
    atol: ArrayLike,
    rtol: float = 1e-6,
    gain: ArrayLike | None = None,
    watch: int = -1,
    threshold: ArrayLike | None = None,
    resume: Solution | None = None,
    directions: Directions | None = None,
    max_steps: int = 1_000_000,
    threads: int = 1,
    progress: Callable[[int, int], Any] | None = None,
) -> Solution:
    """Integrate each patient from `start` to `end` and return the outputs asked for.

    y0[n, S] and parameters[n, P] in the order of the trace; times sorted, within start..end, for all patients or as a
    Grid; start and end a number or one a patient, or end = None: a patient is followed until its outputs are made, by
    steps that these do not change; columns index states, then observed outputs; atol[S] or one number;
    gain[n, S] multiplies what ADD and RATE events bring into a state (1). An output at an event's time, also at
    `start`, is the state before the event. Events at `start` are applied, those at `end` are left to a solve that
    resumes there, unless outputs are held back until after them. `resume`, the Solution of a solve that ended at this
    `start`, replaces y0 (None then) and the start of `directions`: the two are bit for bit one solve with a STOP there;
    patients that failed are left as they were. With `directions` the steps are as small as these need, too. `watch` is
    the state whose first crossing of threshold[n] from below is sought. `max_steps` counts tries per patient.
    `progress(done, total)` is called from the calling thread. Bad input raises BadValue; Ctrl-C raises Interrupted,
    with the patients that are finished; a patient that fails is a Status.
    """
    if not (rtol > 0 and math.isfinite(rtol)):
        raise BadValue(f"rtol must be a positive number, not {rtol!r}")
    if not (1 <= max_steps < 2**62 and threads >= 1):
        raise BadValue(f"max_steps and threads must be positive whole numbers, not {max_steps!r} and {threads!r}")
    if resume is not None:
        _check_resumed(resume, y0, start)
    patients, plan, results, grid = _prepare(
        program, y0, parameters, events, times, columns, start, end, atol, gain, watch, threshold, resume, directions
    )
    ragged = isinstance(times, Grid)
    settings = Settings(float(rtol), int(max_steps), int(watch), 0)
    try:
        _run(program, settings, patients, plan, results, threads, progress)
    except KeyboardInterrupt:
        unfinished = results.event != loop.DONE
        results.status[unfinished] = Status.not_run
        _blank(grid, results, unfinished)
        n = len(unfinished)
        raise Interrupted(_solution(patients, plan, results, ragged), n - int(unfinished.sum()), n) from None
    return _solution(patients, plan, results, ragged)


def _blank(grid: Grid, results: Results, which: Any) -> None:
    """Make the outputs of some patients nan: their rows stand one patient after the other."""
    results.values[np.repeat(which, np.diff(grid.first)[grid.segment])] = np.nan


def _solution(patients: Patients, plan: Schedule, results: Results, ragged: bool) -> Solution:
    found = {field.name: getattr(results, field.name) for field in fields(Solution) if field.name in results._fields}
    values, width = results.values, plan.columns.size
    n, k = patients.scale.shape
    shape = (len(values),) if ragged else (n, plan.times.size)
    along = values[:, width:].reshape(*shape, k, width)
    return Solution(**found | {"values": values[:, :width].reshape(*shape, width), "along": along})


def _prepare(
    program: Program, y0: Any, parameters: Any, events: Events, times: Any, columns: Any, start: Any, end: Any,
    atol: Any, gain: Any, watch: int, threshold: Any, resume: Solution | None, directions: Directions | None,
) -> tuple[Patients, Schedule, Results, Grid]:  # fmt: skip
    trace = program.trace
    (states, known, observed), infused = trace.sizes, len(trace.infused)
    values = _matrix("parameters", parameters, known)
    n = len(values)
    if (directions is not None) != program.directions:
        raise BadValue("directions need a program built with sensitivities=True, and it needs them")
    k = 0 if directions is None else len(directions.parameter)
    gains = np.ones((n, states)) if gain is None else _matrix("gain", gain, states, n)
    scale = np.zeros((n, 0)) if directions is None else _matrix("scale", directions.scale, k, n)
    if resume is None:
        first = _matrix("y0", y0, states, n)
    else:
        first = _matrix("the state to resume from", resume.state, states * (1 + k), n, finite=False)
    if directions is not None:
        if not all(-1 <= i < known for i in directions.parameter):
            raise BadValue(f"a direction's parameter must be one of -1..{known - 1}")
        starts = _matrix("start", np.reshape(directions.start, (n, -1)), states * k, n)
        first = np.hstack([first, starts]) if resume is None else first
    starts, finish = _spread("start", start, n), _spread("end", loop.NEVER if end is None else end, n)
    grid = times if isinstance(times, Grid) else one_grid(_array(times), n)
    check_times(grid, starts, finish)
    count = np.diff(grid.first)[grid.segment]
    finish[(finish == loop.NEVER) & (count == 0)] = starts[(finish == loop.NEVER) & (count == 0)]
    columns = np.array(columns, np.int64, ndmin=1)
    if columns.size and not 0 <= columns.min() <= columns.max() < states + observed:
        raise BadValue(f"columns must lie in 0..{states + observed - 1}, not {columns.tolist()}")
    if not -1 <= watch < states or (watch >= 0 and threshold is None):
        raise BadValue(f"watch must be -1 or one of the {states} states, with a threshold per patient; got {watch}")
    limits = _spread("threshold", np.inf if threshold is None else threshold, n)
    tolerance = _spread("atol", atol, states)
    if not np.all(tolerance > 0):
        raise BadValue(f"atol must be positive, not {tolerance.tolist()}")
    infusion = np.full(states, -1)
    infusion[list(trace.infused)] = np.arange(infused)
    check_events(events, n, k, states, infusion, known)
    if np.any(events.kind == PARAMETER):
        values = values.copy()
    table = np.column_stack([events.time, events.kind, events.state, events.value]).astype(np.float64)
    plan = Schedule(
        events.segment.copy(), events.first.copy(), np.ascontiguousarray(table), grid.time.copy(),
        np.where(grid.held, loop.NEVER, grid.time), columns, infusion, tolerance,
        np.zeros(0, np.int64) if directions is None else np.array(directions.parameter, np.int64),
        _copied(events.along), _copied(events.slip),
    )  # fmt: skip
    results = Results(
        values=np.empty((int(count.sum()), columns.size * (1 + k))),
        status=np.full(n, int(Status.not_run)),
        status_time=np.full(n, np.nan),
        status_state=np.full(n, -1),
        crossing=np.full(n, np.nan) if resume is None else resume.crossing.copy(),
        state=first.copy(),
        step=np.full(n, np.nan) if resume is None else resume.step.copy(),
        rate=np.zeros((n, infused * (1 + k))) if resume is None else _matrix("rate", resume.rate, infused * (1 + k), n),
        steps=np.zeros(n, np.int64),
        rejected=np.zeros(n, np.int64),
        place=np.zeros(n, np.int64) if resume is None or len(program.steps) == 1 else resume.place.copy(),
        event=np.full(n, loop.NEW),
        output=grid.first[grid.segment],
        time=starts,
    )
    rows = np.cumsum(count) - count
    patients = Patients(
        values, gains, limits, scale, finish, grid.first[grid.segment + 1], rows - grid.first[grid.segment]
    )
    if resume is not None:
        failed = resume.status != Status.ok
        results.event[failed] = loop.DONE
        _blank(grid, results, failed)
        for name in ("status", "status_time", "status_state"):
            getattr(results, name)[:] = getattr(resume, name)
    return patients, plan, results, grid


def _run(
    program: Program, settings: Settings, patients: Patients, plan: Schedule, results: Results, threads: int,
    progress: Callable[[int, int], Any] | None,
) -> None:  # fmt: skip
    n = len(results.place)
    if n == 0:
        return
    size = math.ceil(n / max(min(threads, n), math.ceil(n / _BLOCK)))
    begins = range(0, n, size)
    flags = np.zeros(1 + len(begins), np.int64)
    flags[1:] = [np.sum(results.event[i : i + size] == loop.DONE) for i in begins]
    directions = patients.scale.shape[1]
    # before the threads: Ctrl-C then need not wait until it is compiled
    first = _arguments(program.compiled(program.steps[0], n), n, directions, len(program.steps) > 1)
    solve_block = partial(_block, program, first, (settings, patients, plan, results, flags))
    if n <= VECTOR and settings.max_steps * results.state.shape[1] <= _SOON:
        solve_block(0, 0, n)  # a thread, for Ctrl-C to stop, costs as much as many a patient
        if progress is not None:
            progress(n, n)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="immunode")
    jobs = {pool.submit(solve_block, b, i, min(i + size, n)) for b, i in enumerate(begins)}
    try:
        while jobs:
            # a wait without limit would not see Ctrl-C on Windows
            finished, jobs = wait(jobs, timeout=0.1, return_when=FIRST_COMPLETED)
            for job in finished:
                job.result()
            if progress is not None:
                progress(int(flags[1:].sum()), n)
    finally:
        flags[0] = 1  # after Ctrl-C or an error, running blocks return at their next step
        pool.shutdown(wait=False, cancel_futures=True)
        wait(jobs, timeout=_PATIENCE)  # not for a method being compiled: with the flag set it will solve nobody


def _block(program: Program, first: tuple[Any, ...], shared: Any, block: int, begin: int, end: int) -> None:
    """Solve the patients begin..end-1, and make the second method only when the first leaves some of them to it.

    Other threads go on with the first meanwhile.
    """
    settings, patients, results = shared[0], shared[1], shared[3]
    place, event = results.place[begin:end], results.event[begin:end]
    n, directions = patients.scale.shape
    wanted = len(program.steps) > 1 and (np.any(place == 1) or program.is_compiled(program.steps[1], n))
    if not wanted:
        loop.run(*first, *first, *shared, block, begin, end)
        wanted = np.any((place == 1) & (event != loop.DONE))
    if wanted:
        second = _arguments(program.compiled(program.steps[1], n), n, directions, True)
        loop.run(*first, *second, settings._replace(both=1), *shared[1:], block, begin, end)


def _arguments(compiled: Compiled, patients: int, directions: int, may_leave: bool) -> tuple[Any, ...]:
    switch = Switch(*compiled.method.LEAVE) if may_leave else Switch(0.0, math.inf, math.inf)
    return (*compiled.kernels, compiled.rows(patients, directions), switch)


def _check_resumed(resume: Solution, y0: Any, start: Any) -> None:
    if y0 is not None:
        raise BadValue("a solve that resumes starts from the state it left: give y0 = None")
    late = (resume.status == Status.ok) & (resume.time != start)
    if late.any():
        raise BadValue(f"the solve to resume ended at {resume.time[late][0]:g}, not at the start, {start}")


def _copied(array: Any) -> Any:
    return np.array(array, np.float64, order="C")


def _array(value: Any) -> Any:
    return np.array(value, np.float64, ndmin=1)


def _spread(name: str, value: Any, size: int) -> Any:
    array = _array(value)
    if array.shape not in ((1,), (size,)) or np.isnan(array).any():
        raise BadValue(f"{name} must be a number or {size} of them, not {value!r}")
    return np.broadcast_to(array, size).copy()


def _matrix(name: str, value: Any, width: int, n: int | None = None, finite: bool = True) -> Any:
    try:
        array = np.require(value, np.float64, ["C", "A", "W"])
    except (TypeError, ValueError) as error:
        raise BadValue(f"{name} must be numbers, one row a patient: {error}") from None
    if array.ndim != 2 or array.shape[1] != width or (n is not None and len(array) != n):
        rows = "one row a patient" if n is None else f"{n} rows"
        raise BadValue(f"{name} must have {rows} of {width} columns, not the shape {array.shape}")
    if finite and not np.all(np.isfinite(array)):
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise BadValue(f"{name} of patient {row}, column {column}, is {array[row, column]}; a finite number is needed")
    return array
