"""The one integration loop: steps, their size, events, outputs, crossings and refill of lanes, for any generated step.

A lane is a patient, j its number. The first rows of the scratch are the loop's own, each LANES long; the model's rows
follow. Lanes never read each other, so that a patient's result does not depend on the neighbours, bit for bit.
"""

import math

import numpy as np
from numba import njit

from immunode.engine.cache import cached
from immunode.engine.signatures import PART, RUN

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


@njit(**PART)
def _aim(s, lanes):
    """Set the step of each lane: zero where the slope is wanted or the lane is idle, else up to the next stop."""
    for j in range(lanes):
        left = s[STOP_AT * LANES + j] - s[T * LANES + j]
        size, fresh = s[TRY * LANES + j], s[FRESH * LANES + j]
        size = size if size * 1.0000001 < left else left
        s[H * LANES + j] = 0.0 if fresh > 0.0 else size


@njit(**PART)
def _control(s, lanes, max_steps):
    """Accept or reject the step of each lane, set the next size, and mark the lanes that need a look."""
    for j in range(lanes):
        error, size, time = s[ERR * LANES + j], s[H * LANES + j], s[T * LANES + j]
        wanted, stop, fresh = s[TRY * LANES + j], s[STOP_AT * LANES + j], s[FRESH * LANES + j]
        output, grow, tried, taken = (
            s[OUT_AT * LANES + j],
            s[GROW * LANES + j],
            s[TRIED * LANES + j],
            s[TAKEN * LANES + j],
        )
        # near error^(-1/10), by square roots since pow would not become vector code; gentle around 1, where a
        # stronger answer makes steps that are limited by stability swing and be rejected more often
        ratio = 1.0 / math.sqrt(math.sqrt(math.sqrt(error if error > 1e-30 else 1e-30)))
        factor = 0.9 * (ratio if ratio < 1.0 else 0.4 + 0.6 * ratio)
        factor = factor if factor < grow else grow
        factor = factor if factor > 0.2 else 0.2  # also for NaN
        accepted, zero = error <= 1.0, fresh > 0.0
        end = time + size
        end = stop if stop - time <= size else end
        # a step cut short by a stop, or one of size zero, does not forget the size wanted before
        wanted = wanted if zero | ((size < wanted) & (factor >= 1.0)) else 0.0
        factor *= size
        tried += 0.0 if zero else 1.0
        due = accepted & ((end >= output) | (end >= stop))
        s[END * LANES + j] = end
        # never a choice between a row and its old value: that becomes a masked store, slow on some machines
        s[TRY * LANES + j] = wanted if wanted > factor else factor
        s[GROW * LANES + j] = 6.0
        s[ACCEPTED * LANES + j] = 1.0 if accepted else 0.0
        s[TRIED * LANES + j] = tried
        s[TAKEN * LANES + j] = taken + (1.0 if accepted & (fresh <= 0.0) else 0.0)
        s[LOOK * LANES + j] = (1.0 if due | zero | (tried >= max_steps) else 0.0) if accepted else 1.0


@njit(**PART)
def _watch(s, lanes, watched, watched_new):
    """Mark the lanes whose watched state crosses its limit in an accepted step."""
    for j in range(lanes):
        below, above, limit = s[watched * LANES + j], s[watched_new * LANES + j], s[LIMIT * LANES + j]
        if (s[ACCEPTED * LANES + j] > 0.0) & (below < limit) & (above >= limit):
            s[LOOK * LANES + j] = 1.0


@njit(**PART)
def _list(s, lanes, looks):
    """Write the lanes that need a look into `looks`, by no branch that a processor would guess wrong; count them."""
    count = 0
    for j in range(lanes):
        looks[count] = j
        count += 1 if s[LOOK * LANES + j] != 0.0 else 0
    return count


@njit(**PART)
def _reject(s, j, old, new, size):
    """Make what is about to be accepted in lane j what it was before the step."""
    for i in range(size):
        new[i * LANES + j] = old[i * LANES + j]
    s[END * LANES + j] = s[T * LANES + j]


