"""The one integration loop: events, outputs, crossings and refill of lanes, for any generated step.

Patients wait for one of two methods, explicit or implicit, and run in its lanes until they end or their own steps show
that the other would do better. Then they leave with their state, as if they had been resumed, and wait for the other:
lanes stay full, and no patient's result depends on when its turn comes.
"""

import math

import numpy as np
from numba import njit

from immunode.engine import calls, outputs, scales, triggers
from immunode.engine import control as c
from immunode.engine.constants import (
    ACCEPTED,
    AGAIN,
    COUNT,
    DONE,
    END,
    ERR,
    FIRED,
    FORESEEN,
    FRESH,
    GROW,
    GUESS,
    LANES,
    LIMIT,
    LOCATED,
    LOOK,
    NEVER,
    NEXT,
    OUT_AT,
    OUTPUT,
    REACHED,
    RHO,
    STALL,
    STALL_AT,
    STOP,
    STOP_AT,
    TAKEN,
    TRIED,
    TRY,
    WAITS,
    WHO,
    H,
    T,
)
from immunode.engine.events import happen
from immunode.engine.forcing import look
from immunode.engine.lanes import PLACED, admit, blame, empty, end_patient, hoist_into, leave
from immunode.engine.meetings import alike_events, foresee
from immunode.engine.signatures import PART
from immunode.engine.switches import STALLED, reach, seek
from immunode.errors import Status

OK, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE = range(4)
CHATTERING, NO_DERIVATIVE = int(Status.chattering), int(Status.no_derivative)


@njit(**PART)
def _refresh(s, rows, rtol, low, patience, j):
    """Use the slope that a step of size zero gave: guess a first step if asked to.

    The guess is 1 % of the time in which the state would change by itself (Hairer, Norsett, Wanner, Solving Ordinary
    Differential Equations I, II.4), and the step after it may grow freely.
    """
    if s[FRESH * LANES + j] == GUESS:
        size, slope = 0.0, 0.0
        for i in range(rows.states):
            y = abs(s[(rows.new + i) * LANES + j])
            scale = s[(rows.atol + i) * LANES + j] + rtol * y
            size += (y / scale) ** 2
            slope += (s[(rows.new + rows.states + i) * LANES + j] / scale) ** 2
        # where nothing moves: one unit of time, since outputs and later doses must not matter
        stop = min(s[NEXT * LANES + j], s[WAITS * LANES + j])
        guess = 0.1 * (stop - s[T * LANES + j]) if stop < NEVER else 1.0
        if slope > 0.0:  # a state below 100 tolerance units says nothing: let it move by one
            guess = min(guess, 0.01 * math.sqrt(max(size, 1e4) / slope))
        s[TRY * LANES + j] = min(s[TRY * LANES + j], guess)
        s[GROW * LANES + j] = 50.0
        s[COUNT * LANES + j] = patience if guess * s[RHO * LANES + j] < low else 0.0
    s[FRESH * LANES + j] = 0.0


@njit(**PART)
def _failed(s, j, max_steps):
    """Return the status of a lane that needed a look after its step."""
    size, time = s[H * LANES + j], s[T * LANES + j]
    error, accepted = s[ERR * LANES + j], s[ACCEPTED * LANES + j] > 0.0
    if s[FRESH * LANES + j] > 0.0:
        return OK if accepted else NOT_FINITE
    if not accepted and 0.1 * size <= 2.3e-16 * abs(time) + 1e-40:
        return STEP_TOO_SMALL if error < math.inf else NOT_FINITE
    arrived = accepted and s[STOP_AT * LANES + j] - time <= size
    return TOO_MANY_STEPS if s[TRIED * LANES + j] >= max_steps and not arrived else OK


@njit(**PLACED)
def _redecide(kernels, s, rows, j, table, e, then, scratch):
    """Decide the switches anew if the events from e up to `then` changed anything, stop at the next; did one turn?"""
    changed, turned, was = False, False, scratch.come
    for k in range(e, then):
        changed = changed or table[k, 1] != STOP
    for k in range(rows.switches):
        was[k, 0] = s[(rows.switch + k) * LANES + j]
    if changed and rows.triggers > 0:
        triggers.decide_moved(kernels, s, rows, j, scratch)
    elif changed:
        calls.decide(kernels, s, j, 0)
    if scratch.jump[j] == 0:
        s[STOP_AT * LANES + j] = min(s[STOP_AT * LANES + j], s[NEXT * LANES + j])
    for k in range(rows.switches):
        turned = turned or was[k, 0] != s[(rows.switch + k) * LANES + j]
    return turned


