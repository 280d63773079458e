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


def test_weights_are_the_ratio_of_two_densities_where_somebody_has_no_course():
    """Of the law that they were drawn from, all others weigh alike."""
    one = law_of()
    at, ok = drawn(one, 100), np.arange(100) > 0
    weight = weights(one, at, one.log_density(at), ok)
    np.testing.assert_allclose(weight[1:], 1 / 99, rtol=1e-12)
    assert effective(weight) == pytest.approx(99)


@pytest.mark.parametrize(("centre", "sd", "r"), [(2.0, 0.3, 0.4), (2.2, 0.35, 0.4), (1.9, 0.25, 0.1)])
def test_weighted_patients_have_the_means_and_variances_of_the_law(centre, sd, r):
    """To rounding, and 1e-9 in place of what is singular; chance had put each 1 / root 4000 of an SD off."""
    one, target = law_of(sd=(0.4, 0.5)), law_of(centres=(centre, 1.0), sd=(sd, 0.4), r=r)
    at = drawn(one, 4000)
    weight = weights(target, at, one.log_density(at), np.ones(4000, bool))
    z = target.whitened(at)
    assert weight.sum() == pytest.approx(1)
    np.testing.assert_allclose(weight @ z, 0, atol=1e-7)
    np.testing.assert_allclose(weight @ z**2, 1, atol=1e-7)
    assert weight @ at[:, 0] == pytest.approx(centre, abs=1e-7)
    assert weight @ (at[:, 0] - centre) ** 2 == pytest.approx(sd**2, rel=1e-6)


def test_a_tilt_moves_weights_by_the_error_that_chance_made_of_them():
    """Of the law that they were drawn from each weighs 1 / n but for some SDs of the mean, 1 / root n: no patient is
    lost to it."""
    one = law_of()
    at = drawn(one, 4000)
    weight = 4000 * weights(one, at, one.log_density(at), np.ones(4000, bool))
    assert weight.std() < 4 * np.sqrt(4 / 4000)  # of two means and two variances
    assert effective(weight / 4000) > 4000 * (1 - 16 * 4 / 4000)


def test_no_patient_is_tilted_below_half_or_above_twice_his_weight():
    """Ten patients can be far from the law: what they are tilted to then is as near as that."""
    one = law_of()
    at = drawn(one, 10) + 0.5
    weight = weights(one, at, one.log_density(at), np.ones(10, bool))
    assert weight.max() / weight.min() <= 4 * (1 + 1e-12)


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


def test_one_patient_who_has_all_the_weight_is_no_error():
    """Far from where patients were drawn one of them weighs all: he knows no variance."""
    at = drawn(law_of(), 500)
    weight = weights(law_of(centres=(60.0, -40.0), sd=(1e-3, 1e-4)), at, np.zeros(500), np.ones(500, dtype=bool))
    assert weight.max() > 0.9
    assert weight.sum() == pytest.approx(1)
