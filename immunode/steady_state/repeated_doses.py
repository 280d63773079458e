"""Hold doses that are repeated for ever: when they arrive within an interval, and what still happens after a record."""

from dataclasses import dataclass

import numpy as np

from immunode.engine import DRIP, PUT, Events
from immunode.errors import BadValue
from immunode.model.scales import infused_size

_MOST = 10_000  # doses that overlap at steady state: beyond it an interval or a rate is a slip


@dataclass(frozen=True)
class RepeatedDoses:
    """Hold m doses that are repeated `every` so long [model time], one row each.

    Into `state`, `amount` at once or `rate` for `duration`, arriving `lag` after the record; `d_...` are the changes
    along directions, (m, directions). An interval of 0 means an infusion at `rate` without end. `parameters` (m, P).
    """

    parameters: np.ndarray
    state: np.ndarray
    amount: np.ndarray
    rate: np.ndarray
    duration: np.ndarray
    lag: np.ndarray
    every: np.ndarray
    d_amount: np.ndarray
    d_rate: np.ndarray
    d_duration: np.ndarray
    d_lag: np.ndarray

    def part(self, chosen: np.ndarray) -> "RepeatedDoses":
        """Return some of the rows."""
        return RepeatedDoses(*(values[chosen] for values in vars(self).values()))

    @property
    def size(self) -> np.ndarray:
        """Return what a dose brings into its state, for the scale of that."""
        endless = self.every == 0
        lasting = np.where(endless, np.inf, self.duration)
        return np.where(lasting > 0, infused_size(self.rate, lasting), np.abs(self.amount))

    @property
    def arrival(self) -> np.ndarray:
        """Return when in a period, which begins at a record, a dose arrives."""
        return np.mod(self.lag, self.every)

    @property
    def end(self) -> np.ndarray:
        """Return when in a period an infusion ends."""
        return np.mod(self.lag + self.duration, self.every)

    @property
    def running(self) -> np.ndarray:
        """Return how many infusions are running at a record, before what happens there."""
        return np.floor_divide(self.lag + self.duration, self.every) - np.floor_divide(self.lag, self.every)


@dataclass(frozen=True)
class SteadyStates:
    """Hold m steady states: states at the record (m, S), their changes along directions (m, K, S), and for rows that
    have none the reason, by row.
    """

    states: np.ndarray
    along: np.ndarray
    missing: dict[int, str]


def tails(doses: RepeatedDoses, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Return when earlier doses of row i still arrive, and when infusions that run at its record or arrive then end."""
    if doses.every[i] == 0:
        return np.zeros(0), np.zeros(0)
    lag, duration, every = doses.lag[i], doses.duration[i], doses.every[i]
    count = int(np.ceil((lag + duration) / every))
    if count > _MOST:
        raise BadValue(f"at steady state {count} doses would overlap (every {every:g}); expected {_MOST} at most")
    back = -every * np.arange(1, count + 1)
    arrivals = back + lag
    ends = arrivals[arrivals + duration >= 0] + duration if duration > 0 else np.zeros(0)
    return arrivals[arrivals >= 0], ends


def period_events(doses: RepeatedDoses, k: int, n: int) -> Events:
    """Return what happens in a period: the infusions that run at its start, an arrival, the end of an infusion.

    It changes along the first k directions; n more, of states, follow.
    """
    m = len(doses.every)
    infused = doses.duration > 0
    kind = np.where(infused, DRIP, PUT)
    amount, zero = np.where(infused, doses.rate, doses.amount), np.zeros(m)
    d_amount = np.where(infused[:, None], doses.d_rate, doses.d_amount)
    running = np.where(infused, doses.running, 0.0)
    time = np.stack([zero, doses.arrival, np.where(infused, doses.end, doses.arrival)], axis=1)
    value = np.stack([running * doses.rate, amount, np.where(infused, -doses.rate, 0.0)], axis=1)
    along, slip = np.zeros((m, 3, k + n)), np.zeros((m, 3, k + n))
    if k:
        ends = np.where(infused[:, None], -doses.d_rate, 0.0)
        along[:, :, :k] = np.stack([running[:, None] * doses.d_rate, d_amount, ends], axis=1)
        slip[:, 1, :k] = doses.d_lag
        slip[:, 2, :k] = np.where(infused[:, None], doses.d_lag + doses.d_duration, 0.0)
    kinds = np.stack([np.where(infused, DRIP, PUT), kind, kind], axis=1)
    state = np.repeat(doses.state[:, None], 3, axis=1)
    at = np.argsort(time, axis=1, kind="stable")
    flat = [np.take_along_axis(a, at, axis=1).ravel() for a in (time, kinds, state, value)]
    changes = [np.take_along_axis(a, at[:, :, None], axis=1).reshape(3 * m, k + n) for a in (along, slip)]
    return Events(np.arange(m), 3 * np.arange(m + 1), *flat, *changes)
