"""The sampling law of statistics by resampling: exact laws of order statistics, means and SDs; smooth in weights."""

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.stats import beta, norm

from immunode.calibration.population.printed_row import split_up
from immunode.calibration.population.statistic_law import (
    EACH,
    LEAST_REPLICATES,
    _middles,
    anchored,
    moved,
    picked,
    quantiles,
    ranked,
    replicate_count,
    scattered,
)
from tests.calibration.population.rows import of_one_arm, row, spread, values_of

PATIENTS, COUNT = 20_000, 20_000
EVEN = (np.arange(PATIENTS) + 0.5) / PATIENTS  # patients who are the uniform law


def between(n, share):
    """Return the order statistics, from 1, that a quantile of type 7 lies between, and how far."""
    place = share * (n - 1)
    return int(place) + 1, min(int(place) + 2, n), place - int(place)


def exact_uniform(n, shares):
    """Return mean and covariance of quantiles of n uniform numbers: order statistics i <= j have the mean i / (n + 1)
    and the covariance i (n + 1 - j) / ((n + 1)^2 (n + 2))."""
    matrix = np.zeros((len(shares), n))
    for row_number, share in enumerate(shares):
        low, up, part = between(n, share)
        matrix[row_number, low - 1] += 1 - part
        matrix[row_number, up - 1] += part
    i = np.arange(1, n + 1)
    low, up = np.minimum.outer(i, i), np.maximum.outer(i, i)
    covariance = low * (n + 1 - up) / ((n + 1) ** 2 * (n + 2))
    return matrix @ (i / (n + 1)), matrix @ covariance @ matrix.T


@pytest.mark.parametrize("n", [12, 33])
def test_quantiles_of_uniform_numbers_have_their_exact_mean_and_covariance(n):
    """Within 4 Monte Carlo standard errors of 20 000 replicates."""
    names, shares = ("min", "q1", "median", "q3", "p90", "max"), (0, 0.25, 0.5, 0.75, 0.9, 1)
    one, weight = of_one_arm([row(name) for name in names], values_of(EVEN), n, COUNT)
    each = one.statistics([weight])
    mean, covariance = exact_uniform(n, shares)
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(each.mean(axis=0) - mean) < 4 * sd / np.sqrt(COUNT) + 1 / PATIENTS).all()
    seen = np.cov(each, rowvar=False)
    error = np.sqrt((covariance**2 + np.outer(sd, sd) ** 2) / COUNT)  # of a normal law; these are lighter in the tails
    assert (np.abs(seen - covariance) < 5 * error).all()


@pytest.mark.parametrize("n", [12, 33])
def test_the_median_of_normal_numbers_has_its_exact_variance(n):
    """The median of an even number is the mean of two order statistics; by numerical integration of their laws."""
    one, weight = of_one_arm([row("median"), row("max")], values_of(norm.ppf(EVEN)), n, COUNT)
    each = one.statistics([weight])
    largest = beta(n, 1)
    grid = largest.ppf((np.arange(200_000) + 0.5) / 200_000)
    assert each[:, 1].mean() == pytest.approx(norm.ppf(grid).mean(), abs=4 * norm.ppf(grid).std() / np.sqrt(COUNT))
    i = (n + 1) // 2
    if n % 2:
        exact = (norm.ppf(beta(i, i).ppf((np.arange(200_000) + 0.5) / 200_000)) ** 2).mean()
    else:
        exact = dblquad(
            lambda v, u: (0.5 * (norm.ppf(u) + norm.ppf(v))) ** 2 * _two_middle(u, v, i), 1e-6, 1 - 1e-6,
            lambda u: u, lambda u: 1 - 1e-6, epsabs=1e-6, epsrel=1e-5,
        )[0]  # fmt: skip
    assert each[:, 0].var() == pytest.approx(exact, rel=5 * np.sqrt(2 / COUNT))


def _two_middle(u, v, i):
    """Return the density of order statistics i and i + 1 of 2 i uniform numbers."""
    from scipy.special import gammaln

    log = gammaln(2 * i + 1) - 2 * gammaln(i)
    return np.exp(log + (i - 1) * (np.log(u) + np.log1p(-v)))


@pytest.mark.parametrize("n", [12, 33])
def test_means_and_spreads_of_normal_numbers_have_their_exact_laws(n):
    names = ("mean", "sd", "se", "ci_low", "ci_high")
    one, weight = of_one_arm([row(name) for name in names], values_of(100 + 15 * norm.ppf(EVEN)), n, COUNT)
    mean, sd, se, low, high = one.statistics([weight]).T
    assert mean.var() == pytest.approx(225 / n, rel=5 * np.sqrt(2 / COUNT))
    assert (sd**2).mean() == pytest.approx(225, rel=5 * np.sqrt(2 / (n - 1) / COUNT))  # n - 1: without bias
    assert (sd**2).var() == pytest.approx(2 * 225**2 / (n - 1), rel=0.06)  # the SE of a variance of a chi-square law
    np.testing.assert_allclose(se, sd / np.sqrt(n), rtol=1e-12)
    covered = ((low < 100) & (high > 100)).mean()
    assert covered == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / COUNT))  # Student's t, n - 1


