"""The normal law of a mean and a covariance matrix is that of the patients behind them, to every constant."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal, norm

from immunode.calibration.normal_law import admr_objective, by_n, deviance, with_residual
from immunode.errors import BadValue

N, VISITS = 23, 4
RANDOM = np.random.default_rng(12)
ROOT = RANDOM.standard_normal((VISITS, VISITS))
PREDICTED = ROOT @ ROOT.T + np.eye(VISITS)
MEAN = RANDOM.standard_normal(VISITS)
PATIENTS = RANDOM.standard_normal((N, VISITS)) @ RANDOM.standard_normal((VISITS, VISITS)) + 0.3


def test_it_is_the_sum_over_patients_of_the_normal_density():
    each = -2 * multivariate_normal(MEAN, PREDICTED).logpdf(PATIENTS).sum()
    seen = deviance(N, PATIENTS.mean(axis=0), np.cov(PATIENTS.T, bias=True), MEAN, PREDICTED)
    assert_allclose(seen, each, rtol=1e-12)


def test_a_spread_by_n_less_1_is_that_of_the_same_patients():
    each = -2 * multivariate_normal(MEAN, PREDICTED).logpdf(PATIENTS).sum()
    seen = deviance(N, PATIENTS.mean(axis=0), np.cov(PATIENTS.T), MEAN, PREDICTED, divisor="n-1")
    assert_allclose(seen, each, rtol=1e-12)


def test_the_variance_form_is_the_sum_over_visits_of_each_ones_density():
    each = sum(-2 * norm(MEAN[i], np.sqrt(PREDICTED[i, i])).logpdf(PATIENTS[:, i]).sum() for i in range(VISITS))
    seen = deviance(N, PATIENTS.mean(axis=0), PATIENTS.var(axis=0), MEAN, PREDICTED)
    assert_allclose(seen, each, rtol=1e-12)


def test_in_the_variance_form_each_visit_may_have_its_patients():
    sizes = np.array([23, 20, 11, 2])
    parts = [PATIENTS[:n, i] for i, n in enumerate(sizes)]
    each = sum(-2 * norm(MEAN[i], np.sqrt(PREDICTED[i, i])).logpdf(y).sum() for i, y in enumerate(parts))
    mean, variances = (np.array([of(y) for y in parts]) for of in (np.mean, np.var))
    assert_allclose(deviance(sizes, mean, variances, MEAN, PREDICTED), each, rtol=1e-12)


def test_of_all_predictions_the_printed_moments_are_the_most_likely():
    mean, spread = PATIENTS.mean(axis=0), np.cov(PATIENTS.T, bias=True)
    best = deviance(N, mean, spread, mean, spread)
    for move in RANDOM.standard_normal((50, VISITS, VISITS)) * 0.1:
        root = np.linalg.cholesky(spread) @ (np.eye(VISITS) + move)
        assert deviance(N, mean, spread, mean + move[0], root @ root.T) > best


def test_many_predictions_at_once_are_those_of_each_alone():
    means = RANDOM.standard_normal((3, 2, VISITS))
    matrices = PREDICTED * np.arange(1, 7).reshape(3, 2, 1, 1)
    mean, spread = PATIENTS.mean(axis=0), np.cov(PATIENTS.T, bias=True)
    for printed in (spread, np.diag(spread)):
        together = deviance(N, mean, printed, means, matrices)
        alone = [[deviance(N, mean, printed, means[i, j], matrices[i, j]) for j in range(2)] for i in range(3)]
        assert_allclose(together, alone, rtol=1e-13)


def test_a_singular_prediction_is_infinitely_unlikely_and_no_crash():
    mean = PATIENTS.mean(axis=0)
    singular = np.ones((VISITS, VISITS))
    assert deviance(N, mean, np.cov(PATIENTS.T), mean, singular) == np.inf
    assert deviance(N, mean, np.cov(PATIENTS.T), mean, np.full((VISITS, VISITS), np.nan)) == np.inf
    assert deviance(N, mean, PATIENTS.var(axis=0), mean, np.zeros(VISITS)) == np.inf


def test_the_residual_variance_follows_the_law_of_total_variance_or_is_that_at_the_mean():
    true = np.exp(0.5 * RANDOM.standard_normal((400_000, 1)) * np.array([1.0, 0.6]))
    seen = true * (1 + 0.3 * RANDOM.standard_normal(true.shape)) + 0.2 * RANDOM.standard_normal(true.shape)
    mean, spread = true.mean(axis=0), np.cov(true.T, bias=True)
    total = with_residual(mean, spread, 0.3, 0.2)
    assert_allclose(total, np.cov(seen.T), rtol=0.02)  # of the variance of 400 000: 4 of its SDs
    at_mean = with_residual(mean, spread, 0.3, 0.2, "at_mean")
    assert_allclose(np.diag(total - at_mean), 0.09 * np.diag(spread), rtol=1e-12)
    assert_allclose(total - np.diag(np.diag(total)), spread - np.diag(np.diag(spread)))


def test_the_objective_of_admr_is_half_the_deviance_without_its_constant():
    mean, spread = PATIENTS.mean(axis=0), np.cov(PATIENTS.T, bias=True)
    away = mean - MEAN
    inverse = np.linalg.inv(PREDICTED)
    expected = N / 2 * (np.linalg.slogdet(PREDICTED)[1] + np.trace(spread @ inverse) + away @ inverse @ away)
    assert_allclose(admr_objective(float(deviance(N, mean, spread, MEAN, PREDICTED)), N * VISITS), expected, rtol=1e-12)


def test_the_divisor_n_less_1_makes_a_spread_larger_by_n_over_n_less_1():
    assert_allclose(by_n(PATIENTS.var(axis=0, ddof=1), np.full(VISITS, N), "n-1"), PATIENTS.var(axis=0), rtol=1e-14)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"n": 0}, "n = 0: expected 1 patient or more"),
        ({"spread": np.eye(3)}, r"spread \(3, 3\): expected \(k,\), and a matrix"),
        ({"n": np.array([5, 5, 5, 5])}, "expected one number, or one a visit with variances"),
        ({"predicted_mean": np.zeros(2)}, "as there are printed means"),
        ({"divisor": "n+1"}, "divisor"),
    ],
)
def test_what_does_not_fit_is_refused(changed, expected):
    arguments = {"n": 5, "mean": MEAN, "spread": PREDICTED, "predicted_mean": MEAN, "predicted_covariance": PREDICTED}
    with pytest.raises(BadValue, match=expected):
        deviance(**(arguments | changed))
