"""A course in pieces: in each it is the polynomial through its values at Chebyshev's points.

Integrals are those of Clenshaw and Curtis (doi:10.1007/BF01386223). A piece is a row, of NODES times and values.
"""

import numpy as np

NODES = 9
HIGHEST = 3  # pieces of a patient whose polynomials are asked for their peak
_FINE = 33  # points on which a piece is looked at for crossings of a level
_CLOSE = 0.05  # of a piece's span: so little below a level its points leave out a summit above it
_JUMP = 0.03  # of a piece's span: last terms of a series that are larger tell of a jump
_NEWTON = 3  # steps from a parabola's summit to that of a piece
_HALVINGS = 60  # of the stretch in which a level is crossed
POINTS = -np.cos(np.pi * np.arange(NODES) / (NODES - 1))
_TO_SERIES = np.linalg.inv(np.polynomial.chebyshev.chebvander(POINTS, NODES - 1))
_WEIGHTS = np.array([0.0 if j % 2 else 2 / (1 - j * j) for j in range(NODES)]) @ _TO_SERIES
_FINE_POINTS = -np.cos(np.pi * np.arange(_FINE) / (_FINE - 1))
_TO_FINE = np.polynomial.chebyshev.chebvander(_FINE_POINTS, NODES - 1) @ _TO_SERIES
_SLOPE = np.polynomial.chebyshev.chebder(np.eye(NODES), axis=0)  # coefficients of a series to those of its slope
_SLOPES = np.polynomial.chebyshev.chebvander(POINTS, NODES - 2) @ _SLOPE @ _TO_SERIES  # values to slopes, at POINTS


