"""Reweighted patients stand for another population: exact, whatever is made of them."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from immunode.calibration.population.weights import effective, law, mixture_density, weights
from immunode.errors import BadValue

NAMES, N = ("CL", "V"), 40_000


def law_of(centres=(2.0, 1.0), sd=(0.3, 0.5), r=0.4):
    return law(NAMES, centres, dict(zip(NAMES, sd)), {("CL", "V"): r})


def weighed(target, at, proposed, ok=None, settled=None):
    """Return the weights of patients, all of whom have a course unless `ok` says who."""
    everybody = np.ones(len(at), dtype=bool) if ok is None else ok
    return weights(target, at, proposed, everybody, np.zeros((len(at), 0)) if settled is None else settled)


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


@pytest.mark.parametrize(("centre", "sd", "r"), [(2.0, 0.3, 0.4), (2.2, 0.35, 0.4), (1.9, 0.25, 0.1)])
def test_weighted_patients_have_the_means_and_variances_of_the_law(centre, sd, r):
    """To rounding, and 1e-9 in place of what is singular; chance had put each 1 / root 4000 of an SD off."""
    one, target = law_of(sd=(0.4, 0.5)), law_of(centres=(centre, 1.0), sd=(sd, 0.4), r=r)
    at = drawn(one, 4000)
    weight = weighed(target, at, one.log_density(at))
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
    weight = 4000 * weighed(one, at, one.log_density(at))
    assert weight.std() < 4 * np.sqrt(4 / 4000)  # of two means and two variances
    assert effective(weight / 4000) > 4000 * (1 - 16 * 4 / 4000)


def test_no_patient_is_tilted_below_half_or_above_twice_his_weight():
    """Ten patients can be far from the law: what they are tilted to then is as near as that."""
    one = law_of()
    at = drawn(one, 10) + 0.5
    weight = weighed(one, at, one.log_density(at))
    assert weight.max() / weight.min() <= 4 * (1 + 1e-12)


def test_who_has_no_course_weighs_nothing_and_moves_nobody_else():
    """The others weigh as beside him, all by the same factor: chance in the draws of all is known as well."""
    one = law_of()
    at, ok = drawn(one, 100), np.arange(100) > 9
    whole, part = weighed(one, at, one.log_density(at)), weighed(one, at, one.log_density(at), ok)
    assert (part[:10] == 0).all()
    assert part.sum() == pytest.approx(1)
    np.testing.assert_allclose(part[10:], whole[10:] / whole[10:].sum(), rtol=1e-12)


def test_one_without_a_course_who_would_have_all_the_weight_hides_nobody_who_has_one():
    """Drawn 2000 log units too rarely: the others' weights would all be zero, and what is made of them no number."""
    one = law_of()
    at, ok = drawn(one, 100), np.arange(100) > 0
    proposed = one.log_density(at) - 2000.0 * ~ok
    weight = weighed(one, at, proposed, ok)
    assert weight[0] == 0
    assert weight.sum() == pytest.approx(1)
    assert effective(weight) > 90


def test_what_is_settled_of_patients_has_mean_0_and_variance_1_in_every_population():
    """Baselines are drawn by it: of 1000 patients chance had put it as far off as a thirtieth of an SD."""
    one, target = law_of(sd=(0.4, 0.6)), law_of(centres=(2.1, 1.0))
    at, settled = drawn(one, 1000), np.random.default_rng(9).standard_normal((1000, 1))
    before, weight = (weighed(target, at, one.log_density(at), settled=each) for each in (None, settled))
    assert abs(before @ settled[:, 0]) > 0.01
    np.testing.assert_allclose([weight @ settled[:, 0], weight @ settled[:, 0] ** 2], [0, 1], atol=1e-7)
    np.testing.assert_allclose(weight @ target.whitened(at), 0, atol=1e-7)


@pytest.mark.parametrize(("centre", "sd"), [(2.0, 0.3), (2.2, 0.3), (1.9, 0.45), (2.1, 0.2)])
def test_means_and_quantiles_of_another_log_normal_population_are_exact(centre, sd):
    """Within 4 Monte Carlo standard errors of as many patients as the weights are worth, from three widths at once."""
    components = [(1 / 3, law_of(sd=(width, width))) for width in (0.3, 0.48, 0.2)]
    at = np.concatenate([drawn(one, N // 3, seed) for seed, (_, one) in enumerate(components)])
    target = law_of(centres=(centre, 1.0), sd=(sd, 0.3))
    weight = weighed(target, at, mixture_density(components, at))
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
    weight = weighed(law_of(centres=(60.0, -40.0), sd=(1e-3, 1e-4)), at, np.zeros(500))
    assert weight.max() > 0.9
    assert weight.sum() == pytest.approx(1)
