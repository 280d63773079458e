"""Intervals that hold for small trials: signed roots of likelihood ratios, calibrated by refits of simulated trials.

The statistics of few patients are not normal, so a likelihood ratio is not chi-square. How it is distributed is
simulated: trials of the published sizes are drawn at the estimate and refitted, freely and with each parameter held.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.refits import Fitted, refit
from immunode.calibration.population.surface import REACH, Coordinates, Surface

GRID = 61  # points of a profile


@dataclass(frozen=True, eq=False)
class Interval:
    """Hold a parameter's interval, calibrated and raw (chi-square), its estimate less the bias, and at which share of
    its profile an end is open (beyond the surface)."""

    low: float
    high: float
    raw_low: float
    raw_high: float
    unbiased: float
    stderr: float


@dataclass(frozen=True, eq=False)
class Refits:
    """Hold the refits of simulated trials: free ones, and their signed roots (R, p) at the parameters they were drawn
    with."""

    free: Fitted
    roots: np.ndarray


def refits(
    surfaces: Sequence[Surface], simulated: Sequence[Seen], at: Coordinates, effects: Effects, truth: np.ndarray
) -> Refits:
    """Return the refits of trials that were simulated at `truth` (R, p)."""
    free = refit(surfaces, simulated, at, effects)
    roots = np.empty_like(free.x)
    for k in range(len(at.centre)):
        held = refit(surfaces, simulated, at, effects, start=free.x, held=k, value=truth[:, k])
        roots[:, k] = _root(held.deviance - free.deviance, free.x[:, k] - truth[:, k])
    return Refits(free, roots)


def _root(excess: np.ndarray, side: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(side) * np.sqrt(np.maximum(excess, 0.0)))


def profile(
    surfaces: Sequence[Surface], seen: Sequence[Seen], at: Coordinates, effects: Effects, best: Fitted, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return values of a parameter and the signed root of the likelihood ratio at each, falling from + to -."""
    reach = 0.98 * REACH * at.sizes[k]
    values = at.centre[k] + np.linspace(-reach, reach, GRID)
    many = [Seen(np.repeat(s.statistics, GRID, axis=0), np.repeat(s.counts, GRID, axis=0), s.size) for s in seen]
    start = np.repeat(best.x, GRID, axis=0)
    held = refit(surfaces, many, at, effects, start=start, held=k, value=values)
    return values, _root(held.deviance - best.deviance[0], best.x[0, k] - values)


def interval(
    surfaces: Sequence[Surface], seen: Sequence[Seen], at: Coordinates, effects: Effects, best: Fitted,
    simulated: Refits, k: int, level: float, logarithm: bool,
) -> Interval:  # fmt: skip
    """Return the interval of parameter k at a level; `logarithm` says that it is one, whose bias is that of the
    parameter itself."""
    values, roots = profile(surfaces, seen, at, effects, best, k)
    tail = 0.5 * (1 - level)
    low, high = np.quantile(simulated.roots[:, k], [tail, 1 - tail], method="weibull")
    normal = float(_normal_quantile(1 - tail))
    moved = simulated.free.x[:, k] - at.centre[k]
    bias = float(np.log(np.mean(np.exp(moved)))) if logarithm else float(moved.mean())
    return Interval(
        _crossing(values, roots, high), _crossing(values, roots, low),
        _crossing(values, roots, normal), _crossing(values, roots, -normal),
        float(best.x[0, k]) - bias, float(moved.std(ddof=1)),
    )  # fmt: skip


def _normal_quantile(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def _crossing(values: np.ndarray, roots: np.ndarray, level: float) -> float:
    """Return where roots, which change their sign at the estimate, first cross a level on the way out from there;
    infinite where they do not on the surface, which far out may bend back."""
    middle = int((roots > 0).sum())
    falling = np.concatenate(
        [np.maximum.accumulate(roots[:middle][::-1])[::-1], np.minimum.accumulate(roots[middle:])]
    )  # fmt: skip
    if falling[0] < level:
        return -np.inf
    if falling[-1] > level:
        return np.inf
    return float(np.interp(-level, -falling, values))
