"""Carry out triggers: who has become true, what is due, in which order, and what that does to sensitivities.

Of each trigger a patient remembers whether its condition holds, and up to `SLOTS` times at which it is due, each with
how that time moves along the directions and the values that wait for it, if these are those of the trigger's time.

What happens at a time that moves by dt along a direction takes a state y to g(t, y): with U = S + f- dt, the change of
the state at that moving time, U+ = g_y U + g_p + g_t dt, as often as triggers follow each other there, and in the end
S+ = U - f+ dt. f- and f+ are the slopes before and after.
"""

import math

from numba import njit

from immunode.engine import calls, scales
from immunode.engine.constants import (
    AGAIN,
    BEGAN,
    DELAY,
    FIRED,
    FIRST,
    FRESH,
    GUESS,
    KEEP,
    KEPT,
    LANES,
    LIMIT,
    NEVER,
    OUTPUT,
    PERSISTS,
    PRIORITY,
    RESET,
    SLOTS,
    SOUGHT,
    STOP,
    TRUTH,
    UNDECLARED,
    T,
)
from immunode.engine.events import ask
from immunode.engine.meetings import alike, gauge, may_pass_by, passes_by
from immunode.engine.signatures import PART
from immunode.engine.switches import PLACE
from immunode.errors import Status

MOST = 1000  # carried out at one time, before the patient is said to go on for ever
BEFORE = PLACE + 1  # the column of margins in which those before a change are kept
NO_DERIVATIVE, ENDLESS = -int(Status.no_derivative), -int(Status.endless_triggers)
FULL, NEGATIVE = -int(Status.too_many_pending), -int(Status.negative_delay)


@njit(**PART)
def _place(rows, i, k):
    """Return where slot k of trigger i begins; slot -1 is before them, the condition's truth."""
    size = rows.blocks + rows.kept * (rows.blocks + 1)
    return i * (1 + SLOTS * size) + (0 if k < 0 else 1 + k * size)


@njit(**PART)
def earliest(rows, w, pending):
    """Return when the next trigger of patient w is due."""
    first = NEVER
    for i in range(rows.triggers):
        for k in range(SLOTS):
            due = pending[w, _place(rows, i, k)]
            first = due if due < first else first  # not where nan says that the patient has not begun
    return first


@njit(**PART)
def _begin(rows, w, pending, weight):
    for i in range(rows.triggers):
        pending[w, _place(rows, i, -1)] = weight[i, FIRST]
        for k in range(SLOTS):
            pending[w, _place(rows, i, k)] = NEVER


@njit(**PART)
def forget(rows, w, pending, table, e, then):
    """Drop what waits if one of the events e..then-1, which have happened, is a reset."""
    for q in range(e, then):
        if table[q, 1] == RESET:
            for i in range(rows.triggers):
                for k in range(SLOTS):
                    pending[w, _place(rows, i, k)] = NEVER


@njit(**PART)
def remember(kernels, s, rows, j, scratch):
    """Keep the margins of lane j, for `decide_moved`."""
    if rows.margins > 0:
        gauge(kernels, s, rows, j, scratch)
        for q in range(rows.margins):
            scratch.margin[q, BEFORE] = scratch.probe_margin[q, 0]


@njit(**PART)
def decide_moved(kernels, s, rows, j, scratch):
    """Decide the switches anew whose expression has changed since `remember`.

    The others stay: one that was just reached may lie a rounding before its place, and would be reached again.
    """
    if rows.switches == 0:
        return
    goal, count, now = rows.switch + rows.switches, rows.margins, scratch.probe_margin
    if count > 0:
        gauge(kernels, s, rows, j, scratch)
    for q in range(count):
        k = int(now[2 * count + q, 0])
        s[(goal + k) * LANES + j] = s[(rows.switch + k) * LANES + j]
    again = True
    for _ in range(rows.switches + 1):
        for q in range(count):
            k = int(now[2 * count + q, 0])
            at = (goal + k) * LANES + j
            if s[at] == s[at] and now[q, 0] != scratch.margin[q, BEFORE]:
                s[at], again = math.nan, True
        if not again:
            break
        calls.decide(kernels, s, j, 0)
        again = False
        if count > 0:
            gauge(kernels, s, rows, j, scratch)
    for k in range(rows.switches):
        s[(goal + k) * LANES + j] = math.nan


@njit(**PART)
def following(kernels, s, rows, j, w, e, plan, results, scratch):
    """Return when lane j must look at its triggers next: now, if doses changed what holds, else when one is due."""
    pending, weight, late = results.pending, scratch.weight, scratch.late
    calls.weigh(kernels, s, j, rows.blocks, late[j], weight)
    for i in range(rows.triggers):
        if weight[i, TRUTH] != pending[w, _place(rows, i, -1)]:
            scratch.jump[j], s[FRESH * LANES + j] = AGAIN, KEEP
            _late_as_events(s, rows, j, w, e, plan, late)
            return s[T * LANES + j]
    return earliest(rows, w, pending)


