"""Reach a switch: where in a step its margin ends, what happens there to the patient and to sensitivities.

A step that crosses a switch is taken back and made again up to the place, so that no step and no dense output has
slopes of both sides. A sensitivity S moves there by S+ = S- + (f- - f+) dt, where f- and f+ are the slopes before and
after and dt the change of the time along the direction: -dg / g' of the switch's expression g (as in engine.events).
"""

import math

from numba import njit

from immunode.engine import calls
from immunode.engine.constants import (
    ADDED,
    FRESH,
    GONE,
    GUESS,
    KEEP,
    LANES,
    LOCATED,
    NEARED,
    NEVER,
    NEXT,
    OF_SCALES,
    OF_STATES,
    REACHED,
    SORT,
    H,
    T,
)
from immunode.engine.events import ask
from immunode.engine.meetings import alike, apart, gauge, passes_by
from immunode.engine.signatures import INLINE, PART

SAMPLES = 16  # of a margin in a step that may have crossed it
PLACE = SAMPLES + 1  # the column in which the place of its crossing is kept
STALLED = 20  # switches in a row that bring no time on, before the patient is said to chatter


@njit(**INLINE)
def sign(x):
    """Return -1, 0 or 1."""
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)


@njit(**INLINE)
def floored(x):
    """Return the whole part as a number."""
    return float(math.floor(x)) if math.isfinite(x) else x


@njit(**INLINE)
def signed(x, side):
    """Return how far x is on its side of zero; where it stood on zero itself, any other place is across."""
    return x * side if side != 0.0 else -abs(x)


@njit(**INLINE)
def may_cross(m0, r0, m1, r1, h):
    """Return 1 if a margin may have been below zero in a step of size h, by values and slopes at both ends."""
    rise = m1 - m0
    bend = (8.0 / 27.0) * (abs(h * r0 - rise) + abs(h * r1 - rise))
    return 1.0 if (m1 < 0.0) | (min(m0, m1) < bend) else 0.0


@njit(**INLINE)
def sign_at(rate, period, start, t):
    """Return the sign of rate * time + start from t on, and when it changes next.

    It is decided by the time at which it changes, as the solver stops there: the value there is rounding. `period` is
    1 / rate, so that a multiple of a period is one.
    """
    if rate == 0.0:
        return sign(start), NEVER
    due = -start * period
    side = sign(rate) if t >= due else -sign(rate)
    return side, due if due > t else NEVER


@njit(**INLINE)
def whole_at(rate, period, start, t):
    """Return the floor of rate * time + start from t on, and when it changes next."""
    whole = floored(rate * t + start)
    if rate == 0.0:
        return whole, NEVER
    if rate > 0.0:
        whole -= 1.0 if (whole - start) * period > t else 0.0
        whole += 1.0 if (whole + 1.0 - start) * period <= t else 0.0
        return whole, (whole + 1.0 - start) * period
    whole += 1.0 if (whole + 1.0 - start) * period > t else 0.0
    whole -= 1.0 if (whole - start) * period <= t else 0.0
    return whole, (whole - start) * period


@njit(**PART)
def seek(kernels, s, rows, j, scratch):
    """Return the fraction of its step at which lane j first crosses a margin, 2 if at none, and mark where it goes."""
    count, first, x, y, out = rows.margins, 2.0, scratch.fraction, scratch.states, scratch.margin
    probe = scratch.probe, scratch.probe_states, scratch.probe_margin
    for k in range(rows.switches):
        s[(rows.switch + rows.switches + k) * LANES + j] = math.nan
    for o in range(SAMPLES + 1):
        x[o] = o / SAMPLES
    calls.interpolate(kernels, s, 0, j, x, SAMPLES + 1, y, 0)
    calls.margins(kernels, s, j, x, SAMPLES + 1, y, out)
    for q in range(count):
        if q < rows.clocked:
            at = _due(kernels, s, j, q, x, scratch.cells, probe)
        else:
            at = _crossed(kernels, s, j, q, out, probe)
        out[q, PLACE] = at
        first = min(first, at)
    if first > 1.0:
        return first
    _behind(kernels, s, j, first, x, y, out)
    place = first
    for q in range(count):  # what has turned unseen before it: a step ends where a function in a condition turns
        if out[q, PLACE] > place and out[q, 0] < 0.0:
            start = _probed(kernels, s, j, q, 0.0, probe)
            if start >= 0.0:
                out[q, PLACE] = _root(kernels, s, j, q, 0.0, start, place, out[q, 0], probe)
                first = min(first, out[q, PLACE])
    if first < place:
        _behind(kernels, s, j, first, x, y, out)
    for q in range(count):
        if out[q, PLACE] <= first + 1e-12:
            s[(rows.switch + rows.switches + int(out[2 * count + q, 0])) * LANES + j] = out[count + q, 1]
    return first