@njit(**PLACED)
def _settle(kernels, s, rows, rtol, patients, plan, results, scratch, j, w, e, last, watched):
    """Let happen to patient w in lane j what is due from event e on, write the outputs that wait; return the next."""
    table, jump, output, seed = plan.table, scratch.jump, results.output, scratch.seed
    reached = jump[j] == REACHED
    if rows.switches > 0:
        gone = reach(kernels, s, rows, j, w, rtol, results, scratch)
        if gone < 1:
            jump[j] = gone if gone < 0 else jump[j]
            return e
    if rows.triggers > 0 and (jump[j] == 0 or jump[j] in (FIRED, AGAIN)):
        if jump[j] == 0 and not reached:
            scratch.late[j, :] = 0.0
        gone = triggers.carry_out(kernels, s, rows, j, w, e, last, watched, reached, patients, plan, results, scratch,
                                  rtol)  # fmt: skip
        if gone < 1:
            jump[j] = gone if gone < 0 else jump[j]
            return e
    if rows.switches > 0 and rows.blocks > 1 and jump[j] in (0, FORESEEN):
        gone = foresee(kernels, s, rows, j, w, e, last, rtol, plan, results, scratch)
        if gone < 1:
            jump[j] = gone if gone < 0 else jump[j]
            return e
    done = False
    while not done:
        if rows.triggers > 0:
            triggers.remember(kernels, s, rows, j, scratch)
        then = happen(
            s, rows, j, w, e, last, patients.finish[w], watched, table, plan.along, plan.slip, plan.infusion,
            patients.gain, results.crossing, jump, scratch.before,
        )  # fmt: skip
        if rows.switches > 0:
            turned = _redecide(kernels, s, rows, j, table, e, then, scratch)
            if rows.blocks > 1 and not alike_events(s, rows, j, w, e, then, turned, rtol, plan, results, scratch.crowd):
                jump[j] = -1
                return e
        if rows.triggers > 0:
            triggers.forget(rows, w, results.pending, table, e, then)
        e = then
        done = jump[j] != 0 or e >= last or table[e, 0] > s[T * LANES + j]
        if not done:
            if table[e, 1] == OUTPUT:
                outputs.copy(s, rows, rows.state, j, scratch.states, 0)
                if rows.observed > 0:
                    calls.observe(kernels, plan.times, output[w], 1, scratch.states, patients.parameters[w], seed[j],
                                  scratch.observed)  # fmt: skip
                outputs.write(results.values, output[w] + patients.shift[w], 1, plan.columns, rows.blocks, rows.states,
                              rows.observed, scratch.states, scratch.observed)  # fmt: skip
                output[w] += 1
            else:
                patients.parameters[w, int(table[e, 2])] = table[e, 3]
                hoist_into(kernels, s, rows, patients, plan, j, w, seed, scratch.hoisted)
                s[FRESH * LANES + j] = GUESS
                if rows.triggers > 0:
                    triggers.decide_moved(kernels, s, rows, j, scratch)
                elif rows.switches > 0:
                    calls.decide(kernels, s, j, 0)
            e += 1
    if rows.triggers > 0 and jump[j] == 0:
        s[WAITS * LANES + j] = triggers.following(kernels, s, rows, j, w, e, plan, results, scratch)
        s[STOP_AT * LANES + j] = min(s[STOP_AT * LANES + j], s[WAITS * LANES + j])
    return e


@njit(**PLACED)
def _located(kernels, s, rows, j, scratch):
    """Return whether the accepted step of lane j crosses a switch; then it is taken back, to end there."""
    time, size = s[T * LANES + j], s[H * LANES + j]
    if s[END * LANES + j] >= s[LOCATED * LANES + j]:
        return False  # it has been made again, up to the place
    place = seek(kernels, s, rows, j, scratch)
    if place > 1.0:
        return False
    at = time + place * size if place > 1e-13 else time
    was = s[STOP_AT * LANES + j]
    s[LOCATED * LANES + j], s[STOP_AT * LANES + j] = at, min(at, was)
    if at >= s[END * LANES + j]:
        return False
    near = at - s[STALL_AT * LANES + j] <= 1e-9 * (abs(at) + size)
    s[STALL * LANES + j] = s[STALL * LANES + j] + 1.0 if near else 0.0
    s[STALL_AT * LANES + j] = at
    s[TAKEN * LANES + j] -= 1.0 if s[END * LANES + j] <= was else 0.0  # of a step past the stop there is no count
    c.reject(s, rows, j)
    return True


