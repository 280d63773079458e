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
# largest growth of the step, what to do after a step of size zero, threshold of the watched state,
# end of the step being tried
T, H, ERR, TRY, STOP_AT, OUT_AT, ACCEPTED, LOOK, TAKEN, TRIED, GROW, FRESH, LIMIT, END = range(14)
CONTROL_ROWS = 14

ADD, RATE, REPLACE, MULTIPLY, STOP = range(5)
OK, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE = range(4)
_NEVER = 1e300
_FLUSH = 1e-100  # what has decayed to nothing must not become subnormal: that makes every operation 100 times slower
_GUESS, _KEEP = 1.0, 2.0  # after a step of size zero: guess a step size, or keep the one there is


# The three functions below run after every step for all lanes and must become vector code. Hence no branch (`&`, not
# `and`; every load before the first choice), and a number of lanes that the compiler does not know: it would unroll a
# known one into scalar code. Constant row offsets spare it the check that rows overlap.


@njit(**OPTIONS)
def _aim(s, lanes):
    """Set the step of each lane: zero where the slope is wanted or the lane is idle, else up to the next stop."""
    for l in range(lanes):
        left = s[STOP_AT * LANES + l] - s[T * LANES + l]
        size, fresh = s[TRY * LANES + l], s[FRESH * LANES + l]
        size = size if size * 1.0000001 < left else left
        s[H * LANES + l] = 0.0 if fresh > 0.0 else size


@njit(**OPTIONS)
def _control(s, lanes, watched, max_steps):
    """Accept or reject the step of each lane, set the next size, and mark the lanes that need a look.

    `watched` is the row of the watched state, old and then new.
    """
    for l in range(lanes):
        error, size, time = s[ERR * LANES + l], s[H * LANES + l], s[T * LANES + l]
        wanted, stop, fresh = s[TRY * LANES + l], s[STOP_AT * LANES + l], s[FRESH * LANES + l]
        output, grow, tried, taken = s[OUT_AT * LANES + l], s[GROW * LANES + l], s[TRIED * LANES + l], s[TAKEN * LANES + l]
        # near error^(-1/10), by square roots since pow would not become vector code; gentle around 1, where a
        # stronger answer makes steps that are limited by stability swing and be rejected more often
        ratio = 1.0 / math.sqrt(math.sqrt(math.sqrt(error if error > 1e-30 else 1e-30)))
        factor = 0.9 * (ratio if ratio < 1.0 else 0.4 + 0.6 * ratio)
        factor = factor if factor < grow else grow
        factor = factor if factor > 0.2 else 0.2  # also for NaN
        accepted, zero = error <= 1.0, fresh > 0.0
        end = time + size
        end = stop if stop - time <= size else end
        keep = zero | ((size < wanted * 0.9999999) & (factor >= 1.0))
        tried = tried if zero else tried + 1.0
        due = accepted & ((end >= output) | (end >= stop))
        small = (error > 1.0) | (error != error)
        small = small & (0.1 * size <= 2.3e-16 * abs(time) + 1e-40)
        s[END * LANES + l] = end
        s[TRY * LANES + l] = wanted if keep else size * factor
        s[GROW * LANES + l] = grow if zero else 6.0
        s[ACCEPTED * LANES + l] = 1.0 if accepted else 0.0
        s[TRIED * LANES + l] = tried
        s[TAKEN * LANES + l] = taken + 1.0 if accepted & (fresh <= 0.0) else taken
        s[LOOK * LANES + l] = 1.0 if due | small | zero | (tried >= max_steps) else 0.0


@njit(**OPTIONS)
def _accept(s, lanes, old, new, rows):
    """Move the accepted lanes on: state and slope, flushed where they have decayed to nothing, and time."""
    for i in range(rows):
        for l in range(lanes):
            a, b, accepted = old[i * LANES + l], new[i * LANES + l], s[ACCEPTED * LANES + l]
            value = b if accepted > 0.0 else a
            old[i * LANES + l] = value if abs(value) > _FLUSH else 0.0
    for l in range(lanes):
        a, b, accepted = s[T * LANES + l], s[END * LANES + l], s[ACCEPTED * LANES + l]
        s[T * LANES + l] = b if accepted > 0.0 else a