def test_visits_keep_their_correlation():
    """Means of visits of the same patients are correlated as the visits are."""
    rng = np.random.default_rng(1)
    first = rng.standard_normal(PATIENTS)
    second = 0.8 * first + 0.6 * rng.standard_normal(PATIENTS)
    one, weight = of_one_arm([row("mean"), row("mean", variable=1)], values_of(first, second), 33, COUNT)
    r = np.corrcoef(one.statistics([weight]), rowvar=False)[0, 1]
    assert r == pytest.approx(np.corrcoef(first, second)[0, 1], abs=4 * (1 - 0.64) / np.sqrt(COUNT))


def test_fewer_patients_of_a_row_are_so_many_of_those_picked():
    values = values_of(norm.ppf(EVEN))
    one, weight = of_one_arm([row("mean"), row("mean", each=(12,))], values, 33, COUNT)
    every, few = one.statistics([weight]).T
    assert few.var() == pytest.approx(1 / 12, rel=5 * np.sqrt(2 / COUNT))
    assert np.corrcoef(every, few)[0, 1] == pytest.approx(np.sqrt(12 / 33), abs=0.03)  # the 12 are among the 33


def test_n_of_a_row_of_pooled_arms_is_of_all_of_them_as_they_are_large():
    """The mean of 5 of one arm and 10 of the other, whose means are 0 and 3."""
    z = norm.ppf(EVEN)
    values = values_of(z) | {(1, 0): values_of(z + 3)[0, 0]}
    weight = np.full(PATIENTS, 1 / PATIENTS)
    rows = [row("mean", arms=(0, 1), each=split_up(15, [20, 40]))]
    uniforms = [spread(COUNT, 20, 1), spread(COUNT, 40, 2)]
    (mean,) = anchored(rows, values, [weight] * 2, uniforms).statistics([weight] * 2).T
    assert mean.mean() == pytest.approx(2, abs=4 / np.sqrt(15 * COUNT))
    assert mean.var() == pytest.approx(1 / 15, rel=5 * np.sqrt(2 / COUNT))


@pytest.mark.parametrize(
    ("n", "sizes", "each"),
    [(45, [30, 30], (23, 22)), (10, [20, 40], (3, 7)), (60, [20, 40], (20, 40)), (1, [5, 5, 90], (0, 0, 1))],
)
def test_patients_are_split_up_by_the_largest_remainders(n, sizes, each):
    assert split_up(n, sizes) == each


def test_who_is_not_known_is_in_no_number():
    values = values_of(np.where(EVEN < 0.25, np.nan, EVEN))
    one, weight = of_one_arm([row("mean"), row("median"), row("min")], values, 33, COUNT)
    mean, middle, least = one.statistics([weight]).T
    assert mean.mean() == pytest.approx(0.625, abs=4 * mean.std() / np.sqrt(COUNT) + 1 / PATIENTS)
    assert middle.mean() == pytest.approx(0.625, abs=4 * middle.std() / np.sqrt(COUNT) + 1 / PATIENTS)
    assert least.min() >= 0.25


def test_weights_move_statistics_as_other_patients_would():
    """A triangular law from the uniform one by weights y: its quantiles are roots."""
    one, _ = of_one_arm([row("mean"), row("median")], values_of(EVEN), 33, COUNT)
    mean, middle = one.statistics([EVEN / EVEN.sum()]).T
    assert mean.mean() == pytest.approx(2 / 3, abs=4 * mean.std() / np.sqrt(COUNT))
    low = np.sqrt(beta(17, 17).ppf((np.arange(100_000) + 0.5) / 100_000))
    assert middle.mean() == pytest.approx(low.mean(), abs=4 * middle.std() / np.sqrt(COUNT) + 1e-4)
    assert middle.std() == pytest.approx(low.std(), rel=0.03)


def test_nothing_jumps_as_weights_move():
    """Second differences of all statistics over steps of 1e-6 of a parameter are those of rounding."""
    names = ("median", "q1", "mean", "sd", "p90", "max")
    one, _ = of_one_arm([row(name) for name in names], values_of(np.exp(norm.ppf(EVEN))), 12, 500)
    z = norm.ppf(EVEN)

    def at(shift):
        weight = np.exp(shift * z - shift**2 / 2)
        return one.statistics([weight / weight.sum()]).mean(axis=0)

    around = np.array([at(0.2 + step) for step in np.arange(-5, 6) * 1e-6])
    first, second = np.diff(around, axis=0), np.diff(around, 2, axis=0)
    assert (np.abs(first) > 1e-8).all()  # no plateau
    assert np.abs(second).max() < 1e-3 * np.abs(first).max()


