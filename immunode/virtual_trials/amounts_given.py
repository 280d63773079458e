"""What patients of an arm were given within the trial: doses, cycles, and amounts in the unit of each dosed state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.doses_within import given_within
from immunode.virtual_trials.recurring import Histories


@dataclass(frozen=True, eq=False)
class AmountsGiven:
    """Hold what each patient was given by the last visit: `doses` and `cycles` (n,), `amount` (n,) by dosed state."""

    doses: np.ndarray
    cycles: np.ndarray
    amount: Mapping[str, np.ndarray]


def amounts_given(
    model: Model, plans: Sequence[Regimen], which: np.ndarray, histories: Histories, left: np.ndarray, last: float
) -> AmountsGiven:
    """Return what patients took, `which` (n,) of `plans`, before the day of the last visit; a cycle that was prescribed
    counts from its first day, but for who has `left` (n,) by then."""
    given_then = given_within(model, plans, -np.inf, last)
    count = np.sum([np.zeros(len(plans), dtype=np.int64), *given_then.doses.values()], axis=0)
    amount = {state: sums[which] for state, sums in given_then.amount.items()}
    ends = np.minimum(left, last)
    starts = [np.sort(np.asarray(one.starts)) for one in histories.every]
    cycles = np.array([np.searchsorted(starts[k], end) for k, end in zip(histories.which, ends, strict=True)])
    return AmountsGiven(count[which], cycles, amount)
