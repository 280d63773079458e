"""Put a patient into a lane, from the start or where it was left, and take it out again."""

import math

import numpy as np
from numba import njit

from immunode.engine import calls, scales, triggers
from immunode.engine.constants import (
    ACCEPTED,
    COUNT,
    DONE,
    FRESH,
    KEEP,
    LANES,
    LIMIT,
    LOCATED,
    NEVER,
    NEXT,
    OUT_AT,
    RHO,
    SEEN,
    STALL,
    STALL_AT,
    STOP_AT,
    TAKEN,
    TRIED,
    TRY,
    WAITS,
    T,
)
from immunode.engine.events import ask
from immunode.engine.signatures import PART

# once, into the function that calls it: else both are optimised, which doubles the time to compile
PLACED = PART | {"inline": "always"}


@njit(**PART)
def _start(s, rows, j, w, state, rate, step, limit, time, stop_at, output, steps, rejected):
    """Put patient w into lane j at `time`; `output` is its next output time, `stop_at` when it stops next."""
    for b in range(rows.blocks):
        first = b * rows.stride
        for i in range(rows.states):
            s[(rows.state + first + i) * LANES + j] = state[w, b * rows.states + i]
        for i in range(rows.infused):
            s[(rows.rate + first + i) * LANES + j] = rate[w, b * rows.infused + i]
    s[T * LANES + j], s[STOP_AT * LANES + j] = time, stop_at
    s[OUT_AT * LANES + j] = output
    s[TRY * LANES + j] = step if step > 0.0 else math.inf
    s[TAKEN * LANES + j], s[TRIED * LANES + j] = steps, steps + rejected
    s[LIMIT * LANES + j] = limit
    s[NEXT * LANES + j] = s[LOCATED * LANES + j] = s[WAITS * LANES + j] = NEVER
    s[STALL * LANES + j], s[STALL_AT * LANES + j] = 0.0, -NEVER
    ask(s, rows, j, KEEP)


@njit(**PART)
def _segment(segment, first, table, w, start):
    """Return the first event of patient w from `start` on, and the end of its segment."""
    e, last = first[segment[w]], first[segment[w] + 1]
    while e < last and table[e, 0] < start:
        e += 1
    return e, last


@njit(**PART)
def leave(s, rows, j, w, results):
    """Write where patient w is, so that it can go on from there, and empty lane j."""
    for b in range(rows.blocks):
        for i in range(rows.states):
            results.state[w, b * rows.states + i] = s[(rows.state + b * rows.stride + i) * LANES + j]
        for i in range(rows.infused):
            results.rate[w, b * rows.infused + i] = s[(rows.rate + b * rows.stride + i) * LANES + j]
    for k in range(rows.switches):
        results.switch[w, k] = s[(rows.switch + k) * LANES + j]
    if rows.switches > 0:
        results.switch[w, rows.switches] = s[NEXT * LANES + j]
    results.step[w] = s[TRY * LANES + j]
    results.steps[w] = int(s[TAKEN * LANES + j])
    results.rejected[w] = int(s[TRIED * LANES + j] - s[TAKEN * LANES + j])
    results.time[w] = s[T * LANES + j]
    empty(s, rows, j)


@njit(**PART)
def empty(s, rows, j):
    """Give an idle lane numbers that cost nothing and never ask for a look."""
    for b in range(rows.blocks):
        for i in range(rows.state + b * rows.stride, rows.parameter + b * rows.stride):
            s[i * LANES + j] = 0.0
    for row in (T, TRY, ACCEPTED, FRESH, TAKEN, RHO, COUNT):
        s[row * LANES + j] = 0.0
    s[STOP_AT * LANES + j] = s[OUT_AT * LANES + j] = NEVER
    s[NEXT * LANES + j] = s[LOCATED * LANES + j] = s[WAITS * LANES + j] = NEVER
    s[LIMIT * LANES + j] = math.inf
    s[TRIED * LANES + j] = s[SEEN * LANES + j] = -NEVER


