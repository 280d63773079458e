"""Solve a program for many patients: check the input, cut it into blocks, run them on threads, collect the results."""

import math
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from immunode.engine import checks, entries
from immunode.engine.checks import PatientArrays
from immunode.engine.constants import DONE, NEW, PARAMETER, SLOTS, VECTOR
from immunode.engine.inputs import Directions, Events, Grid, Scales, brought, one_grid, some
from immunode.engine.program import Program
from immunode.engine.records import Patients, Results, Rows, Schedule, Settings
from immunode.engine.scratch import with_scratch
from immunode.errors import BadValue, Interrupted, Status

_BLOCK = 1024  # patients in one call: large enough to keep the lanes full, small enough to share between threads
_SOON = 20_000_000  # steps times states of few patients, which are over in two seconds
_PATIENCE = 1.0  # seconds that Ctrl-C waits for blocks to stop


@dataclass(frozen=True)
class Solution:
    """Hold what `solve` found; arrays have one row per patient.

    values[n, T, C], or [times of all patients, C] of a Grid (nan after a failure); status[n] (Status), status_time[n]
    and status_state[n] of a failure (nan and -1 if ok); crossing[n] (nan = none); state[n, S], step[n] and rate[n, I]
    at the end, with which to resume; steps[n] taken and rejected[n]; place[n], which of two methods a patient is in;
    along, as values, with a sensitivity's directions before C; received[n, S], what each has been given so far into
    states that declare no scale (no columns: all do); switch[n, K], where the switches of the equations stand and when
    the next is due; pending[n, W], of its triggers which conditions hold, and what waits to be due.
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
    switch: NDArray[np.float64]
    pending: NDArray[np.float64]
    along: NDArray[np.float64]
    received: NDArray[np.float64]


_FILLED = tuple(field.name for field in fields(Solution) if field.name not in ("values", "along"))


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
    scales: Scales | None = None,
    max_steps: int = 1_000_000,
    max_step: float = math.inf,
    threads: int = 1,
    progress: Callable[[int, int], Any] | None = None,
) -> Solution:
    """Integrate each patient from `start` to `end` and return the outputs asked for.

    y0[n, S] and parameters[n, P] in the order of the trace; times sorted, within start..end, for all patients or as a
    Grid; start and end a number or one a patient, or end = None: a patient is followed until its outputs are made, by
    steps that these do not change; columns index states, then observed outputs; atol[S] or one number,
    of a scale of 1 in states that declare none, where `scales` says so; gain[n, S] multiplies what ADD and RATE events
    bring into a state (1). An output at an event's time, also at `start`, is the state before the event. Events at
    `start` are applied, those at `end` are left to a solve that resumes there, unless outputs are held back until after
    them. `resume`, the Solution of a solve that ended at this
    `start`, replaces y0 (None then) and the start of `directions`: the two are bit for bit one solve with a STOP there;
    patients that failed are left as they were. With `directions` the steps are as small as these need, too. `watch` is
    the state whose first crossing of threshold[n] from below is sought. `max_steps` counts tries per patient,
    none longer than `max_step`.
    `progress(done, total)` is called from the calling thread. Bad input raises BadValue; Ctrl-C raises Interrupted,
    with the patients that are finished; a patient that fails is a Status.
    """
    if not (rtol > 0 and math.isfinite(rtol)):
        raise BadValue(f"rtol must be a positive number, not {rtol!r}")
    if not (1 <= max_steps < 2**62 and threads >= 1):
        raise BadValue(f"max_steps and threads must be positive whole numbers, not {max_steps!r} and {threads!r}")
    if not max_step > 0:
        raise BadValue(f"max_step must be a positive time, not {max_step!r}")
    if resume is not None:
        _check_resumed(resume, y0, start)
    resumed = None if resume is None else (resume.state, resume.rate)
    people = checks.patients(program, parameters, gain, y0, directions, resumed)
    n, k = people.scale.shape
    grid = times if isinstance(times, Grid) else one_grid(times, n)
    begin, finish = checks.times(grid, start, end, n)
    shown, limits, tolerance = checks.wanted(program, columns, watch, threshold, atol, n)
    infusion = checks.events(program, events, n, k)
    kin, received = checks.scales(program, scales, n, None if resume is None else resume.received)
    plan = _schedule(events, grid, shown, infusion, tolerance, directions, kin)
    methods = program.arguments(n, k)  # before the threads: Ctrl-C then need not wait until it is compiled
    sizes = shown.size * (1 + k), methods[0][1].switches, _remembered(methods[0][1])
    results = _results(people, grid, begin, sizes, resume, received, last_place=len(program.steps) - 1)
    patients = _patients(people, grid, limits, finish, changing=some(events.kind == PARAMETER))
    ragged = isinstance(times, Grid)
    settings = Settings(float(rtol), int(max_steps), int(watch), 0, float(max_step))
    try:
        _run(program, methods, settings, patients, plan, results, threads, progress)
    except KeyboardInterrupt:
        unfinished = results.event != DONE
        results.status[unfinished] = Status.not_run
        _blank(grid, results, unfinished)
        n = len(unfinished)
        raise Interrupted(_solution(patients, plan, results, ragged), n - int(unfinished.sum()), n) from None
    return _solution(patients, plan, results, ragged)


def _blank(grid: Grid, results: Results, which: Any) -> None:
    """Make the outputs of some patients nan: their rows stand one patient after the other."""
    results.values[np.repeat(which, grid.count)] = np.nan


def _solution(patients: Patients, plan: Schedule, results: Results, ragged: bool) -> Solution:
    values, width = results.values, plan.columns.size
    n, k = patients.scale.shape
    shape = (len(values),) if ragged else (n, plan.times.size)
    along = values[:, width:].reshape(*shape, k, width)
    filled = {name: getattr(results, name) for name in _FILLED}
    return Solution(values=values[:, :width].reshape(*shape, width), along=along, **filled)


def _schedule(
    events: Events, grid: Grid, columns: Any, infusion: Any, tolerance: Any, directions: Directions | None, kin: Any
) -> Schedule:
    """Return events and output times as the loop reads them: copies, which none of its patients changes."""
    table = np.empty((events.time.size, 5))
    for column, known in enumerate((events.time, events.kind, events.state, events.value)):
        table[:, column] = known
    if len(kin):  # nothing else asks what events bring
        table[:, 4] = brought(events)
    nowhere = np.full(0 if directions is None else len(directions.parameter), -1)
    return Schedule(
        segment=events.segment.copy(),
        first=events.first.copy(),
        table=table,
        times=grid.time.copy(),
        due=grid.due.copy(),
        columns=columns,
        infusion=infusion,
        atol=tolerance,
        direction=np.array([] if directions is None else directions.parameter, np.int64),
        along=np.array(events.along, np.float64, order="C"),
        slip=np.array(events.slip, np.float64, order="C"),
        kin=kin,
        origin=nowhere if directions is None or directions.origin is None else np.array(directions.origin, np.int64),
    )


def _remembered(rows: Rows) -> int:
    """Return how many numbers a patient remembers of its triggers."""
    return rows.triggers * (1 + SLOTS * (rows.blocks + rows.kept * (rows.blocks + 1)))


def _results(
    people: PatientArrays,
    grid: Grid,
    begin: Any,
    sizes: tuple[int, int, int],
    resume: Solution | None,
    received: Any,
    *,
    last_place: int,
) -> Results:
    """Return what the loop fills, of patients at their start, or where the solve to resume left them."""
    n, (width, switches, waiting) = len(people.state), sizes
    unknown = np.full(n, np.nan)
    results = Results(
        values=np.empty((int(grid.count.sum()), width)),
        status=np.full(n, int(Status.not_run)),
        status_time=unknown,
        status_state=np.full(n, -1),
        crossing=unknown.copy() if resume is None else resume.crossing.copy(),
        state=people.state.copy(),
        step=unknown.copy() if resume is None else resume.step.copy(),
        rate=people.rate,
        steps=np.zeros(n, np.int64),
        rejected=np.zeros(n, np.int64),
        place=np.zeros(n, np.int64) if resume is None else np.minimum(resume.place, last_place),
        event=np.full(n, NEW),
        output=grid.begin.copy(),
        time=begin,
        received=received,
        switch=np.full((n, switches + 1), np.nan) if resume is None else resume.switch.copy(),
        pending=np.full((n, waiting), np.nan) if resume is None else resume.pending.copy(),
    )
    if resume is not None:
        failed = resume.status != Status.ok
        results.event[failed] = DONE
        _blank(grid, results, failed)
        for name in ("status", "status_time", "status_state"):
            getattr(results, name)[:] = getattr(resume, name)
    return results


def _patients(people: PatientArrays, grid: Grid, limits: Any, finish: Any, *, changing: bool) -> Patients:
    """Return what the loop reads of each patient; parameters are copied if events are to change them."""
    values = people.parameters.copy() if changing else people.parameters
    until = grid.begin + grid.count
    return Patients(values, people.gain, limits, people.scale, finish, until, grid.count.cumsum() - until)


def _run(
    program: Program, methods: Any, settings: Settings, patients: Patients, plan: Schedule, results: Results,
    threads: int, progress: Callable[[int, int], Any] | None,
) -> None:  # fmt: skip
    n = len(results.place)
    if n == 0:
        return
    size = math.ceil(n / max(min(threads, n), math.ceil(n / _BLOCK)))
    begins = range(0, n, size)
    flags = np.zeros(1 + len(begins), np.int64)
    flags[1:] = [np.count_nonzero(results.event[i : i + size] == DONE) for i in begins]
    solve_block = partial(_block, program, methods, (settings, patients, plan, results, flags))
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
        running = [job for job in jobs if not job.cancelled()]
        wait(running, timeout=_PATIENCE)  # not for a method being compiled: with the flag set it will solve nobody


def _block(program: Program, methods: Any, shared: Any, block: int, begin: int, end: int) -> None:
    """Solve the patients begin..end-1, and make the second method only when the first leaves some of them to it.

    Other threads go on with the first meanwhile.
    """
    settings, patients, results = shared[0], shared[1], shared[3]
    place, event = results.place[begin:end], results.event[begin:end]
    first, second = methods
    parameters = patients.parameters.shape[1]
    first = with_scratch(first, parameters)
    if second is None and len(program.steps) > 1 and some(place == 1):
        second = program.second(*patients.scale.shape)
    if second is None:
        entries.run(first, first, *shared, block, begin, end)
        if some((place == 1) & (event != DONE)):
            second = program.second(*patients.scale.shape)
    if second is not None:
        second = with_scratch(second, parameters)
        entries.run(first, second, settings._replace(both=1), *shared[1:], block, begin, end)


def _check_resumed(resume: Solution, y0: Any, start: Any) -> None:
    if y0 is not None:
        raise BadValue("a solve that resumes starts from the state it left: give y0 = None")
    late = (resume.status == Status.ok) & (resume.time != start)
    if late.any():
        raise BadValue(f"the solve to resume ended at {resume.time[late][0]:g}, not at the start, {start}")
