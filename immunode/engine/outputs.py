"""Write what is due inside an accepted step: outputs, all of a step at once, and where a state reaches its limit."""

from numba import njit

from immunode.engine import calls
from immunode.engine.constants import ATONCE, FLUSH, LANES, LIMIT
from immunode.engine.signatures import PART


@njit(**PART)
def fractions(times, due, q, until, time, size, end, before, x):
    """Write into x where in the step the outputs from q to `until` lie that are due; return how many.

    Due is what lies before `before` and not behind the end of the step.
    """
    m = 0
    while m < ATONCE and q + m < until and due[q + m] <= end and due[q + m] < before:
        x[m] = max((times[q + m] - time) / size, 0.0) if size > 0.0 else 0.0
        m += 1
    return m


@njit(**PART)
def write(values, row, m, columns, blocks, states, observed, y, seen):
    """Write m outputs into values from `row` on: the columns asked for of the states y and of what was `seen`."""
    for b in range(blocks):
        for i in range(columns.size):
            k = columns[i]
            at = b * columns.size + i
            if k < states:
                for o in range(m):
                    values[row + o, at] = y[b * states + k, o]
            else:
                for o in range(m):
                    values[row + o, at] = seen[b * observed + k - states, o]


@njit(**PART)
def copy(s, rows, first, j, y, o):
    """Copy the state in rows `first`.. of each block of lane j, as it will be accepted, into column o of y."""
    for b in range(rows.blocks):
        for i in range(rows.states):
            value = s[(first + b * rows.stride + i) * LANES + j]
            y[b * rows.states + i, o] = value if abs(value) > FLUSH else 0.0


@njit(**PART)
def locate(kernels, s, watched, watched_new, j, x, y, i):
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
        x[0] = middle
        calls.interpolate(kernels, s, 0, j, x, 1, y, 0)
        value = y[i, 0] - limit
        if value < 0.0:
            low, below = middle, value
            above *= 0.5 if side == -1 else 1.0
            side = -1
        else:
            high, above = middle, value
            below *= 0.5 if side == 1 else 1.0
            side = 1
    return high