@njit(**PART)
def blame(s, rows, rtol, j):
    """Return the state to blame: the first that is not finite, else the one that moves fastest for its tolerance."""
    worst, most = 0, -1.0
    for i in range(rows.states):
        value, slope = s[(rows.new + i) * LANES + j], s[(rows.new + rows.states + i) * LANES + j]
        old = s[(rows.state + i) * LANES + j]
        if not (math.isfinite(value) and math.isfinite(slope) and math.isfinite(old)):
            return i
        speed = abs(slope) / (s[(rows.atol + i) * LANES + j] + rtol * abs(value))
        if speed > most:
            worst, most = i, speed
    return worst


@njit(**PART)
def end_patient(s, rows, j, w, status, results, patients):
    """Write how patient w ended, and nan into the rows of the outputs that it did not reach."""
    values = results.values
    for q in range(results.output[w] + patients.shift[w], patients.until[w] + patients.shift[w]):
        for i in range(values.shape[1]):
            values[q, i] = np.nan
    results.status[w], results.event[w] = status, DONE
    leave(s, rows, j, w, results)


@njit(**PLACED)
def hoist_into(kernels, s, rows, patients, plan, j, w, seed, hoisted):
    """Put what depends on the parameters of patient w alone into the rows of lane j."""
    for k in range(rows.blocks - 1):
        for i in range(seed.shape[2]):
            seed[j, k, i] = 0.0
        if plan.direction[k] >= 0:
            seed[j, k, plan.direction[k]] = patients.scale[w, k]
    calls.hoist(kernels, patients.parameters[w], seed[j], hoisted)
    for b in range(rows.blocks):
        for i in range(rows.hoisted):
            s[(rows.parameter + b * rows.stride + i) * LANES + j] = hoisted[b, i]


@njit(**PLACED)
def _stand(kernels, s, rows, j, w, switch):
    """Put the switches of patient w where they were left, or where they stand at the start."""
    for k in range(rows.switches):
        s[(rows.switch + k) * LANES + j] = switch[w, k]
        s[(rows.switch + rows.switches + k) * LANES + j] = math.nan
    due = switch[w, rows.switches]
    if due != due:
        calls.decide(kernels, s, j, 0)
    elif due > s[T * LANES + j]:
        calls.decide(kernels, s, j, 2)
    else:
        s[NEXT * LANES + j] = due  # what was due at the end of the solve that is resumed happens here


@njit(**PLACED)
def admit(kernels, s, rows, settings, patients, plan, results, j, w, seed, hoisted):
    """Put patient w into lane j, from the start or where it left the other method; return the end of its events."""
    hoist_into(kernels, s, rows, patients, plan, j, w, seed, hoisted)
    limit = patients.threshold[w] if settings.watch >= 0 and math.isnan(results.crossing[w]) else math.inf
    e, last = _segment(plan.segment, plan.first, plan.table, w, results.time[w])
    # a stop at the start: what is due there, the output before the event and then the event, goes the usual way
    time, stop_at = results.time[w], results.time[w]
    if results.event[w] >= 0:
        e = results.event[w]
        stop_at = min(plan.table[e, 0], patients.finish[w]) if e < last else patients.finish[w]
    results.event[w], q = e, results.output[w]
    due = plan.due[q] if q < patients.until[w] else NEVER
    _start(s, rows, j, w, results.state, results.rate, results.step[w], limit, time, stop_at, due,
           results.steps[w], results.rejected[w])  # fmt: skip
    if plan.kin.shape[0] > 0:
        scales.fit(s, rows, j, w, plan.atol, plan.kin, results.received, plan.origin, patients.scale)
    if rows.switches > 0:
        _stand(kernels, s, rows, j, w, results.switch)
        s[STOP_AT * LANES + j] = min(s[STOP_AT * LANES + j], s[NEXT * LANES + j])
    if rows.triggers > 0:
        s[WAITS * LANES + j] = triggers.earliest(rows, w, results.pending)
        s[STOP_AT * LANES + j] = min(s[STOP_AT * LANES + j], s[WAITS * LANES + j])
    return last