@njit(**PART)
def _accept(s, lanes, old, new):
    """Move all lanes on: time, and state and slope, flushed where they have decayed to nothing."""
    for i in range(old.size):
        value = new[i]
        old[i] = value if abs(value) > _FLUSH else 0.0
    for j in range(lanes):
        s[T * LANES + j] = s[END * LANES + j]


# Arrays come one by one, not in a NamedTuple, to what runs for every output or event: each array taken out of a tuple
# costs two atomic operations. So does each argument of a function that calls a pointer: only `run` does.


@njit(**PART)
def _write(values, w, q, columns, states, y, seen):
    """Write output q of patient w: the columns asked for of its state y and of what the model observes."""
    for c in range(columns.size):
        k = columns[c]
        values[w, q, c] = y[k] if k < states else seen[k - states]


@njit(**PART)
def _copy(s, first, states, j, y):
    """Copy the state in rows `first`.. of lane j as it will be accepted."""
    for i in range(states):
        value = s[(first + i) * LANES + j]
        y[i] = value if abs(value) > _FLUSH else 0.0


@njit(**PART)
def _locate(interpolate, s, watched, watched_new, j, y, i):
    """Return the fraction of the step at which the watched state reaches its limit (Illinois on the dense output)."""
    limit = s[LIMIT * LANES + j]
    low, high = 0.0, 1.0
    below = s[watched * LANES + j] - limit
    above = s[watched_new * LANES + j] - limit
    side = 0
    for _ in range(200):
        if high - low <= 1e-13 or above == 0.0:
            break
        middle = (low * above - high * below) / (above - below)
        if not low < middle < high:
            middle = 0.5 * (low + high)
        interpolate(s, j, middle, y)
        value = y[i] - limit
        if value < 0.0:
            low, below = middle, value
            above *= 0.5 if side == -1 else 1.0
            side = -1
        else:
            high, above = middle, value
            below *= 0.5 if side == 1 else 1.0
            side = 1
    return high


@njit(**PART)
def _refresh(s, rows, rtol, j):
    """Use the slope that a step of size zero gave: guess a first step if asked to.

    The guess is 1 % of the time in which the state would change by itself (Hairer, Norsett, Wanner, Solving Ordinary
    Differential Equations I, II.4), and the step after it may grow freely.
    """
    if s[FRESH * LANES + j] == _GUESS:
        size, slope = 0.0, 0.0
        for i in range(rows.states):
            y = abs(s[(rows.new + i) * LANES + j])
            scale = s[(rows.atol + i) * LANES + j] + rtol * y
            size += (y / scale) ** 2
            slope += (s[(rows.new + rows.states + i) * LANES + j] / scale) ** 2
        guess = 0.1 * (s[STOP_AT * LANES + j] - s[T * LANES + j])
        if slope > 0.0:  # a state below 100 tolerance units says nothing: let it move by one
            guess = min(guess, 0.01 * math.sqrt(max(size, 1e4) / slope))
        s[TRY * LANES + j] = min(s[TRY * LANES + j], guess)
        s[GROW * LANES + j] = 50.0
    s[FRESH * LANES + j] = 0.0


@njit(**PART)
def _events(s, rows, j, w, e, last, finish, watched, table, infusion, gain, crossing):
    """Apply the events of patient w that are due, set the next stop, ask for the slope; return the next event."""
    time, changed, before = s[T * LANES + j], False, s[watched * LANES + j]
    while e < last and table[e, 0] <= time:
        kind, i, value = int(table[e, 1]), int(table[e, 2]), table[e, 3]
        at = (rows.state + i) * LANES + j
        if kind == ADD:
            s[at] += value * gain[w, i]
        elif kind == REPLACE:
            s[at] = value
        elif kind == MULTIPLY:
            s[at] *= value
        elif kind == RATE:
            at = (rows.rate + infusion[i]) * LANES + j
            value *= gain[w, i]
            rate = s[at] + value
            # overlapping infusions that have all ended leave no residue of rounding
            s[at] = rate if abs(rate) > 1e-14 * abs(value) else 0.0
        changed = changed or kind != STOP
        e += 1
    if before < s[LIMIT * LANES + j] <= s[watched * LANES + j]:
        crossing[w] = time
        s[LIMIT * LANES + j] = math.inf
    s[STOP_AT * LANES + j] = min(table[e, 0], finish) if e < last else finish
    _ask(s, rows, j, _GUESS if changed or s[TRY * LANES + j] > _NEVER else _KEEP)
    return e


