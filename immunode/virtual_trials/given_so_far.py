"""What each patient was given before a visit: doses, cycles, and amounts, as conditions of rules ask."""

from collections.abc import Sequence

import numpy as np

from immunode.conditions import Comparison
from immunode.regimen import Regimen
from immunode.simulation.doses_within import length_of, shares
from immunode.virtual_trials.prescribed import amount_of
from immunode.virtual_trials.recurring import Histories

Taken = tuple[Sequence[Regimen], np.ndarray]  # regimens, and which of them each patient took (n,)


def given_before(
    one: Comparison, taken: Taken, histories: Histories, first: float | np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Return how many doses were taken, which amount in the unit of the bound, or how many cycles begun, from the day
    `first` to before the visit, on days `at`, shape (n,).

    A dose on the day of the visit comes after it. Of an infusion what was given by then counts, and a cycle from its
    first day, as in `amounts_given`.
    """
    cycles = one.quantity.kind == "cycles"
    plans, which = ([], histories.which) if cycles else taken
    out, begin = np.zeros(len(at)), np.broadcast_to(first, at.shape)
    for k in np.unique(which).tolist():
        rows = np.flatnonzero(which == k)
        time, length, size = _begun(histories.every[k].starts) if cycles else _doses(plans[k], one.bound.unit)
        begins, share = shares(time, length, begin[rows, None], at[rows, None])
        out[rows] = _sums(share * size) if one.bound.unit else begins.sum(axis=1)
    return out


def _sums(parts: np.ndarray) -> np.ndarray:
    """Return the sum of each row but for rounding: ten times 0.1 MIU are 1 MIU, and not below."""
    each, place = np.unique(parts.sum(axis=1), return_inverse=True)
    return np.array([float(f"{amount:.12g}") for amount in each.tolist()])[place]


def _begun(starts: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cycles as doses of no length."""
    times = np.array(starts, dtype=float)
    return times, np.zeros(len(times)), np.ones(len(times))


def _doses(regimen: Regimen, unit: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return when doses are due, for how long each is given, and its size in a unit; 0 of another kind."""
    doses = [dose for dose in regimen.doses if dose.action == "add" and dose.amount > 0]
    columns = [(dose.time, length_of(dose), amount_of(dose, unit) if unit else 1.0) for dose in doses]
    time, length, size = np.array(columns, dtype=float).reshape(-1, 3).T
    return time, length, size
