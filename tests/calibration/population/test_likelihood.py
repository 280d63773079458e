"""The likelihood is that of scipy's normal and binomial laws, with every constant."""

import numpy as np
import pytest
from scipy.stats import binom, multivariate_normal

from immunode.calibration.population.likelihood import (
    Seen,
    constant,
    deviance,
    deviance_residuals,
    parts,
    residual_vector,
    seen_of,
    whitening,
)
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.printed_row import Row

COVARIANCE = np.array([[0.4, 0.1, 0.05], [0.1, 0.3, -0.1], [0.05, -0.1, 0.2]])
MEAN, SHARE = np.array([1.0, 2.0, 3.0]), np.array([0.2, 0.7, 0.4])
SEEN = Seen(np.array([1.3, 1.6, 3.1]), np.array([3.0, 12.0, 0.0]), np.array([12.0, 12.0, 33.0]))
MOMENTS = Moments(MEAN, COVARIANCE, SHARE)


def exact(seen=SEEN, moments=MOMENTS):
    normal = multivariate_normal(moments.mean, moments.covariance).logpdf(seen.statistics)
    return -2 * (normal + binom(seen.size, moments.share).logpmf(seen.counts).sum())


def test_the_deviance_is_minus_twice_the_log_likelihood_with_every_constant():
    assert deviance(SEEN, MOMENTS) == pytest.approx(exact(), rel=1e-12)


def test_whitened_statistics_are_independent():
    w = whitening(COVARIANCE)
    np.testing.assert_allclose(w @ COVARIANCE @ w.T, np.eye(3), atol=1e-12)
    residuals, log_det, _ = parts(SEEN, MOMENTS)
    assert log_det == pytest.approx(np.linalg.slogdet(COVARIANCE)[1])
    away = SEEN.statistics - MEAN
    assert residuals @ residuals == pytest.approx(away @ np.linalg.inv(COVARIANCE) @ away)


def test_the_squares_of_the_residual_vector_add_to_the_deviance_and_a_constant_of_the_data():
    other = Moments(MEAN + 0.2, 1.3 * COVARIANCE, np.array([0.3, 0.6, 0.1]))
    then = parts(SEEN, MOMENTS)[1]
    lifts = [(residual_vector(SEEN, one, then) ** 2).sum() - deviance(SEEN, one) for one in (MOMENTS, other)]
    assert lifts[0] == pytest.approx(lifts[1], abs=1e-9)
    assert lifts[0] == pytest.approx(100 - then - constant(SEEN))


@pytest.mark.parametrize("count", [0, 1, 6, 11, 12])
def test_the_square_of_a_deviance_residual_is_the_likelihood_over_that_of_the_share_that_is_seen(count):
    residual = deviance_residuals(np.array([count]), np.array([12]), np.array([0.3]))[0]
    expected = -2 * (binom(12, 0.3).logpmf(count) - binom(12, count / 12).logpmf(count))
    assert residual**2 == pytest.approx(expected, abs=1e-12)
    assert (residual > 0) == (count > 3.6)


def test_a_trial_of_counts_alone_and_one_of_statistics_alone_are_their_own_laws():
    none = np.zeros(0)
    counts = Seen(none, SEEN.counts, SEEN.size)
    of_counts = deviance(counts, Moments(none, np.zeros((0, 0)), SHARE))
    assert of_counts == pytest.approx(-2 * binom(SEEN.size, SHARE).logpmf(SEEN.counts).sum())
    statistics = Seen(SEEN.statistics, none, none)
    of_statistics = deviance(statistics, Moments(MEAN, COVARIANCE, none))
    assert of_statistics + of_counts == pytest.approx(exact())


def row(**changes):
    return Row(**{"label": "", "observed": 5.0, "kind": "normal", "arms": (0,), "versus": (), "compare": "difference",
                  "variable": 0, "asked": None} | changes)  # fmt: skip


def test_what_is_seen_is_on_the_scale_of_each_row_and_a_limit_counts_one_number():
    kept = [row(), row(observed=-2.0)]
    binary = [row(kind="binomial", observed=4.0, size=12), row(kind="below", observed=50.0, size=12)]
    seen = seen_of(kept, np.array([True, False]), binary)
    np.testing.assert_allclose(seen.statistics, [np.log(5), -2])
    np.testing.assert_allclose(seen.counts, [4, 1])
    np.testing.assert_allclose(seen.size, [12, 1])
