"""Reweighted patients stand for another population: exact, whatever is made of them."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from immunode.calibration.population.weights import effective, law, mixture_density, weights
from immunode.errors import BadValue

NAMES, N = ("CL", "V"), 40_000


def law_of(centres=(2.0, 1.0), sd=(0.3, 0.5), r=0.4):
    return law(NAMES, centres, dict(zip(NAMES, sd)), {("CL", "V"): r})


def drawn(one, n, seed=1):
    return one.mean + np.random.default_rng(seed).standard_normal((n, 2)) @ one.factor.T


def test_the_density_is_that_of_the_normal_law():
    one = law_of()
    at = drawn(one, 50)
    covariance = np.array([[0.09, 0.06], [0.06, 0.25]])
    np.testing.assert_allclose(
        one.log_density(at) - np.log(2 * np.pi), multivariate_normal([2, 1], covariance).logpdf(at), rtol=1e-12
    )


def test_the_density_of_patients_does_not_depend_on_who_is_beside_them():
    one = law_of()
    at = drawn(one, 1000)
    assert one.log_density(at)[17] == one.log_density(at[17:18])[0]


def test_weights_of_the_law_that_patients_were_drawn_from_are_equal():
    one = law_of()
    at = drawn(one, 100)
    weight = weights(one, at, one.log_density(at), np.ones(100, bool))
    np.testing.assert_allclose(weight, 0.01, rtol=1e-12)
    assert effective(weight) == pytest.approx(100)


def test_who_has_no_course_weighs_nothing():
    one = law_of()
    at, ok = drawn(one, 100), np.arange(100) > 9
    weight = weights(one, at, one.log_density(at), ok)
    assert (weight[:10] == 0).all()
    assert weight.sum() == pytest.approx(1)


@pytest.mark.parametrize(("centre", "sd"), [(2.0, 0.3), (2.2, 0.3), (1.9, 0.45), (2.1, 0.2)])
def test_means_and_quantiles_of_another_log_normal_population_are_exact(centre, sd):
    """Within 4 Monte Carlo standard errors of as many patients as the weights are worth, from three widths at once."""
    components = [(1 / 3, law_of(sd=(width, width))) for width in (0.3, 0.48, 0.2)]
    at = np.concatenate([drawn(one, N // 3, seed) for seed, (_, one) in enumerate(components)])
    target = law_of(centres=(centre, 1.0), sd=(sd, 0.3))
    weight = weights(target, at, mixture_density(components, at), np.ones(len(at), bool))
    worth, each = effective(weight), np.exp(at[:, 0])
    assert worth > 5000
    mean, spread = np.exp(centre + sd**2 / 2), np.exp(centre + sd**2 / 2) * np.sqrt(np.expm1(sd**2))
    assert weight @ each == pytest.approx(mean, abs=4 * spread / np.sqrt(worth))
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        below = weight @ (at[:, 0] <= norm(centre, sd).ppf(share))
        assert below == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / worth))


def test_a_mixture_with_one_part_is_that_part():
    one = law_of()
    at = drawn(one, 20)
    np.testing.assert_allclose(mixture_density([(1.0, one)], at), one.log_density(at), rtol=1e-14)


def test_effective_patients_are_those_of_kish():
    assert effective(np.array([0.5, 0.5, 0.0])) == pytest.approx(2)
    assert effective(np.array([1.0])) == 1


def test_correlations_that_no_matrix_has_are_refused():
    with pytest.raises(BadValue, match="do not form a correlation matrix"):
        law(("a", "b", "c"), [0, 0, 0], dict.fromkeys("abc", 0.3), {("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9})