# No NamedTuple below: each array taken out of one costs two atomic operations, and this runs for every output.
@njit(**OPTIONS)
def _outputs(interpolate, observe, s, lane, q, end, states, new, observed, times, columns, parameters, y, seen, row):
    """Write the outputs of a lane that are due up to `end` of its step into `row`; return the index of the next one.

    `parameters` and `row` are the patient's; `y` and `seen` are room for a state and for what the model observes.
    """
    time, size = s[T * LANES + lane], s[H * LANES + lane]
    while q < times.size and times[q] <= end:
        if times[q] == end:  # the state itself: what a solve that ends here returns
            for i in range(states):
                value = s[(new + i) * LANES + lane]
                y[i] = value if abs(value) > _FLUSH else 0.0
        else:
            interpolate(s, lane, (times[q] - time) / size, y)
        if observed:
            observe(times[q], y, parameters, seen)
        for c in range(columns.size):
            k = columns[c]
            row[q, c] = y[k] if k < states else seen[k - states]
        q += 1
    s[OUT_AT * LANES + lane] = times[q] if q < times.size else _NEVER
    return q


@njit(**OPTIONS)
def _locate(interpolate, s, rows, watch, l, y):
    """Return the fraction of the step at which the watched state reaches its limit (Illinois on the dense output)."""
    limit = s[LIMIT * LANES + l]
    low, high = 0.0, 1.0
    below = s[(rows.state + watch) * LANES + l] - limit
    above = s[(rows.new + watch) * LANES + l] - limit
    side = 0
    for _ in range(200):
        if high - low <= 1e-13 or above == 0.0:
            break
        middle = (low * above - high * below) / (above - below)
        if not low < middle < high:
            middle = 0.5 * (low + high)
        interpolate(s, l, middle, y)
        value = y[watch] - limit
        if value < 0.0:
            low, below = middle, value
            above *= 0.5 if side == -1 else 1.0
            side = -1
        else:
            high, above = middle, value
            below *= 0.5 if side == 1 else 1.0
            side = 1
    return high


@njit(**OPTIONS)
def _guess(s, rows, rtol, l):
    """Return a first step: 1 % of the time in which the state would change by itself (Hairer I, II.4)."""
    size, slope = 0.0, 0.0
    for i in range(rows.states):
        y = abs(s[(rows.new + i) * LANES + l])
        scale = s[(rows.atol + i) * LANES + l] + rtol * y
        size += (y / scale) ** 2
        slope += (s[(rows.new + rows.states + i) * LANES + l] / scale) ** 2
    left = 0.1 * (s[STOP_AT * LANES + l] - s[T * LANES + l])
    # below one tolerance unit the size says nothing: let the state move by one
    return min(left, 0.01 * math.sqrt(max(size, 1e4) / slope)) if slope > 0.0 else left


@njit(**OPTIONS)
def _events(s, rows, settings, patients, plan, results, w, l, e):
    """Apply the events of patient w that are due, set the next stop, ask for the slope; return the next event's index."""
    time, last = s[T * LANES + l], plan.first[plan.segment[w] + 1]
    changed = False
    watched = (rows.state + max(settings.watch, 0)) * LANES + l
    before = s[watched]
    while e < last and plan.time[e] <= time:
        kind, i, value = plan.kind[e], plan.state[e], plan.value[e]
        at = (rows.state + i) * LANES + l
        if kind == ADD:
            s[at] += value * patients.gain[w, i]
        elif kind == REPLACE:
            s[at] = value
        elif kind == MULTIPLY:
            s[at] *= value
        elif kind == RATE:
            at = (rows.rate + plan.infusion[i]) * LANES + l
            value *= patients.gain[w, i]
            rate = s[at] + value
            # overlapping infusions that have all ended leave no residue of rounding
            s[at] = rate if abs(rate) > 1e-14 * abs(value) else 0.0
        changed = changed or kind != STOP
        e += 1
    if before < s[LIMIT * LANES + l] <= s[watched]:
        results.crossing[w] = time
        s[LIMIT * LANES + l] = math.inf
    s[STOP_AT * LANES + l] = min(plan.time[e], settings.end) if e < last else settings.end
    for i in range(rows.states):  # the step of size zero multiplies the old slope by zero: it must be finite
        s[(rows.state + rows.states + i) * LANES + l] = 0.0
    guess = changed or s[TRY * LANES + l] > _NEVER
    s[FRESH * LANES + l] = _GUESS if guess else _KEEP
    s[GROW * LANES + l] = 50.0 if guess else 6.0
    return e


