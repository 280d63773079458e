"""The surface around an estimate reproduces its points, and its coordinates those of the information."""

import numpy as np
import pytest

from immunode.calibration.population.moments import Moments
from immunode.calibration.population.surface import (
    MANY,
    NEAR,
    REACH,
    Coordinates,
    coordinates,
    design,
    information,
    monomials,
    surface,
)
from tests.calibration.population.surfaces import made_surface, moments_at


@pytest.mark.parametrize(("parameters", "effects"), [(1, 0), (2, 1), (3, 2), (6, 0), (8, 2)])
def test_points_lie_in_a_ball_with_its_centre_and_are_more_than_the_terms(parameters, effects):
    points, degree = design(parameters, effects)
    radius = np.linalg.norm(points, axis=1)
    assert radius[0] == 0
    assert radius.max() <= (REACH if parameters + effects <= MANY else NEAR)
    assert degree == (3 if parameters + effects <= 4 else 2)
    assert len(points) > 2 * len(monomials(parameters + effects, degree))


@pytest.mark.parametrize("parameters", [1, 2, 4, 6])
def test_moments_that_are_polynomials_are_reproduced_at_the_points_and_between_them(parameters):
    one = made_surface(parameters)
    points = np.concatenate([design(parameters)[0], np.random.default_rng(1).uniform(-1, 1, (5, parameters))])
    terms, _ = one.features(points)
    for v, line in zip(points, terms, strict=True):
        exact = moments_at(v)
        np.testing.assert_allclose(line @ one.mean, exact.mean, atol=1e-9)
        np.testing.assert_allclose(line @ one.odds, np.log(exact.share / (1 - exact.share)), atol=1e-9)
        entries = line @ one.whitening
        rows, columns = np.tril_indices(3)
        entries[rows == columns] = np.exp(entries[rows == columns])
        w = one.matrix(entries)
        np.testing.assert_allclose(np.linalg.inv(w) @ np.linalg.inv(w).T, exact.covariance, atol=1e-9)


def test_many_parameters_are_followed_along_an_axis_as_by_a_cubic():
    """Within what is left of the series of exp(v / 2) beyond its cubic; without cubes off by 1.0, its slope by 0.07."""
    points, degree = design(MANY, 1)
    moments = [Moments(np.array([np.exp(v[2] / 2)]), np.eye(1), np.zeros(0)) for v in points]
    one = surface(points, degree, moments)
    at = np.linspace(-3.5, 3.5, 15)
    terms, slopes = one.features(at[:, None] * np.eye(MANY + 1)[2])
    assert np.abs((terms @ one.mean)[:, 0] - np.exp(at / 2)).max() < (3.5 / 2) ** 4 / 24
    assert slopes[7, 2] @ one.mean == pytest.approx(0.5, abs=0.03)


def test_slopes_of_the_terms_are_those_of_central_differences():
    one = made_surface(3)
    v = np.random.default_rng(1).normal(size=(4, 3))
    slope = one.features(v)[1]
    for k in range(3):
        step = 1e-5 * np.eye(3)[k]
        ends = (one.features(v + step)[0] - one.features(v - step)[0]) / 2e-5
        np.testing.assert_allclose(slope[:, k], ends, rtol=1e-6, atol=1e-7)


def test_a_surface_without_statistics_or_without_counts_is_one():
    points, degree = design(2)
    none = np.zeros(0)
    counts = surface(points, degree, [Moments(none, np.zeros((0, 0)), moments_at(v).share) for v in points])
    assert counts.size == 0
    assert surface(points, degree, [Moments(m.mean, m.covariance, none) for m in map(moments_at, points)]).size == 3


