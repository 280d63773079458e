"""Intervals that hold for small trials: signed roots of likelihood ratios, calibrated by refits of simulated trials.

The statistics of few patients are not normal, so a likelihood ratio is not chi-square. How it is distributed is
simulated: trials of the published sizes are drawn at the estimate and at the ends of the interval, and refitted,
freely and with the parameter held. So a test is inverted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.refits import Fitted, refit
from immunode.calibration.population.surface import MANY, Coordinates, Surface

GRID, COARSE = 61, 25  # points of a profile, and of one of many parameters
ENDS = 250  # refits at each place of an end
PLACES, NEAR = 3, 0.25  # of an end at most, the first that of the raw interval; how far they are apart, in errors
ROOM = 0.7  # of the surfaces' reach, within which trials are simulated
LEAST = 1.0  # root of a likelihood ratio that is never unlikely
INSIDE = 1 / 2  # of a raw interval, the least distance from its bound at which trials are simulated

Draw = Callable[[np.ndarray], Sequence[Seen]]
Scale = Callable[[np.ndarray], np.ndarray]


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

    @cached_property
    def courses(self) -> list["Profile"]:
        """Return the profile of every parameter."""
        return [profile(self, k) for k in range(len(self.at.centre))]


@dataclass(frozen=True, eq=False)
class Refits:
    """Hold refits of simulated trials: free ones, their errors (R, p), and their signed roots (R, p) at the parameters
    `truth` (p,) that they were drawn with."""

    free: Fitted
    errors: np.ndarray
    roots: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True, eq=False)
class Profile:
    """Hold values of a parameter, the signed root of the likelihood ratio at each, falling from + to -, all parameters
    there, and -2 log L there over that of the minimum, below 0 where that is none."""

    values: np.ndarray
    roots: np.ndarray
    x: np.ndarray
    excess: np.ndarray


@dataclass(frozen=True, eq=False)
class Interval:
    """Hold a parameter's interval, calibrated and raw (chi-square), infinite where the surfaces do not reach."""

    low: float
    high: float
    raw_low: float
    raw_high: float


def by_profiles(one: OnSurfaces) -> bool:
    """Return whether intervals are those of profiles: where so many parameters stand beside effects of trials refits of
    simulated trials, with each of them held, would take hours."""
    return bool(one.effects.names) and len(one.at.centre) > MANY


def refits(one: OnSurfaces, simulated: Sequence[Seen], truth: np.ndarray) -> Refits:
    """Return the refits of trials that were simulated at `truth` (p,), without roots where intervals are those of
    profiles."""
    free = refit(one.surfaces, simulated, one.at, one.effects)
    if by_profiles(one):
        return Refits(free, free.x - truth, np.full(free.x.shape, np.nan), truth)
    roots = [roots_at(one, simulated, free, k, truth[k]) for k in range(len(truth))]
    return Refits(free, free.x - truth, np.stack(roots, axis=1), truth)


def roots_at(one: OnSurfaces, simulated: Sequence[Seen], free: Fitted, k: int, value: float) -> np.ndarray:
    """Return the signed roots (R,) of simulated trials at a value of parameter k."""
    held = refit(one.surfaces, simulated, one.at, one.effects, start=free.x, held=k, value=value)
    return _root(held.deviance - free.deviance, free.x[:, k] - value)


def _root(excess: np.ndarray, side: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(side) * np.sqrt(np.maximum(excess, 0.0)))


def profile(one: OnSurfaces, k: int) -> Profile:
    """Return the profile of parameter k, as far as the surfaces and its bounds reach."""
    reach = 0.98 * one.at.reach * one.at.sizes[k]
    low, high = (np.broadcast_to(end, one.at.centre.shape)[k] for end in (one.at.low, one.at.high))
    ends = max(one.at.centre[k] - reach, low), min(one.at.centre[k] + reach, high)
    points = GRID if len(one.at.centre) <= MANY else COARSE
    values = np.linspace(*ends, points)
    many = [
        Seen(np.repeat(s.statistics, points, axis=0), np.repeat(s.counts, points, axis=0), s.size) for s in one.seen
    ]
    start = np.repeat(one.best.x, points, axis=0)
    held = refit(one.surfaces, many, one.at, one.effects, start=start, held=k, value=values)
    excess = held.deviance - one.best.deviance[0]
    return Profile(values, _root(excess, one.best.x[0, k] - values), held.x, excess)


