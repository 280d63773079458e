"""A window of a course: where it is looked at so that areas, averages and peaks are those of the course between doses.

A window goes from `first`, after what is given then, to `day`, before what is given then. It is cut where doses begin
and end, and each piece into intervals that grow from its start, where a course is fastest; in each the course is the
polynomial through NODES values at Chebyshev's points, with the integral of Clenshaw and Curtis
(doi:10.1007/BF01386223).
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np

NODES = 9
FINEST = 0.02  # day: nine values in the first half hour after a dose are exact to 1e-9 for rates up to 50/day
LEVELS, MOST = 6, 18  # halvings of a piece: so many at least, and at most where there are few pieces
EVEN = 256  # no interval is longer than a day, or this part of the window
HIGHEST = 3  # intervals whose polynomials are asked for their peak
_NODES = -np.cos(np.pi * np.arange(NODES) / (NODES - 1))
_TO_SERIES = np.linalg.inv(np.polynomial.chebyshev.chebvander(_NODES, NODES - 1))
_WEIGHTS = np.array([0.0 if j % 2 else 2 / (1 - j * j) for j in range(NODES)]) @ _TO_SERIES


def after(day: float) -> float:
    """Return a day so soon after `day` that the course there is that after a dose: a hundred times what a simulation
    takes for one time."""
    return day + 1e-10 * max(1.0, abs(day))


def begin(first: float, breaks: Sequence[float]) -> float:
    """Return where a window begins: after what is given on its first day."""
    return after(first) if any(abs(at - first) < after(first) - first for at in breaks) else first


def days(first: float, day: float, breaks: Sequence[float] = ()) -> np.ndarray:
    """Return the days on which a course is looked at from `first` to `day`, cut at `breaks`: NODES for each interval.

    An interval begins on the last day of the one before it, or after what is given then.
    """
    cuts = [at for at in sorted(set(breaks)) if after(first) < at < day - (after(day) - day)]
    ends = [*cuts, day]
    starts = [begin(first, breaks), *map(after, cuts)]
    most = max(2, int(MOST - 1.5 * math.log2(len(ends))))
    longest = max(1.0, (day - first) / EVEN)
    edges = [_edges(a, b, most, longest) for a, b in zip(starts, ends, strict=True) if b > a]
    left, right = (np.concatenate([edge[side] for edge in edges]) for side in (slice(None, -1), slice(1, None)))
    out = (left + right)[:, None] / 2 + (right - left)[:, None] / 2 * _NODES
    out[:, 0], out[:, -1] = left, right
    return np.asarray(out.ravel())


def _edges(first: float, day: float, most: int, longest: float) -> np.ndarray:
    """Return the ends of intervals that double from the first day on, none longer than `longest`."""
    levels = min(most, max(LEVELS, math.ceil(math.log2(max((day - first) / FINEST, 1.0)))))
    edges = first + (day - first) * np.r_[0.0, 0.5 ** np.arange(levels, -1, -1)]
    parts = [
        np.linspace(a, b, max(1, math.ceil((b - a) / longest)), endpoint=False) for a, b in itertools.pairwise(edges)
    ]
    return np.append(np.concatenate(parts), day)


def weights(t: np.ndarray) -> np.ndarray:
    """Return the weights of the values on `days` in their integral [day]."""
    rows = t.reshape(-1, NODES)
    return np.asarray(((rows[:, -1] - rows[:, 0])[:, None] / 2 * _WEIGHTS).ravel())


def peak(t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return day and height of the largest value of the course between its values on `days`, which moves smoothly."""
    rows, values = t.reshape(-1, NODES), y.reshape(-1, NODES)
    best = divmod(int(np.argmax(values)), NODES)
    day, height = float(rows[best]), float(values[best])
    for i in np.argsort(-values.max(axis=1), kind="stable")[:HIGHEST]:
        series = _TO_SERIES @ values[i]
        roots = np.polynomial.chebyshev.chebroots(np.polynomial.chebyshev.chebder(series))
        x = np.clip(roots[np.abs(roots.imag) < 1e-8].real, -1, 1)
        high = np.polynomial.chebyshev.chebval(x, series)
        if high.size and high.max() > height:
            at = float(x[np.argmax(high)])
            day, height = float(rows[i, 0] + (rows[i, -1] - rows[i, 0]) * (at + 1) / 2), float(high.max())
    return day, height
