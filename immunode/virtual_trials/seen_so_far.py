"""What was measured of each patient at the visits so far, and the measures that it tells of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from immunode.conditions.measured import points, row
from immunode.conditions.syntax import CHANGES, Quantity
from immunode.measures import Window
from immunode.measures.polylines import Polylines

ALL = float("-inf")


@dataclass(frozen=True, eq=False)
class SeenSoFar:
    """Hold the last values of a signal and the days on which they were measured, (n, k), newest first, nan behind them.

    They are of visits that were planned for day `since` or later; `most` are kept, all where it is 0.
    """

    since: float
    most: int
    values: np.ndarray
    days: np.ndarray

    def after(self, planned: float, value: np.ndarray, at: np.ndarray) -> "SeenSoFar":
        """Return the same with those of a visit in front, of who was seen (n,)."""
        if planned < self.since:
            return self
        seen, values, days = ~np.isnan(value)[:, None], self.values, self.days
        if not self.most:
            values, days = (np.hstack([each, np.full((len(value), 1), np.nan)]) for each in (values, days))
        return replace(
            self,
            values=np.where(seen, np.hstack([value[:, None], values[:, :-1]]), values),
            days=np.where(seen, np.hstack([at[:, None], days[:, :-1]]), days),
        )

    def measure(self, quantity: Quantity, level: np.ndarray | None) -> np.ndarray:
        """Return a measure of each patient (n,); nan of whom too little was seen."""
        out = np.full(len(self.values), np.nan)
        for rows, window in self._windows(quantity):
            window = window if level is None else replace(window, level=level[rows])
            with np.errstate(divide="ignore", invalid="ignore"):  # of a baseline of 0 there is no percentage
                out[rows] = _percent(window) if quantity.kind == "percent change" else row(quantity.kind).reduce(window)
        return out

    def _windows(self, quantity: Quantity) -> Iterator[tuple[np.ndarray, Window]]:
        """Yield rows of patients of whom equally many values are looked at, and the window that these are."""
        count = (~np.isnan(self.values)).sum(axis=1)
        looked = np.where(count >= quantity.visits, quantity.visits, 0) if quantity.visits else count
        for k in np.unique(looked[looked >= points(quantity.kind)]).tolist():
            rows = np.flatnonzero(looked == k)
            t, y = (np.ascontiguousarray(each[rows, :k][:, ::-1]) for each in (self.days, self.values))
            yield rows, Window(t[:, 0], t[:, -1], y[:, 0], y[:, -1], Polylines(t, y), visits=t, seen=y)


def _percent(window: Window) -> np.ndarray:
    """Return the percent change; with the quotient last, 140 is exactly 40 % above 100."""
    return np.asarray(100.0 * (window.end - window.start) / window.start)


def nothing_seen(quantities: Iterable[Quantity], n: int, baseline_day: float) -> Mapping[tuple[str, float], SeenSoFar]:
    """Return what is seen before the first visit, by signal and the day since which it is looked at."""
    most: dict[tuple[str, float], int] = {}
    for one in quantities:
        if is_of_visits(one):
            key = place(one, baseline_day)
            most[key] = max(most.get(key, 0), one.visits)
    return {
        (signal, since): SeenSoFar(since, k, np.full((n, k), np.nan), np.full((n, k), np.nan))
        for (signal, since), k in most.items()
    }


def is_of_visits(quantity: Quantity) -> bool:
    """Return whether a quantity is a measure of several visits; a change since baseline is of two values alone."""
    return bool(quantity.signal) and quantity.kind != "value" and not is_from_baseline(quantity)


def is_from_baseline(quantity: Quantity) -> bool:
    """Return whether a quantity is a change since baseline."""
    return quantity.kind in CHANGES and quantity.since == "baseline"


def place(quantity: Quantity, baseline_day: float) -> tuple[str, float]:
    """Return the signal, and the planned day since which a measure of it is."""
    return quantity.signal, since_day(quantity.since, baseline_day)


def since_day(since: str, baseline_day: float) -> float:
    """Return the day of a reference "baseline" or "day N"; ALL for none."""
    if not since:
        return ALL
    return baseline_day if since == "baseline" else float(since.removeprefix("day "))
