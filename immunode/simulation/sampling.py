"""When a course is looked at where nobody says: fine after each dose, coarser until the next and to the end."""

from collections.abc import Sequence

import numpy as np

from immunode.model.clock import Days
from immunode.regimen import Regimen

TAIL = 28.0  # days after the last dose
STEPS = np.array([1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 7 * 1440, 14 * 1440, 28 * 1440]) / 1440
_AFTER_DOSE = np.array([0.5, 1, 2, 3, 4, 6, 8, 12, 18, 24]) / 24  # days
_MOST_DOSES = 500  # the first and last half of more have times of their own
_FEWEST, _MOST = 24, 400  # steps from the first time to the last


def default_end(regimens: Sequence[Regimen]) -> float:
    """Return the last day [day] where nobody says it: 28 days after the last dose of all regimens."""
    return float(np.ceil(max([0.0, *(regimen.end for regimen in regimens)]) + TAIL))


def default_times(regimens: Sequence[Regimen], until: float | None = None) -> Days:
    """Return times [day] that show what regimens do: from the first dose or day 0 to `until`.

    A day apart (less for a course of days, more for one of years), and half an hour to a day after each dose and each
    end of an infusion: a drug of hours is seen to rise and fall.
    """
    end = default_end(regimens) if until is None else until
    doses = np.unique([moment for regimen in regimens for moment in _moments(regimen)])
    begin = min(0.0, end, *doses[:1])
    even = begin + base_step(end - begin) * np.arange(_MOST + 1)
    if len(doses) > _MOST_DOSES:
        doses = np.concatenate([doses[: _MOST_DOSES // 2], doses[-_MOST_DOSES // 2 :]])
    times = np.concatenate([even, doses, (doses[:, None] + _AFTER_DOSE).ravel(), [end]])
    times = np.unique(times[(times >= begin) & (times <= end)])
    apart = np.append(True, np.diff(times) > 1e-6)  # sums that differ by rounding are one time
    return times[apart].view(Days)


def base_step(span: float) -> float:
    """Return what lies between the times of a course of `span` days where nothing is given: a day where that makes
    enough and not too many of them."""
    few, many = STEPS[span / STEPS >= _FEWEST], STEPS[span / STEPS <= _MOST]
    step = min(1.0, few[-1] if len(few) else STEPS[0])
    return float(step if span / step <= _MOST else many[0] if len(many) else span / _MOST)


def _moments(regimen: Regimen) -> set[float]:
    """Return when a regimen gives something, and when an infusion ends."""
    ends = (d.time + (d.amount / d.rate if d.rate else d.duration) for d in regimen)
    return {d.time for d in regimen} | set(ends)
