"""A window of courses: where they are looked at, and what is known of them between its first and its last day.

A window goes from `first`, after what is given then, to `last`, before what is given then. It is cut where doses begin
and end, and each stretch into pieces that grow from its start, where a course is fastest; in each the course is a
polynomial (measures/polynomials.py).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from immunode.measures import polynomials
from immunode.measures.polylines import Polylines
from immunode.measures.polynomials import NODES

FINEST = 0.02  # day: nine values in the first half hour after a dose are exact to 1e-9 for rates up to 50/day
LEVELS, MOST = 6, 18  # halvings of a stretch: so many at least, and at most where there are few stretches
MONTHLY = 30.0  # days between visits, where none are said
EVEN = 256  # no piece is longer than a day, or this part of the window
_NOTHING = np.zeros(0)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Hold courses of n patients in pieces: times and values (P, NODES), in order, those of patient i from
    `begins[i]` (n,) on."""

    t: np.ndarray
    y: np.ndarray
    begins: np.ndarray

    @property
    def patient(self) -> np.ndarray:
        """Return whose each piece is, shape (P,)."""
        return np.repeat(np.arange(len(self.begins)), np.diff(np.append(self.begins, len(self.t))))

    @property
    def begin(self) -> np.ndarray:
        """Return when each course begins, shape (n,)."""
        return np.asarray(self.t[self.begins, 0])

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over each patient's pieces of `values` (P,)."""
        return np.asarray(np.add.reduceat(values, self.begins))

    def integral(self, values: np.ndarray | None = None) -> np.ndarray:
        """Return the integral of the courses, or of other `values` (P, NODES) on their times, shape (n,)."""
        each = (polynomials.weights(self.t) * (self.y if values is None else values)).sum(axis=1)
        return self.summed(each)

    def slope(self) -> np.ndarray:
        """Return the slope of the straight line that lies closest to each course (least squares), shape (n,)."""
        t = self.t
        away = t - (t[self.begins, 0] + t[np.append(self.begins[1:], len(t)) - 1, -1])[self.patient, None] / 2
        return self.integral(self.y * away) / self.integral(away**2)

    def peak(self, sign: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return when each course is highest (lowest, for a sign of -1), and its value then, shapes (n,)."""
        patient, y = self.patient, sign * self.y
        top, where, doubt = polynomials.about_highest(y)
        best = np.fmax.reduceat(top, self.begins)
        close = np.flatnonzero(~(top < best[patient] - doubt))
        top = polynomials.summits(y[close], where[close])
        order = close[np.lexsort((close, -top, patient[close]))]
        rank = np.arange(len(order)) - np.searchsorted(patient[order], patient[order])
        chosen = order[rank < polynomials.HIGHEST]
        when, height = polynomials.peaks(self.t[chosen], y[chosen])
        best = np.lexsort((when, -height, patient[chosen]))
        first = best[np.unique(patient[chosen][best], return_index=True)[1]]
        return np.where(np.isnan(height[first]), np.nan, when[first]), sign * height[first]

    def above(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return how long courses are above their level (n,), and when first above and first below (inf: never)."""
        long, up, down = polynomials.time_above(self.t, self.y, level[self.patient])
        total = self.summed(long)
        first = [np.minimum.reduceat(each, self.begins) for each in (up, down)]
        up, down = (np.where(np.isnan(total), np.nan, each) for each in first)
        return total, up, down

    def below(self, level: np.ndarray) -> np.ndarray:
        """Return how long courses are below their level, shape (n,)."""
        return self.summed(polynomials.time_above(self.t, -self.y, -level[self.patient])[0])


@dataclass(frozen=True, eq=False)
class Window:
    """Hold what is known of n patients from day `first` to day `last`, each measure its part of it.

    `start`, `end`: values (n,) then. `pieces`: the courses between, or what visits tell of them. `visits` (v,) and
    `seen` (n, v): days and values of visits, `first` and `last` among them. `level`: what is asked for (n,). `doses`,
    `amount`: how many doses, and what amount (n,). `event_day` (n,): inf for none. Where each patient has days of his
    own `first` and `last` are (n,), and `visits` (n, v).
    """

    first: float | np.ndarray
    last: float | np.ndarray
    start: np.ndarray = field(default_factory=lambda: _NOTHING)
    end: np.ndarray = field(default_factory=lambda: _NOTHING)
    pieces: Pieces | Polylines | None = None
    visits: np.ndarray = field(default_factory=lambda: _NOTHING)
    seen: np.ndarray = field(default_factory=lambda: _NOTHING)
    level: np.ndarray = field(default_factory=lambda: _NOTHING)
    doses: np.ndarray = field(default_factory=lambda: _NOTHING)
    amount: np.ndarray = field(default_factory=lambda: _NOTHING)
    event_day: np.ndarray = field(default_factory=lambda: _NOTHING)

    @property
    def between(self) -> Pieces | Polylines:
        """Return the courses between the two days."""
        assert self.pieces is not None, "a measure of a window is asked with the courses in it"
        return self.pieces


def after(day: float) -> float:
    """Return a day so soon after `day` that the course there is that after a dose: a hundred times what a simulation
    takes for one time."""
    return day + 1e-10 * max(1.0, abs(day))


def begin(first: float, breaks: Sequence[float]) -> float:
    """Return where a window begins: after what is given on its first day."""
    return after(first) if any(abs(at - first) < after(first) - first for at in breaks) else first


def days(first: float, day: float, breaks: Sequence[float] = ()) -> np.ndarray:
    """Return the days on which a course is looked at from `first` to `day`, cut at `breaks`: NODES for each piece.

    A piece begins on the last day of the one before it, or after what is given then.
    """
    cuts = [at for at in sorted(set(breaks)) if after(first) < at < day - (after(day) - day)]
    ends = [*cuts, day]
    starts = [begin(first, breaks), *map(after, cuts)]
    most = max(2, int(MOST - 1.5 * math.log2(len(ends))))
    longest = max(1.0, (day - first) / EVEN)
    edges = [_edges(a, b, most, longest) for a, b in zip(starts, ends, strict=True) if b > a]
    left, right = (np.concatenate([edge[side] for edge in edges]) for side in (slice(None, -1), slice(1, None)))
    return polynomials.between(left, right).ravel()


def _edges(first: float, day: float, most: int, longest: float) -> np.ndarray:
    """Return the ends of pieces that double from the first day on, none longer than `longest`."""
    levels = min(most, max(LEVELS, math.ceil(math.log2(max((day - first) / FINEST, 1.0)))))
    edges = first + (day - first) * np.r_[0.0, 0.5 ** np.arange(levels, -1, -1)]
    parts = [
        np.linspace(a, b, max(1, math.ceil((b - a) / longest)), endpoint=False) for a, b in itertools.pairwise(edges)
    ]
    return np.append(np.concatenate(parts), day)


def on_days(t: np.ndarray, y: np.ndarray) -> Pieces:
    """Return courses `y` (n, times) on `days` `t`, which all share, in pieces."""
    n = len(y)
    pieces = len(t) // NODES
    return Pieces(np.tile(t.reshape(-1, NODES), (n, 1)), y.reshape(-1, NODES), pieces * np.arange(n))


def grid(needs: str, first: float, day: float, breaks: Sequence[float] = ()) -> np.ndarray:
    """Return the days on which a measure of these `needs` looks at a course from `first` to `day`; visits are about 30
    days apart."""
    if needs == "day":
        return np.array([day])
    if needs == "ends":
        return np.array([begin(first, breaks), day])
    if needs == "visits":
        return np.linspace(begin(first, breaks), day, max(2, round((day - first) / MONTHLY) + 1))
    return days(first, day, breaks)


def on_grid(
    needs: str,
    t: np.ndarray,
    y: np.ndarray,
    first: float,
    *,
    level: np.ndarray = _NOTHING,
    amount: np.ndarray = _NOTHING,
) -> Window:
    """Return the window of courses `y` (n, times) on the days `t` of such a grid, with what else is known."""
    begins = first if needs == "day" else float(t[0])
    window = Window(begins, float(t[-1]), y[:, 0], y[:, -1], level=level, amount=amount)
    if needs == "visits":
        return replace(window, visits=t, seen=y)
    return replace(window, pieces=on_days(t, y)) if needs == "window" else window
