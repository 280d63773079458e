"""What patients of an arm were given within the trial: doses, cycles, and amounts in the unit of each dosed state."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from immunode.engine import ADD
from immunode.model.declaration import Model
from immunode.simulation.dose_table import dose_table
from immunode.virtual_trials.recurring import Histories


@dataclass(frozen=True, eq=False)
class AmountsGiven:
    """Hold what each patient was given by the last visit: `doses` and `cycles` (n,), `amount` (n,) by dosed state."""

    doses: np.ndarray
    cycles: np.ndarray
    amount: Mapping[str, np.ndarray]


def amounts_given(model: Model, histories: Histories, last: float) -> AmountsGiven:
    """Return what patients were given before the day of the last visit; a cycle counts from its first day."""
    table = dose_table(model, [one.regimen for one in histories.every])
    owner = np.repeat(np.arange(len(histories.every)), np.diff(table.first))
    counted = (table.action == ADD) & (table.time < last)
    count = np.bincount(owner[counted], minlength=len(histories.every))
    amount = {}
    for state in np.unique(table.state[table.action == ADD]):
        rows = counted & (table.state == state)
        sums = np.bincount(owner[rows], weights=table.amount[rows], minlength=len(histories.every))
        amount[model.states[int(state)].name] = sums[histories.which]
    cycles = np.array([sum(start < last for start in one.starts) for one in histories.every])
    return AmountsGiven(count[histories.which], cycles[histories.which], amount)