@njit(**PART)
def _behind(kernels, s, j, place, x, y, out):
    """Write the margins of lane j at a place of its step and just behind it."""
    x[0], x[1] = place, min(1.0, place + 1e-6)
    calls.interpolate(kernels, s, 0, j, x, 2, y, 0)
    calls.margins(kernels, s, j, x, 2, y, out)


@njit(**PART)
def _probed(kernels, s, j, q, place, probe):
    at, state, margin = probe
    at[0] = place
    calls.interpolate(kernels, s, 0, j, at, 1, state, 0)
    calls.margins(kernels, s, j, at, 1, state, margin)
    return margin[q, 0]


@njit(**PART)
def _due(kernels, s, j, q, x, cells, probe):
    """Return where margin q of lane j, which time alone moves, is crossed first, 2 if nowhere: by the mesh of forcing.

    Where it begins below zero it has just been crossed the other way, by rounding: until it is above again it is left
    alone, unless it falls to twice that.
    """
    size, cells[GONE] = s[H * LANES + j], 0.0
    start = _probed(kernels, s, j, q, 0.0, probe)
    low, above, earlier, before = 0.0, start, 0.0, math.inf
    while cells[GONE] < size:
        begin = cells[GONE]
        m = calls.places(kernels, s, j, begin, x, cells)
        for o in range(m):
            parts = int(min(1.0 + SAMPLES * cells[o] / size, SAMPLES))
            for part in range(1, parts + 1):
                high = min((begin + cells[o] * part / parts) / size, 1.0)
                below = _probed(kernels, s, j, q, high, probe)
                if above < before and above <= below:
                    dip = _lowest(earlier, before, low, above, high, below)
                    value = _probed(kernels, s, j, q, dip, probe)
                    if value < 0.0 <= above:
                        return _root(kernels, s, j, q, earlier, before, dip, value, probe)
                if above >= 0.0 and below < 0.0:
                    return _root(kernels, s, j, q, low, above, high, below, probe)
                if above < 0.0 and below < 2.0 * start:
                    return low
                earlier, before, low, above = low, above, high, below
            begin += cells[o]
    return 2.0


@njit(**INLINE)
def _lowest(x0, y0, x1, y1, x2, y2):
    """Return where the parabola through three points, of which the middle one is the lowest, is lowest."""
    left, right = (y0 - y1) / (x1 - x0), (y2 - y1) / (x2 - x1)
    return x1 + 0.5 * (left * (x2 - x1) - right * (x1 - x0)) / (left + right)


@njit(**PART)
def _crossed(kernels, s, j, q, out, probe):
    """Return where margin q of lane j is crossed first, 2 if nowhere.

    A margin that begins below zero has just been crossed the other way, by rounding: it is left alone unless it falls
    to twice that.
    """
    o = 0
    while o <= SAMPLES and out[q, o] < 0.0:
        o += 1
    if o > SAMPLES:
        return 0.0 if out[q, SAMPLES] < 2.0 * out[q, 0] else 2.0
    for k in range(o + 1, SAMPLES + 1):
        low, below = (k - 1) / SAMPLES, out[q, k - 1]
        dip = _dip(below, out[q, k], _bend(out, q, k - 1), _bend(out, q, k))
        if 0.0 < dip < 1.0:
            dip = (k - 1 + dip) / SAMPLES
            value = _probed(kernels, s, j, q, dip, probe)
            if value < 0.0:
                return _root(kernels, s, j, q, low, below, dip, value, probe)
        if out[q, k] < 0.0:
            return _root(kernels, s, j, q, low, below, k / SAMPLES, out[q, k], probe)
    return 2.0


@njit(**INLINE)
def _bend(out, q, k):
    """Return the second difference of margin q at sample k, at the ends as a cubic goes on."""
    inner = min(max(k, 1), SAMPLES - 1)
    bend = out[q, inner - 1] - 2.0 * out[q, inner] + out[q, inner + 1]
    if k == inner:
        return bend
    far = inner + 1 if k < inner else inner - 1
    return 2.0 * bend - (out[q, far - 1] - 2.0 * out[q, far] + out[q, far + 1])


