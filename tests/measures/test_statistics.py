"""Statistics of a group: every row of the registry against NumPy's, with missing patients and endless times."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from scipy import stats

from immunode.errors import UnknownName
from immunode.measures import STATISTICS, statistic

VALUES = np.array([[3.0, 1.0, 7.0, np.nan, 5.0], [2.0, np.nan, np.nan, np.nan, np.nan]])
LOGS = np.log([1, 3, 5, 7]).mean(), np.log([1, 3, 5, 7]).std(ddof=1) / 2
EXPECTED = {
    "median": (4.0, 2.0),
    "q1": (np.percentile([1, 3, 5, 7], 25), 2.0),
    "q3": (np.percentile([1, 3, 5, 7], 75), 2.0),
    "mean": (4.0, 2.0),
    "sd": (np.std([1, 3, 5, 7], ddof=1), np.nan),
    "percent_above": (50.0, 0.0),
    "percent_below": (25.0, 100.0),
    "percent": (400.0, 200.0),
    "se": (np.std([1, 3, 5, 7], ddof=1) / 2, np.nan),
    "ci_low": (stats.t(3, 4, np.std([1, 3, 5, 7], ddof=1) / 2).ppf(0.025), np.nan),
    "ci_high": (stats.t(3, 4, np.std([1, 3, 5, 7], ddof=1) / 2).ppf(0.975), np.nan),
    "median_ci_low": (np.nan, np.nan),  # fewer than six have none
    "median_ci_high": (np.nan, np.nan),
    "geometric_ci_low": (np.exp(stats.t(3, *LOGS).ppf(0.025)), np.nan),
    "geometric_ci_high": (np.exp(stats.t(3, *LOGS).ppf(0.975)), np.nan),
    "cv": (100 * stats.variation([1, 3, 5, 7], ddof=1), np.nan),
    "geometric_mean": (stats.gmean([1, 3, 5, 7]), 2.0),
    "geometric_cv": (100 * np.sqrt(np.exp(np.var(np.log([1, 3, 5, 7]), ddof=1)) - 1), np.nan),
    "geometric_sd": (stats.gstd([1, 3, 5, 7]), np.nan),
    "min": (1.0, 2.0),
    "max": (7.0, 2.0),
    "iqr": (stats.iqr([1, 3, 5, 7]), 0.0),
    "count_above": (2.0, 0.0),
    "count_below": (1.0, 1.0),
    "count": (16.0, 2.0),
    "of_medians": (4.0, 2.0),
    "of_means": (4.0, 2.0),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_every_statistic_is_that_of_who_has_a_number(name):
    row = statistic(name)
    assert inspect.getdoc(row.reduce)
    # at the limit is neither above nor below; an interval's end is a difference, which loses two digits
    assert_allclose(row.reduce(VALUES, 3.0), EXPECTED[name], rtol=1e-12 if "ci" in name else 1e-14)
    assert np.isnan(row.reduce(np.full(3, np.nan), 3.0))


@given(
    hnp.arrays(
        float, st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 30)), elements=st.floats(0.1, 1e4)
    ),
    st.data(),
)
@settings(deadline=None)
def test_every_replicate_is_as_if_it_were_alone_and_whoever_is_nobody_as_if_left_out(values, data):
    name = data.draw(st.sampled_from([*STATISTICS, "p5"]))
    nobody = data.draw(hnp.arrays(bool, values.shape))
    out = statistic(name).reduce(np.where(nobody, np.nan, values), 100.0)
    assert out.shape == values.shape[:-1]
    for at in np.ndindex(out.shape):
        alone = values[at][~nobody[at]]
        expected = statistic(name).reduce(alone, 100.0) if alone.size else np.nan
        assert_allclose(out[at], expected, rtol=1e-9, atol=1e-9)  # sums in another order


def test_the_interval_of_a_mean_and_the_geometric_statistics_are_those_of_scipy():
    values = np.random.default_rng(2).lognormal(1, 0.7, (4, 25))
    low, high = stats.t.interval(0.95, 24, values.mean(axis=1), stats.sem(values, axis=1))
    assert_allclose(statistic("ci_low").reduce(values), low, rtol=1e-12)
    assert_allclose(statistic("ci_high").reduce(values), high, rtol=1e-12)
    assert_allclose(statistic("se").reduce(values), stats.sem(values, axis=1), rtol=1e-13)
    assert_allclose(statistic("geometric_mean").reduce(values), stats.gmean(values, axis=1), rtol=1e-13)
    spread = np.log(stats.gstd(values, axis=1))
    assert_allclose(statistic("geometric_cv").reduce(values), 100 * np.sqrt(np.exp(spread**2) - 1), rtol=1e-12)
    assert_allclose(statistic("geometric_sd").reduce(values), stats.gstd(values, axis=1), rtol=1e-12)
    assert_allclose(statistic("cv").reduce(values), 100 * stats.variation(values, axis=1, ddof=1), rtol=1e-12)
    assert_allclose(statistic("iqr").reduce(values), stats.iqr(values, axis=1), rtol=1e-12)


def test_what_has_no_logarithm_or_no_positive_mean_has_no_geometric_mean_or_cv():
    for name in ("geometric_mean", "geometric_cv", "geometric_sd"):
        assert np.isnan(statistic(name).reduce(np.array([0.0, 1.0, 2.0])))
    assert np.isnan(statistic("cv").reduce(np.array([-1.0, 1.0])))


@pytest.mark.parametrize("n", [5, 6, 12, 33, 100])
def test_the_interval_of_a_median_is_of_the_order_statistics_that_the_binomial_law_says(n):
    """The narrowest symmetric one of at least 95 %; of 12 patients the 3rd to the 10th, of 33 the 11th to the 23rd."""
    values = np.append(np.random.default_rng(n).permutation(n) + 1.0, np.nan)
    low, high = (float(statistic(f"median_ci_{end}").reduce(values)) for end in ("low", "high"))
    if n < 6:
        assert np.isnan([low, high]).all()
        return
    assert high == n + 1 - low
    assert low == {6: 1, 12: 3, 33: 11, 100: 40}[n]
    outside = [2 * stats.binom.cdf(rank - 1, n, 0.5) for rank in (low, low + 1)]
    assert outside[0] <= 0.05 < outside[1]


def test_percentiles_are_those_of_numpy():
    values = np.random.default_rng(1).normal(size=(3, 40))
    for name in ("p5", "p50", "p97.5"):
        assert_allclose(statistic(name).reduce(values), np.percentile(values, float(name[1:]), axis=1), rtol=1e-13)
    with pytest.raises(UnknownName, match="there is no statistic 'p0'"):
        statistic("p0")
    with pytest.raises(UnknownName, match="there is no statistic 'medain'; did you mean 'median'"):
        statistic("medain")


def test_times_that_are_never_reached_are_the_latest():
    times = np.array([5.0, math.inf, 2.0, math.inf])
    assert statistic("q1").reduce(times) == pytest.approx(4.25)
    assert statistic("median").reduce(times) == math.inf
    assert statistic("median").reduce(np.append(times, 3.0)) == 5.0


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("90th percentile", "p90"),
        ("2.5th centile", "p2.5"),
        ("percentile 5", "p5"),
        ("P90", "p90"),
        ("25 %", "p25, or q1"),
        ("75th", "p75, or q3"),
    ],
)
def test_a_percentile_in_words_is_refused_with_its_name(said, cure):
    with pytest.raises(UnknownName, match=f"there is no statistic '{said}'; write {cure}$"):
        statistic(said)
