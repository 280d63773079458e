"""A smooth surface of what a trial is predicted to print, around the estimate: polynomials of its moments.

The moments do not depend on what was seen, so one surface serves the refits of hundreds of simulated trials.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from immunode.calibration.population.likelihood import whitening
from immunode.calibration.population.margins import tabulated
from immunode.calibration.population.moments import Moments

REACH = 6.0  # standard errors around the estimate that the surface covers
CUBIC = 4  # parameters up to which it is of third degree, above of second
PER_TERM, MANY = 3, 8  # points a term; more parameters than so many are many
NEAR, NEARER = 4.0, 0.6  # that it covers where there are many, and how fast points count less, of that
ALONG = (1.0, 2.0, 3.5)  # where there are many, more points on every axis: points of a ball hardly ever lie on one


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Hold the estimate `centre` (p,), a matrix `axes` (p, p), x = centre + axes @ v, v of unit information, and the
    bounds of x. Surfaces tell something within the ball of radius `reach` around it."""

    centre: np.ndarray
    axes: np.ndarray
    low: np.ndarray | float = -np.inf
    high: np.ndarray | float = np.inf
    reach: float = REACH

    @property
    def sizes(self) -> np.ndarray:
        """Return the standard error of each parameter."""
        return np.asarray(np.sqrt((self.axes**2).sum(axis=1)))

    def inner(self, x: np.ndarray) -> np.ndarray:
        """Return v of parameters (..., p)."""
        return np.asarray(np.linalg.solve(self.axes, (x - self.centre)[..., None])[..., 0])