@njit(**INLINE)
def _dip(y0, y1, bend0, bend1):
    """Return where the cubic with these values and bends at 0 and 1 is lowest, 2 where it cannot come below zero."""
    if min(y0, y1) > max(bend0, bend1) / 8.0:
        return 2.0
    slope = 2.0 * (y1 - y0) - (2.0 * bend0 + bend1) / 3.0
    bent = bend0 * bend0 - (bend1 - bend0) * slope
    divisor = bend0 + math.sqrt(max(bent, 0.0))
    return -slope / divisor if bent >= 0.0 and divisor > 0.0 else 2.0


@njit(**PART)
def _root(kernels, s, j, q, low, above, high, below, probe):
    """Return the first place of a bracket at which the margin is below zero (Illinois on the dense output)."""
    side = 0
    for _ in range(200):
        if high - low <= 1e-14:
            break
        middle = (low * below - high * above) / (below - above)
        if not low < middle < high:
            middle = 0.5 * (low + high)
        value = _probed(kernels, s, j, q, middle, probe)
        if value >= 0.0:
            low, above = middle, value
            below *= 0.5 if side == -1 else 1.0
            side = -1
        else:
            high, below = middle, value
            above *= 0.5 if side == 1 else 1.0
            side = 1
    return high


@njit(**PART)
def reach(kernels, s, rows, j, w, rtol, results, scratch):
    """Let lane j go on behind the switches that it has reached; return 1 where it goes on, 0 where it wants a slope.

    `rate` holds how fast each switch came, `shift` how its time moves along each direction. -1 says that there is no
    derivative: the switch is touched, not crossed, or two that move apart are reached at once.
    """
    rate, jump, before, shift = scratch.come, scratch.jump, scratch.before, scratch.late
    if jump[j] == REACHED:
        for b in range(1, rows.blocks):
            for i in range(rows.states):
                f = before[j, i] - s[(rows.state + rows.states + i) * LANES + j]
                s[(rows.state + b * rows.stride + i) * LANES + j] += f * shift[j, b - 1]
        jump[j] = 0
        s[FRESH * LANES + j] = GUESS
        return 1
    if min(s[NEXT * LANES + j], s[LOCATED * LANES + j]) > s[T * LANES + j]:
        return 1
    if rows.blocks > 1:
        if jump[j] != NEARED:  # after a step of rodas5p there is the slope at its start
            ask(s, rows, j, KEEP)
            jump[j] = NEARED
            return 0
        for i in range(rows.states):
            before[j, i] = s[(rows.state + rows.states + i) * LANES + j]
        calls.moving(kernels, s, j, rows.blocks, rate)
        if rows.margins > 0:
            gauge(kernels, s, rows, j, scratch)
    calls.decide(kernels, s, j, 1)
    s[LOCATED * LANES + j] = NEVER
    known = _slipped(s, rows, j, w, rtol, rate, shift, results, scratch)
    for k in range(rows.switches):
        s[(rows.switch + rows.switches + k) * LANES + j] = math.nan
    if not known:
        return -1
    if rows.blocks > 1:
        jump[j] = REACHED
        ask(s, rows, j, KEEP)
        return 0
    s[FRESH * LANES + j] = GUESS
    return 1


@njit(**PART)
def _slipped(s, rows, j, w, rtol, rate, shift, results, scratch):
    """Write how the time of the switch moves along each direction; return whether it does so smoothly.

    The place of a located switch errs by as much as states may: two that lie no further from each other meet.
    """
    reached, doubt, kind, blocks = 0, 0.0, ADDED, rows.blocks
    for k in range(rows.switches):
        goal = s[(rows.switch + rows.switches + k) * LANES + j]
        if rows.blocks > 1 and goal == goal:
            for b in range(1, rows.blocks):
                moved = -rate[k, b] / rate[k, 0]
                sort = int(rate[k, blocks + SORT])
                if not math.isfinite(moved) or (reached > 0 and apart(moved, shift[j, b - 1], kind, sort, rtol)):
                    return False
                shift[j, b - 1] = moved
            error = rtol * rate[k, blocks + OF_STATES] + rate[k, blocks + OF_SCALES]
            doubt, kind = max(doubt, error / abs(rate[k, 0])), min(kind, int(rate[k, blocks + SORT]))
            reached += 1
    if reached == 0:
        for b in range(1, rows.blocks):
            shift[j, b - 1] = 0.0
        return True
    time = s[T * LANES + j]
    if rows.blocks > 1 and passes_by(s, rows, j, rtol, shift, j, scratch):
        return False
    doubt = min(doubt, 10.0 * rtol * abs(time))
    return alike(rows, j, w, time, doubt, kind, shift, j, rtol, results, scratch.crowd)
