"""Apply what happens to a patient between two steps: doses, infusions, resets, and events that a parameter moves.

An event at a time that depends on a parameter moves a sensitivity S by more than its own value: S+ = S- + (f- - f+) dt,
where f- and f+ are the slopes before and after it and dt the change of its time along the direction (the "jump" of
hybrid systems: Rozenwasser 1967; Hiskens, Pai 2000, doi:10.1109/81.828574). Both slopes are asked for, one after the
other, by steps of size zero.
"""

import math

from numba import njit

from immunode.engine.constants import (
    ADD,
    COUNT,
    DRIP,
    FRESH,
    GUESS,
    KEEP,
    LANDED,
    LANES,
    LIMIT,
    MULTIPLY,
    NEVER,
    PARAMETER,
    PUT,
    RATE,
    REPLACE,
    RESET,
    STOP,
    STOP_AT,
    TRY,
    UNSMOOTH,
    WAITING,
    T,
)
from immunode.engine.signatures import PART

# what is added, and infusion rates, are multiplied by the patient's gain; PUT and DRIP are the same without it. RESET
# ends infusions. At PARAMETER the loop changes a parameter, at OUTPUT it writes the next output.


@njit(**PART)
def happen(s, rows, j, w, e, last, finish, watched, table, along, slip, infusion, gain, crossing, jump, before):
    """Apply the events of patient w that are due, set the next stop, ask for the slope; return the next event.

    It stops at an event that is the loop's to handle, and where an event that moves needs a slope.
    """
    time, was = s[T * LANES + j], s[watched * LANES + j]
    changed = s[FRESH * LANES + j] == GUESS
    if jump[j] == LANDED:
        for b in range(1, rows.blocks):
            for i in range(rows.states):
                f = before[j, i] - s[(rows.state + rows.states + i) * LANES + j]
                s[(rows.state + b * rows.stride + i) * LANES + j] += f * slip[e - 1, b - 1]
        jump[j], changed = 0, True
    while e < last and table[e, 0] <= time and table[e, 1] < PARAMETER and jump[j] != LANDED:
        if slip.shape[0] > 0 and _moves(slip, e):
            if slip[e, 0] != slip[e, 0]:
                jump[j] = UNSMOOTH
                break
            if jump[j] == 0:
                jump[j] = WAITING
                break
            for i in range(rows.states):
                before[j, i] = s[(rows.state + rows.states + i) * LANES + j]
            jump[j] = LANDED
        _apply(s, rows, j, w, e, table, along, infusion, gain)
        changed = changed or table[e, 1] != STOP
        e += 1
    if was < s[LIMIT * LANES + j] <= s[watched * LANES + j]:
        crossing[w] = time
        s[LIMIT * LANES + j] = math.inf
    if jump[j] == 0:
        s[STOP_AT * LANES + j] = min(table[e, 0], finish) if e < last else finish
    guess = jump[j] == 0 and (changed or s[TRY * LANES + j] > NEVER)
    ask(s, rows, j, GUESS if guess else KEEP)
    return e


@njit(**PART)
def _moves(slip, e):
    """Return whether the time of event e changes along any direction."""
    moved = False
    for k in range(slip.shape[1]):
        moved = moved or slip[e, k] != 0.0
    return moved


@njit(**PART)
def _apply(s, rows, j, w, e, table, along, infusion, gain):
    """Apply event e to every block: the patient's own, then each direction's."""
    kind, i, value = int(table[e, 1]), int(table[e, 2]), table[e, 3]
    for b in range(rows.blocks):
        at = (rows.state + b * rows.stride + i) * LANES + j
        amount = value if b == 0 else along[e, b - 1] if along.shape[0] > 0 else 0.0
        if kind == REPLACE:
            s[at] = amount
        elif kind == MULTIPLY:
            s[at] *= value
        elif kind == PUT:
            s[at] += amount
        elif kind in (ADD, RATE, DRIP):
            change = amount if kind == DRIP else amount * gain[w, i]
            if kind == ADD:
                s[at] += change
            else:
                at = (rows.rate + b * rows.stride + infusion[i]) * LANES + j
                rate = s[at] + change
                # overlapping infusions that have all ended leave no residue of rounding
                s[at] = rate if abs(rate) > 1e-14 * abs(change) else 0.0
        elif kind == RESET:
            for r in range(rows.infused):
                s[(rows.rate + b * rows.stride + r) * LANES + j] = 0.0


@njit(**PART)
def ask(s, rows, j, then):
    """Ask for a step of size zero, which gives the slope, and `then` to guess a step size or keep the one there is."""
    for b in range(rows.blocks):
        for i in range(rows.states):  # it multiplies the old slope by zero, which must be finite for that
            s[(rows.state + b * rows.stride + rows.states + i) * LANES + j] = 0.0
    s[FRESH * LANES + j] = then
    s[COUNT * LANES + j] = 0.0
