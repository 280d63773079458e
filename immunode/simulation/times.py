"""Read the times at which outputs are wanted, and hold them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from immunode.errors import BadValue, ImmunodeError
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.ties import PRE, TROUGH, moments, snapped
from immunode.units import in_days, is_bare


class Days(np.ndarray):
    """Hold days, said to be days: a model that counts hours takes these, and refuses numbers alone."""


MOST_TIMES = 10_000_000  # a slip is told at once instead of filling the memory


def days(first: float, last: float, every: float = 1.0) -> Days:
    """Return days from `first` to `last`, both included, in steps of `every`."""
    if not (np.isfinite([first, last, every]).all() and every > 0 and last >= first):
        raise BadValue(f"days({first}, {last}, every={every}): expected first <= last and a positive step")
    if (last - first) / every >= MOST_TIMES:
        raise BadValue(
            f"days({first:g}, {last:g}, every={every:g}) makes {(last - first) / every + 1:.6g} times, more than "
            f"{MOST_TIMES:,}: take a longer step, or an earlier end"
        )
    steps = int(np.floor((last - first) / every + 1e-9))
    inner = first + every * np.arange(steps + 1)
    return (inner if last - inner[-1] < 1e-9 * max(1.0, abs(last)) else np.append(inner, last)).view(Days)


def moment(value: Any, model: Model, what: str) -> float:
    """Return a time ("2 h", or a number of days) in the model's unit; raise BadValue, naming `what`, for another."""
    return _days_of(value, model, what) * model.per_day


def _days_of(value: Any, model: Model, what: str) -> float:
    try:
        time = in_days(value)
    except ImmunodeError as error:
        raise BadValue(f"{what} = {value!r}: expected a time, such as '2 h' or a number of days ({error})") from error
    if model.per_day != 1.0 and is_bare(value):
        raise BadValue(
            f"{what} = {time:g}: a number alone is days, and {model.name} counts {model.time}s; "
            f"write '{time:g} {model.time}' or '{time:g} d'"
        )
    return time


def check_regimens(regimens: Iterable[Regimen], model: Model) -> None:
    """Raise BadValue for a dose that was timed without a unit, in a model that does not count days."""
    if model.per_day == 1.0:
        return
    for dose in (dose for regimen in regimens for dose in regimen if dose.bare):
        raise BadValue(
            f"the dose of {dose.amount:g} {dose.unit} at {dose.time:g} d has a time, duration, interval or rate "
            f"without a unit: a number alone is days, and {model.name} counts {model.time}s; write '12 h' or '0.5 d'"
        )


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
    if any(times is None for times in lists):
        raise BadValue("times are missing: say when outputs are wanted, such as times=days(0, 28)")
    read = [_list_in_days(times, model) for times in lists]
    size, time = np.array([len(t) for t in read]), np.concatenate(read).astype(float)
    patient = np.repeat(np.arange(len(size)), size)
    finite = np.bincount(patient[np.isfinite(time * model.per_day)], minlength=len(size))
    bad = np.flatnonzero((size == 0) | (finite < size))
    if bad.size:
        raise BadValue(f"times = {lists[bad[0]]!r}: expected at least one finite time")
    return time, size


def _list_in_days(times: Any, model: Model) -> np.ndarray:
    if hasattr(times, "magnitude"):  # a pint quantity, of one time or many
        return np.ravel(np.asarray(times.to("day").magnitude, float))
    array = np.ravel(np.asarray(times))
    if array.dtype.kind not in "iuf":
        return np.array([_days_of(value, model, "times") for value in array.tolist()])
    if not isinstance(times, Days):
        for value in array[(array != 0) & (model.per_day != 1.0)][:1].tolist():
            _days_of(value, model, "times")
    return array
