"""The one integration loop: steps, their size, events, outputs, crossings and refill of lanes, for any generated step.

A lane is a patient. The first rows of the scratch are the loop's own, each LANES long; the model's rows follow. Lanes
never read each other, so that a patient's result does not depend on the neighbours, bit for bit.
"""

import math

import numpy as np
from numba import njit

from immunode.engine.signatures import OPTIONS, RUN

LANES = 16

# time, size of the step being tried (0 = only the slope is wanted), its mean squared error in units of the tolerance,
# size to try next, next time to stop at, next output time, 1 if accepted, 1 if the lane needs a look, counters,
# largest growth of the step, what to do after a step of size zero, threshold of the watched state
T, H, ERR, TRY, STOP_AT, OUT_AT, ACCEPTED, LOOK, TAKEN, TRIED, GROW, FRESH, LIMIT = range(13)
CONTROL_ROWS = 13

ADD, RATE, REPLACE, MULTIPLY, STOP = range(5)
OK, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE = range(4)
_NEVER = 1e300
_FLUSH = 1e-100  # what has decayed to nothing must not become subnormal: that makes every operation 100 times slower
_GUESS, _KEEP = 1.0, 2.0  # after a step of size zero: guess a step size, or keep the one there is


@njit(**OPTIONS)
def _aim(s):
    """Set the step of each lane: zero where the slope is wanted or the lane is idle, else up to the next stop."""
    for l in range(LANES):
        left = s[STOP_AT * LANES + l] - s[T * LANES + l]
        size = s[TRY * LANES + l]
        size = size if size * 1.0000001 < left else left
        s[H * LANES + l] = 0.0 if s[FRESH * LANES + l] > 0.0 else size


@njit(**OPTIONS)
def _control(s, watched, max_steps):
    """Accept or reject the step of each lane, set the next size, and mark the lanes that need a look."""
    for l in range(LANES):
        error, size, time = s[ERR * LANES + l], s[H * LANES + l], s[T * LANES + l]
        wanted, stop, fresh = s[TRY * LANES + l], s[STOP_AT * LANES + l], s[FRESH * LANES + l]
        root = math.sqrt(math.sqrt(math.sqrt(math.sqrt(max(error, 1e-30)))))
        factor = 0.9 / (root * math.sqrt(root))  # error^(-3/32), near the -1/10 of a squared error of order 5
        factor = min(s[GROW * LANES + l], factor) if factor > 0.2 else 0.2  # also for NaN
        accepted = error <= 1.0
        end = time + size
        end = stop if stop - time <= size else end
        clipped = size < wanted * 0.9999999 and factor >= 1.0
        zero = fresh > 0.0
        s[TRY * LANES + l] = wanted if clipped or zero else size * factor
        s[GROW * LANES + l] = s[GROW * LANES + l] if zero else 6.0 if accepted else 1.0
        s[ACCEPTED * LANES + l] = 1.0 if accepted else 0.0
        tried = s[TRIED * LANES + l] + (0.0 if zero else 1.0)
        s[TRIED * LANES + l] = tried
        s[TAKEN * LANES + l] += 1.0 if accepted and not zero else 0.0
        crossed = s[watched * LANES + l] >= s[LIMIT * LANES + l]
        due = accepted and (end >= s[OUT_AT * LANES + l] or end >= stop or crossed)
        small = not accepted and 0.1 * size <= 2.3e-16 * abs(time) + 1e-40
        s[LOOK * LANES + l] = 1.0 if due or small or zero or tried >= max_steps else 0.0


@njit(**OPTIONS)
def _accept(s, old, new, rows):
    """Move the accepted lanes on: state and slope, flushed where they have decayed to nothing, and time."""
    for i in range(rows):
        for l in range(LANES):
            value = new[i * LANES + l] if s[ACCEPTED * LANES + l] > 0.0 else old[i * LANES + l]
            old[i * LANES + l] = value if abs(value) > _FLUSH else 0.0
    for l in range(LANES):
        stop, end = s[STOP_AT * LANES + l], s[T * LANES + l] + s[H * LANES + l]
        end = stop if stop - s[T * LANES + l] <= s[H * LANES + l] else end
        s[T * LANES + l] = end if s[ACCEPTED * LANES + l] > 0.0 else s[T * LANES + l]
