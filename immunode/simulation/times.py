"""Read the times at which outputs are wanted, and hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from immunode.errors import BadValue, ImmunodeError
from immunode.internal.arguments import finite, short
from immunode.model.clock import Days, list_in_days
from immunode.model.declaration import Model
from immunode.simulation.ties import PRE, TROUGH, moments, snapped
from immunode.units import convert, counts_months, in_days

MOST_TIMES = 10_000_000  # a slip is told at once instead of filling the memory


def days(first: Any, last: Any, every: Any = 1.0) -> Days:
    """Return days from `first` to `last`, both included, in steps of `every`; each a number of days or a text, "12 h".

    What it returns is said to be days: a model that counts hours takes it, and refuses numbers alone.

    Main arguments
        first: the first day, which may be negative, a number [day] or "-2 wk"
        last: the last day, a number [day] or "12 mo"; it is in the list also where the steps miss it
        every: the step, above 0, a number [day] or "2 h", default 1; months and years are on whole days, month m on
            day round(30.4375 m)

    Returns
        an array, shape (days,) [day], for `times=` of im.simulate and im.event_table

    Raises
        BadValue: for what is no time, a last day before the first, a step that is not above 0, more than 10
            million times.

    Example
        >>> import immunode as im
        >>> print(im.days(0, 2, every=0.75))
        [0.   0.75 1.5  2.  ]
    """
    first, last, step = _day(first, "first"), _day(last, "last"), _day(every, "every")
    whole = counts_months(every) and step > 0
    every = convert(every, "day") if whole else step
    if not (every > 0 and last >= first):
        raise BadValue(f"days({first:g}, {last:g}, every={every:g}): expected first <= last and a positive step")
    if (last - first) / every >= MOST_TIMES:
        raise BadValue(
            f"days({first:g}, {last:g}, every={every:g}) makes {(last - first) / every + 1:.6g} times, more than "
            f"{MOST_TIMES:,}: take a longer step, or an earlier end"
        )
    steps = int(np.floor((last - first) / every + (0.05 if whole else 1e-9)))  # 12 months are 365 days, not 365.25
    inner = first + every * np.arange(steps + 1)
    inner = np.round(inner) if whole else inner
    inner = inner[inner <= last] if whole else inner
    return (inner if last - inner[-1] < 1e-9 * max(1.0, abs(last)) else np.append(inner, last)).view(Days)


def _day(value: Any, what: str) -> float:
    """Return a number of days, or a text with a unit of time, as days."""
    if not isinstance(value, str):
        return finite(value, what)
    try:
        return in_days(value)
    except ImmunodeError as error:
        raise BadValue(
            f"{what} = {short(value)}: expected a number of days, or a time such as '2 h' ({error})"
        ) from error


@dataclass(frozen=True)
class OutputTimes:
    """Hold when outputs are wanted: `time` of all patients where `first` is None, else time[first[i]:first[i + 1]].

    `order` says where in the events of the same time each stands (ties.PRE, POST, or among the doses).
    """

    time: np.ndarray
    order: np.ndarray
    first: np.ndarray | None = None

    @cached_property
    def patient(self) -> np.ndarray:
        """Return the patient of each output, where patients have their own."""
        assert self.first is not None
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def ragged(self, n: int) -> "OutputTimes":
        """Return the same with each patient's own times."""
        if self.first is not None:
            return self
        size = len(self.time)
        return OutputTimes(np.tile(self.time, n), np.tile(self.order, n), size * np.arange(n + 1))


def at_events(
    outputs: OutputTimes,
    segments: np.ndarray,
    events: np.ndarray,
    steady: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> OutputTimes:
    """Return outputs at the times of events that are meant; before a dose with a steady state one shows its trough.

    `events` are times of `segments`; `steady` are patient, time and position among the patient's doses of such doses.
    """
    patient = outputs.patient
    time = snapped(segments, events, patient, outputs.time, forward=outputs.order > PRE)
    who, when, position = steady
    if not len(who):
        return OutputTimes(time, outputs.order, outputs.first)
    when = snapped(segments, events, who, when, forward=np.ones(len(when), bool))
    records = np.concatenate([np.stack([who, when], axis=1), np.stack([patient, time], axis=1)])
    distinct, at = np.unique(records, axis=0, return_inverse=True)
    trough = np.full(len(distinct), np.nan)
    trough[at.ravel()[: len(who)]] = position + TROUGH
    order = trough[at.ravel()[len(who) :]]
    return OutputTimes(time, np.where((outputs.order == PRE) & ~np.isnan(order), order, outputs.order), outputs.first)


def as_listed(lists: Sequence[Any], model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the output times of all patients in the model's unit as they stand, and how many each has.

    They are samples, of which two may be of one time; raise BadValue for a list that is not sorted.
    """
    at, count = _in_days(lists, model)
    patient = np.repeat(np.arange(len(count)), count)
    late = np.flatnonzero((np.diff(at) < 0) & (np.diff(patient) == 0))
    if late.size:
        i = late[0]
        raise BadValue(f"times of patient {patient[i]} are not sorted: {at[i + 1]:g} follows {at[i]:g}")
    return at * model.per_day, count


def distinct(lists: Sequence[Any], model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the same with the times of each list sorted, and each once."""
    at, count = _in_days(lists, model)
    patient = np.repeat(np.arange(len(count)), count)
    all_times = np.sort(moments(patient, at), kind="stable")  # usually sorted already: one pass
    once = all_times[np.append(True, all_times[1:] != all_times[:-1])]
    return once.imag * model.per_day, np.bincount(once.real.astype(np.int64), minlength=len(count))


def _in_days(lists: Sequence[Any], model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the output times of all lists in days, and how many each has; refuse what is no time in this model."""
    read = [list_in_days(times, model) for times in lists]
    size, time = np.array([len(t) for t in read]), np.concatenate(read).astype(float)
    patient = np.repeat(np.arange(len(size)), size)
    finite = np.bincount(patient[np.isfinite(time * model.per_day)], minlength=len(size))
    bad = np.flatnonzero((size == 0) | (finite < size))
    if bad.size:
        raise BadValue(f"times = {short(lists[bad[0]])}: expected at least one finite time")
    return time, size
