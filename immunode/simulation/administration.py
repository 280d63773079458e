"""Evaluate how doses are administered: lag, bioavailability, rate and duration of each, and how these change."""

from dataclasses import dataclass

import numpy as np

from immunode.engine import ADD
from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.model.evaluate import Declared
from immunode.simulation.dose_table import AT_RATE, MODELLED_DURATION, MODELLED_RATE, OVER, DoseTable

_SHORT = 1e-9  # an infusion that is shorter, beside the time, is a bolus: its ends would be rounded


@dataclass(frozen=True)
class Administration:
    """Hold how doses are administered, one row a dose: lag, bioavailability, rate and duration (0 = at once).

    The rate is without the bioavailability. `d_lag` and so on are the changes along directions, (doses, directions).
    """

    lag: np.ndarray
    fraction: np.ndarray
    rate: np.ndarray
    duration: np.ndarray
    d_lag: np.ndarray
    d_fraction: np.ndarray
    d_rate: np.ndarray
    d_duration: np.ndarray


def administration(
    model: Model, doses: DoseTable, patient: np.ndarray, values: Declared, row: np.ndarray
) -> Administration:
    """Return how `doses` of `patient` are administered, each by what is declared in `row` of `values`.

    Raise BadValue for what cannot be.
    """
    at = {name: (value[row, doses.state], change[row, :, doses.state]) for name, (value, change) in values.items()}
    (lag, d_lag), (fraction, d_fraction) = at["lag"], at["bioavailability"]
    _check(model, doses, patient, "lag", lag, lag >= 0, "0 or more")
    _check(model, doses, patient, "bioavailability", fraction, fraction >= 0, "0 or more")
    amount, size, mode = doses.amount, doses.size, doses.mode
    rate, duration = np.zeros(len(amount)), np.zeros(len(amount))
    d_rate, d_duration = np.zeros(d_lag.shape), np.zeros(d_lag.shape)
    rows = mode == OVER
    rate[rows], duration[rows] = amount[rows] / size[rows], size[rows]
    rate[mode == AT_RATE] = size[mode == AT_RATE]
    for which, rows in (("duration", mode == MODELLED_DURATION), ("rate", mode == MODELLED_RATE)):
        if not rows.any():
            continue
        value, change = at[which]
        _check(model, doses, patient, which, np.where(rows, value, 1.0), ~rows | (value > 0), "more than 0")
        if which == "rate":
            rate[rows], d_rate[rows] = value[rows], change[rows]
        else:
            rate[rows], duration[rows], d_duration[rows] = amount[rows] / value[rows], value[rows], change[rows]
            d_rate[rows] = -change[rows] * (rate[rows] / value[rows])[:, None]
    rows = doses.rated
    duration[rows] = fraction[rows] * amount[rows] / rate[rows]
    d_duration[rows] = (d_fraction[rows] * amount[rows, None] - d_rate[rows] * duration[rows, None]) / rate[rows, None]
    duration[duration <= _SHORT * np.maximum(1.0, np.abs(doses.time + lag))] = 0.0
    return Administration(lag, fraction, rate, duration, d_lag, d_fraction, d_rate, d_duration)


def _check(
    model: Model, doses: DoseTable, patient: np.ndarray, what: str, values: np.ndarray, good: np.ndarray, expected: str
) -> None:
    bad = np.flatnonzero((doses.action == ADD) & ~good)
    if not bad.size:
        return
    state = model.states[doses.state[bad[0]]]
    if getattr(state, what) is None:
        raise BadValue(
            f"a dose into {state.name} at the model's {what}, but {state.name} of {model.name} declares none: "
            f"State('{state.name}', ..., {what}=...)"
        )
    who = f" of patient {patient[bad[0]]}" if patient.any() else ""  # of a single one there is nothing to tell
    raise BadValue(f"the {what} of a dose into {state.name}{who} is {values[bad[0]]:g}: expected {expected}")


@dataclass(frozen=True)
class Absorbed:
    """Hold amounts and rates with the bioavailability in them, one row a dose, and their changes along directions."""

    amount: np.ndarray
    d_amount: np.ndarray
    rate: np.ndarray
    d_rate: np.ndarray


def absorbed(doses: DoseTable, administered: Administration) -> Absorbed:
    """Return what of doses reaches their states."""
    fraction, d_fraction = administered.fraction, administered.d_fraction
    share = np.where(doses.rated, 1.0, fraction)
    d_rate = administered.d_rate * share[:, None] + np.where(doses.rated, 0.0, administered.rate)[:, None] * d_fraction
    return Absorbed(doses.amount * fraction, d_fraction * doses.amount[:, None], administered.rate * share, d_rate)