@njit(**OPTIONS)
def _start(hoist, s, rows, settings, patients, plan, results, w, l, hoisted):
    """Put patient w into lane l; return the index of the first event."""
    n = rows.states
    hoist(patients.parameters[w], hoisted)
    for i in range(rows.hoisted):
        s[(rows.parameter + i) * LANES + l] = hoisted[i]
    for i in range(n):
        s[(rows.state + i) * LANES + l] = s[(rows.new + i) * LANES + l] = patients.y0[w, i]
    for i in range(rows.infused):
        s[(rows.rate + i) * LANES + l] = patients.rate[w, i]
    s[T * LANES + l] = settings.start
    s[TRY * LANES + l] = patients.step[w] if patients.step[w] > 0.0 else math.inf
    s[TAKEN * LANES + l] = s[TRIED * LANES + l] = 0.0
    armed = settings.watch >= 0 and math.isnan(results.crossing[w])
    s[LIMIT * LANES + l] = patients.threshold[w] if armed else math.inf
    e = plan.first[plan.segment[w]]
    while e < plan.first[plan.segment[w] + 1] and plan.time[e] < settings.start:
        e += 1
    return e


@njit(**OPTIONS)
def _stop(s, rows, results, flags, block, w, l, status):
    """Write how patient w ended and empty lane l."""
    for i in range(rows.states):
        results.state[w, i] = s[(rows.state + i) * LANES + l]
    for i in range(rows.infused):
        results.rate[w, i] = s[(rows.rate + i) * LANES + l]
    results.step[w] = s[TRY * LANES + l]
    results.steps[w] = int(s[TAKEN * LANES + l])
    results.rejected[w] = int(s[TRIED * LANES + l] - s[TAKEN * LANES + l])
    results.status[w] = status
    flags[1 + block] += 1
    _empty(s, rows, l)


@njit(**OPTIONS)
def _empty(s, rows, l):
    """Give an idle lane numbers that cost nothing and never ask for a look."""
    for i in range(rows.state, rows.parameter):
        s[i * LANES + l] = 0.0
    for row in (T, TRY, ACCEPTED, FRESH, TAKEN):
        s[row * LANES + l] = 0.0
    s[STOP_AT * LANES + l] = s[OUT_AT * LANES + l] = _NEVER
    s[LIMIT * LANES + l] = math.inf
    s[TRIED * LANES + l] = -_NEVER


@njit(**OPTIONS)
def _worst(s, rows, rtol, l):
    """Return the state to blame: the first that is not finite, else the one that moves fastest for its tolerance."""
    worst, most = 0, -1.0
    for i in range(rows.states):
        value, slope = s[(rows.new + i) * LANES + l], s[(rows.new + rows.states + i) * LANES + l]
        old = s[(rows.state + i) * LANES + l]
        if not (math.isfinite(value) and math.isfinite(slope) and math.isfinite(old)):
            return i
        speed = abs(slope) / (s[(rows.atol + i) * LANES + l] + rtol * abs(value))
        if speed > most:
            worst, most = i, speed
    return worst


@njit(**OPTIONS)
def _failed(s, l, max_steps):
    """Return the status of a lane that needed a look after its step."""
    size, time = s[H * LANES + l], s[T * LANES + l]
    error, accepted = s[ERR * LANES + l], s[ACCEPTED * LANES + l] > 0.0
    if s[FRESH * LANES + l] > 0.0:
        return OK if accepted else NOT_FINITE
    if not accepted and 0.1 * size <= 2.3e-16 * abs(time) + 1e-40:
        return STEP_TOO_SMALL if error < math.inf else NOT_FINITE
    arrived = accepted and s[STOP_AT * LANES + l] - time <= size
    return TOO_MANY_STEPS if s[TRIED * LANES + l] >= max_steps and not arrived else OK


