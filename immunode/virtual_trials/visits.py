"""When patients are seen: planned days, the days on which each came, and visits that were missed."""

from dataclasses import dataclass

import numpy as np

from immunode.engine.draws import draws


@dataclass(frozen=True, eq=False)
class Visits:
    """Hold the planned `days` (V,), those on which each patient came, `at` (n, V), and who did, `attended` (n, V).

    Who comes no more from a day on has `left` by then (n,), inf for who stays. `window` is how far from its planned day
    a visit may be; at 0 everybody comes on the planned days. Visits up to `exact`, the baseline, are on their days and
    never missed.
    """

    days: np.ndarray
    at: np.ndarray
    attended: np.ndarray
    window: float = 0.0
    exact: float = 0.0
    left: float | np.ndarray = np.inf

    def column(self, day: float) -> int:
        """Return which of the visits is planned for a day; one that is none raises ValueError."""
        return self.days.tolist().index(day)

    def on(self, day: float) -> np.ndarray:
        """Return the days on which patients came to what is planned for a day (n,): that day, where it is no visit."""
        return self.at[:, self.column(day)] if day in self.days else np.full(len(self.at), day)

    def of(self, chosen: np.ndarray) -> "Visits":
        """Return the visits of some of the patients."""
        left = np.broadcast_to(self.left, len(self.at))[chosen]
        return Visits(self.days, self.at[chosen], self.attended[chosen], self.window, self.exact, left)

    def gone(self, column: int) -> np.ndarray:
        """Return who has left before the day on which he would have come to a visit, shape (n,)."""
        return np.asarray(self.at[:, column] >= self.left)


def draw_visits(
    days: np.ndarray, n: int, *, window: float, missed: float, exact: float, seed: int, arm: str, first: int = 0,
    left: float | np.ndarray = np.inf,
) -> Visits:  # fmt: skip
    """Return the visits of n patients, drawn by seed, arm, patient and planned day.

    A visit after `exact` is uniform within `window` days of its planned day, and missed with the probability `missed`.
    From the day on which a patient has `left` (n,) there is none.
    """
    at, attended = np.tile(np.asarray(days, float), (n, 1)), np.ones((n, len(days)), dtype=bool)
    for column in np.flatnonzero(days > exact):
        day = days[column]
        if window:
            moved = draws(seed, f"{arm}/visit/{day:g}", n, first=first, kind="uniform")
            at[:, column] += window * (2.0 * moved - 1.0)
        if missed:
            attended[:, column] = draws(seed, f"{arm}/missed/{day:g}", n, first=first, kind="uniform") >= missed
    attended &= at < np.broadcast_to(left, n)[:, None]
    return Visits(np.asarray(days, float), at, attended, window, exact, left)
