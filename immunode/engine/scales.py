"""Fit a patient's absolute tolerances to what it has been given so far, where a model declares no scale.

They are raised at a dose and depend on nothing that comes after it, so that no later dose changes an earlier bit.
`immunode/model/scales.py` says the rule in words, and in NumPy.
"""

import math

from numba import njit

from immunode.engine.constants import ADD, DECLARED, FEEDS, LANES, MULTIPLY, OTHER, RATE, UNDECLARED
from immunode.engine.signatures import PART


@njit(**PART)
def receive(s, rows, j, w, e, last, table, gain, kin, received):
    """Take in what the events e..last-1, which have happened, brought patient w; return whether it is more than ever.

    The last column of the table is what an event brings: of an infusion an amount, and 1 of a multiplication.
    """
    more = False
    for k in range(e, last):
        kind, i, size = int(table[k, 1]), int(table[k, 2]), table[k, 4]
        if size > 0.0 and kin[i, i] == UNDECLARED:
            if kind == MULTIPLY:
                size = abs(s[(rows.state + i) * LANES + j])
            elif kind in (ADD, RATE):
                size *= gain[w, i]
            if size > received[w, i]:
                received[w, i], more = size, True
    return more


@njit(**PART)
def _tolerance(q, w, atol, kin, received, states):
    """Return the absolute tolerance of state q of patient w; `atol` is that of a scale of 1 where none is declared."""
    if kin[q, q] == DECLARED:
        return atol[q]
    if received[w, q] > 0.0:
        return atol[q] * received[w, q]
    least = math.inf
    for i in range(states):
        if kin[i, q] == FEEDS and i != q:
            known = atol[i] * received[w, i] if kin[i, i] == UNDECLARED else atol[i]
            if 0.0 < known < least:
                least = known
    return least if least < math.inf else atol[q]


@njit(**PART)
def fit(s, rows, j, w, atol, kin, received, origin, scale):
    """Write the tolerances of patient w, in lane j, into the rows of every block.

    A direction along the initial value of state i (its origin) is as small beside each state as its length is beside
    the scale of i, and nowhere larger than its length in states of that unit.
    """
    for q in range(rows.states):
        s[(rows.atol + q) * LANES + j] = _tolerance(q, w, atol, kin, received, rows.states)
    for b in range(1, rows.blocks):
        i = origin[b - 1]
        for q in range(rows.states):
            tolerance = s[(rows.atol + q) * LANES + j]
            if i >= 0 and kin[i, i] == UNDECLARED:
                longest = atol[i] * scale[w, b - 1]
                tolerance *= longest / s[(rows.atol + i) * LANES + j]
                if kin[i, q] != OTHER and tolerance > longest:
                    tolerance = longest
            s[(rows.atol + b * rows.stride + q) * LANES + j] = tolerance