@njit(RUN, **OPTIONS)
def run(step, interpolate, observe, hoist, rows, settings, patients, plan, results, flags, block, begin, stop):
    """Solve patients begin..stop-1 and write `results`; flags[0] != 0 cancels, flags[1 + block] counts the finished.

    The generated functions come as pointers, so that this is compiled once per machine and not once per model.
    """
    n, watch, max_steps = rows.states, settings.watch, settings.max_steps
    s = np.zeros(rows.total * LANES)
    y, outputs, hoisted = np.empty(n), np.empty(max(rows.observed, 1)), np.empty(max(rows.hoisted, 1))
    who, event, output = np.full(LANES, -1), np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    old = s[rows.state * LANES : rows.new * LANES]
    new = s[rows.new * LANES : rows.parameter * LANES]
    watched = max(watch, 0)
    times, columns, parameters, values = plan.times, plan.columns, patients.parameters, results.values
    for i in range(n):
        s[(rows.atol + i) * LANES : (rows.atol + i + 1) * LANES] = plan.atol[i]
    for l in range(LANES):
        _empty(s, rows, l)
    lanes = rows.lanes
    following, live, pending = begin, 0, True
    while flags[0] == 0:
        if pending:
            pending = False
            for l in range(LANES):
                w = who[l]
                if w >= 0 and s[T * LANES + l] >= s[STOP_AT * LANES + l]:
                    if s[T * LANES + l] < settings.end:
                        event[l] = _events(s, rows, settings, patients, plan, results, w, l, event[l])
                    else:
                        _stop(s, rows, results, flags, block, w, l, OK)
                        who[l] = -1
                        live -= 1
                while who[l] < 0 and following < stop:
                    w = following
                    following += 1
                    if patients.skip[w] != 0:
                        flags[1 + block] += 1
                        continue
                    event[l] = _start(hoist, s, rows, settings, patients, plan, results, w, l, hoisted)
                    output[l] = _outputs(
                        interpolate, observe, s, l, 0, settings.start, n, rows.new, rows.observed > 0, times, columns,
                        parameters[w], y, outputs, values[w],
                    )  # fmt: skip
                    if settings.start < settings.end:
                        event[l] = _events(s, rows, settings, patients, plan, results, w, l, event[l])
                        who[l] = w
                        live += 1
                    else:
                        _stop(s, rows, results, flags, block, w, l, OK)
            if live == 0:
                return
        _aim(s, lanes)
        step(s, settings.rtol)
        _control(s, lanes, watched, float(max_steps))
        for l in range(LANES):
            if s[LOOK * LANES + l] == 0.0 or who[l] < 0:
                continue
            w = who[l]
            status = _failed(s, l, max_steps)
            if status != OK:
                results.status_time[w] = s[T * LANES + l]
                results.status_state[w] = _worst(s, rows, settings.rtol, l)
                _stop(s, rows, results, flags, block, w, l, status)
                who[l] = -1
                live -= 1
                pending = True
            elif s[FRESH * LANES + l] > 0.0:
                if s[FRESH * LANES + l] == _GUESS:
                    s[TRY * LANES + l] = min(s[TRY * LANES + l], _guess(s, rows, settings.rtol, l))
                s[FRESH * LANES + l] = 0.0
            elif s[ACCEPTED * LANES + l] > 0.0:
                end = s[END * LANES + l]
                if s[OUT_AT * LANES + l] <= end:
                    output[l] = _outputs(
                        interpolate, observe, s, l, output[l], end, n, rows.new, rows.observed > 0, times, columns,
                        parameters[w], y, outputs, values[w],
                    )  # fmt: skip
                limit = s[LIMIT * LANES + l]
                if s[(rows.state + watched) * LANES + l] < limit <= s[(rows.new + watched) * LANES + l]:
                    theta = _locate(interpolate, s, rows, watch, l, y)
                    results.crossing[w] = s[T * LANES + l] + theta * s[H * LANES + l]
                    s[LIMIT * LANES + l] = math.inf
                pending = pending or end >= s[STOP_AT * LANES + l]
        _accept(s, lanes, old, new, 2 * n)
