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
    cycles, unit = one.quantity.kind == "cycles", one.bound.unit
    used, plan = np.unique(histories.which if cycles else taken[1], return_inverse=True)
    each = [_begun(histories.every[k].starts) if cycles else _doses(taken[0][k], unit) for k in used.tolist()]
    count = np.array([len(times) for times, _, _ in each])
    patient = np.repeat(np.arange(len(at)), count[plan])  # of each dose of each patient, one after another
    place = np.arange(len(patient)) - np.repeat(np.cumsum(count[plan]) - count[plan], count[plan])
    place += (np.cumsum(count) - count)[plan][patient]
    time, length, size = (np.concatenate([of[i] for of in each])[place] for i in range(3))
    begins, share = shares(time, length, np.broadcast_to(first, at.shape)[patient], at[patient])
    total = np.bincount(patient, share * size if unit else begins, minlength=len(at))
    return _rounded(total) if unit else total


def _rounded(sums: np.ndarray) -> np.ndarray:
    """Return sums but for rounding: ten times 0.1 MIU are 1 MIU, and not below."""
    each, place = np.unique(sums, return_inverse=True)
    return np.array([float(f"{amount:.12g}") for amount in each.tolist()])[place]


def _begun(starts: Sequence[float]) -> tuple[list[float], list[float], list[float]]:
    """Return cycles as doses of no length."""
    return list(starts), [0.0] * len(starts), [1.0] * len(starts)


def _doses(regimen: Regimen, unit: str) -> tuple[list[float], list[float], list[float]]:
    """Return when doses are due, for how long each is given, and its size in a unit; 0 of another kind."""
    doses = [dose for dose in regimen.doses if dose.action == "add" and dose.amount > 0]
    sizes = [amount_of(dose, unit) if unit else 1.0 for dose in doses]
    return [dose.time for dose in doses], [length_of(dose) for dose in doses], sizes
