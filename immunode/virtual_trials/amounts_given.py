"""What patients of an arm were given within the trial: doses, cycles, and amounts in the unit of each dosed state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.engine import ADD
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.dose_table import dose_table
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
    table = dose_table(model, plans)
    owner = np.repeat(np.arange(len(plans)), np.diff(table.first))
    counted = (table.action == ADD) & (table.time < last)
    count = np.bincount(owner[counted], minlength=len(plans))
    amount = {}
    for state in np.unique(table.state[table.action == ADD]):
        rows = counted & (table.state == state)
        sums = np.bincount(owner[rows], weights=table.amount[rows], minlength=len(plans))
        amount[model.states[int(state)].name] = sums[which]
    ends = np.minimum(left, last)
    starts = [np.sort(np.asarray(one.starts)) for one in histories.every]
    cycles = np.array([np.searchsorted(starts[k], end) for k, end in zip(histories.which, ends, strict=True)])
    return AmountsGiven(count[which], cycles, amount)