def test_information_in_its_coordinates_is_the_unit_matrix():
    matrix = np.array([[4.0, 1.0], [1.0, 9.0]])
    at = coordinates(np.array([1.0, 2.0]), matrix, 1e-12 * np.eye(2), np.full(2, -9.0), np.full(2, 9.0))
    np.testing.assert_allclose(at.axes.T @ matrix @ at.axes, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(at.sizes, np.sqrt(np.diag(np.linalg.inv(matrix))))
    v = np.array([[0.3, -1.0]])
    np.testing.assert_allclose(at.inner(at.centre + v @ at.axes.T), v)


def test_no_standard_error_is_wider_than_what_is_known_without_the_evidence():
    """Where nothing is told of a parameter its neighbourhood is as wide as is said; where much is, it hardly tells."""
    matrix = np.diag([0.0, 1e4])
    at = coordinates(np.zeros(2), matrix, 4 * np.eye(2), np.full(2, -9.0), np.full(2, 9.0))
    np.testing.assert_allclose(at.sizes, [0.5, 1 / np.sqrt(1e4 + 4)])
    np.testing.assert_allclose([at.low, at.high], [[-9, -9], [9, 9]])


def test_what_chance_tells_as_less_than_nothing_counts_as_nothing():
    told = np.array([[96.0, 0.0], [0.0, -3.0]])
    at = coordinates(np.zeros(2), told, 4 * np.eye(2), np.full(2, -9.0), np.full(2, 9.0))
    np.testing.assert_allclose(at.sizes, [0.1, 0.5])


def test_slopes_that_scatter_from_crowd_to_crowd_add_nothing_to_information():
    """Three crowds say of a mean of variance 4 the slopes 3, 1 and -1, of its log SD 1, 2 and 3: the mean of products
    of different crowds, not of squares; a covariance 4 exp(2 s x) has half the trace (2 s)^2 / 2."""

    def crowd(slope, spread):
        return lambda x: [Moments(slope * x[:1], 4 * np.exp(2 * spread * x[1:])[:, None], np.zeros(0))]

    crowds = [crowd(3.0, 1.0), crowd(1.0, 2.0), crowd(-1.0, 3.0)]
    total = information(crowds, np.zeros(2), [np.zeros(0)], np.zeros(0))
    products = (3 * 1 - 3 * 1 - 1 * 1) / 3, (1 * 2 + 1 * 3 + 2 * 3) / 3
    np.testing.assert_allclose(np.diag(total), [products[0] / 4, 2 * products[1]], rtol=3e-3)


def test_information_is_that_of_normal_and_binomial_laws():
    """mean = x0, covariance = exp(2 x1), share = expit(x0): 1 / variance + n p (1 - p), and 2 of a log SD."""

    def moments(x):
        return [Moments(x[:1], np.exp(2 * x[1:])[:, None], 1 / (1 + np.exp(-x[:1])))]

    x = np.array([0.4, -0.3])
    share = 1 / (1 + np.exp(-0.4))
    total = information([moments], x, [np.array([12.0])], np.zeros(0))
    np.testing.assert_allclose(total, np.diag([np.exp(0.6) + 12 * share * (1 - share), 2.0]), rtol=1e-3, atol=1e-6)


def test_a_shift_of_each_trial_takes_information_as_the_sum_of_variances_says():
    """mean = x0 + shift of SD 0.5, covariance exp(2 x1), so V = 1.25: 1 / V of x0, and (2 / V)^2 / 2 of x1."""

    def moments(x):
        return [Moments(x[:1] + x[2:], np.exp(2 * x[1:2])[:, None], np.zeros(0))]

    nobody = [np.zeros(0)]
    total = information([moments], np.zeros(3), nobody, np.array([0.5]))
    np.testing.assert_allclose(total, np.diag([1 / 1.25, 0.5 * (2 / 1.25) ** 2]), rtol=1e-3, atol=1e-6)
    two = information([lambda x: 2 * moments(x)], np.zeros(3), 2 * nobody, np.array([0.5]))
    np.testing.assert_allclose(two, 2 * total, rtol=1e-12, atol=1e-12)


def test_a_shift_moves_counts_and_statistics_together():
    """Of 12 patients half are counted; mean and log odds are the parameter and the shift: V by hand."""

    def moments(x):
        both = x[:1] + x[1:]
        return [Moments(both, np.eye(1), 1 / (1 + np.exp(-both)))]

    total = information([moments], np.zeros(2), [np.array([12.0])], np.array([0.5]))
    slope = np.array([1.0, 3.0])  # of the mean, and of the count: 12 / 4
    scatter = np.diag([1.0, 3.0]) + 0.25 * np.outer(slope, slope)
    np.testing.assert_allclose(total, [[slope @ np.linalg.solve(scatter, slope)]], rtol=1e-3)


def test_standard_errors_are_lengths_of_the_axes():
    at = Coordinates(np.zeros(2), np.array([[3.0, 4.0], [0.0, 2.0]]))
    np.testing.assert_allclose(at.sizes, [5, 2])
