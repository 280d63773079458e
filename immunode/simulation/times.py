"""Read the times at which outputs are wanted, and hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from immunode.errors import BadValue
from immunode.simulation.ties import PRE, TROUGH, moments, snapped
from immunode.units import in_days


def days(first: float, last: float, every: float = 1.0) -> np.ndarray:
    """Return days from `first` to `last`, both included, in steps of `every`."""
    if not (np.isfinite([first, last, every]).all() and every > 0 and last >= first):
        raise BadValue(f"days({first}, {last}, every={every}): expected first <= last and a positive step")
    steps = int(np.floor((last - first) / every + 1e-9))
    inner = first + every * np.arange(steps + 1)
    return inner if last - inner[-1] < 1e-9 * max(1.0, abs(last)) else np.append(inner, last)


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


def as_listed(lists: Sequence[Any], clock: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the output times of all patients in the model's unit as they stand, and how many each has.

    They are samples, of which two may be of one time; raise BadValue for a list that is not sorted.
    """
    at, count = _in_days(lists, clock)
    patient = np.repeat(np.arange(len(count)), count)
    late = np.flatnonzero((np.diff(at) < 0) & (np.diff(patient) == 0))
    if late.size:
        i = late[0]
        raise BadValue(f"times of patient {patient[i]} are not sorted: {at[i + 1]:g} follows {at[i]:g}")
    return at * clock, count


def distinct(lists: Sequence[Any], clock: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the same with the times of each list sorted, and each once."""
    at, count = _in_days(lists, clock)
    patient = np.repeat(np.arange(len(count)), count)
    all_times = np.sort(moments(patient, at), kind="stable")  # usually sorted already: one pass
    once = all_times[np.append(True, all_times[1:] != all_times[:-1])]
    return once.imag * clock, np.bincount(once.real.astype(np.int64), minlength=len(count))


def _in_days(lists: Sequence[Any], clock: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the output times of all lists in days, and how many each has; `clock` is a day in the model's unit."""
    if any(times is None for times in lists):
        raise BadValue("times are missing: say when outputs are wanted, such as times=days(0, 28)")
    arrays = [np.atleast_1d(times) for times in lists]
    read = [np.ravel(t if t.dtype.kind in "iuf" else [in_days(value) for value in t]) for t in arrays]
    size, time = np.array([len(t) for t in read]), np.concatenate(read).astype(float)
    patient = np.repeat(np.arange(len(size)), size)
    finite = np.bincount(patient[np.isfinite(time * clock)], minlength=len(size))
    bad = np.flatnonzero((size == 0) | (finite < size))
    if bad.size:
        raise BadValue(f"times = {lists[bad[0]]!r}: expected at least one finite time")
    return time, size
