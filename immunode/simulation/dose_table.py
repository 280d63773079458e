"""Tabulate the doses of regimens, in the units of a model."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from operator import attrgetter

import numpy as np

from immunode.engine import ADD, MULTIPLY, REPLACE, RESET
from immunode.errors import BadValue, UnitError
from immunode.model.declaration import Model, State
from immunode.regimen import MODELLED, STEADY, Regimen
from immunode.units import factor

BOLUS, OVER, AT_RATE, MODELLED_DURATION, MODELLED_RATE = range(5)
_ACTIONS = {"add": ADD, "replace": REPLACE, "multiply": MULTIPLY, "reset": RESET}


@dataclass(frozen=True)
class DoseTable:
    """Hold the doses of regimens in columns, those of regimen r in rows first[r] .. first[r + 1] - 1.

    Amounts are in the unit of their state, times in that of the model; `size` is a duration or a rate as `mode` says.
    """

    first: np.ndarray
    time: np.ndarray
    state: np.ndarray
    action: np.ndarray
    amount: np.ndarray
    mode: np.ndarray
    size: np.ndarray
    steady: np.ndarray  # 0, 1 = in place of what is there, 2 = added to it
    every: np.ndarray
    rated: np.ndarray  # whether a dose has a rate of its own: bioavailability changes its duration

    def picked(self, which: np.ndarray) -> tuple["DoseTable", np.ndarray]:
        """Return the doses of regimens `which`, one after the other, and whose each is, 0 .. len(which) - 1."""
        size = np.diff(self.first)[which]
        owner = np.repeat(np.arange(len(which)), size)
        ends = np.cumsum(size)
        rows = np.repeat(self.first[which] - (ends - size), size) + np.arange(size.sum())
        columns = [values[rows] for name, values in vars(self).items() if name != "first"]
        return DoseTable(np.concatenate([[0], ends]), *columns), owner


def dose_table(model: Model, regimens: Sequence[Regimen]) -> DoseTable:
    """Return the doses of `regimens`; raise UnknownName for a route or state, UnitError for an amount's unit."""
    doses = list(chain.from_iterable(regimen.doses for regimen in regimens))
    kinds: defaultdict[tuple[str, ...], int] = defaultdict(count().__next__)  # numbered as they are met
    words = map(attrgetter("into", "unit", "action", "modelled", "steady_state"), doses)
    code = np.fromiter(map(kinds.__getitem__, words), np.int64, len(doses))
    amount, when, duration, rate, every = (
        np.fromiter(map(attrgetter(name), doses), float, len(doses))
        for name in ("amount", "time", "duration", "rate", "every")
    )
    first = np.concatenate([[0], np.cumsum([len(regimen.doses) for regimen in regimens])]).astype(np.int64)
    state, scale, action, modelled, steady = _codes(model, list(kinds))[code].T
    _check_set(model, state.astype(np.int64), action.astype(np.int64), amount * scale)
    clock = model.per_day
    time = when * clock
    mode = np.select(
        [modelled == 1, modelled == 2, duration > 0, rate > 0], [MODELLED_DURATION, MODELLED_RATE, OVER, AT_RATE], BOLUS
    )
    return DoseTable(
        first=first,
        time=np.where(np.abs(time) < np.finfo(float).tiny, 0.0, time),  # no step can be as short as a subnormal time
        state=state.astype(np.int64),
        action=action.astype(np.int64),
        amount=amount * scale,
        mode=mode.astype(np.int64),
        size=np.where(rate > 0, rate * scale / clock, duration * clock),
        steady=steady.astype(np.int64),
        every=every * clock,
        rated=(mode == AT_RATE) | (mode == MODELLED_RATE),
    )


def _check_set(model: Model, state: np.ndarray, action: np.ndarray, amount: np.ndarray) -> None:
    """Raise BadValue for a state that is set to more than it can be, or is added to though it has a highest value."""
    high = np.array([each.high for each in model.states])
    over = np.flatnonzero((action == REPLACE) & (amount > high[state]))
    if over.size:
        which = model.states[state[over[0]]]
        raise BadValue(
            f"state '{which.name}' of {model.name} is set to {amount[over[0]]:g}, above {which.high:g}: "
            f"expected 0 to {which.high:g} ({which.meaning or which.unit})"
        )
    added = np.flatnonzero((action == ADD) & (amount > 0) & np.isfinite(high[state]))
    if added.size:
        which = model.states[state[added[0]]]
        raise BadValue(
            f"a dose of {amount[added[0]]:g} into state '{which.name}' of {model.name} is added to what is there, "
            f"at most {which.high:g} ({which.meaning or which.unit}); set it: im.replace('{which.name}', "
            f"{which.high:g}, day=1)"
        )


def _codes(model: Model, kinds: Sequence[tuple[str, ...]]) -> np.ndarray:
    """Return what the words of each kind of dose mean: state, factor to its unit, codes of the others; (kinds, 5)."""
    out = np.ones((len(kinds), 5))
    column = {state.name: i for i, state in enumerate(model.states)}
    targets = [None if action == "reset" else model.target(into) for into, _, action, _, _ in kinds]
    for i, (target, (_, unit, action, modelled, steady)) in enumerate(zip(targets, kinds, strict=True)):
        out[i, 0] = 0 if target is None else column[target.name]
        out[i, 2:] = _ACTIONS[action], MODELLED.index(modelled), STEADY.index(steady)
        if target is None or action == "multiply":
            continue
        try:
            out[i, 1] = factor(unit, target.unit)
        except UnitError as error:
            raise _no_amount(model, target, unit, error) from error
    return out


def _no_amount(model: Model, target: State, unit: str, error: UnitError) -> UnitError:
    if unit == "1":
        where = f"into {target.name} of {model.name}"
        return UnitError(f"a dose {where} has no unit: write it, such as '3 {target.unit}'")
    return UnitError(f"a dose in {unit} into {target.name} of {model.name}, which is in {target.unit}: {error}")