def between(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the times of pieces from `left` to `right` (P,), shape (P, NODES)."""
    out = (left + right)[:, None] / 2 + (right - left)[:, None] / 2 * POINTS
    out[:, 0], out[:, -1] = left, right
    return np.asarray(out)


def stretched(t: np.ndarray, y: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times and values of pieces that go from `left` to `right` (P,) instead, by a rounding of their times: each
    value along its slope, but where a piece jumps."""
    moved = np.flatnonzero((left != t[:, 0]) | (right != t[:, -1]))
    new_t, new_y = t.copy(), y.copy()
    new_t[moved] = between(left[moved], right[moved])
    there = y[moved]
    slopes = 2 / (t[moved, -1] - t[moved, 0])[:, None] * _by(there, _SLOPES)
    along = there + (new_t[moved] - t[moved]) * slopes
    new_y[moved] = np.where(unsettled(there, _JUMP * np.ptp(there, axis=1))[:, None], there, along)
    return new_t, new_y


def weights(t: np.ndarray) -> np.ndarray:
    """Return the weights of the values at `t` (P, NODES) in their integral, of the same shape."""
    return np.asarray((t[:, -1] - t[:, 0])[:, None] / 2 * _WEIGHTS)


def _by(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return each row times a matrix, (P, J), with the same bits beside any other rows: a BLAS does not promise it."""
    return np.asarray(np.einsum("pk,jk->pj", rows, matrix))


def last_terms(y: np.ndarray) -> np.ndarray:
    """Return the larger of the last two terms of the series of each piece (P,): how far it is from a polynomial."""
    with np.errstate(invalid="ignore"):
        ends = np.abs(_by(y, _TO_SERIES[-2:]))
        return np.maximum(ends[:, 0], ends[:, 1])


def unsettled(y: np.ndarray, tolerance: np.ndarray) -> np.ndarray:
    """Return which pieces are no such polynomial: the last terms of its series are above the tolerance (P,)."""
    with np.errstate(invalid="ignore"):
        return np.asarray(last_terms(y) > tolerance)


def about_highest(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return about how high each piece is, where (in -1 to 1), and how much higher another may be that seems lower
    (P,): by the parabola through its largest value and those beside."""
    rows, j = np.arange(len(y)), np.clip(np.argmax(y, axis=1), 1, NODES - 2)
    (a, b, c), (xa, xb, xc) = (y[rows, j + k] for k in (-1, 0, 1)), (POINTS[j + k] for k in (-1, 0, 1))
    high = y.max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (b - a) / (xb - xa)
        bend = ((c - b) / (xc - xb) - slope) / (xc - xa)
        x = (xa + xb) / 2 - slope / (2 * bend)
        summit = a + slope * (x - xa) + bend * (x - xa) * (x - xb)
        inside = (bend < 0) & (x > xa) & (x < xc)
        return np.where(inside, summit, high), np.where(inside, x, np.nan), _CLOSE * (high - y.min(axis=1))


def summits(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return how high each piece is near `x` (P,), by Newton's method, at least its largest value."""
    series = (_by(y, _TO_SERIES)).T
    slope = np.polynomial.chebyshev.chebder(series)
    bend = np.polynomial.chebyshev.chebder(slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_NEWTON):
            down, by = (np.polynomial.chebyshev.chebval(x, part, tensor=False) for part in (slope, bend))
            x = np.clip(x - down / by, -1.0, 1.0)
        return np.fmax(np.polynomial.chebyshev.chebval(x, series, tensor=False), y.max(axis=1, initial=-np.inf))


def peaks(t: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return time and height of the largest value of each piece, between its values too unless it jumps, where a
    polynomial shoots over."""
    best = np.argmax(y, axis=1)
    rows = np.arange(len(y))
    when, height = t[rows, best], y[rows, best]
    series = _by(y, _TO_SERIES)
    smooth = np.isfinite(y).all(axis=1) & ~unsettled(y, _JUMP * np.ptp(y, axis=1))
    some = np.flatnonzero(smooth)
    x, there = _level_places(_by(series[some], _SLOPE))
    with np.errstate(invalid="ignore"):
        high = np.polynomial.chebyshev.chebval(x, series[some].T[:, :, None], tensor=False)
    high = np.where(there, high, -np.inf)
    best = np.argmax(high, axis=1)
    rows = np.arange(len(some))
    more = high[rows, best] > height[some]
    at, top, i = x[rows, best][more], high[rows, best][more], some[more]
    when[i], height[i] = t[i, 0] + (t[i, -1] - t[i, 0]) * (at + 1) / 2, top
    return when, height


def _level_places(slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where slopes (P, NODES - 1), series, are zero, in -1 to 1, and which of these places there are.

    Roots are the eigenvalues of companion matrices, of all series of one length at once; last terms that are rounding
    alone, of which roots would be made up, are left out.
    """
    places, there = np.zeros((len(slopes), NODES - 2)), np.zeros((len(slopes), NODES - 2), dtype=bool)
    large = np.abs(slopes) > 1e-15 * np.abs(slopes).max(axis=1, initial=0.0)[:, None]
    degree = np.where(large.any(axis=1), slopes.shape[1] - 1 - np.argmax(large[:, ::-1], axis=1), 0)
    for d in range(1, slopes.shape[1]):
        of = np.flatnonzero(degree == d)
        if of.size:
            roots = np.linalg.eigvals(_companions(slopes[of, : d + 1]))
            places[of, :d] = np.clip(roots.real, -1, 1)
            there[of, :d] = np.abs(roots.imag) < 1e-8
    return places, there


def _companions(series: np.ndarray) -> np.ndarray:
    """Return the companion matrices (P, d, d) of series of degree d, scaled as NumPy's chebcompanion does."""
    d = series.shape[1] - 1
    made = np.zeros((len(series), d, d))
    if d == 1:
        made[:, 0, 0] = -series[:, 0] / series[:, 1]
        return made
    scale = np.append(1.0, np.full(d - 1, np.sqrt(0.5)))
    beside = np.append(np.sqrt(0.5), np.full(d - 2, 0.5))
    k = np.arange(d - 1)
    made[:, k, k + 1] = made[:, k + 1, k] = beside
    made[:, :, -1] -= (series[:, :-1] / series[:, -1:]) * (scale / scale[-1]) * 0.5
    return made[:, ::-1, ::-1]


def time_above(t: np.ndarray, y: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how long each piece is above its level (P,), and when it is first above and first below it (inf: never).

    At the level itself it is neither.
    """
    length = t[:, -1] - t[:, 0]
    low, high, wide = y.min(axis=1), y.max(axis=1), np.ptp(y, axis=1)
    above = np.where(low > level, length, np.where(np.isfinite(high), 0.0, np.nan))
    up, down = np.where(y[:, 0] > level, t[:, 0], np.inf), np.where(y[:, 0] < level, t[:, 0], np.inf)
    near = np.flatnonzero((low - wide <= level) & (level <= high + wide) & (wide > 0))
    away = _points_away(y[near], level[near])
    highest, lowest = away.max(axis=1, initial=-np.inf), away.min(axis=1, initial=np.inf)
    margin = _CLOSE * wide[near]
    meets = (highest > -margin) & (lowest < margin)  # others are on one side of it throughout
    near = near[meets]
    if near.size:
        above[near], up[near], down[near] = _crossings(t[near], y[near], level[near], away[meets])
    return above, up, down


def _points_away(y: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return how far above its level each piece is at _FINE_POINTS, (P, _FINE)."""
    away = _by(y, _TO_FINE)
    away[:, [0, -1]] = y[:, [0, -1]]
    return np.asarray(away - level[:, None])


def _crossings(
    t: np.ndarray, y: np.ndarray, level: np.ndarray, away: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same of pieces that cross their level, or come close to it; `away` is as of `_points_away`."""
    series = _by(y, _TO_SERIES)
    at, away = _with_summits(np.tile(_FINE_POINTS, (len(y), 1)), away, t, y, level)
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
