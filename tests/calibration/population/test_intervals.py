"""Intervals by calibrated signed roots: where everything is normal and linear they are Student's textbook ones."""

import numpy as np
import pytest
from scipy.stats import norm

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.intervals import _crossing, interval, profile, refits
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.refits import refit
from immunode.calibration.population.surface import Coordinates, design, surface

NONE, EMPTY = Effects(), np.zeros(0)
J = np.array([[1.0, 0.0], [0.5, 1.0], [0.2, -0.4]])
COVARIANCE = np.diag([1.0, 0.5, 2.0])
COUNT = 4000


def linear():
    """Return a surface of means J v and the coordinates in which its information is the unit matrix."""
    at = Coordinates(np.zeros(2), np.linalg.cholesky(np.linalg.inv(J.T @ np.linalg.inv(COVARIANCE) @ J)))
    points, degree = design(2)
    return [surface(points, degree, [Moments(J @ at.axes @ v, COVARIANCE, EMPTY) for v in points])], at


def drawn(count, scale=1.0, seed=1):
    noise = np.random.default_rng(seed).standard_normal((count, 3)) * np.sqrt(np.diag(COVARIANCE))
    return [Seen(scale * noise, np.zeros((count, 0)), EMPTY)]


def test_in_a_linear_normal_case_roots_are_standard_normal_and_intervals_those_of_the_standard_error():
    surfaces, at = linear()
    simulated = refits(surfaces, drawn(COUNT), at, NONE, np.zeros((COUNT, 2)))
    seen = drawn(1, seed=2)
    best = refit(surfaces, seen, at, NONE)
    for k in (0, 1):
        root, inside = simulated.roots[:, k], ~simulated.free.edge & (np.abs(simulated.roots[:, k]) < 3)
        # to where a refit ends: gains of 1e-5, of which the root is 0.003, twice
        np.testing.assert_allclose(root[inside], simulated.free.x[inside, k] / at.sizes[k], atol=0.01)
        one = interval(surfaces, seen, at, NONE, best, simulated, k, 0.95, False)
        middle, half = best.x[0, k], norm.ppf(0.975) * at.sizes[k]
        # a profile of 61 points is linear between them; a quantile of 4000 roots has the error 0.04
        assert one.raw_low == pytest.approx(middle - half, abs=0.01 * at.sizes[k])
        assert one.raw_high == pytest.approx(middle + half, abs=0.01 * at.sizes[k])
        assert one.low == pytest.approx(one.raw_low, abs=0.15 * at.sizes[k])
        assert one.high == pytest.approx(one.raw_high, abs=0.15 * at.sizes[k])
        assert one.stderr == pytest.approx(at.sizes[k], rel=4 / np.sqrt(2 * COUNT))
        assert one.unbiased == pytest.approx(middle, abs=4 * at.sizes[k] / np.sqrt(COUNT))


def test_where_simulated_trials_scatter_more_than_the_likelihood_says_intervals_are_so_much_wider():
    surfaces, at = linear()
    simulated = refits(surfaces, drawn(COUNT, scale=1.25), at, NONE, np.zeros((COUNT, 2)))
    seen = drawn(1, seed=2)
    best = refit(surfaces, seen, at, NONE)
    one = interval(surfaces, seen, at, NONE, best, simulated, 0, 0.95, False)
    assert (one.high - one.low) / (one.raw_high - one.raw_low) == pytest.approx(1.25, rel=0.06)


def test_the_bias_of_a_logarithm_is_that_of_the_parameter_itself():
    surfaces, at = linear()
    simulated = refits(surfaces, drawn(COUNT), at, NONE, np.zeros((COUNT, 2)))
    seen = drawn(1, seed=2)
    best = refit(surfaces, seen, at, NONE)
    log, plain = (interval(surfaces, seen, at, NONE, best, simulated, 0, 0.95, said) for said in (True, False))
    moved = simulated.free.x[:, 0]
    assert np.exp(best.x[0, 0]) / np.exp(log.unbiased) == pytest.approx(np.exp(moved).mean())
    assert best.x[0, 0] - plain.unbiased == pytest.approx(moved.mean())


def test_a_profile_falls_through_zero_at_the_estimate():
    surfaces, at = linear()
    seen = drawn(1, seed=3)
    best = refit(surfaces, seen, at, NONE)
    values, roots = profile(surfaces, seen, at, NONE, best, 1)
    assert (np.diff(roots) < 0).all()
    assert np.interp(0, -roots, values) == pytest.approx(best.x[0, 1], abs=0.02 * at.sizes[1])


def test_an_end_beyond_the_surface_is_open():
    values, roots = np.arange(5.0), np.array([2.0, 1.0, 0.0, -1.0, -2.0])
    assert _crossing(values, roots, 1.5) == 0.5
    assert _crossing(values, roots, 3) == -np.inf
    assert _crossing(values, roots, -3) == np.inf


def test_an_end_is_where_the_root_first_crosses_its_level_on_the_way_from_the_estimate():
    values, roots = np.arange(7.0), np.array([0.5, 2.5, 1.5, 1.0, -1.0, -3.0, -1.2])  # a surface that bends back
    assert _crossing(values, roots, 2.0) == 1.5
    assert _crossing(values, roots, 0.0) == 3.5
    assert _crossing(values, roots, -2.0) == 4.5
    assert _crossing(values, roots, 1.2) == pytest.approx(2.6)  # both ends may lie on one side of the estimate