def test_quantiles_sorted_at_once_are_those_of_the_measures():
    one, weight = of_one_arm([row("q1"), row("p37.5"), row("iqr")], values_of(EVEN**2), 12, 300)
    assert {i for some in one.quantiles.values() for i in some.rows} == {0, 1}
    fast = one.statistics([weight])
    for i in (0, 1):
        np.testing.assert_allclose(fast[:, i], one._row(one.rows[i], [weight], {}), rtol=1e-12)
    some = quantiles(one.ranks[0, 0, "values"], [(0, 0.25)])
    np.testing.assert_allclose(some.at(one.ranks[0, 0, "values"], weight)[0], fast[:, 0], rtol=1e-12)


def test_differences_and_ratios_are_of_replicates_of_both_arms():
    rows = [row("median", versus=(1,)), row("median", versus=(1,), compare="ratio"), row("mean", arms=(0, 1))]
    values = values_of(1 + EVEN) | {(1, 0): values_of(2 + EVEN)[0, 0]}
    weight = np.full(PATIENTS, 1 / PATIENTS)
    one = anchored(rows, values, [weight] * 2, [spread(COUNT, 12, 1), spread(COUNT, 33, 2)])
    difference, ratio, pooled = one.statistics([weight] * 2).T
    variance = exact_uniform(12, [0.5])[1][0, 0] + exact_uniform(33, [0.5])[1][0, 0]
    assert difference.mean() == pytest.approx(-1, abs=4 * np.sqrt(variance / COUNT))
    assert difference.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / COUNT))
    assert ratio.mean() == pytest.approx(0.6, abs=0.01)
    assert pooled.mean() == pytest.approx((12 * 1.5 + 33 * 2.5) / 45, abs=1e-3)  # arms count by their sizes


def test_errors_and_intervals_of_differences_of_means_have_their_laws():
    """Of normal numbers of unequal spread Welch's interval holds the difference in 95 % of trials, within 4 errors and
    the 0.5 % that it is known to be off at such sizes."""
    names = ("se", "ci_low", "ci_high")
    rows = [row("mean", versus=(1,)), *(row(name, versus=(1,)) for name in names)]
    values = values_of(100 + 30 * norm.ppf(EVEN)) | {(1, 0): values_of(80 + 10 * norm.ppf(EVEN))[0, 0]}
    weight = np.full(PATIENTS, 1 / PATIENTS)
    one = anchored(rows, values, [weight] * 2, [spread(COUNT, 12, 1), spread(COUNT, 33, 2)])
    mean, se, low, high = one.statistics([weight] * 2).T
    assert (se**2).mean() == pytest.approx(mean.var(), rel=5 * np.sqrt(2 / COUNT))
    covered = ((low < 20) & (high > 20)).mean()
    assert covered == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / COUNT) + 0.005)
    assert ((low < mean) & (mean < high)).all()


def test_each_patient_is_picked_as_often_as_he_weighs():
    weight = np.array([0.1, 0.0, 0.6, 0.3])
    share = np.bincount(picked(weight, spread(1000, 10)).ravel(), minlength=4) / 10_000
    np.testing.assert_allclose(share, weight, atol=2e-4)
    assert picked(weight, np.array([0.0, 1.0])).tolist() == [0, 3]


def test_ranks_are_middles_of_shares_and_give_the_values_back():
    np.testing.assert_allclose(_middles(np.array([0.2, 0.3, 0.5])), [0.1, 0.35, 0.75])
    values, weight = np.array([3.0, 1.0, np.nan, 2.0]), np.array([0.4, 0.1, 0.2, 0.3])
    one = ranked(values, weight, np.array([[0, 1, 3], [3, 3, 2]]))
    assert not one.complete
    np.testing.assert_allclose(one.at(weight, one.ranks[0]), [3, 1, 2])


def test_patients_simulated_again_keep_their_ranks():
    one, weight = of_one_arm([row("median"), row("mean")], values_of(EVEN), 12, 300)
    again = moved(one, values_of(5 - 2 * EVEN))
    middle = again.statistics([weight])[:, 0]
    np.testing.assert_allclose(middle, 3 + 2 * one.statistics([weight])[:, 0], rtol=1e-9)


def test_more_statistics_take_more_replicates():
    assert replicate_count(0) == LEAST_REPLICATES
    assert replicate_count(10) == LEAST_REPLICATES + 10 * EACH


def test_statistics_of_a_thinned_trial_scatter_by_the_root_of_how_many_times_as_many_it_has():
    """By nothing more: that virtual patients are not endless is counted once, with the covariance."""
    each = np.random.default_rng(0).standard_normal((1000, 2)) + 5
    told = scattered(each, each.mean(axis=0), 4.0)
    np.testing.assert_allclose(told.mean(axis=0), each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(told.std(axis=0), each.std(axis=0) / 2, rtol=1e-12)
