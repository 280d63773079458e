"""What happens to all lanes after every step, as vector code: aim, step control, watch, list, accept.

A lane is a patient, j its number. The first rows of the scratch are the loop's own, each LANES long; the model's rows
follow. Lanes never read each other, so that a patient's result does not depend on the neighbours, bit for bit.

These functions must become vector code. Hence no branch (`&`, not `and`; every load before the first choice), and a
number of lanes that the compiler does not know: it would unroll a known one into scalar code. Constant row offsets
spare it the check that rows overlap.
"""

import math

from numba import njit

from immunode.engine.constants import (
    ACCEPTED,
    COUNT,
    END,
    ERR,
    FLUSH,
    FRESH,
    GROW,
    LANES,
    LIMIT,
    LOCATED,
    LOOK,
    NEVER,
    NEXT,
    OUT_AT,
    RHO,
    SEEN,
    STALL,
    STOP_AT,
    TAKEN,
    TARGET,
    TRIED,
    TRY,
    WAITS,
    H,
    T,
)
from immunode.engine.signatures import PART


@njit(**PART)
def aim(s, lanes, longest):
    """Set the step of each lane: zero where the slope is wanted or the lane is idle, else up to the next stop.

    At a stop that is not the patient's own (a dose, a visit) the step first goes as far as it would without: of it come
    the outputs before the stop, which no later dose changes; then it is made again up to the stop. This is so whether
    there are outputs or not, which must change no step.
    """
    for j in range(lanes):
        time, stop, seen = s[T * LANES + j], s[STOP_AT * LANES + j], s[SEEN * LANES + j]
        size, fresh = s[TRY * LANES + j], s[FRESH * LANES + j]
        goal, located, waits = s[NEXT * LANES + j], s[LOCATED * LANES + j], s[WAITS * LANES + j]
        goal = goal if goal < located else located
        goal = goal if goal < waits else waits
        goal = goal if (seen != stop) & (goal > stop) else stop
        left = goal - time
        size = size if size < longest else longest
        size = size if size * 1.0000001 < left else left
        s[TARGET * LANES + j] = goal
        s[H * LANES + j] = 0.0 if fresh > 0.0 else size


@njit(**PART)
def control(s, lanes, max_steps, low, high, patience):
    """Accept or reject the step of each lane, set the next size, and mark the lanes that need a look.

    A lane needs one, too, after `patience` steps in a row whose size times the fastest rate lies outside low..high.
    """
    for j in range(lanes):
        error, size, time = s[ERR * LANES + j], s[H * LANES + j], s[T * LANES + j]
        wanted, stop, fresh = s[TRY * LANES + j], s[STOP_AT * LANES + j], s[FRESH * LANES + j]
        output, grow, tried, taken, target = (
            s[OUT_AT * LANES + j],
            s[GROW * LANES + j],
            s[TRIED * LANES + j],
            s[TAKEN * LANES + j],
            s[TARGET * LANES + j],
        )
        speed, count = size * s[RHO * LANES + j], s[COUNT * LANES + j]
        # near error^(-1/10), by square roots since pow would not become vector code; gentle around 1, where a
        # stronger answer makes steps that are limited by stability swing and be rejected more often
        ratio = 1.0 / math.sqrt(math.sqrt(math.sqrt(error if error > 1e-30 else 1e-30)))
        grow = grow if error < 1e300 else 0.2  # after nan the step shrinks as much as it may
        factor = 0.9 * (ratio if ratio < 1.0 else 0.4 + 0.6 * ratio)
        factor = factor if factor < grow else grow
        factor = factor if factor > 0.2 else 0.2
        accepted, zero = error <= 1.0, fresh > 0.0
        end = time + size
        end = target if target - time <= size else end
        # a step cut short by a stop, or one of size zero, does not forget the size wanted before
        cut = (size < wanted) & (factor >= 1.0)
        wanted = wanted if zero | cut else 0.0
        factor *= size
        tried += 0.0 if zero else 1.0
        other = (speed > high) | ((speed < low) & (not cut))
        lasting = count + 1.0 if other else 0.0
        kept = accepted & (fresh <= 0.0) & (end <= stop)
        count = lasting if kept else count
        due = accepted & ((end >= output) | (end >= stop) | (count >= patience))
        s[END * LANES + j] = end
        # never a choice between a row and its old value: that becomes a masked store, slow on some machines
        s[TRY * LANES + j] = wanted if wanted > factor else factor
        s[GROW * LANES + j] = 6.0
        s[ACCEPTED * LANES + j] = 1.0 if accepted else 0.0
        s[TRIED * LANES + j] = tried
        s[COUNT * LANES + j] = count
        s[TAKEN * LANES + j] = taken + (1.0 if kept else 0.0)
        s[LOOK * LANES + j] = (1.0 if due | zero | (tried >= max_steps) else 0.0) if accepted else 1.0


@njit(**PART)
def watch(s, lanes, watched, watched_new):
    """Mark the lanes whose watched state crosses its limit in an accepted step."""
    for j in range(lanes):
        below, above, limit = s[watched * LANES + j], s[watched_new * LANES + j], s[LIMIT * LANES + j]
        if (s[ACCEPTED * LANES + j] > 0.0) & (below < limit) & (above >= limit):
            s[LOOK * LANES + j] = 1.0


@njit(**PART)
def looks(s, lanes, needy):
    """Write the lanes that need a look into `needy`, by no branch that a processor would guess wrong; count them."""
    count = 0
    for j in range(lanes):
        needy[count] = j
        count += 1 if s[LOOK * LANES + j] != 0.0 else 0
    return count


@njit(**PART)
def reject(s, rows, j):
    """Make what is about to be accepted in lane j what it was before the step."""
    for b in range(rows.blocks):
        old, new = rows.state + b * rows.stride, rows.new + b * rows.stride
        for i in range(2 * rows.states):
            s[(new + i) * LANES + j] = s[(old + i) * LANES + j]
    s[END * LANES + j] = s[T * LANES + j]


@njit(**PART)
def take_back(s, rows, j):
    """Take back a step of lane j that went past a stop, and is none of its own; the next ends there."""
    s[TRY * LANES + j], s[SEEN * LANES + j] = s[H * LANES + j], s[STOP_AT * LANES + j]
    s[LOCATED * LANES + j], s[STALL * LANES + j] = NEVER, 0.0
    for k in range(rows.switches):  # where one goes that was reached behind the stop
        s[(rows.switch + rows.switches + k) * LANES + j] = math.nan
    s[TRIED * LANES + j] -= 1.0
    reject(s, rows, j)


@njit(**PART)
def accept(s, lanes, rows):
    """Move all lanes on: time, and state and slope, flushed where they have decayed to nothing."""
    size = 2 * rows.states * LANES
    for b in range(rows.blocks):
        first = b * rows.stride
        # slices, whose index is that of the loop: of a sum Numba asks whether it is negative, once a number
        old, new = s[(rows.state + first) * LANES :][:size], s[(rows.new + first) * LANES :][:size]
        for i in range(size):
            old[i] = new[i] if abs(new[i]) > FLUSH else 0.0
    for j in range(lanes):
        s[T * LANES + j] = s[END * LANES + j]