@njit(**PLACED)
def _emit(kernels, s, rows, j, w, time, size, end, before, times, due, q, until, row, values, columns, parameters, seed,
          x, y, seen):  # fmt: skip
    """Write the outputs of patient w from q on that are due by the end of the step of lane j; return the next one."""
    while q < until and due[q] <= end and due[q] < before:
        m = outputs.fractions(times, due, q, until, time, size, end, before, x)
        for b in range(rows.blocks):
            calls.interpolate(kernels, s, b * rows.stride * LANES, j, x, m, y, b * rows.states)
        for o in range(m):
            if times[q + o] == end:  # the state itself: what a solve that ends here returns
                outputs.copy(s, rows, rows.new, j, y, o)
        if rows.observed > 0:
            calls.observe(kernels, times, q, m, y, parameters[w], seed[j], seen)
        outputs.write(values, q + row, m, columns, rows.blocks, rows.states, rows.observed, y, seen)
        q += m
    return q


@njit(**PLACED)
def _arrive(kernels, s, rows, settings, patients, plan, results, scratch, j, w, last, watched, method):
    """Let happen to patient w what waits at the stop that lane j has reached; return w, or -1 where it has ended.

    What happens at the end is left to a solve that resumes there, unless an output waits for it.
    """
    finish, until, output, event, jump = patients.finish, patients.until, results.output, results.event, scratch.jump
    if s[T * LANES + j] >= finish[w] and output[w] >= until[w]:
        end_patient(s, rows, j, w, np.int64(OK), results, patients)
        results.place[w], jump[j] = method, 0
        return -1
    e = event[w]
    event[w] = _settle(kernels, s, rows, settings.rtol, patients, plan, results, scratch, j, w, e, last, watched)
    if plan.kin.shape[0] > 0 and scales.receive(
        s, rows, j, w, e, event[w], plan.table, patients.gain, plan.kin, results.received
    ):
        scales.fit(s, rows, j, w, plan.atol, plan.kin, results.received, plan.origin, patients.scale)
    s[OUT_AT * LANES + j] = plan.due[output[w]] if output[w] < until[w] else NEVER
    if output[w] == until[w] and finish[w] == NEVER:
        finish[w] = s[STOP_AT * LANES + j] = s[T * LANES + j]
    if jump[j] >= 0:
        return w
    status = np.int64(NO_DERIVATIVE if jump[j] == -1 else -jump[j])
    results.status_time[w], results.status_state[w], jump[j] = s[T * LANES + j], -1, 0
    end_patient(s, rows, j, w, status, results, patients)
    return -1


@njit(**PLACED)
def _clear(s, rows, atol, who, jump):
    """Make all lanes idle."""
    for i in range(rows.total * LANES):
        s[i] = 0.0
    for b in range(rows.blocks):
        for i in range(rows.states):
            for j in range(LANES):
                s[(rows.atol + b * rows.stride + i) * LANES + j] = atol[i]
    for j in range(LANES):
        who[j], jump[j] = -1, 0
        empty(s, rows, j)


