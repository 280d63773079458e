"""Follow equations between switches by SciPy, and find where a level crosses zero: the reference of the fuzz.

DOP853 at 1e-11; levels are looked at in the dense output at places of every step. It knows nothing of immunode.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import DOP853
from scipy.optimize import brentq, minimize_scalar

PLACES = np.arange(10) / 8  # of a step; the last lies behind it, to see a dip at its end
PAST = 1e-13  # of the amounts: how far behind zero a level is when it has been crossed
GRAZING = 1e-6  # of the amounts: what comes so near to zero and turns may cross or not, by rounding
TOUCHED, TOGETHER, MANY = "a level is touched", "two things come together", "too many switches"


class Grazed(Exception):
    """Say why rounding decides what comes: a level touches zero, two things come together."""


class Pushed(Exception):
    """Say at which time both sides of a switch push back to it, so that there is no solution that goes on."""


class Ended(Exception):
    """Say with which status of immunode a patient must end."""


@dataclass(frozen=True)
class Reached:
    """Hold where a stretch ended, and which levels are crossed there."""

    time: float
    state: np.ndarray
    crossed: np.ndarray


def follow(slopes, levels, span, state, size, max_step=np.inf):
    """Return how far slopes(t, x) are followed over span: to its end, or to where the first of `levels` falls below 0.

    levels(t, x) returns rows of numbers at times t, x (states, times); all are above zero at the start, or just behind
    it. `size` is that of the amounts.
    """
    count = len(levels(np.array(span[:1]), np.array(state)[:, None]))
    solver = DOP853(slopes, *(span[0], state, span[1]), rtol=1e-11, atol=1e-13 * size, max_step=max_step)
    while solver.status == "running":
        solver.step()
        if solver.status == "failed":
            raise AssertionError("SciPy's step is too small")
        if not count:
            continue
        dense = solver.dense_output()
        time = _first(lambda t, at=dense: levels(t, at(t)) + PAST * size, solver.t_old, solver.t, size)
        if time is not None:
            end = dense(time)
            crossed = levels(np.array([time]), end[:, None])[:, 0] + PAST * size <= 0.1 * PAST * size
            return Reached(time, end, crossed)
    return Reached(solver.t, solver.y, np.zeros(count, bool))


def _first(values, begin, end, size):
    """Return the first time at which one of the rows of values(t) falls below zero within a step, None where none."""
    times = begin + PLACES * (end - begin)
    table, first = values(times), None
    for row in range(len(table)):
        time = _root(lambda t, i=row: float(values(np.array([t]))[i, 0]), times, table[row], size)
        if time is not None and time <= end:
            first = time if first is None else min(first, time)
    return first


def _root(value, times, row, size):
    for k in range(1, len(row)):
        if row[k] <= 0:
            time = brentq(value, times[k - 1], times[k], xtol=1e-15, rtol=1e-15) if row[k - 1] > 0 else times[k - 1]
            return np.nextafter(time, np.inf) if value(time) > 0 else time
        if k + 1 < len(row) and row[k - 1] > row[k] <= row[k + 1]:
            bend = row[k - 1] - 2 * row[k] + row[k + 1]
            lowest = row[k] - (row[k + 1] - row[k - 1]) ** 2 / (8 * bend)
            if lowest < 0.5 * row[k] or lowest < GRAZING * size:
                dip = minimize_scalar(value, bounds=(times[k - 1], times[k + 1]), method="bounded",
                                      options={"xatol": 1e-12})  # fmt: skip
                if abs(dip.fun) < GRAZING * size:
                    raise Grazed(TOUCHED)
                if dip.fun < 0:
                    return brentq(value, times[k - 1], dip.x, xtol=1e-15, rtol=1e-15)
    return None
