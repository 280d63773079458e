"""Courses of which visits alone are known: straight lines from one visit to the next.

Column by column, so that the bits of a patient do not depend on how many others there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Polylines:
    """Hold the days on which n patients were seen and what was measured then, `t` and `y` (n, k), oldest first."""

    t: np.ndarray
    y: np.ndarray

    @property
    def begin(self) -> np.ndarray:
        """Return when each course begins, shape (n,)."""
        return self.t[:, 0]

    def integral(self) -> np.ndarray:
        """Return the area under each course by trapezia, shape (n,)."""
        parts = ((right - left) * (a + b) / 2 for left, right, a, b in self._lines(self.y))
        return np.asarray(sum(parts, start=np.zeros(len(self.t))))

    def slope(self) -> np.ndarray:
        """Return the slope of the straight line of least squares through each patient's points, shape (n,)."""
        k = self.t.shape[1]
        points = [(self.t[:, j], self.y[:, j]) for j in reversed(range(k))]
        middle, mean = sum(t for t, _ in points) / k, sum(y for _, y in points) / k
        above = sum((t - middle) * (y - mean) for t, y in points)
        return np.asarray(above / sum((t - middle) ** 2 for t, _ in points))

    def peak(self, sign: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return when each course is first highest (lowest, for a sign of -1), and its value then, shapes (n,)."""
        rows, best = np.arange(len(self.y)), np.argmax(sign * self.y, axis=1)
        return self.t[rows, best], self.y[rows, best]

    def above(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return how long courses are above their level (n,), and when first above and first below (inf: never)."""
        total, up, down = np.zeros(len(level)), np.full(len(level), np.inf), np.full(len(level), np.inf)
        for left, right, a, b in self._lines(self.y - level[:, None]):
            crosses = (a > 0) != (b > 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(crosses, a / (a - b), 1.0)  # of the stretch, before the crossing
            root = left + (right - left) * share
            total = total + np.where(a > 0, root - left, np.where(crosses, right - root, 0.0))
            up = np.minimum(up, np.where(a > 0, left, np.where(crosses, root, np.inf)))
            down = np.minimum(down, np.where(a < 0, left, np.where(b < 0, np.where(a > 0, root, left), np.inf)))
        return total, up, down

    def below(self, level: np.ndarray) -> np.ndarray:
        """Return how long courses are below their level, shape (n,)."""
        return Polylines(self.t, -self.y).above(-level)[0]

    def _lines(self, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield begin and end of each line of each patient, with the values there, oldest first."""
        for j in range(self.t.shape[1] - 1):
            yield self.t[:, j], self.t[:, j + 1], y[:, j], y[:, j + 1]
