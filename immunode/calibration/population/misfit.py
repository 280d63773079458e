"""How far off everything that is printed is, as a chi-square, where trials may differ by their effects."""

import numpy as np

from immunode.calibration.population.likelihood import Seen, fit_of
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.problem import Anchor

STEP = 0.05  # of a shift, for the slopes over it


def misfit(here: Anchor, x: np.ndarray, taus: np.ndarray) -> tuple[float, int]:
    """Return the chi-square of what is printed at parameters x, and of how many numbers it is.

    `taus` (effects,) are the SDs of the shifts of trials, by which what a trial prints scatters too.
    """
    moments = here.moments(x)
    total, numbers = fit_of(here.seen, moments)
    if not len(taus):
        return total, numbers
    sides = [[here.moments(x, side * STEP * unit) for side in (1, -1)] for unit in np.eye(len(taus))]
    total = 0.0
    for t, (seen, one) in enumerate(zip(here.seen, moments, strict=True)):
        slopes = [(_predicted(seen, up[t]) - _predicted(seen, down[t])) / (2 * STEP) for up, down in sides]
        away = np.concatenate([seen.statistics, seen.counts]) - _predicted(seen, one)
        total += float(away @ np.linalg.solve(_scatter(seen, one, np.array(slopes).T * taus), away))
    return total, numbers


def _predicted(seen: Seen, one: Moments) -> np.ndarray:
    """Return predicted statistics and counts (d + e,)."""
    return np.concatenate([one.mean, seen.size * one.share])


def _scatter(seen: Seen, one: Moments, shifts: np.ndarray) -> np.ndarray:
    """Return the covariance of statistics and counts (d + e, d + e) by sampling, and by `shifts` (d + e, effects)."""
    out = shifts @ shifts.T
    d = len(one.mean)
    out[:d, :d] += one.covariance
    out[range(d, len(out)), range(d, len(out))] += seen.size * one.share * (1 - one.share)
    return np.asarray(out)
