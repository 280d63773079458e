"""Where the legs of an arm end, which outputs each makes, and where these belong."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from immunode.simulation.ties import PRE
from immunode.simulation.times import OutputTimes
from immunode.virtual_trials.visits import Visits

End = float | np.ndarray


@dataclass(frozen=True, eq=False)
class Leg:
    """Hold a leg's end: its `planned` day, and when it ends, for all or one a patient (n,); None after all stops.

    A leg that is `personal` ends with the visit of each patient, which is an output, too.
    """

    planned: float | None
    end: End | None
    personal: bool = False


@dataclass(frozen=True, eq=False)
class LegOutputs:
    """Hold the `times` of a leg in days, and which of the days each patient has in it, (days,) or (n, days)."""

    times: np.ndarray | OutputTimes
    inside: np.ndarray
    personal: bool


def legs_of(stops: Iterable[float], visits: Visits, start: float, last: float, *, deciding: bool) -> list[Leg]:
    """Return the legs of an arm; visits end one where somebody is `deciding` there, or patients come on their days."""
    planned = {*stops, *(visits.days.tolist() if deciding else ())}
    if not visits.window:
        ends = sorted(day for day in planned if day != start)
        legs = [Leg(day, day) for day in ends if day > start]
        return legs if ends and ends[-1] >= last else [*legs, Leg(None, None)]
    exact = sorted(day for day in {*planned, *visits.days.tolist()} if start < day <= visits.exact)
    personal = [
        Leg(float(day), visits.at[:, i], personal=True) for i, day in enumerate(visits.days) if day > visits.exact
    ]
    # everybody is followed equally long, also who came early to the last visit
    return [*(Leg(day, day) for day in exact), *personal, Leg(None, max(last, *planned, start) + visits.window)]


def leg_outputs(days: np.ndarray, begin: End, leg: Leg, n: int, *, first: bool) -> LegOutputs:
    """Return what is asked of a leg: the days after its begin (from it on in the first), and own visits."""
    end = np.inf if leg.end is None else leg.end
    if not isinstance(begin, np.ndarray) and not isinstance(end, np.ndarray):
        inside = (days <= end) & ((days > begin) | first)
        return LegOutputs(days[inside], inside, personal=False)
    low, high = (np.broadcast_to(np.asarray(limit, float), n)[:, None] for limit in (begin, end))
    inside = (days <= high) & ((days > low) | first)
    table, shown = np.broadcast_to(days, (n, len(days))), inside
    if leg.personal:
        table, shown = np.hstack([table, high]), np.hstack([inside, np.ones((n, 1), dtype=bool)])
    count = shown.sum(axis=1)
    times = OutputTimes(table[shown], np.full(int(count.sum()), PRE), np.concatenate([[0], np.cumsum(count)]))
    return LegOutputs(times, inside, leg.personal)


def in_model_time(outputs: LegOutputs, clock: float) -> np.ndarray | OutputTimes:
    """Return the times of a leg's outputs in the model's unit."""
    if isinstance(outputs.times, OutputTimes):
        return OutputTimes(outputs.times.time * clock, outputs.times.order, outputs.times.first)
    return outputs.times * clock


def placed(values: np.ndarray, outputs: LegOutputs, solved: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the courses (n, days, observables) with what a leg gave, and the values at own visits, if it has them."""
    out = values.copy()
    if outputs.inside.ndim == 1:
        out[:, outputs.inside] = solved
        return out, None
    if not outputs.personal:
        out[outputs.inside] = solved
        return out, None
    last = np.cumsum(outputs.inside.sum(axis=1) + 1) - 1
    out[outputs.inside] = np.delete(solved, last, axis=0)
    return out, solved[last]


def at_exact_visits(values: np.ndarray, days: np.ndarray, visits: Visits) -> np.ndarray:
    """Return the values at visits that are on their planned days, (n, visits, observables); nan at the others."""
    out = np.full((len(values), len(visits.days), values.shape[2]), np.nan)
    exact = visits.days <= visits.exact if visits.window else np.ones(len(visits.days), dtype=bool)
    out[:, exact] = values[:, np.searchsorted(days, visits.days[exact])]
    return out
