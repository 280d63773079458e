"""An SD that looks like a standard error is warned of by its row, and one that does not is not."""

import warnings

import numpy as np
import pytest

import immunode as im

ROW = {"observable": "cd4", "day": 28}


def told(*rows, n=12):
    """Return the warnings of a table about arms "a" and "b" of n patients."""
    arms = [{"name": "a", "n": n}, {"name": "b", "n": n}]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        im.Evidence(name="e", arms=arms, rows=[ROW | {"arm": "a"} | row for row in rows])
    return [str(one.message) for one in caught]


@pytest.mark.parametrize(
    ("beside", "says"),
    [
        ({"statistic": "median (iqr)", "value": "300 (220-380)"}, "the quartiles of the same patients say an SD of"),
        ({"statistic": "iqr", "value": 160}, "the quartiles of the same patients"),
        ({"statistic": "median (range)", "value": "300 (100-500)"}, "the range of the same patients"),
        ({"statistic": "mean (95% ci)", "value": "300 (224-376)"}, "the confidence interval of the same patients"),
        ({"arm": "b", "statistic": "mean (sd)", "value": "310 ± 120"}, "other arms have an SD of 120"),
    ],
)
def test_an_sd_that_looks_like_a_standard_error_is_warned_of(beside, says):
    (warning,) = told({"statistic": "sd", "value": 34}, beside)
    assert warning.startswith("e, row 1: sd = 34 of 'a' (n = 12) looks like a standard error: " + says)
    assert warning.endswith("where it is one say statistic = 'se'")


def test_an_sd_that_looks_like_a_standard_error_beside_those_of_other_days_is_warned_of():
    """1.6 by the root of 30 is 0.29."""
    rows = [
        {"statistic": "mean (sd)", "value": "4.5 (1.6)"},
        {"statistic": "mean (sd)", "value": "4.8 (0.3)", "day": 56},
    ]
    (warning,) = told(*rows, n=30)
    assert warning.startswith(
        "e, row 2: sd = 0.3 of 'a' (n = 30) looks like a standard error: on the same arm's other days "
    )
    assert "the SD is 1.6; where it is one" in warning


def test_an_sd_that_looks_like_a_standard_error_beside_another_arm_on_another_day_is_warned_of():
    first = {"statistic": "mean (sd)", "value": "4.5 (1.6)", "arm": "b"}
    (warning,) = told(first, {"statistic": "mean (sd)", "value": "4.8 (0.3)", "day": 56}, n=30)
    assert "row 2: sd = 0.3 of 'a' (n = 30) looks like a standard error: on other days other arms have an SD" in warning


def test_of_standard_errors_of_other_days_that_which_looks_like_an_sd_is_warned_of():
    rows = [
        {"statistic": "mean (se)", "value": value, "day": day} for day, value in ((0, "4.5 (1.6)"), (7, "4.8 (0.3)"))
    ]
    (warning,) = told(*rows, n=30)
    assert "row 1: se = 1.6 of 'a' (n = 30) looks like an SD: on the same arm's other days the SD is 1.64" in warning


def test_days_that_differ_in_their_spread_as_in_their_mean_are_not_warned_of():
    first, then = (
        {"statistic": "mean (sd)", "value": value, "day": day} for day, value in ((0, "4.5 (1.6)"), (7, "0.9 (0.3)"))
    )
    assert not told(first, then, n=30)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            {"value": 15},
            "e, row 1: percent_above = 15 of 'a' (n = 30) is 4.5 patients: 4 are 13.3 %, 5 are 16.7 %; say",
        ),
        ({"value": 33.4}, "33.4 of 'a' (n = 30) is 10.02 patients: 10 are 33.3 %"),
        ({"value": 15, "arm": "a + b", "n": 7}, "15 of 'a + b' (n = 7) is 1.05 patients: 1 are 14.3 %, 2 are 28.6 %"),
    ],
)
def test_a_percentage_that_is_no_whole_number_of_patients_is_warned_of(row, says):
    (warning,) = told({"statistic": "percent_above", "limit": 5} | row, n=30)
    assert says in warning


@pytest.mark.parametrize("value", [13, 13.3, 16.7, 17, 0, 100, "<15", 50])
def test_a_percentage_that_is_one_of_so_many_patients_is_not_warned_of(value):
    assert not told({"statistic": "percent_above", "limit": 5, "value": value}, n=30)


@pytest.mark.parametrize(
    ("mean", "low", "high", "around"),
    [(300, 224, 400, "312"), (5.2, 1.2, 7.9, "4.55")],
)
def test_an_interval_that_is_not_around_its_mean_is_warned_of(mean, low, high, around):
    rows = [{"statistic": s, "value": v} for s, v in (("mean", mean), ("ci_low", low), ("ci_high", high))]
    warning = told(*rows)[0]
    assert warning.startswith(f"e, row 2: the interval {low} to {high} of 'a' is not around its mean {mean} but around")
    assert f"around {around}" in warning.replace(around + "0", around)
    assert "say 'geometric_ci_low' and 'geometric_ci_high'" in warning


@pytest.mark.parametrize(("mean", "low", "high"), [(300, 224, 376), (300, 224, 377), (5.2, 1.2, 9.1), (-2, -5, 1)])
def test_an_interval_around_its_mean_to_its_digits_is_not_warned_of(mean, low, high):
    rows = [{"statistic": s, "value": v} for s, v in (("mean", mean), ("ci_low", low), ("ci_high", high))]
    assert not told(*rows)


def test_a_standard_error_that_looks_like_an_sd_is_warned_of():
    (warning,) = told({"statistic": "se", "value": 120}, {"statistic": "median (iqr)", "value": "300 (220-380)"})
    assert "se = 120 of 'a' (n = 12) looks like an SD" in warning


def test_arms_that_differ_in_their_spread_as_in_their_mean_are_not_warned_of():
    assert not told(
        {"statistic": "mean (sd)", "value": "18 ± 35"}, {"arm": "b", "statistic": "mean (sd)", "value": "112 ± 130"}
    )


def group(random, n, divided):
    x = random.lognormal(6, 0.6, n)
    sd = x.std(ddof=1) / (n**0.5 if divided else 1)
    low, high = np.quantile(x, [0.25, 0.75])
    return {"statistic": "sd", "value": sd}, {"statistic": "q1", "value": low}, {"statistic": "q3", "value": high}


@pytest.mark.parametrize("n", [12, 33, 100])
def test_of_skewed_patients_the_two_are_told_apart(n):
    random = np.random.default_rng(1)
    false = np.mean([bool(told(*group(random, n, False), n=n)) for _ in range(200)])
    true = np.mean([bool(told(*group(random, n, True), n=n)) for _ in range(200)])
    # of 200: none false is below 1.5 % with 95 % confidence; most of the true ones are said
    assert false <= 0.01
    assert true >= 0.8
