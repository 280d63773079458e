"""What a population predicts of printed numbers: on the scale of each, with what follows from others left out."""

import numpy as np
import pytest
from scipy.stats import binom, lognorm, norm

from immunode.calibration.population.moments import SURE, counted_share, independent, terms, yes
from immunode.calibration.population.weights import effective
from tests.calibration.population.rows import of_one_arm, row, values_of
from tests.calibration.population.studies import anchored, evidence, problem

PATIENTS = 20_000
EVEN = (np.arange(PATIENTS) + 0.5) / PATIENTS
Z = norm.ppf(EVEN)


def terms_of(rows, values, n=33, weight=None, count=4000):
    """Return the terms of rows of one arm, normal ones and limits first, and the weights."""
    kinds = [one for one in rows if one.kind == "normal"] + [one for one in rows if one.kind in ("below", "above")]
    at, weight = of_one_arm(kinds, values, n, count, weight=weight)
    return terms(rows, values, at, [weight]), weight


def test_what_is_positive_in_everybody_is_compared_by_its_logarithm():
    values = values_of(np.exp(Z), np.random.default_rng(1).permutation(Z))
    assert terms_of([row("ci_low", 1.0)], values)[0].logs.tolist() == [
        False
    ]  # that of a small sample may be below zero
    rows = [row("median", 1.0), row("median", 1.0, variable=1), row("sd", 1.0, variable=1)]
    one, _ = terms_of(rows, values)
    assert one.logs.tolist() == [True, False, True]  # an SD is above zero, whatever it is of


def test_the_mean_of_a_log_normal_sample_has_its_exact_moments():
    """By the delta method's next term: within 3 Monte Carlo standard errors and the expansion's third order."""
    one, weight = terms_of([row("geometric_mean", 2.0)], values_of(np.exp(0.3 * Z)), n=12)
    moments = one.moments([weight])
    assert moments.mean[0] == pytest.approx(0, abs=3 * 0.3 / np.sqrt(12 * 4000))
    factor = 1 + 12 / PATIENTS
    assert moments.covariance[0, 0] == pytest.approx(factor * 0.09 / 12, rel=4 * np.sqrt(2 / 4000))


def test_the_covariance_grows_as_the_virtual_patients_are_no_endless_crowd():
    rows = [row("mean", 100.0), row("sd", 1.0)]
    values = values_of(100 + Z)
    weight = np.exp(2 * Z - 2)  # few weigh much
    weight /= weight.sum()
    one, _ = terms_of(rows, values, weight=weight)
    plain = np.cov(one.scaled(one.anchored.statistics([weight])), rowvar=False)
    np.testing.assert_allclose(one.moments([weight]).covariance, plain * (1 + 33 / effective(weight)), rtol=1e-12)


def test_where_few_virtual_patients_weigh_something_no_number_is_less_off_for_it():
    """It grows as at the anchor: by its own growth a likelihood would be highest where nothing is predicted."""
    one, weight = terms_of([row("mean", 100.0)], values_of(100 + Z))
    few = np.exp(2.5 * Z)
    few /= few.sum()
    assert 33 / effective(few) > 0.2
    plain = np.var(one.scaled(one.anchored.statistics([few])), ddof=1)
    assert one.moments([few]).covariance[0, 0] == pytest.approx(plain * (1 + 33 / effective(weight)), rel=1e-12)


@pytest.mark.parametrize(("name", "limit", "share"), [("count_above", 1.5, None), ("percent_below", 0.5, None)])
def test_counts_are_shares_of_the_population(name, limit, share):
    law = lognorm(0.5)
    one, weight = terms_of([row(name, 5.0, "binomial", limit=limit, size=33)], values_of(np.exp(0.5 * Z)))
    expected = law.sf(limit) if name == "count_above" else law.cdf(limit)
    assert one.moments([weight]).share[0] == pytest.approx(expected, abs=1 / PATIENTS)


def test_arms_that_are_pooled_count_as_their_patients_and_who_is_not_known_does_not():
    values = values_of(np.where(EVEN < 0.5, np.nan, EVEN)) | {(1, 0): values_of(EVEN)[0, 0]}
    weight = np.full(PATIENTS, 1 / PATIENTS)
    one = row("percent_above", 5.0, "binomial", arms=(0, 1), limit=0.75)
    assert counted_share(one, values, [weight] * 2, [30, 10]) == pytest.approx((30 * 0.5 + 10 * 0.25) / 40, abs=1e-4)
    few = row("percent_above", 5.0, "binomial", arms=(0, 1), limit=0.75, each=(3, 1))
    assert counted_share(few, values, [weight] * 2, [30, 30]) == pytest.approx((3 * 0.5 + 0.25) / 4, abs=1e-4)
    assert np.isnan(yes(one, np.array([np.nan, 1.0, 0.5]))).tolist() == [True, False, False]
    assert yes(row("percent", 5.0, "binomial"), np.array([1.0, 0.0])).tolist() == [1, 0]