@njit(**PART)
def _late_as_events(s, rows, j, w, e, plan, late):
    """Write how the time of the events before e, which have just happened, moves: nan where not all as one."""
    for b in range(1, rows.blocks):
        seen = False
        late[j, b - 1] = 0.0
        k = e - 1
        while k >= plan.first[plan.segment[w]] and plan.table[k, 0] >= s[T * LANES + j]:
            if plan.table[k, 1] != STOP and plan.table[k, 1] != OUTPUT:
                slip = plan.slip[k, b - 1] if plan.slip.shape[0] > 0 else 0.0
                late[j, b - 1] = math.nan if seen and slip != late[j, b - 1] else slip
                seen = True
            k -= 1


@njit(**PART)
def _stirred(s, rows, j, w, pending, weight):
    """Return 0 where nothing has happened, 1 where a condition has become false, 2 where a trigger fires or is due."""
    most = 0
    for i in range(rows.triggers):
        held = pending[w, _place(rows, i, -1)]
        most = max(most, 2 if weight[i, TRUTH] > held else (1 if weight[i, TRUTH] < held else 0))
    return 2 if earliest(rows, w, pending) <= s[T * LANES + j] else most


@njit(**PART)
def _joint(s, rows, j, w, e, last, plan, pending, weight, late):
    """Make `late` how the time of what happens now moves; return 1 if it moves, 0 if not, -1 where no two agree.

    `late` holds it for what has just become true; what is due knows its own.
    """
    fires, moves = False, 0
    for i in range(rows.triggers):
        fires = fires or weight[i, TRUTH] > pending[w, _place(rows, i, -1)]
    for b in range(1, rows.blocks):
        known, dt = fires or late[j, b - 1] != 0.0, late[j, b - 1]
        for i in range(rows.triggers):
            for k in range(SLOTS):
                at = _place(rows, i, k)
                if pending[w, at] <= s[T * LANES + j]:
                    if known and abs(pending[w, at + b] - dt) > 1e-9 * abs(dt):
                        return -1
                    known, dt = True, pending[w, at + b]
        if e < last and plan.table[e, 0] <= s[T * LANES + j] and plan.table[e, 1] != STOP:
            slip = plan.slip[e, b - 1] if plan.slip.shape[0] > 0 else 0.0
            if plan.table[e, 1] != OUTPUT and abs(slip - dt) > 1e-9 * abs(dt):
                return -1
        if dt != dt:
            return -1
        late[j, b - 1] = dt
        moves = 1 if dt != 0.0 else moves
    return moves


@njit(**PART)
def _shift(s, rows, j, late, sign):
    """Add sign * slope * dt to the sensitivities of lane j."""
    for b in range(1, rows.blocks):
        for i in range(rows.states):
            f = s[(rows.state + rows.states + i) * LANES + j]
            s[(rows.state + b * rows.stride + i) * LANES + j] += sign * f * late[j, b - 1]


@njit(**PART)
def _notice(kernels, s, rows, j, w, pending, scratch):
    """Note which conditions hold: who fires waits, who no longer holds and does not persist is dropped."""
    weight, late, time = scratch.weight, scratch.late, s[T * LANES + j]
    for i in range(rows.triggers):
        at = _place(rows, i, -1)
        fires = weight[i, TRUTH] > pending[w, at]
        pending[w, at] = weight[i, TRUTH]
        if weight[i, TRUTH] == 0.0 and weight[i, PERSISTS] == 0.0:
            for k in range(SLOTS):
                pending[w, _place(rows, i, k)] = NEVER
        if fires:
            if not weight[i, DELAY] >= 0.0:
                return NEGATIVE
            k = 0
            while k < SLOTS and pending[w, _place(rows, i, k)] < NEVER:
                k += 1
            if k == SLOTS:
                return FULL
            at = _place(rows, i, k)
            pending[w, at] = time + weight[i, DELAY]
            for b in range(1, rows.blocks):
                if weight[i, DELAY + b] != 0.0 and pending[w, at] <= time:
                    return NO_DERIVATIVE  # a delay of zero that can only grow
                pending[w, at + b] = late[j, b - 1] + weight[i, DELAY + b]
            count = int(weight[i, KEPT])
            if count > 0:
                calls.becomes(kernels, s, j, i, rows.blocks, late[j], scratch.assigned)
                for m in range(count):
                    for b in range(rows.blocks + 1):
                        pending[w, at + rows.blocks + m * (rows.blocks + 1) + b] = scratch.assigned[m, b]
    return 1


@njit(**PART)
def _chosen(s, rows, j, w, pending, weight):
    """Return the slot, counted over all triggers, of what is carried out next, -1 where nothing is due."""
    best, highest = -1, 0.0
    for i in range(rows.triggers):
        first, priority = NEVER, weight[i, PRIORITY]
        priority = priority if priority == priority else -math.inf
        for k in range(SLOTS):
            due = pending[w, _place(rows, i, k)]
            ahead = best < 0 or best // SLOTS == i or priority > highest
            if due <= s[T * LANES + j] and due < first and ahead:
                best, highest, first = i * SLOTS + k, priority, due
    return best