@njit(**PART)
def _ask(s, rows, j, then):
    """Ask for a step of size zero, which gives the slope, and `then` to guess a step size or keep the one there is."""
    for i in range(rows.states):  # it multiplies the old slope by zero, which must be finite for that
        s[(rows.state + rows.states + i) * LANES + j] = 0.0
    s[FRESH * LANES + j] = then


@njit(**PART)
def _start(s, rows, settings, j, w, y0, rate, step, limit, hoisted, output):
    """Put patient w into lane j, before its first event; `output` is the first output time."""
    for i in range(rows.hoisted):
        s[(rows.parameter + i) * LANES + j] = hoisted[i]
    for i in range(rows.states):
        s[(rows.state + i) * LANES + j] = y0[w, i]
    for i in range(rows.infused):
        s[(rows.rate + i) * LANES + j] = rate[w, i]
    # a stop at the start: what is due there, the output before the event and then the event, goes the usual way
    s[T * LANES + j] = s[STOP_AT * LANES + j] = settings.start
    s[OUT_AT * LANES + j] = output
    s[TRY * LANES + j] = step if step > 0.0 else math.inf
    s[TAKEN * LANES + j] = s[TRIED * LANES + j] = 0.0
    s[LIMIT * LANES + j] = limit
    _ask(s, rows, j, _KEEP)


@njit(**PART)
def _segment(plan, w, start):
    """Return the first event of patient w from `start` on, and the end of its segment."""
    e, last = plan.first[plan.segment[w]], plan.first[plan.segment[w] + 1]
    while e < last and plan.table[e, 0] < start:
        e += 1
    return e, last


@njit(**PART)
def _finish(s, rows, j, w, status, results, first):
    """Write how patient w ended, nan for the outputs from `first` on, and empty lane j."""
    results.values[w, first:, :] = np.nan
    for i in range(rows.states):
        results.state[w, i] = s[(rows.state + i) * LANES + j]
    for i in range(rows.infused):
        results.rate[w, i] = s[(rows.rate + i) * LANES + j]
    results.step[w] = s[TRY * LANES + j]
    results.steps[w] = int(s[TAKEN * LANES + j])
    results.rejected[w] = int(s[TRIED * LANES + j] - s[TAKEN * LANES + j])
    results.status[w] = status
    _empty(s, rows, j)


@njit(**PART)
def _empty(s, rows, j):
    """Give an idle lane numbers that cost nothing and never ask for a look."""
    for i in range(rows.state, rows.parameter):
        s[i * LANES + j] = 0.0
    for row in (T, TRY, ACCEPTED, FRESH, TAKEN):
        s[row * LANES + j] = 0.0
    s[STOP_AT * LANES + j] = s[OUT_AT * LANES + j] = _NEVER
    s[LIMIT * LANES + j] = math.inf
    s[TRIED * LANES + j] = -_NEVER


@njit(**PART)
def _worst(s, rows, rtol, j):
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