def test_what_no_virtual_patient_shows_is_not_impossible():
    one, weight = terms_of([row("count_above", 1.0, "binomial", limit=99.0, size=33)], values_of(np.exp(Z)))
    assert one.moments([weight]).share[0] == SURE


def test_of_times_that_are_never_reached_quantiles_are_numbers_that_move_without_a_jump():
    """V / CL log(50 / V) days, of 1.5 that are looked at: from all who reach it to hardly any who do."""
    times = {"arm": "a", "observable": "level", "measure": "time_to_below", "level": 20, "day": 1.5}
    rows = [
        {**times, "statistic": "median (q1-q3)", "value": "1.1 (0.9-1.4)"},
        {**times, "statistic": "mean (sd)", "value": "1.1 (0.3)"},
        {**times, "statistic": "iqr", "value": 0.5},
        {**times, "statistic": "p95", "value": ">1.49"},
    ]
    here = anchored(problem(evidence(rows)))
    assert [row.statistic for row in here.terms[0].kept] == ["median", "q1", "q3"]
    assert [text.partition(":")[2].split(",")[1].split()[0] for text in here.terms[0].dropped] == ["mean", "sd", "iqr"]
    steps = np.linspace(-0.6, 0.6, 121)
    moments = [here.moments(here.x + np.array([step, 0.0]))[0] for step in steps]
    means = np.array([one.mean for one in moments])
    assert np.isfinite(means).all()
    assert np.isfinite([one.share for one in moments]).all()
    assert (np.abs(np.diff(means, axis=0)) < 0.03).all()  # a log time moves by at most twice the step, 0.01, of log CL


@pytest.mark.parametrize(("kind", "last"), [("below", 4), ("above", 5), ("below", 0), ("above", 12)])
def test_a_count_beyond_a_limit_is_as_probable_as_its_binomial_law_says(kind, last):
    law = binom(33, lognorm(0.5).sf(1.5))
    one, weight = terms_of(
        [row("count_above", 5.0, kind, limit=1.5, size=33, last=last)], values_of(np.exp(0.5 * Z)), count=100
    )
    expected = law.cdf(last) if kind == "below" else law.sf(last - 1)
    slip = 1 / PATIENTS / 0.2  # of the share, in its logarithm
    assert one.moments([weight]).share[0] == pytest.approx(expected, rel=33 * slip)


@pytest.mark.parametrize("kind", ["below", "above"])
def test_a_limit_is_as_probable_as_the_statistic_is_on_its_side(kind):
    """The geometric mean of n log-normal numbers is log-normal."""
    one, weight = terms_of([row("geometric_mean", 0.9, kind)], values_of(np.exp(0.5 * Z)), n=12)
    below = norm(0, 0.5 / np.sqrt(12)).cdf(np.log(0.9))
    expected = below if kind == "below" else 1 - below
    assert one.moments([weight]).share[0] == pytest.approx(expected, abs=0.02)  # 3 errors of mean and SD of 4000


def test_rows_that_follow_from_others_and_constants_are_dropped_by_name():
    values = values_of(np.exp(Z), np.ones(PATIENTS))
    rows = [
        row("mean", 3.0), row("sd", 1.0), row("se", 1.0), row("cv", 1.0), row("median", 1.0, variable=1),
        row("median", 1.0),
    ]  # fmt: skip
    one, weight = terms_of(rows, values)
    assert one.keep.tolist() == [0, 1, 5]
    assert one.dropped == (
        "se: it follows from the other rows", "cv: it follows from the other rows", "median: it is 1 in all samples"
    )  # fmt: skip
    np.linalg.cholesky(one.moments([weight]).covariance)


def test_a_statistic_that_some_samples_do_not_have_is_dropped():
    statistics = np.random.default_rng(1).normal(size=(100, 2))
    statistics[3, 1] = np.nan
    keep, dropped = independent(statistics, statistics, [row("mean"), row("geometric_mean")])
    assert keep.tolist() == [0]
    assert dropped == ["geometric_mean: there is no such number in some of the samples"]


def test_a_sum_of_two_rows_follows_from_them_whatever_their_units():
    rng = np.random.default_rng(1)
    a, b = 1e6 * rng.normal(size=500), 1e-6 * rng.normal(size=500)
    each = np.column_stack([a, b, 3 * a, b + 1])
    keep, dropped = independent(each, each, [row(name) for name in ("mean", "sd", "q1", "q3")])
    assert keep.tolist() == [0, 1]
    assert len(dropped) == 2


@pytest.mark.parametrize("names", [("mean", "ci_low", "ci_high"), ("q1", "q3", "iqr"), ("mean", "sd", "cv")])
def test_three_numbers_of_which_one_follows_are_two(names):
    """On whichever scale it follows: the others are compared by logarithms, or as they are."""
    one, weight = terms_of([row(name, 61.0) for name in names], values_of(np.exp(4 + 0.6 * Z)))
    assert one.keep.tolist() == [0, 1]
    np.linalg.cholesky(one.moments([weight]).covariance)