def raw_interval(one: OnSurfaces, k: int, level: float) -> tuple[float, float]:
    """Return the interval of parameter k at a level where a likelihood ratio is chi-square."""
    course, normal = one.courses[k], float(ndtri(0.5 * (1 + level)))
    return lower_end(course, normal, one.low[k]), upper_end(course, -normal, one.high[k])


def off_bounds(one: OnSurfaces, level: float, natural: Scale, inner: Scale) -> np.ndarray:
    """Return parameters (p,) where trials are simulated: the estimate, but at least INSIDE of the way from a bound to
    the other end of a raw interval that reaches it.

    At a bound nothing is estimated beyond it: trials that are simulated there say that all that lies within is
    unlikely. `natural` and `inner` convert parameters to the scale on which the way is measured, and back.
    """
    centre = one.at.centre
    before = natural(centre)
    after = before.copy()
    for k in range(len(centre)):
        course = one.courses[k]
        raw = raw_interval(one, k, level)
        x = np.tile(centre, (2, 1))
        x[:, k] = np.clip(raw, course.values[0], course.values[-1])
        low, high = natural(x)[:, k]
        if raw[0] <= one.low[k]:
            after[k] = max(after[k], low + INSIDE * (high - low))
        if raw[1] >= one.high[k]:
            after[k] = min(after[k], high - INSIDE * (high - low))
    return np.where(after == before, centre, inner(after))


def interval(one: OnSurfaces, simulated: Refits, k: int, level: float, draw: Draw | None) -> Interval:
    """Return the interval of parameter k at a level; `draw` simulates trials at other parameters, None for none."""
    raw = raw_interval(one, k, level)
    if by_profiles(one):
        return Interval(*raw, *raw)
    low, high = (_end(one, simulated, k, level, side, draw) for side in (0, 1))
    return Interval(low, high, *raw)


def _end(one: OnSurfaces, simulated: Refits, k: int, level: float, side: int, draw: Draw | None) -> float:
    """Return the lower (side 0) or the upper end of an interval.

    Where it is, trials are simulated, and the end is moved to where the root is as rare as it may be among theirs,
    until it stays; between such places the level of roots is interpolated.
    """
    tail = 0.5 * (1 - level)
    share, end_of, bound = ((1 - tail, lower_end, one.low[k]), (tail, upper_end, one.high[k]))[side]
    course, truth, centre = one.courses[k], simulated.truth, one.at.centre
    levels = {float(truth[k]): _quantile(simulated.roots[:, k], share)}
    if draw is None:
        return end_of(course, _between_places(levels, course.values), bound)
    end = raw_interval(one, k, level)[side]
    least, most = np.where(truth > centre, truth, -np.inf), np.where(truth < centre, truth, np.inf)
    least[k], most[k] = -np.inf, np.inf  # the others stay off their bounds
    for _ in range(PLACES):
        x = np.clip(course.x[int(np.argmin(np.abs(course.values - end)))], least, most)
        place = float(x[k])
        if not np.isfinite(end) or min(abs(place - other) for other in levels) < NEAR * one.at.sizes[k]:
            break
        if np.linalg.norm(one.at.inner(x)) > ROOM * one.at.reach:  # refits of trials from there would end at the edge
            break
        sets = draw(x)
        free = refit(one.surfaces, sets, one.at, one.effects)
        levels[place] = _quantile(roots_at(one, sets, free, k, place), share)
        end = end_of(course, _between_places(levels, course.values), bound)
    return end_of(course, _between_places(levels, course.values), bound)


def _quantile(roots: np.ndarray, share: float) -> float:
    """Return the level that is as rare as a share says, LEAST away from 0: where trials hardly differ (none of twelve
    has an event), all roots are 0, and nothing would be held for possible."""
    level = float(np.quantile(roots, share, method="weibull"))
    return max(level, LEAST) if share > 0.5 else min(level, -LEAST)


def _between_places(levels: dict[float, float], values: np.ndarray) -> np.ndarray:
    """Return levels at values, linear between the places where they are known."""
    places, known = zip(*sorted(levels.items()), strict=True)
    return np.interp(values, places, known)


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
