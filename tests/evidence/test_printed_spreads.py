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
        ({"arm": "b", "statistic": "mean (sd)", "value": "310 ± 120"}, "other arms have 120"),
    ],
)
def test_an_sd_that_looks_like_a_standard_error_is_warned_of(beside, says):
    (warning,) = told({"statistic": "sd", "value": 34}, beside)
    assert warning.startswith("e, row 1: sd = 34 of 'a' (n = 12) looks like a standard error: " + says)
    assert warning.endswith("where it is one say statistic = 'se'")


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