@njit(**PART)
def _assign(kernels, s, rows, j, w, chosen, plan, results, scratch):
    """Carry out what waits in a slot, and empty it; return whether a state was brought more than ever."""
    pending, values, i = results.pending, scratch.assigned, chosen // SLOTS
    at, count, wide = _place(rows, i, chosen % SLOTS), int(scratch.weight[i, KEPT]), rows.blocks + 1
    for m in range(rows.assigned):
        values[m, rows.blocks] = -1.0
    if count == 0:
        calls.becomes(kernels, s, j, i, rows.blocks, scratch.late[j], values)
    for m in range(count):
        for b in range(wide):
            values[m, b] = pending[w, at + rows.blocks + m * wide + b]
    pending[w, at], more = NEVER, False
    for m in range(rows.assigned):
        q = int(values[m, rows.blocks])
        if q >= 0:
            brought = abs(values[m, 0]) - abs(s[(rows.state + q) * LANES + j])
            if plan.kin.shape[0] > 0 and plan.kin[q, q] == UNDECLARED and brought > results.received[w, q]:
                results.received[w, q], more = brought, True
            for b in range(rows.blocks):
                s[(rows.state + b * rows.stride + q) * LANES + j] = values[m, b]
    return more


@njit(**PART)
def _chain(kernels, s, rows, j, w, patients, plan, results, scratch):
    """Carry out one trigger after the other until none is due; return how many, or minus a Status."""
    count, more = 0, False
    while True:
        calls.weigh(kernels, s, j, rows.blocks, scratch.late[j], scratch.weight)
        noticed = _notice(kernels, s, rows, j, w, results.pending, scratch)
        if noticed < 0:
            return noticed
        chosen = _chosen(s, rows, j, w, results.pending, scratch.weight)
        if chosen < 0:
            break
        count += 1
        if count > MOST:
            return ENDLESS
        remember(kernels, s, rows, j, scratch)
        more = _assign(kernels, s, rows, j, w, chosen, plan, results, scratch) or more
        decide_moved(kernels, s, rows, j, scratch)
    if more:
        scales.fit(s, rows, j, w, plan.atol, plan.kin, results.received, plan.origin, patients.scale)
    return count


@njit(**PART)
def carry_out(kernels, s, rows, j, w, e, last, watched, reached, patients, plan, results, scratch, rtol):
    """Carry out the triggers of patient w in lane j that have become true or are due; e is its next event.

    Where it has just `reached` a switch its slope is known.

    Return 1 where it goes on, 0 where it wants a slope, minus a Status where it fails.
    """
    pending, jump, weight, late = results.pending, scratch.jump, scratch.weight, scratch.late
    if jump[j] == FIRED:
        _shift(s, rows, j, late, -1.0)
        jump[j], s[FRESH * LANES + j] = 0, GUESS
        return 1
    calls.weigh(kernels, s, j, rows.blocks, late[j], weight)
    if pending[w, 0] != pending[w, 0]:
        _begin(rows, w, pending, weight)
    stirred, moves, was = _stirred(s, rows, j, w, pending, weight), 0, s[watched * LANES + j]
    if rows.blocks > 1 and stirred == 2:
        moves = _joint(s, rows, j, w, e, last, plan, pending, weight, late)
        known = rows.switches == 0 or alike(
            rows, j, w, s[T * LANES + j], 0.0, SOUGHT, late, j, rtol, results, scratch.crowd
        )
        if moves < 0 or not known:
            return NO_DERIVATIVE
        near = rows.margins > 0 and may_pass_by(kernels, s, rows, j, rtol, scratch)
        if (moves > 0 or near) and not reached and jump[j] != AGAIN:  # of rodas5p there is the slope before the step
            ask(s, rows, j, KEEP)
            jump[j] = AGAIN
            return 0
        if near and s[T * LANES + j] > scratch.crowd[j, BEGAN] and passes_by(s, rows, j, rtol, late, j, scratch):
            return NO_DERIVATIVE
    if jump[j] == AGAIN:
        jump[j], s[FRESH * LANES + j] = 0, GUESS
    if stirred == 0:
        return 1
    if moves > 0:
        _shift(s, rows, j, late, 1.0)
    count = _chain(kernels, s, rows, j, w, patients, plan, results, scratch)
    if count < 0:
        return count
    if was < s[LIMIT * LANES + j] <= s[watched * LANES + j]:
        results.crossing[w], s[LIMIT * LANES + j] = s[T * LANES + j], math.inf
    if count > 0 and moves > 0:
        ask(s, rows, j, KEEP)
        jump[j] = FIRED
        return 0
    if moves > 0:
        _shift(s, rows, j, late, -1.0)
    if count > 0:
        s[FRESH * LANES + j] = GUESS
    return 1
