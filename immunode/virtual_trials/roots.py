"""Roots of one number for each patient, each on its own: the rest of a batch moves no bit of one that has arrived."""

from collections.abc import Callable

import numpy as np

Miss = Callable[[np.ndarray, np.ndarray], np.ndarray]  # values and rows of patients -> by how much they miss
_SECANTS = 8  # they double the digits at each
_HALVINGS = 100


def by_secants(
    miss: Miss, first: np.ndarray, wanted: np.ndarray, low: np.ndarray, high: np.ndarray, enough: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return per-patient roots of `miss(values, patients)` between `low` and `high`, and who was not led to one.

    The first secant is through the origin: most baselines are nearly proportional to what decides them. A patient who
    has arrived is left alone, so that the rest of the batch cannot move its last bits.
    """
    best, missed = first.copy(), np.ones(len(first), dtype=bool)
    rows, before, at_before = np.arange(len(first)), np.zeros(len(first)), -wanted
    for _ in range(_SECANTS):
        here = best[rows]
        error = miss(here, rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            guess = here - error * (here - before) / (error - at_before)
        guess = np.clip(guess, low[rows], high[rows])
        arrived = np.abs(error) <= enough[rows]
        missed[rows[arrived]] = False
        on = ~arrived & np.isfinite(guess) & (guess != here)
        best[rows[on]] = guess[on]
        rows, before, at_before = rows[on], here[on], error[on]
        if not rows.size:
            break
    return best, missed


def bracketed_root(
    miss: Miss, patients: np.ndarray, low: np.ndarray, high: np.ndarray, enough: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return per-patient roots of the rising function `miss(values, patients)` and who has none, by the Illinois
    method.

    A patient who has arrived is left alone, so that the rest of the batch cannot move its last bits.
    """
    low, high = low.copy(), high.copy()
    everyone = np.arange(len(low))
    at_low, at_high = miss(low, patients), miss(high, patients)
    none = ~((at_low <= 0) & (at_high >= 0))
    best = np.where(np.abs(at_low) < np.abs(at_high), low, high)
    side = np.zeros(len(low))
    rows = everyone[~none & (np.minimum(np.abs(at_low), np.abs(at_high)) > enough)]
    for _ in range(_HALVINGS):
        if not rows.size:
            return best, none
        a, b, fa, fb = low[rows], high[rows], at_low[rows], at_high[rows]
        guess = (a * fb - b * fa) / (fb - fa)
        guess = np.where((guess > a) & (guess < b), guess, 0.5 * (a + b))
        error = miss(guess, patients[rows])
        best[rows] = guess
        above = error > 0
        at_low[rows] = np.where(above, np.where(side[rows] > 0, 0.5 * fa, fa), error)
        at_high[rows] = np.where(above, error, np.where(side[rows] < 0, 0.5 * fb, fb))
        low[rows], high[rows] = np.where(above, a, guess), np.where(above, guess, b)
        side[rows] = np.where(above, 1.0, -1.0)
        rows = rows[np.abs(error) > enough[rows]]
    none[rows] = True
    return best, none
