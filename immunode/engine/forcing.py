"""See what time brings inside a step, between the places at which its method looks: pulses, rhythms.

A patient at rest takes ever longer steps, and a step sees the equations at a few places alone. So where a step is long
beside the time itself, what time moves of the slopes (the states held) is compared, on a fine mesh, with the polynomial
through six places; what the difference would do to the state, which forgets at its own rate, is an error of the step
beside the method's own. The mesh depends on the step alone: no output changes it.
"""

import math

import numpy as np
from numba import njit

from immunode.engine import calls
from immunode.engine.constants import ATONCE, COARSE, ERR, GONE, LANES, NEVER, H, T
from immunode.engine.signatures import INLINE, PART

_NEAR, _FAR = (math.sqrt((7 + sign * 2 * math.sqrt(7)) / 21) / 2 for sign in (-1, 1))
# where a step looks: one of an explicit method (tsit5), whose own estimate sees little between its second place and its
# fourth; of a stiff one, whose estimate does, Lobatto's places
_PLACES = np.array(
    [(0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0), (0.0, 0.5 - _FAR, 0.5 - _NEAR, 0.5 + _NEAR, 0.5 + _FAR, 1.0)]
)
# the polynomial's coefficients, of the values at these places
_POLYNOMIALS = np.linalg.inv(np.array([np.vander(places, increasing=True) for places in _PLACES]))
_RESPONSE, _WORST = COARSE, COARSE + 1
_ENOUGH = 10.0  # tolerances, with which a step is rejected


@njit(**INLINE)
def beside_pulse(t, at, width, top):
    """Return how far from t the next place may be beside exp(top - (t - at)^2 / (2 width^2)): up to where it begins."""
    reach = width * math.sqrt(2.0 * (40.0 + max(top, 0.0)))
    ahead = at - reach - t
    near = 0.5 * width if t < at + reach else NEVER
    return ahead if ahead > 0.0 else near


@njit(**PART)
def look(kernels, s, rows, rtol, who, x, scratch):
    """Raise the error of the steps that would be accepted though they miss what time brings."""
    for j in range(rows.lanes):
        error = s[ERR * LANES + j]
        if (
            who[j] >= 0
            and s[H * LANES + j] > 0.0
            and error <= 1.0
            and calls.places(kernels, s, j, 0.0, x, scratch.cells) > 1
        ):
            missed = _missed(kernels, s, rows, rtol, j, x, scratch.cells, scratch.forced, scratch.coarse)
            s[ERR * LANES + j] = max(error, missed) if missed < 1e300 else error


@njit(**PART)
def _missed(kernels, s, rows, rtol, j, x, cells, fine, coarse):
    """Return the squared error, in units of the tolerance, of what the polynomial through six places misses."""
    time, size, count = s[T * LANES + j], s[H * LANES + j], rows.forced * rows.blocks
    for k in range(COARSE):
        x[k] = time + _PLACES[rows.stiff, k] * size
    calls.forced(kernels, s, j, x, COARSE, rows.blocks, coarse)
    for i in range(count):
        _fit(rows, coarse, i, fine)
    worst, cells[GONE] = 0.0, 0.0
    while cells[GONE] < size and worst <= _ENOUGH:
        m = calls.places(kernels, s, j, cells[GONE], x, cells)
        calls.forced(kernels, s, j, x, m, rows.blocks, fine)
        for i in range(count):
            _respond(coarse, fine, i, fine[count + i % rows.forced, 0], x, cells, m, time, size)
            state = int(fine[count + rows.forced + i % rows.forced, 0]) + (i // rows.forced) * rows.stride
            y = max(abs(s[(rows.state + state) * LANES + j]), abs(s[(rows.new + state) * LANES + j]))
            worst = max(worst, coarse[i, _WORST] / (s[(rows.atol + state) * LANES + j] + rtol * y))
    return worst * worst


@njit(**PART)
def _fit(rows, coarse, i, work):
    """Make of the values in row i the coefficients of the polynomial through them."""
    for k in range(COARSE):
        work[i, k] = coarse[i, k]
    for k in range(COARSE):
        total = 0.0
        for q in range(COARSE):
            total += _POLYNOMIALS[rows.stiff, k, q] * work[i, q]
        coarse[i, k] = total
    coarse[i, _RESPONSE] = coarse[i, _WORST] = 0.0


@njit(**PART)
def _respond(coarse, fine, i, rate, x, cells, m, time, size):
    """Follow what a state that forgets at `rate` would do of the difference in m cells."""
    c0, c1, c2, c3, c4, c5 = coarse[i, 0], coarse[i, 1], coarse[i, 2], coarse[i, 3], coarse[i, 4], coarse[i, 5]
    for o in range(m):
        z = (x[o] - time) / size
        value = fine[i, o] - (c0 + z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * c5)))))
        left = 1.0 / (1.0 + rate * cells[o])
        fine[i, o], cells[ATONCE + 1 + o] = value * cells[o] * left, left
    response, worst = coarse[i, _RESPONSE], coarse[i, _WORST]
    for o in range(m):
        response = response * cells[ATONCE + 1 + o] + fine[i, o]
        worst = max(worst, abs(response))
    coarse[i, _RESPONSE], coarse[i, _WORST] = response, worst