@cached(RUN)
def run(step, interpolate, observe, hoist, rows, settings, patients, plan, results, flags, block, begin, stop):
    """Solve patients begin..stop-1 and write `results`; flags[0] != 0 cancels, flags[1 + block] counts the finished.

    The generated functions come as pointers, so that this is compiled once per machine and not once per model.
    """
    n, lanes, watch, max_steps = rows.states, rows.lanes, settings.watch, float(settings.max_steps)
    table, infusion, times, columns = plan.table, plan.infusion, plan.times, plan.columns
    parameters, gain, values, crossing = patients.parameters, patients.gain, results.values, results.crossing
    s, y, seen, hoisted = np.zeros(rows.total * LANES), np.empty(n), np.empty(rows.observed), np.empty(rows.hoisted)
    who, event, output = np.full(LANES, -1), np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    last, looks = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    old, new = s[rows.state * LANES : rows.new * LANES], s[rows.new * LANES : rows.parameter * LANES]
    watched, watched_new = rows.state + max(watch, 0), rows.new + max(watch, 0)
    for i in range(n):
        s[(rows.atol + i) * LANES : (rows.atol + i + 1) * LANES] = plan.atol[i]
    for j in range(LANES):
        _empty(s, rows, j)
    following, live, pending = begin, 0, True
    while flags[0] == 0:
        if pending:
            pending = False
            for j in range(lanes):
                w = who[j]
                if w >= 0 and s[T * LANES + j] >= s[STOP_AT * LANES + j]:
                    if s[T * LANES + j] < settings.end:
                        event[j] = _events(
                            s, rows, j, w, event[j], last[j], settings.end, watched, table, infusion, gain, crossing
                        )
                    else:
                        _finish(s, rows, j, w, np.int64(OK), results, output[j])
                        who[j] = -1
                while who[j] < 0 and following < stop:
                    w = following
                    following += 1
                    if patients.skip[w] == 0:
                        hoist(parameters[w], hoisted)
                        limit = patients.threshold[w] if watch >= 0 and math.isnan(crossing[w]) else math.inf
                        due = times[0] if times.size else _NEVER
                        _start(
                            s, rows, settings, j, w, patients.y0, patients.rate, patients.step[w], limit, hoisted, due
                        )
                        who[j], output[j] = w, 0
                        event[j], last[j] = _segment(plan, w, settings.start)
                    else:
                        values[w] = np.nan
            live = lanes - np.sum(who < 0)
            flags[1 + block] = following - begin - live
            if live == 0:
                return
        _aim(s, lanes)
        step(s, settings.rtol)
        _control(s, lanes, max_steps)
        if watch >= 0:
            _watch(s, lanes, watched, watched_new)
        for k in range(_list(s, lanes, looks)):
            j = looks[k]
            w = who[j]
            if w < 0:
                continue
            status = _failed(s, j, max_steps)
            if status != OK:
                results.status_time[w], results.status_state[w] = s[T * LANES + j], _worst(s, rows, settings.rtol, j)
                _finish(s, rows, j, w, status, results, output[j])
                who[j], pending = -1, True
            elif s[ACCEPTED * LANES + j] > 0.0:
                time, size, end, q = s[T * LANES + j], s[H * LANES + j], s[END * LANES + j], output[j]
                if s[FRESH * LANES + j] > 0.0:
                    _refresh(s, rows, settings.rtol, j)
                while q < times.size and times[q] <= end:
                    if times[q] < end:
                        interpolate(s, j, (times[q] - time) / size, y)
                    else:  # the state itself: what a solve that ends here returns
                        _copy(s, rows.new, n, j, y)
                    if rows.observed > 0:
                        observe(times[q], y, parameters[w], seen)
                    _write(values, w, q, columns, n, y, seen)
                    q += 1
                output[j] = q
                s[OUT_AT * LANES + j] = times[q] if q < times.size else _NEVER
                limit = s[LIMIT * LANES + j]
                if s[watched * LANES + j] < limit <= s[watched_new * LANES + j]:
                    crossing[w] = time + size * _locate(interpolate, s, watched, watched_new, j, y, max(watch, 0))
                    s[LIMIT * LANES + j] = math.inf
                pending = pending or end >= s[STOP_AT * LANES + j]
            else:
                _reject(s, j, old, new, 2 * n)
        _accept(s, lanes, old, new)
