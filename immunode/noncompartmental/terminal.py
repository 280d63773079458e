"""Read peaks and ends off the samples, and fit the terminal slope."""

import numpy as np

from immunode.noncompartmental.samples import SAME, Samples

TIE = 1e-4  # an adjusted R2 this near to the largest is as good, and more points win
FAILED, EMPTY = "missing concentrations", "no concentration above zero"
SHORT, RISING = "fewer than 3 concentrations above zero after Cmax", "concentrations do not fall after Cmax"
SHORT_BOLUS = "fewer than 3 concentrations above zero from Cmax on"


def terminal(data: Samples, infused: float, *, bolus: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what is read off the samples and the best terminal slope, with the reason where there is none."""
    t, c = data.t, data.c
    seen = np.where(data.sampled, c, -1.0)
    row, peak, end = np.arange(len(c)), np.argmax(seen, axis=1), last(c)
    some = (c > 0).any(axis=1)
    clast, tlast = np.where(some, c[row, end], np.nan), np.where(some, t[end], np.nan)
    behind = np.arange(len(t)) >= peak[:, None] + (not bolus)
    use = (c > 0) & behind & data.sampled & (t >= infused * (1 - SAME))
    y = np.log(np.divide(c, clast[:, None], out=np.ones_like(c), where=use))
    start, n, slope, above, r2, adjusted = _best_fit(t, np.where(use, t - tlast[:, None], 0.0), y, use)
    values = {
        "C0": c[:, 0],
        "Cmax": c[row, peak],
        "Tmax": np.where(some, t[peak], np.nan),
        "Tlag": np.where(some, t[np.maximum(np.argmax(c > 0, axis=1) - 1, 0)], np.nan),
        "Clast": clast,
        "Clast_pred": clast * np.exp(above),
        "Tlast": tlast,
        "lambda_z": -slope,
        "lambda_z_points": n,
        "lambda_z_start": start,
        "R2": r2,
        "R2_adjusted": adjusted,
        "half_life": -np.log(2) / slope,
    }
    failed = np.isnan(c).any(axis=1)
    short = SHORT_BOLUS if bolus else SHORT
    reason = np.select([failed, ~some, np.isfinite(slope), use.sum(axis=1) < 3], [FAILED, EMPTY, "", short], RISING)
    return values, reason


def last(c: np.ndarray) -> np.ndarray:
    """Return the column of the last concentration above zero."""
    return np.asarray(c.shape[1] - 1 - np.argmax(c[:, ::-1] > 0, axis=1))


def _best_fit(t: np.ndarray, x: np.ndarray, y: np.ndarray, use: np.ndarray) -> list[np.ndarray]:
    """Return the time of the first point, points, slope, intercept, R2 and adjusted R2 of the best line; nan for none.

    `x` and `y` (n, times) are zero at the last point and where not in `use`: sums then lose no digits.
    """

    def tail(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.cumsum(values[:, ::-1], axis=1)[:, ::-1])  # from each sample to the last

    n, sx, sy = tail(use), tail(x), tail(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        xx, xy, yy = tail(x * x) - sx * sx / n, tail(x * y) - sx * sy / n, tail(y * y) - sy * sy / n
        slope, r2 = xy / xx, np.minimum(xy * xy / (xx * yy), 1.0)
        adjusted = np.where(use & (n >= 3) & (xy < 0), 1 - (1 - r2) * (n - 1) / (n - 2), -np.inf)
        intercept = (sy - slope * sx) / n
    best = np.argmax(adjusted >= adjusted.max(axis=1, keepdims=True) - TIE, axis=1)
    row = np.arange(len(x))
    fitted = np.isfinite(adjusted[row, best])
    return [
        np.where(fitted, values[row, best], np.nan)
        for values in (np.broadcast_to(t, x.shape), n, slope, intercept, r2, adjusted)
    ]
