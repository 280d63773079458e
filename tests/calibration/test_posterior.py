"""Chains of emcee and what ArviZ is given; a straight line has a normal posterior."""

import importlib.util

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration import posterior
from immunode.calibration.fit import calibrate
from immunode.errors import BadValue
from tests.calibration.noisy import LINE, on_a_line

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def fit():
    return calibrate(on_a_line(), LINE, ["a", "b"], threads=1)


@pytest.fixture(scope="module")
def chain(fit):
    pytest.importorskip("emcee")
    return fit.emcee(steps=400, burn=100, walkers=12, seed=3)


def test_a_chain_has_the_mean_and_covariance_of_the_line(fit, chain):
    draws = chain.flatchain[["a", "b"]].to_numpy()
    effective = len(draws) / 40  # a correlation of some forty steps
    assert_allclose(draws.mean(0), [fit.params[n].value for n in "ab"], atol=4 * fit.stderr["a"] / effective**0.5)
    assert_allclose(np.cov(draws.T), fit.result.covar, rtol=4 * (2 / effective) ** 0.5)
    assert draws.shape == (300 * 12, 2)


def test_a_seed_draws_the_same_chain(fit, chain):
    again = fit.emcee(steps=10, burn=0, walkers=12, seed=3)
    assert fit.emcee(steps=10, burn=0, walkers=12, seed=3).flatchain.equals(again.flatchain)
    assert not fit.emcee(steps=10, burn=0, walkers=12, seed=4).flatchain.equals(again.flatchain)


def test_arviz_gets_posterior_likelihood_and_data(fit, chain):
    pytest.importorskip("arviz")
    short = fit.emcee(steps=20, burn=10, walkers=6, seed=1)
    data = fit.to_inference_data(short)
    assert dict(data.posterior.sizes) == {"chain": 6, "draw": 10}
    assert list(data.log_likelihood["numbers"].dims) == ["chain", "draw", "number"]
    assert_allclose(data.observed_data["numbers"], fit.table["observed"])
    a, b = (data.posterior[name].to_numpy()[2, 5] for name in "ab")
    away = (a + b * np.arange(1, 6) - fit.table["observed"]) / 0.5
    expected = -0.5 * away**2 - np.log(0.5 * np.sqrt(2 * np.pi))
    assert_allclose(data.log_likelihood["numbers"].to_numpy()[2, 5], expected, rtol=1e-9)


def test_a_fit_that_scales_its_errors_samples_the_scale(chain):
    scaled = calibrate(on_a_line(), LINE, ["a", "b"], scale_covar=True)
    short = scaled.emcee(steps=10, burn=5, walkers=8)
    assert "__lnsigma" in short.var_names


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "steps = 0"),
        ({"walkers": 3}, "walkers = 3.*twice the 2 parameters"),
        ({"burn": 400, "steps": 400}, "burn = 400"),
        ({"seed": -1}, "seed = -1"),
        ({"progress": "yes"}, "progress = 'yes'"),
    ],
)
def test_numbers_that_are_none_are_named(fit, changes, words):
    pytest.importorskip("emcee")
    with pytest.raises(BadValue, match=words):
        fit.emcee(**changes)


def test_a_missing_package_is_named_with_the_line_that_installs_it(fit, monkeypatch):
    monkeypatch.setattr(posterior, "find_spec", lambda name: None)
    with pytest.raises(BadValue, match=r"needs the package 'emcee': pip install 'immunode\[bayes\]'"):
        fit.emcee()
    with pytest.raises(BadValue, match=r"needs the package 'arviz'"):
        fit.to_inference_data(None)
    assert importlib.util.find_spec("lmfit")


def test_what_is_no_chain_is_refused(fit):
    pytest.importorskip("arviz")
    with pytest.raises(BadValue, match=r"chain: expected what fit\.emcee"):
        fit.to_inference_data(fit.result)
