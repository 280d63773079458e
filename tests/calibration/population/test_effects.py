"""Effects of trials are integrated: derivatives are those of the value, and linear normal cases are exact."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import binom, halfnorm, multivariate_normal, norm

from immunode.calibration.population.effects import (
    Effects,
    given_tau,
    mixed,
    trial_parts,
)
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.refits import slopes
from immunode.calibration.population.surface import design, surface
from tests.calibration.population.surfaces import made_seen, made_surface

STEP = 1e-5


def effects_of(count):
    scales = np.array([0.3, 0.5])[:count]
    return Effects(tuple("ab"[:count]), scales, scales)


@pytest.mark.parametrize("counts", [0, 2])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_gradient_is_that_of_the_deviance(count, counts):
    effects = effects_of(count)
    surfaces = [made_surface(2, count, e=counts)] * 2
    seen = [made_seen(4, seed, e=counts) for seed in (1, 2)]
    v = np.random.default_rng(3).normal(size=(4, 2))
    gradient = slopes(surfaces, seen, v, effects).gradient
    for k in range(2):
        nudge = STEP * np.eye(2)[k]
        up, down = (slopes(surfaces, seen, v + side * nudge, effects).deviance for side in (1, -1))
        np.testing.assert_allclose(gradient[:, k], (up - down) / (4 * STEP), rtol=2e-3, atol=2e-3)


M, J, G = np.array([1.0, 2.0]), np.array([[0.3], [-0.2]]), np.array([[0.5], [0.8]])
C = np.array([[0.04, 0.01], [0.01, 0.09]])
ODDS, ODDS_SHIFT, SIZE = -0.4, 1.2, 12.0
SEEN = Seen(np.array([[1.4, 2.3], [0.8, 2.9]]), np.array([[7.0], [2.0]]), np.array([SIZE]))
V = np.array([[0.5], [-0.3]])


def linear_surface(counts):
    """Return a surface whose means and log odds are linear in a parameter and a shift."""
    points, degree = design(1, 1)
    odds = ODDS + ODDS_SHIFT * 0.3 * points[:, 1:]
    moments = [
        Moments(M + J @ v[:1] + G @ (0.3 * v[1:]), C, expit(o)[:counts]) for v, o in zip(points, odds, strict=True)
    ]
    return surface(points, degree, moments)


def seen_of(counts):
    return Seen(SEEN.statistics, SEEN.counts[:, :counts], SEEN.size[:counts])


def marginal(r, tau, counts):
    """Return -2 log of the likelihood of data set r, integrated over a shift numerically, without 2 pi and binomial
    coefficients."""
    mean = M + J @ V[r]
    if not counts:
        law = multivariate_normal(mean, C + tau**2 * G @ G.T)
        return -2 * law.logpdf(SEEN.statistics[r]) - 2 * np.log(2 * np.pi)

    def integrand(a):
        odds = ODDS + ODDS_SHIFT * a
        k = SEEN.counts[r, 0]
        log = multivariate_normal(mean + G[:, 0] * a, C).logpdf(SEEN.statistics[r]) + norm(0, tau).logpdf(a)
        return np.exp(log + k * odds - SIZE * np.logaddexp(0, odds))

    return -2 * np.log(quad(integrand, -6 * tau, 6 * tau, limit=200)[0]) - 2 * np.log(2 * np.pi)


@pytest.mark.parametrize("tau", [0.02, 0.15, 0.3, 1.0])
def test_the_integral_over_a_shift_of_a_linear_normal_case_is_exact(tau):
    parts = trial_parts(linear_surface(0), seen_of(0), V, np.array([0.3]))
    deviance = given_tau(parts, seen_of(0), np.array([tau]))[0]
    np.testing.assert_allclose(deviance, [marginal(r, tau, 0) for r in (0, 1)], rtol=1e-6)


@pytest.mark.parametrize("tau", [0.02, 0.15, 0.3, 1.0])
def test_counts_are_integrated_over_what_the_statistics_leave_of_a_shift(tau):
    """Five nodes against adaptive quadrature: the statistics leave a narrow normal, 12 patients are flat over it."""
    parts = trial_parts(linear_surface(1), seen_of(1), V, np.array([0.3]))
    deviance = given_tau(parts, seen_of(1), np.array([tau]))[0]
    np.testing.assert_allclose(deviance, [marginal(r, tau, 1) for r in (0, 1)], rtol=0, atol=1e-3)


def test_binomial_coefficients_are_the_only_constant_that_counts_lack():
    k, share = 5.0, 0.3
    odds = np.log(share / (1 - share))
    assert k * odds - SIZE * np.logaddexp(0, odds) + np.log(792) == pytest.approx(binom(12, share).logpmf(5))


def test_nodes_of_tau_are_of_equal_probability_and_keep_the_mean_of_the_prior():
    scales = np.array([0.3, 0.6])
    taus = Effects(("a", "b"), scales, scales).taus
    assert taus.shape == (36, 2)
    cells = halfnorm(scale=0.3).cdf(np.unique(taus[:, 0].round(12)))
    np.testing.assert_allclose(cells, (np.arange(6) + 0.5) / 6)


def test_the_integral_over_tau_is_that_over_its_half_normal_prior():
    """Six nodes of equal probability against adaptive quadrature, of three trials that share tau."""
    effects = effects_of(1)
    at = np.array([[0.0]])
    surfaces = [linear_surface(0)] * 3
    seen = [Seen(M + 0.3 * z * G[:, 0][None], np.zeros((1, 0)), np.zeros(0)) for z in (-1.2, 0.1, 0.9)]
    parts = [trial_parts(one, data, at, effects.unit) for one, data in zip(surfaces, seen, strict=True)]

    def integrand(tau):
        total = sum(float(given_tau(one, data, np.array([tau]))[0][0]) for one, data in zip(parts, seen, strict=True))
        return np.exp(-0.5 * total) * halfnorm(scale=0.3).pdf(tau)

    exact = -2 * np.log(quad(integrand, 1e-6, 3)[0])
    assert slopes(surfaces, seen, at, effects).deviance[0] == pytest.approx(exact, abs=0.1)


def test_an_effect_that_is_held_has_one_node():
    taus = effects_of(2).holding(1, 0.07).taus
    np.testing.assert_allclose(taus[:, 0], effects_of(1).taus[:, 0])
    assert (taus[:, 1] == 0.07).all()


def test_a_mixture_of_equal_likelihoods_is_that_likelihood():
    value, first, second = mixed(np.log(np.full((4, 1), 0.25)) - 3.0, np.ones((4, 1, 2)), np.ones((4, 1, 2, 2)))
    assert value[0] == pytest.approx(6)
    assert (first == 1).all()
    assert (second == 1).all()


@pytest.mark.parametrize("count", [0, 1])
def test_half_the_expected_second_derivatives_are_those_of_the_mean_deviance(count):
    """At the truth of a linear surface the mean of the deviance over data is a parabola, whose curvature is known."""
    effects = effects_of(count)
    tau = np.array([0.3])[:count]
    one = linear_surface(0)
    if count == 0:
        points, degree = design(1)
        one = surface(points, degree, [Moments(M + J @ v, C, np.zeros(0)) for v in points])
    curvature = given_tau(trial_parts(one, seen_of(0), V, effects.unit), seen_of(0), tau)[2][0, 0, 0]
    total = C + (0.09 * G @ G.T if count else 0.0)
    assert curvature == pytest.approx((J.T @ np.linalg.inv(total) @ J).item(), rel=1e-6)
