"""Intervals that hold for small trials: signed roots of likelihood ratios, calibrated by refits of simulated trials.

The statistics of few patients are not normal, so a likelihood ratio is not chi-square. How it is distributed is
simulated: trials of the published sizes are drawn at the estimate and at the ends of the raw interval, and refitted,
freely and with the parameter held (a test is inverted; between the three places its quantiles are interpolated).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.refits import Fitted, refit
from immunode.calibration.population.surface import REACH, Coordinates, Surface

GRID = 61  # points of a profile
ENDS = 300  # refits at each end of a raw interval


@dataclass(frozen=True, eq=False)
class OnSurfaces:
    """Hold surfaces of trials, what is seen of each, coordinates around the estimate, effects, the minimum, and the
    bounds of parameters, from `low` to `high` (p,)."""

    surfaces: Sequence[Surface]
    seen: Sequence[Seen]
    at: Coordinates
    effects: Effects
    best: Fitted
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Refits:
    """Hold refits of simulated trials: free ones, their errors (R, p), and their signed roots (R, p) at the parameters
    they were drawn with."""

    free: Fitted
    errors: np.ndarray
    roots: np.ndarray


@dataclass(frozen=True, eq=False)
class Profile:
    """Hold values of a parameter, the signed root of the likelihood ratio at each, falling from + to -, and all
    parameters there."""

    values: np.ndarray
    roots: np.ndarray
    x: np.ndarray


@dataclass(frozen=True, eq=False)
class Interval:
    """Hold a parameter's interval, calibrated and raw (chi-square), infinite where the surfaces do not reach."""

    low: float
    high: float
    raw_low: float
    raw_high: float


def refits(one: OnSurfaces, simulated: Sequence[Seen], truth: np.ndarray) -> Refits:
    """Return the refits of trials that were simulated at `truth` (p,)."""
    free = refit(one.surfaces, simulated, one.at, one.effects)
    roots = [roots_at(one, simulated, free, k, truth[k]) for k in range(len(truth))]
    return Refits(free, free.x - truth, np.stack(roots, axis=1))


def roots_at(one: OnSurfaces, simulated: Sequence[Seen], free: Fitted, k: int, value: float) -> np.ndarray:
    """Return the signed roots (R,) of simulated trials at a value of parameter k."""
    held = refit(one.surfaces, simulated, one.at, one.effects, start=free.x, held=k, value=value)
    return _root(held.deviance - free.deviance, free.x[:, k] - value)


def _root(excess: np.ndarray, side: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(side) * np.sqrt(np.maximum(excess, 0.0)))


def profile(one: OnSurfaces, k: int) -> Profile:
    """Return the profile of parameter k, as far as the surfaces and its bounds reach."""
    reach = 0.98 * REACH * one.at.sizes[k]
    low, high = (np.broadcast_to(end, one.at.centre.shape)[k] for end in (one.at.low, one.at.high))
    ends = max(one.at.centre[k] - reach, low), min(one.at.centre[k] + reach, high)
    values = np.linspace(*ends, GRID)
    many = [Seen(np.repeat(s.statistics, GRID, axis=0), np.repeat(s.counts, GRID, axis=0), s.size) for s in one.seen]
    start = np.repeat(one.best.x, GRID, axis=0)
    held = refit(one.surfaces, many, one.at, one.effects, start=start, held=k, value=values)
    return Profile(values, _root(held.deviance - one.best.deviance[0], one.best.x[0, k] - values), held.x)


def interval(
    one: OnSurfaces, simulated: Refits, k: int, level: float, draw: Callable[[np.ndarray], Sequence[Seen]] | None
) -> Interval:
    """Return the interval of parameter k at a level; `draw` simulates trials at other parameters, None for none."""
    course, tail = profile(one, k), 0.5 * (1 - level)
    normal = float(ndtri(1 - tail))
    raw = lower_end(course, normal, one.low[k]), upper_end(course, -normal, one.high[k])
    places, quantiles = [float(one.at.centre[k])], [_tails(simulated.roots[:, k], tail)]
    for end in raw:
        if draw is not None and np.isfinite(end):
            x = course.x[int(np.argmin(np.abs(course.values - end)))]
            sets = draw(x)
            free = refit(one.surfaces, sets, one.at, one.effects)
            places.append(float(x[k]))
            quantiles.append(_tails(roots_at(one, sets, free, k, float(x[k])), tail))
    order = np.argsort(places)
    low, high = np.array(quantiles)[order].T
    at = np.array(places)[order]
    return Interval(
        lower_end(course, np.interp(course.values, at, high), one.low[k]),
        upper_end(course, np.interp(course.values, at, low), one.high[k]), *raw,
    )  # fmt: skip


def _tails(roots: np.ndarray, tail: float) -> np.ndarray:
    return np.asarray(np.quantile(roots, [tail, 1 - tail], method="weibull"))


def lower_end(course: Profile, level: np.ndarray | float, bound: float) -> float:
    """Return where roots first reach a level on the way down from the estimate: the bound, or minus infinity, where
    they never do on the surface, which far out may bend back."""
    excess = course.roots - level
    for i in range(int((course.roots > 0).sum()) - 1, -1, -1):
        if excess[i] >= 0:
            return _between(course.values, excess, i)
    return bound if course.values[0] <= bound else -np.inf


def upper_end(course: Profile, level: np.ndarray | float, bound: float) -> float:
    """Return where roots first fall to a level on the way up from the estimate; see `lower_end`."""
    excess = course.roots - level
    for i in range(int((course.roots > 0).sum()), len(course.values)):
        if excess[i] <= 0:
            return _between(course.values, excess, i - 1) if i else float(course.values[0])
    return bound if course.values[-1] >= bound else np.inf


def _between(values: np.ndarray, excess: np.ndarray, i: int) -> float:
    """Return where excess changes its sign between values i and i + 1."""
    if i + 1 >= len(values) or excess[i] <= excess[i + 1]:
        return float(values[i])
    share = float(np.clip(excess[i] / (excess[i] - excess[i + 1]), 0.0, 1.0))
    return float(values[i] + share * (values[i + 1] - values[i]))