@dataclass(frozen=True, eq=False)
class Surface:
    """Hold polynomials of a trial's moments: exponents (terms, p), coefficients of the means, of the whitening matrix
    (its diagonal by logarithms), of the log odds of counts, and of the tables of the laws that single statistics
    really have (d, GRID, terms), None where these are normal."""

    exponents: np.ndarray
    mean: np.ndarray
    whitening: np.ndarray
    odds: np.ndarray
    size: int
    laws: np.ndarray | None = None

    def features(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the terms (R, T) at v (R, p), and their slopes (R, p, T)."""
        highest = int(self.exponents.max())
        powers = np.ones((highest + 1, *v.shape))
        for degree in range(1, highest + 1):
            powers[degree] = powers[degree - 1] * v
        parameters = range(v.shape[1])
        each = [powers[self.exponents[:, k], :, k].T for k in parameters]  # (R, T) a parameter
        slopes = np.empty((len(v), v.shape[1], len(self.exponents)))
        for k in parameters:
            e = self.exponents[:, k]
            part = powers[np.maximum(e - 1, 0), :, k].T * e
            for other in parameters:
                if other != k:
                    part = part * each[other]
            slopes[:, k] = part
        return np.prod(each, axis=0), slopes

    def matrix(self, entries: np.ndarray) -> np.ndarray:
        """Return lower triangular matrices (..., d, d) of their entries (..., d (d + 1) / 2)."""
        out = np.zeros((*entries.shape[:-1], self.size, self.size))
        rows, columns = np.tril_indices(self.size)
        out[..., rows, columns] = entries
        return out


def monomials(parameters: int, degree: int) -> np.ndarray:
    """Return the exponents of all monomials up to a degree, shape (terms, parameters).

    Of many parameters those of second degree have a cube of each too: what bends along an axis is no parabola.
    """
    every = [np.zeros(parameters, dtype=int)]
    for each in range(1, degree + 1):
        chosen = itertools.combinations_with_replacement(range(parameters), each)
        every += [np.bincount(one, minlength=parameters) for one in chosen]
    if degree == 2 and parameters > MANY:
        every += list(3 * np.eye(parameters, dtype=int))
    return np.array(sorted(every, key=lambda e: (e.sum(), tuple(e))))


def reach(dimensions: int) -> float:
    """Return how many standard errors surfaces over so many parameters and effects cover: where these are many, few
    virtual patients weigh something farther out."""
    return REACH if dimensions <= MANY else NEAR


def design(parameters: int, effects: int = 0, seed: int = 1) -> tuple[np.ndarray, int]:
    """Return points (M, p) in a ball as far as surfaces reach, its centre among them, and the degree that they tell.

    The last coordinates are those of the effects of trials, in units of the scales of their priors.
    """
    parameters += effects
    degree = 3 if parameters <= CUBIC else 2
    count = PER_TERM * len(monomials(parameters, degree))
    uniform = qmc.Sobol(parameters + 1, seed=seed).random(1 << int(np.ceil(np.log2(count))))[:count]
    direction = ndtri(np.clip(uniform[:, :-1], 1e-9, 1 - 1e-9))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    # of many parameters nearly all of a ball is its shell, while what is likely lies well within
    radius = reach(parameters) * uniform[:, -1:] ** (1 / (parameters + 1) if parameters <= MANY else 0.5)
    along = [axial(np.full(parameters, one))[0][1:] for one in ALONG] if parameters > MANY else []
    return np.concatenate([np.zeros((1, parameters)), direction * radius, *along]), degree


def axial(radii: np.ndarray) -> tuple[np.ndarray, int]:
    """Return points (M, p) at the centre and on both sides of it along every coordinate, as far as its radius (p,), and
    the degree that they tell: slopes alone, of which the next step of a search is made."""
    each = np.diag(radii)
    return np.concatenate([np.zeros((1, len(radii))), each, -each]), 1


def surface(points: np.ndarray, degree: int, moments: Sequence[Moments], worth: np.ndarray | float = 1.0) -> Surface:
    """Return the surface through a trial's moments at the points (M, p), near ones counting more, each by its `worth`.

    Means are fitted in units of the spread that each has there: where it is large, little depends on the mean.
    """
    exponents = monomials(points.shape[1], degree)
    size = len(moments[0].mean)
    rows, columns = np.tril_indices(size)
    means = np.array([one.mean for one in moments])
    entries = np.zeros((len(moments), len(rows)))
    if size:
        matrices = np.array([whitening(one.covariance) for one in moments])
        entries = matrices[:, rows, columns]
        entries[:, rows == columns] = np.log(entries[:, rows == columns])
    shares = np.array([one.share for one in moments])
    wide = REACH if points.shape[1] <= MANY else NEARER * NEAR
    near = (worth * np.exp(-0.5 * (points**2).sum(axis=1) / wide**2))[:, None]
    terms = (points[:, None, :] ** exponents).prod(axis=2)
    whiten, odds = (_least(terms, part, near) for part in (entries, np.log(shares / (1 - shares))))
    spreads = np.sqrt(np.array([np.diag(one.covariance) for one in moments]))
    each = [_least(terms, means[:, [i]], near / spreads[:, [i]]) for i in range(size)]
    mean = np.concatenate([*each, np.zeros((len(exponents), 0))], axis=1)
    return Surface(exponents, mean, whiten, odds, size, _laws(terms, moments, near))


def _laws(terms: np.ndarray, moments: Sequence[Moments], near: np.ndarray) -> np.ndarray | None:
    """Return the tables of the laws that single statistics really have as polynomials, (d, GRID, terms)."""
    tables = np.array([tabulated(one.replicates) for one in moments if one.replicates is not None])
    if not tables.size:
        return None
    return np.ascontiguousarray(_least(terms, tables.reshape(len(tables), -1), near).T.reshape(*tables.shape[1:], -1))


def _least(terms: np.ndarray, seen: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.lstsq(terms * weight, seen * weight, rcond=None)[0])


def coordinates(
    estimate: np.ndarray, told: np.ndarray, known: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Coordinates:
    """Return coordinates in which the information at the estimate is the unit matrix: what is `known` (p, p) of every
    parameter without the evidence, so that the neighbourhood has an end, and what the evidence `told` (p, p).

    That is by chance less than nothing along what it hardly tells of, and counts as nothing there.
    """
    sides, vectors = np.linalg.eigh(known)
    wide = vectors / np.sqrt(sides)
    values, vectors = np.linalg.eigh(wide.T @ told @ wide)
    return Coordinates(estimate, wide @ vectors / np.sqrt(1.0 + np.maximum(values, 0.0)), low, high)


MomentsAt = Callable[[np.ndarray], Sequence[Moments]]


def information(
    crowds: Sequence[MomentsAt], x: np.ndarray, sizes: Sequence[np.ndarray], scales: np.ndarray, step: float = 0.01
) -> np.ndarray:
    """Return the expected information of all trials at x (p + effects,) about its p parameters, where each trial has a
    shift of its own, the last coordinates, of these SDs: J' V^-1 J and half the trace of the covariance's part, where V
    is the covariance by sampling and shifts together, of statistics and of counts of `sizes`.

    Slopes of virtual patients scatter, and the square of what scatters is too large: of several crowds the slopes of
    each are multiplied by those of the others.
    """
    count, p = len(x), len(x) - len(scales)
    beside = [x + side * step * row for row in np.eye(count) for side in (-1, 1)]
    told = [[moments_at(y) for y in (x, *beside)] for moments_at in crowds]
    total = np.zeros((p, p))
    for t, n in enumerate(sizes):
        each = [[place[t] for place in one] for one in told]
        total += _of_trial([_slopes(one, n, step) for one in each], [one[0] for one in each], n, scales)
    return total


def _slopes(places: Sequence[Moments], n: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes of means and counts, and of covariances, over parameters and shifts, of one crowd."""
    mean, covariance, share = (
        np.array([getattr(one, part) for one in places[1:]]) for part in ("mean", "covariance", "share")
    )
    level = np.concatenate([mean, share * n], axis=1)
    return (level[1::2] - level[::2]) / (2 * step), (covariance[1::2] - covariance[::2]) / (2 * step)


def _of_trial(
    slopes: Sequence[tuple[np.ndarray, np.ndarray]], centres: Sequence[Moments], n: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """Return the information of a trial by the slopes of every crowd, and what each tells at the centre."""
    level, spread = (np.array(one) for one in zip(*slopes, strict=True))
    d, p = len(centres[0].mean), level.shape[1] - len(scales)
    shift = level[:, p:].mean(axis=0)
    scatter = (shift.T * scales**2) @ shift
    scatter[:d, :d] += np.mean([one.covariance for one in centres], axis=0)
    share = np.mean([one.share for one in centres], axis=0)
    scatter[range(d, len(scatter)), range(d, len(scatter))] += n * share * (1 - share)
    inverse = np.linalg.inv(scatter)
    moved = inverse[:d, :d] @ spread[:, :p]
    pairs = np.einsum("aki,ij,blj->abkl", level[:, :p], inverse, level[:, :p])
    pairs += 0.5 * np.einsum("akij,blji->abkl", moved, moved)
    if len(pairs) == 1:
        return np.asarray(pairs[0, 0])
    apart = pairs.sum(axis=(0, 1)) - np.einsum("aakl->kl", pairs)
    return np.asarray(apart / (len(pairs) * (len(pairs) - 1)))