@njit(**PLACED)
def _pool(kernels, rows, switch, scratch, settings, patients, plan, results, flags, method, block, begin, stop):
    """Run the patients begin..stop-1 that wait for this method until each ends or leaves for the other."""
    lanes, max_steps = rows.lanes, float(settings.max_steps)
    times, due, columns = plan.times, plan.due, plan.columns
    shift, until, finish, parameters = patients.shift, patients.until, patients.finish, patients.parameters
    place, event, output, crossing = results.place, results.event, results.output, results.crossing
    s, x, y, seen, hoisted = scratch.rows, scratch.fraction, scratch.states, scratch.observed, scratch.hoisted
    seed, who, last, needy, jump = scratch.seed, scratch.patient, scratch.last, scratch.needy, scratch.jump
    following, pending, watch = begin, True, max(settings.watch, 0)
    watched, watched_new = rows.state + watch, rows.new + watch
    _clear(s, rows, plan.atol, who, jump)
    while flags[0] == 0:
        if pending:
            pending, live = False, 0
            for j in range(lanes):
                w = who[j]
                if w >= 0:
                    if s[T * LANES + j] >= s[STOP_AT * LANES + j]:
                        who[j] = _arrive(kernels, s, rows, settings, patients, plan, results, scratch, j, w, last[j],
                                         watched, method)  # fmt: skip
                        flags[1 + block] += 1 if who[j] < 0 else 0
                    elif s[COUNT * LANES + j] >= switch.patience and s[LOCATED * LANES + j] == NEVER:
                        leave(s, rows, j, w, results)
                        place[w], who[j] = 1 - method, -1
                while who[j] < 0 and following < stop:
                    w = following
                    following += 1
                    if place[w] != method or event[w] == DONE:
                        continue
                    last[j] = admit(kernels, s, rows, settings, patients, plan, results, j, w, seed, hoisted)
                    who[j], scratch.crowd[j, WHO] = w, -1.0
                live += 1 if who[j] >= 0 else 0
            if live == 0:
                return
        c.aim(s, lanes, settings.max_step)
        calls.step(kernels, s, settings.rtol, rows.blocks)
        if rows.forced > 0:
            look(kernels, s, rows, settings.rtol, who, x, scratch)
        c.control(s, lanes, max_steps, switch.low, switch.high, switch.patience)
        if settings.watch >= 0:
            c.watch(s, lanes, watched, watched_new)
        if rows.margins > 0:
            calls.guard(kernels, s)
        for k in range(c.looks(s, lanes, needy)):
            j = needy[k]
            w = who[j]
            if w < 0:
                continue
            status = _failed(s, j, max_steps)
            crossed = status == OK and s[LOOK * LANES + j] >= 2.0
            if crossed and _located(kernels, s, rows, j, scratch):
                pending = pending or s[T * LANES + j] >= s[STOP_AT * LANES + j]
                if s[STALL * LANES + j] < STALLED:
                    continue
                status = np.int64(CHATTERING)
            if status != OK:
                results.status_time[w], results.status_state[w] = s[T * LANES + j], blame(s, rows, settings.rtol, j)
                end_patient(s, rows, j, w, status, results, patients)
                flags[1 + block] += 1
                jump[j], who[j], pending = 0, -1, True
            elif s[ACCEPTED * LANES + j] > 0.0:
                time, size, end = s[T * LANES + j], s[H * LANES + j], s[END * LANES + j]
                if s[FRESH * LANES + j] > 0.0:
                    _refresh(s, rows, settings.rtol, switch.low, switch.patience, j)
                before = s[STOP_AT * LANES + j] if s[STOP_AT * LANES + j] < end else math.inf
                output[w] = _emit(kernels, s, rows, j, w, time, size, end, before, times, due, output[w], until[w],
                                  shift[w], results.values, columns, parameters, seed, x, y, seen)  # fmt: skip
                s[OUT_AT * LANES + j] = due[output[w]] if output[w] < until[w] else NEVER
                if before < end:
                    c.take_back(s, rows, j)
                    continue
                if output[w] == until[w] and finish[w] == NEVER:  # no step is cut short by an end: outputs change none
                    finish[w] = s[STOP_AT * LANES + j] = end
                if s[watched * LANES + j] < s[LIMIT * LANES + j] <= s[watched_new * LANES + j]:
                    crossing[w] = time + size * outputs.locate(kernels, s, watched, watched_new, j, x, y, watch)
                    s[LIMIT * LANES + j] = math.inf
                pending = pending or end >= s[STOP_AT * LANES + j] or s[COUNT * LANES + j] >= switch.patience
            else:
                c.reject(s, rows, j)
        c.accept(s, lanes, rows)


def run(kernels, rows, switch, scratch, other_kernels, other_rows, other_switch, other_scratch, settings, patients,
        plan, results, flags, block, begin, stop):  # fmt: skip
    """Solve patients begin..stop-1 and write `results`; flags[0] != 0 cancels, flags[1 + block] counts the finished.

    The generated functions come as addresses, so that this is compiled once per machine and not once per model. Where
    `settings.both` is 0, the patients that wait for the other method are left waiting.
    """
    method = 0
    while flags[0] == 0:
        first = method == 0
        _pool(
            kernels if first else other_kernels,
            rows if first else other_rows,
            switch if first else other_switch,
            scratch if first else other_scratch,
            settings, patients, plan, results, flags, method, block, begin, stop,
        )  # fmt: skip
        method = 1 - method
        waiting = 0
        for w in range(begin, stop):
            if results.place[w] == method and results.event[w] != DONE:
                waiting += 1
        if waiting == 0 or settings.both == 0:
            return
