"""A course in pieces: in each it is the polynomial through its values at Chebyshev's points.

Integrals are those of Clenshaw and Curtis (doi:10.1007/BF01386223). A piece is a row, of NODES times and values.
"""

import numpy as np

NODES = 9
HIGHEST = 3  # pieces of a patient whose polynomials are asked for their peak
_FINE = 33  # points on which a piece is looked at for crossings of a level
_CLOSE = 0.05  # of a piece's span: so little below a level its points leave out a summit above it
_JUMP = 0.03  # of a piece's span: last terms of a series that are larger tell of a jump
_HALVINGS = 60  # of the stretch in which a level is crossed
POINTS = -np.cos(np.pi * np.arange(NODES) / (NODES - 1))
_TO_SERIES = np.linalg.inv(np.polynomial.chebyshev.chebvander(POINTS, NODES - 1))
_WEIGHTS = np.array([0.0 if j % 2 else 2 / (1 - j * j) for j in range(NODES)]) @ _TO_SERIES
_FINE_POINTS = -np.cos(np.pi * np.arange(_FINE) / (_FINE - 1))
_TO_FINE = np.polynomial.chebyshev.chebvander(_FINE_POINTS, NODES - 1) @ _TO_SERIES
_SLOPE = np.polynomial.chebyshev.chebder(np.eye(NODES), axis=0)  # coefficients of a series to those of its slope


def between(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the times of pieces from `left` to `right` (P,), shape (P, NODES)."""
    out = (left + right)[:, None] / 2 + (right - left)[:, None] / 2 * POINTS
    out[:, 0], out[:, -1] = left, right
    return np.asarray(out)


def weights(t: np.ndarray) -> np.ndarray:
    """Return the weights of the values at `t` (P, NODES) in their integral, of the same shape."""
    return np.asarray((t[:, -1] - t[:, 0])[:, None] / 2 * _WEIGHTS)


def unsettled(y: np.ndarray, tolerance: np.ndarray) -> np.ndarray:
    """Return which pieces are no such polynomial: the last terms of its series are above the tolerance (P,)."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(y @ _TO_SERIES[-2:].T).max(axis=1) > tolerance)


def peaks(t: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return time and height of the largest value of each piece, between its values too unless it jumps, where a
    polynomial shoots over."""
    best = np.argmax(y, axis=1)
    rows = np.arange(len(y))
    when, height = t[rows, best], y[rows, best]
    series = y @ _TO_SERIES.T
    smooth = np.isfinite(y).all(axis=1) & ~unsettled(y, _JUMP * np.ptp(y, axis=1))
    for i in np.flatnonzero(smooth):
        roots = np.polynomial.chebyshev.chebroots(_trimmed(_SLOPE @ series[i]))
        x = np.clip(roots[np.abs(roots.imag) < 1e-8].real, -1, 1)
        high = np.polynomial.chebyshev.chebval(x, series[i])
        if high.size and high.max() > height[i]:
            at = float(x[np.argmax(high)])
            when[i], height[i] = t[i, 0] + (t[i, -1] - t[i, 0]) * (at + 1) / 2, high.max()
    return when, height


def _trimmed(series: np.ndarray) -> np.ndarray:
    """Return a series without last terms that are rounding alone, of which roots would be made up."""
    return np.polynomial.chebyshev.chebtrim(series, 1e-15 * np.abs(series).max())


def time_above(t: np.ndarray, y: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how long each piece is above its level (P,), and when it is first above and first below it (inf: never).

    At the level itself it is neither.
    """
    length = t[:, -1] - t[:, 0]
    low, high, wide = y.min(axis=1), y.max(axis=1), np.ptp(y, axis=1)
    above = np.where(low > level, length, np.where(np.isfinite(high), 0.0, np.nan))
    up, down = np.where(y[:, 0] > level, t[:, 0], np.inf), np.where(y[:, 0] < level, t[:, 0], np.inf)
    near = np.flatnonzero((low - wide <= level) & (level <= high + wide) & (wide > 0))
    if near.size:
        above[near], up[near], down[near] = _crossings(t[near], y[near], level[near])
    return above, up, down


def _crossings(t: np.ndarray, y: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same of pieces that may cross their level."""
    series = y @ _TO_SERIES.T
    away = y @ _TO_FINE.T
    away[:, [0, -1]] = y[:, [0, -1]]
    at, away = _with_summits(np.tile(_FINE_POINTS, (len(y), 1)), away - level[:, None], t, y, level)
    left, right, a, b = at[:, :-1], at[:, 1:], away[:, :-1], away[:, 1:]
    crossing = (a > 0) != (b > 0)
    piece, stretch = np.nonzero(crossing)
    root = left.copy()
    root[crossing] = _roots(series[piece], level[piece], left[crossing], right[crossing], a[piece, stretch] > 0)
    share = np.where(crossing, np.where(a > 0, root - left, right - root), np.where(a > 0, right - left, 0.0))
    half = (t[:, -1] - t[:, 0]) / 2

    def first(sign: float) -> np.ndarray:
        """Return when a piece first lies on one side of its level."""
        begins, enters = sign * a > 0, crossing & (sign * b > 0)
        x = np.where(begins, left, np.where(enters, root, np.inf)).min(axis=1)
        return np.where(np.isfinite(x), t[:, 0] + half * (x + 1), np.inf)

    return half * share.sum(axis=1), first(1.0), first(-1.0)


def _with_summits(
    at: np.ndarray, away: np.ndarray, t: np.ndarray, y: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return points and how far above the level the pieces are there, with summits and bottoms that come close to it,
    which may reach beyond it between the points."""
    half, wide = (t[:, -1] - t[:, 0])[:, None] / 2, np.ptp(y, axis=1)
    for sign in (1.0, -1.0):
        top = (sign * away).max(axis=1)
        extra, there = at[:, -1].copy(), away[:, -1].copy()
        close = np.flatnonzero((top <= 0) & (top > -_CLOSE * wide))
        if close.size:
            when, height = peaks(t[close], sign * y[close])
            extra[close] = np.clip((when - t[close, 0]) / half[close, 0] - 1, -1, 1)
            there[close] = sign * height - level[close]
        order = np.argsort(np.column_stack([at, extra]), axis=1, kind="stable")
        at = np.take_along_axis(np.column_stack([at, extra]), order, axis=1)
        away = np.take_along_axis(np.column_stack([away, there]), order, axis=1)
    return at, away


def _roots(
    series: np.ndarray, level: np.ndarray, left: np.ndarray, right: np.ndarray, falling: np.ndarray
) -> np.ndarray:
    """Return where series cross their levels between `left` and `right`, by halving."""
    low, high = left.copy(), right.copy()
    terms = np.arange(NODES)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        value = np.einsum("rk,rk->r", np.cos(np.arccos(middle)[:, None] * terms), series)
        beyond = (value > level) != falling
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray((low + high) / 2)
