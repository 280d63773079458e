"""Hold doses that are repeated for ever: when they arrive within an interval, and what still happens after a record."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.errors import BadValue
from immunode.model.trace import Trace

_MOST = 10_000  # doses that overlap at steady state: beyond it an interval or a rate is a slip


@dataclass(frozen=True)
class Repeated:
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

    def part(self, chosen: np.ndarray) -> "Repeated":
        """Return some of the rows."""
        return Repeated(*(values[chosen] for values in vars(self).values()))

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
class Found:
    """Hold m steady states: states at the record (m, S), their changes along directions (m, K, S), and for rows that
    have none the reason, by row.
    """

    states: np.ndarray
    along: np.ndarray
    missing: dict[int, str]


def tails(doses: Repeated, i: int) -> tuple[np.ndarray, np.ndarray]:
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


def symbols(trace: Trace) -> set[Any]:
    """Return the symbols on which any slope depends."""
    return set().union(*(f.free_symbols for f in trace.derivative))


@lru_cache(maxsize=256)
def settling(trace: Trace) -> Any:
    """Return which states a steady state is about: not a counter, on which nothing depends, nor what never changes."""
    whole = trace.whole
    used = symbols(whole)
    return np.array([y in used and f != 0 for y, f in zip(whole.states, whole.derivative, strict=True)])


def newton_step(slope: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return (I - M)^-1 r for each of m maps M and residuals r, nan where there is none."""
    out = np.full(missing.shape, np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        inverse = np.eye(slope.shape[-1]) - slope
        # a map that has none, where a state is cleared by nothing, must not be the others'
        for i in np.flatnonzero(np.linalg.det(inverse) != 0.0):
            out[i] = np.linalg.solve(inverse[i], missing[i])
    return out
