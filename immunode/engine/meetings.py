"""Say whether what meets at one time may come in either order: where parameters move it apart, else nothing is smooth.

Two things at one time whose times change differently along a direction come in one order on one side, in the other on
the other. Where that makes a difference, there is no derivative.
"""

import math

from numba import njit

from immunode.engine import calls
from immunode.engine.constants import (
    ADDED,
    BEGAN,
    DOSED,
    DOUBT,
    DRIP,
    DRIPPED,
    FORESEEN,
    KEEP,
    KIND,
    LANES,
    MEETING,
    MULTIPLY,
    NEVER,
    OF_SCALES,
    OF_STATES,
    OUTPUT,
    PARAMETER,
    RATE,
    REPLACE,
    RESET,
    SET,
    SOUGHT,
    STOP,
    TIMED,
    TURNED,
    WHEN,
    WHO,
    T,
)
from immunode.engine.events import ask
from immunode.engine.signatures import INLINE, PART


@njit(**INLINE)
def apart(one, other, kind, last, rtol):
    """Return whether two times move differently; of located switches that is known to the tolerance only."""
    error = 10.0 * rtol if min(kind, last) == SOUGHT else 1e-9
    return not abs(one - other) <= error * max(abs(one), abs(other))


@njit(**INLINE)
def _indifferent(kind, last):
    """Return whether two kinds of things may come in either order.

    What but adds to slopes may. Events among each other, too, while no switch turns: those that may not have no
    number as the change of their time (simulation.meeting_doses).
    """
    low, high = min(kind, last), max(kind, last)
    among = low >= DOSED and high <= SET
    return among or (low in (TIMED, ADDED) and high == DRIPPED) or (low == ADDED and high == DOSED)


@njit(**PART)
def _welcome(rows, j, w, results, crowd):
    """Forget what happened last in lane j if patient w is new there: its start is the last, or its past unknown."""
    if crowd[j, WHO] != w:
        crowd[j, :] = 0.0
        started = results.switch[w, rows.switches] != results.switch[w, rows.switches]
        begin = results.time[w] if started else -NEVER
        crowd[j, WHO], crowd[j, WHEN], crowd[j, KIND], crowd[j, BEGAN] = w, begin, DOSED, begin


@njit(**PART)
def alike(rows, j, w, time, doubt, kind, late, row, rtol, results, crowd):
    """Return whether what happens now to patient w may come before what happened last as well as after it; keep it.

    The time is known within `doubt`. A start is one of them. No rows of `late`: nothing moves.
    """
    _welcome(rows, j, w, results, crowd)
    last = int(crowd[j, KIND])
    near = abs(time - crowd[j, WHEN]) <= doubt + crowd[j, DOUBT] + 1e-12 * abs(time)
    if near and not _indifferent(kind, last):
        for b in range(1, rows.blocks):
            moved = late[row, b - 1] if late.shape[0] > 0 else 0.0
            if apart(moved, crowd[j, MEETING + b - 1], kind, last, rtol):
                return False
    if near and kind == ADDED:
        return True
    crowd[j, WHEN], crowd[j, DOUBT], crowd[j, KIND] = time, doubt, kind
    for b in range(1, rows.blocks):
        crowd[j, MEETING + b - 1] = late[row, b - 1] if late.shape[0] > 0 else 0.0
    return True


@njit(**PART)
def alike_events(s, rows, j, w, e, then, turned, rtol, plan, results, crowd):
    """Return whether the events e..then-1, which have just happened, may come before what else is at their time."""
    for k in range(e, then):
        what = int(plan.table[k, 1])
        if what not in (STOP, OUTPUT):
            sets = what in (REPLACE, MULTIPLY, RESET, PARAMETER)
            kind = TURNED if turned else (SET if sets else (DRIPPED if what in (RATE, DRIP) else DOSED))
            if not alike(rows, j, w, s[T * LANES + j], 0.0, kind, plan.slip, k, rtol, results, crowd):
                return False
    return True


@njit(**PART)
def gauge(kernels, s, rows, j, scratch):
    """Write the margins of lane j as they are now into the probe's."""
    for i in range(rows.states):
        scratch.probe_states[i, 0] = s[(rows.state + i) * LANES + j]
    scratch.probe[0] = 0.0
    calls.margins(kernels, s, j, scratch.probe, 1, scratch.probe_states, scratch.probe_margin)


@njit(**PART)
def _close(s, rows, j, q, rtol, scratch, known):
    """Return whether margin q of lane j is about to be crossed, as near as its place is known.

    With a slope that is not `known` yet, whether it may be.
    """
    now, come, count = scratch.probe_margin, scratch.come, rows.margins
    k = int(now[2 * count + q, 0])
    stands, goes = s[(rows.switch + k) * LANES + j], s[(rows.switch + rows.switches + k) * LANES + j]
    error = rtol * come[k, rows.blocks + OF_STATES] + come[k, rows.blocks + OF_SCALES]
    time, left, rate = abs(s[T * LANES + j]), abs(now[q, 0]), abs(come[k, 0])
    if goes == goes or not known:
        return goes != goes and left <= error + 1e-12 * time * rate
    comes = stands == 0.0 or (now[count + q, 0] - stands) * come[k, 0] > 0.0
    return comes and rate > 0.0 and left <= min(error, 10.0 * rtol * time * rate) + 1e-12 * time * rate


@njit(**PART)
def passes_by(s, rows, j, rtol, late, row, scratch):
    """Return whether what happens now leaves a threshold behind that is about to be crossed and moves apart from it.

    The patient then never crosses it, but on the other side does. Margins and how they come are those just before.
    """
    for q in range(rows.margins):
        if _close(s, rows, j, q, rtol, scratch, True):
            k = int(scratch.probe_margin[2 * rows.margins + q, 0])
            for b in range(1, rows.blocks):
                moved = -scratch.come[k, b] / scratch.come[k, 0]
                other = late[row, b - 1] if late.shape[0] > 0 else 0.0
                if not math.isfinite(moved) or apart(moved, other, SOUGHT, SOUGHT, rtol):
                    return True
    return False


@njit(**PART)
def may_pass_by(kernels, s, rows, j, rtol, scratch):
    """Return whether lane j is near a threshold, by its state; write margins and how they come, for `passes_by`."""
    calls.moving(kernels, s, j, rows.blocks, scratch.come)
    gauge(kernels, s, rows, j, scratch)
    near = False
    for q in range(rows.margins):
        near = near or _close(s, rows, j, q, rtol, scratch, False)
    return near


@njit(**PART)
def foresee(kernels, s, rows, j, w, e, last, rtol, plan, results, scratch):
    """Return 1 where the events from e on may happen now, 0 where that wants a slope, -1 where one leaves a threshold
    behind that is reached at its time: a dose that takes a state past it. Nothing comes before a start."""
    jump, crowd, time = scratch.jump, scratch.crowd, s[T * LANES + j]
    _welcome(rows, j, w, results, crowd)
    if rows.margins == 0 or time <= crowd[j, BEGAN]:
        return 1
    asked, looked, k = jump[j] == FORESEEN, False, e
    jump[j] = 0
    while k < last and plan.table[k, 0] <= time:
        if plan.table[k, 1] != STOP and plan.table[k, 1] != OUTPUT:
            if not looked and not may_pass_by(kernels, s, rows, j, rtol, scratch):
                return 1
            if not asked:
                ask(s, rows, j, KEEP)
                jump[j] = FORESEEN
                return 0
            looked = True
            if passes_by(s, rows, j, rtol, plan.slip, k, scratch):
                return -1
        k += 1
    return 1
