"""Statistics of arms: quartiles, event-free shares, groups of patients and their replicates at the trial's own size."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunode.errors import BadValue

if TYPE_CHECKING:
    from immunode.virtual_trials.measured import Measured

REPLICATES = 2000
STATISTICS = ("median", "q1", "q3", "mean")


def quartiles(values: np.ndarray) -> np.ndarray:
    """Return median, q1, q3 and mean over patients (first axis) of those with a number; nan where nobody has one."""
    if np.isnan(values).all():
        return np.full((len(STATISTICS), *values.shape[1:]), np.nan)
    if (nobody := np.isnan(values).all(axis=0)).any():  # such as a visit before which all have left
        out = np.full((len(STATISTICS), *values.shape[1:]), np.nan)
        out[:, ~nobody] = quartiles(values[:, ~nobody])
        return out
    q1, median, q3 = _percentiles(values)
    return np.stack([median, q1, q3, np.nanmean(values, axis=0)])


def _percentiles(values: np.ndarray) -> np.ndarray:
    """Return the quartiles over patients; without those who have no number at all NumPy sorts all columns at once."""
    missing = np.isnan(values).reshape(len(values), -1)
    some = values[~missing.all(axis=1)]
    if missing.any(axis=1).sum() > len(values) - len(some):
        return np.asarray(np.nanpercentile(values, [25, 50, 75], axis=0))
    return np.asarray(np.percentile(some, [25, 50, 75], axis=0))


def event_free(event_day: np.ndarray, days: np.ndarray, left_day: np.ndarray | None = None) -> np.ndarray:
    """Return Kaplan-Meier's share without an event up to each day, shape (days,), of patients who did not fail (nan).

    Without `left_day`, or where nobody has left (inf), it is the share itself; who leaves is at risk up to that day.
    """
    there = ~np.isnan(event_day)
    events = np.sort(event_day[there])
    if left_day is None or not np.isfinite(left_day).any():
        return 1.0 - np.searchsorted(events, days, side="right") / max(len(events), 1)
    followed = np.sort(np.minimum(event_day, left_day)[there])
    times, count = np.unique(events[np.isfinite(events)], return_counts=True)
    at_risk = len(followed) - np.searchsorted(followed, times, side="left")
    survived = np.concatenate([[1.0], np.cumprod(1.0 - count / at_risk)])
    return np.asarray(survived[np.searchsorted(times, days, side="right")])


@dataclass(frozen=True, eq=False)
class Group:
    """Hold an arm that a group is, or belongs to; who of it is a `member` (patients,); and the arm's patients in each
    replicate, `picks` (REPLICATES, size)."""

    arm: "Measured"
    member: np.ndarray
    picks: np.ndarray


def groups(
    names: Iterable[str], arms: Mapping[str, "Measured"], seed: int, replicates: int = REPLICATES
) -> dict[str, Group]:
    """Return groups by name: an arm's name is all of its patients, a label those who bear it."""
    picks: dict[str, np.ndarray] = {}
    out = {}
    for name in dict.fromkeys(names):
        arm = next(arm for arm in arms.values() if name == arm.name or name in arm.labels)
        if arm.name not in picks:
            picks[arm.name] = resampled(arm, seed, replicates)
        member = np.ones(len(arm.label), dtype=bool) if name == arm.name else arm.label == name
        out[name] = Group(arm, member, picks[arm.name])
    return out


def resampled(arm: "Measured", seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """Return indices (replicates, size) of patients who did not fail, for replicates at the trial's own size."""
    from zlib import crc32

    patients = np.flatnonzero(arm.ok)
    if not patients.size:
        raise BadValue(f"no patient of arm '{arm.name}' could be simulated; see their status")
    generator = np.random.default_rng([seed, crc32(arm.name.encode())])
    return patients[generator.integers(len(patients), size=(replicates, arm.size))]
