"""Made-up surfaces of moments, smooth and cubic, and what is seen on them."""

import numpy as np

from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.surface import design, surface


def moments_at(v, d=3, e=2):
    """Return moments that are exactly polynomials of v in mean, log diagonal and log odds."""
    k = len(v)
    slope = np.linspace(-1, 1, d * k).reshape(d, k)
    mean = np.arange(1, d + 1) + 0.3 * slope @ v + 0.02 * (v @ v) * np.arange(d)
    w = np.tril(0.2 * np.ones((d, d)) + 0.03 * np.outer(np.arange(d), np.arange(d)) * v[0], -1)
    w += np.diag(np.exp(0.5 + 0.1 * slope @ v))
    inverse = np.linalg.inv(w)
    odds = np.linspace(-1, 0.5, e) + 0.2 * np.linspace(0.5, 1.5, e) * v.sum() + 0.05 * v[0] ** 2
    return Moments(mean, inverse @ inverse.T, 1 / (1 + np.exp(-odds)))


def made_surface(parameters, effects=0, d=3, e=2):
    points, degree = design(parameters, effects)
    return surface(points, degree, [moments_at(v, d, e) for v in points])


def made_seen(count, seed=1, d=3, e=2, away=1.0):
    rng = np.random.default_rng(seed)
    size = np.array([12.0, 33.0])[:e]
    statistics = np.arange(1, d + 1) + away * 0.6 * rng.standard_normal((count, d))
    share = moments_at(np.zeros(1), d, e).share
    return Seen(statistics, rng.binomial(size.astype(int), share, size=(count, e)).astype(float), size)
