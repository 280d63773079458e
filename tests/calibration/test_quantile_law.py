"""The asymptotic law of quantiles agrees with closed forms, and with resampling of many patients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal, norm

from immunode.calibration.quantile_law import quantile_law
from immunode.errors import BadValue

SHARES = np.array([0.25, 0.5, 0.75, 0.1, 0.25, 0.5, 0.75])
COLUMNS = np.array([0, 0, 0, 0, 1, 1, 1])
PATIENTS = 100_000
LOG_SD = 0.8


def correlated(rho, count=PATIENTS, seed=3):
    return np.random.default_rng(seed).multivariate_normal([0, 0], [[1, rho], [rho, 1]], count)


def closed_form(rho, density):
    """Return the covariance of quantiles, times n, of two standard normal variables or what rises with them."""
    both = multivariate_normal([0, 0], [[1, rho], [rho, 1]])
    q = norm.ppf(SHARES)
    out = np.empty((SHARES.size, SHARES.size))
    for i, p in enumerate(SHARES):
        for j, r in enumerate(SHARES):
            joint = min(p, r) if COLUMNS[i] == COLUMNS[j] else both.cdf([q[i], q[j]])
            out[i, j] = (joint - p * r) / (density(q[i]) * density(q[j]))
    return out


def relative(covariance, expected):
    """Return errors of a covariance matrix as parts of the SDs."""
    sd = np.sqrt(np.diag(expected))
    return (covariance - expected) / np.outer(sd, sd)


# The kernel's density of 100 000 patients has an SD of 0.9 % (root of 0.28 / (N h f), h = 0.09 SDs); it enters twice,
# and a bias of -0.4 % each (h^2 / 2); that of joint probabilities is smaller: 3 SDs and the bias are 6 %.
@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_of_normal_variables_it_is_the_closed_form(rho):
    law = quantile_law(correlated(rho), COLUMNS, SHARES, n=40)
    assert np.abs(relative(40 * law.covariance, closed_form(rho, norm.pdf))).max() < 0.06


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_of_skewed_variables_it_is_the_closed_form(rho):
    law = quantile_law(np.exp(LOG_SD * correlated(rho)), COLUMNS, SHARES, n=40)
    expected = closed_form(rho, lambda q: norm.pdf(q) / (LOG_SD * np.exp(LOG_SD * q)))
    assert np.abs(relative(40 * law.covariance, expected)).max() < 0.06
    assert law.logged.all()


def test_it_is_what_resampling_of_2000_patients_finds():
    values = np.exp(LOG_SD * correlated(0.8))
    random = np.random.default_rng(5)
    picked = values[random.integers(0, PATIENTS, (1500, 2000))]
    quantiles = np.stack(
        [np.quantile(picked[:, :, c], p, axis=1) for c, p in zip(COLUMNS, SHARES, strict=True)], axis=1
    )
    law = quantile_law(values, COLUMNS, SHARES, n=2000)
    # of 1500 replicates a correlation is known to 0.026: 4 of these and the kernel's 5 %
    assert np.abs(relative(law.covariance, np.cov(quantiles.T))).max() < 0.15
    assert_allclose(law.quantiles, quantiles.mean(axis=0), rtol=0.005)


def test_weights_stand_for_patients():
    values = correlated(0.5)
    weights = norm.pdf(values[:, 0], 0.3, 1.0) / norm.pdf(values[:, 0])  # their mean is 0.3
    law = quantile_law(values, [0, 1], [0.5, 0.5], n=1, weights=weights)
    assert_allclose(law.quantiles, [0.3, 0.15], atol=0.02)  # some 90 000 patients: far more than their SDs
    assert_allclose(np.diag(law.covariance), np.pi / 2, rtol=0.06)


def test_equal_weights_are_none():
    values = correlated(0.5, 1000)
    a, b = (quantile_law(values, COLUMNS, SHARES, 12, weights=w) for w in (None, np.full(1000, 7.0)))
    assert_allclose(a.covariance, b.covariance, rtol=1e-12)


def test_twice_the_patients_halve_the_covariance_and_it_has_no_negative_eigenvalue():
    values = correlated(0.8, 2000)
    one, two = (quantile_law(values, COLUMNS, SHARES, n).covariance for n in (50, 100))
    assert_allclose(one, 2 * two, rtol=1e-12)
    assert np.linalg.eigvalsh(one)[0] > -1e-15


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"shares": [1.0]}, "expected one above 0 and below 1"),
        ({"variables": [2]}, "expected columns of the values, 0 to 0"),
        ({"n": 0}, "n = 0: expected 1 patient or more"),
        ({"values": np.array([[1.0], [np.nan]])}, "expected finite numbers"),
        ({"weights": np.zeros(200)}, "expected 200 numbers of 0 or more"),
        ({"values": np.maximum(np.linspace(-1, 1, 200), 0.1)[:, None]}, "55 % of the patients have the value"),
    ],
)
def test_what_has_no_such_law_is_refused(changed, expected):
    arguments = {"values": np.linspace(-1, 1, 200)[:, None], "variables": [0], "shares": [0.5], "n": 9}
    with pytest.raises(BadValue, match=expected):
        quantile_law(**(arguments | changed))
