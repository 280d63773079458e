"""What is given within a window: how many doses, how much into which state, and where a course is cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.engine import ADD
from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.regimen import Dose, Regimen
from immunode.simulation.dose_table import AT_RATE, OVER, dose_table
from immunode.simulation.ties import rounding
from immunode.units import factor


def breaks(regimens: Sequence[Regimen]) -> list[float]:
    """Return the days on which a course bends: where doses and changes of states are, and where infusions end."""
    doses = [dose for regimen in regimens for dose in regimen]
    return sorted({at for dose in doses for at in (dose.time, dose.time + length_of(dose))})


def dose_within(name: str, model: Model, regimen: Regimen, first: float, day: float) -> tuple[float, str]:
    """Return what is given from `first` to before `day`, of infusions the part that is given then, and its unit; where
    nothing is, what is given at the last time before. Raise BadValue where that is nothing, or in several units."""
    added = [dose for dose in regimen if _is_given(dose)]
    parts = [(dose, share) for dose in added if (share := _share(dose, first, day)) > 0]
    if not parts:
        before = [dose for dose in added if dose.time < first]
        latest = max((dose.time for dose in before), default=0.0)
        parts = [(dose, 1.0) for dose in before if dose.time == latest]
    units = sorted({model.target(dose.into).unit for dose, _ in parts})
    if len(units) != 1:
        raise BadValue(
            f"{name}: a measure per dose needs doses in one unit; doses there: {' and '.join(units) or 'none'}"
        )
    return _amount(model, parts), units[0]


@dataclass(frozen=True, eq=False)
class Given:
    """Hold what each of several regimens gives within a window: `doses` and `amount` (regimens,) by state [its
    unit]."""

    doses: Mapping[str, np.ndarray]
    amount: Mapping[str, np.ndarray]


def given_within(model: Model, regimens: Sequence[Regimen], first: float, day: float) -> Given:
    """Return what regimens give from day `first` to before `day`: the doses that begin then, and the amounts, of
    infusions the part that is given then; of those that the model times all."""
    table = dose_table(model, regimens)
    owner, clock = np.repeat(np.arange(len(regimens)), np.diff(table.first)), model.per_day
    time = table.time / clock
    length = np.select([table.mode == OVER, table.mode == AT_RATE], [table.size, _over(table.amount, table.size)], 0.0)
    length = length / clock
    added = (table.action == ADD) & (table.amount > 0)
    within, share = shares(time, length, first, day)
    begins = added & within
    states = [int(state) for state in np.unique(table.state[added])]
    of = {model.states[state].name: added & (table.state == state) for state in states}
    count = len(regimens)
    return Given(
        {name: np.bincount(owner[rows & begins], minlength=count) for name, rows in of.items()},
        {name: np.bincount(owner[rows], (share * table.amount)[rows], minlength=count) for name, rows in of.items()},
    )


def shares(
    time: np.ndarray, length: np.ndarray, first: float | np.ndarray, day: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which doses, given at `time` for a `length`, begin from `first` to before `day`, and what share of each is
    given then; the shapes are broadcast."""
    near = rounding(time)  # a time that was said in hours, or moved with its trial
    begins = (first - near <= time) & (time < day - near)
    part = (np.minimum(time + length, day) - np.maximum(time, first)) / np.where(length > 0, length, 1.0)
    return begins, np.where(length > 0, np.clip(part, 0.0, 1.0), begins)


def _over(amount: np.ndarray, rate: np.ndarray) -> np.ndarray:
    return np.asarray(amount / np.where(rate > 0, rate, 1.0))


def dosed_states(model: Model, regimens: Sequence[Regimen]) -> dict[str, str]:
    """Return the states that something is given into, and their units."""
    targets = [model.target(dose.into) for regimen in regimens for dose in regimen if _is_given(dose)]
    return {target.name: target.unit for target in targets}


def _is_given(dose: Dose) -> bool:
    return dose.action == "add" and dose.amount > 0


def _amount(model: Model, parts: Sequence[tuple[Dose, float]]) -> float:
    return float(sum(share * dose.amount * factor(dose.unit, model.target(dose.into).unit) for dose, share in parts))


def length_of(dose: Dose) -> float:
    """Return how long a dose is given [day]; 0 for one that the model times."""
    return dose.amount / dose.rate if dose.rate else dose.duration


def _begins(dose: Dose, first: float, day: float) -> bool:
    near = float(rounding(np.asarray(dose.time)))  # as in `shares`
    return bool(first - near <= dose.time < day - near)


def _share(dose: Dose, first: float, day: float) -> float:
    """Return the share of a dose that is given from `first` to before `day`."""
    length = length_of(dose)
    if length == 0:
        return float(_begins(dose, first, day))
    return max(0.0, min(dose.time + length, day) - max(dose.time, first)) / length
