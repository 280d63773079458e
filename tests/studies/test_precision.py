"""Intervals of a draw of patients hold what they promise: 95 of 100 draws cover the truth."""

import numpy as np
import pytest

from immunode.evidence.endpoint import Endpoint
from immunode.simulation.measuring import Asked
from immunode.studies.precision import _paired, difference, interval

DRAWS, SIZE = 400, 120


def asked(statistic, measure="value", **fields):
    signal = {} if measure == "event" else {"signal": "y"}
    endpoint = Endpoint(measure=measure, statistic=statistic, **signal, **fields)
    return Asked(endpoint, 0.0, 1.0, np.nan, float(fields.get("limit", np.nan)), "1", "")


TRUTH = {"median": 1.0, "mean": np.exp(0.125), "q3": np.exp(0.5 * 0.6744898), "percent_above": 50.0, "sd": None}


@pytest.mark.parametrize("name", ["median", "mean", "q3", "percent_above"])
def test_intervals_cover_the_truth_in_95_of_100_draws(name):
    one = asked(name, limit=1.0) if name == "percent_above" else asked(name)
    y = np.exp(0.5 * np.random.default_rng(4).normal(size=(DRAWS, SIZE)))
    covered = [low <= TRUTH[name] <= high for low, high in (interval(one, row, row, row) for row in y)]
    # four standard errors of a share of 0.95 in 400 draws; order statistics are a little too wide
    assert 0.905 <= np.mean(covered) <= 0.995


def test_paired_differences_cover_the_truth_though_patients_differ_much():
    generator = np.random.default_rng(5)
    covered, wide = [], []
    for _ in range(DRAWS):
        patient = 100 * generator.normal(size=SIZE)
        first, second = patient + generator.normal(size=SIZE), patient + 1 + generator.normal(size=SIZE)
        middle, low, high = difference(asked("median"), second, first, (first, second, first, second))
        covered.append(low <= 1 <= high)
        wide.append(high - low)
        assert low <= middle <= high
    assert 0.905 <= np.mean(covered) <= 0.995
    assert np.mean(wide) < 1.5  # of patients who differ by 100


def test_what_has_no_formula_is_resampled():
    y = np.random.default_rng(6).normal(size=2000)
    low, high = interval(asked("sd"), y, y, y)
    assert low < y.std(ddof=1) < high
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(2 * 2000), rel=0.2)
    start, end = np.full(2000, 2.0), 2 + 0.1 * y
    middle, low, high = difference(asked("of_means", "change"), end - start, 0 * y, (start, end, start, start))
    assert low < middle < high
    assert middle == pytest.approx(0.1 * y.mean(), abs=1e-12)


def test_percentages_are_never_surer_than_their_patients():
    nobody = np.zeros(100)
    low, high = interval(asked("percent", "event"), nobody, nobody, nobody)
    # Wilson's interval of 0 of 100: z^2 / (n + z^2)
    assert (low, high) == (pytest.approx(0, abs=1e-9), pytest.approx(100 * 3.8415 / 103.8415, rel=1e-4))
    middle, low, high = difference(asked("percent", "event"), nobody, nobody, (nobody,) * 4)
    assert (middle, low) == (0.0, pytest.approx(-high))
    assert high == pytest.approx(100 * 1.96 / 102, rel=1e-3)  # one patient in all is added, half on either side


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_differences_of_percentages_of_the_same_patients_cover_the_truth(share):
    generator, covered = np.random.default_rng(7), []
    for _ in range(DRAWS):
        first = generator.random(SIZE) < 0.4
        second = first | (generator.random(SIZE) < share)
        _, low, high = difference(asked("percent", "event"), second * 1.0, first * 1.0, (first,) * 4)
        covered.append(low <= 100 * 0.6 * share <= high)
    assert np.mean(covered) >= 0.905


def test_one_patient_has_no_interval():
    assert np.isnan(interval(asked("median"), np.ones(1), np.ones(1), np.ones(1))).all()


def test_patients_whom_nothing_tells_apart_differ_by_nothing():
    endless, one = np.array([np.inf, 5.0, np.inf, 7.0]), asked("median", "time_to_above", level=1.0)
    other = np.array([np.inf, 5.0 * (1 + 1e-8), 3.0, 9.0])
    paired = _paired(endless, other)
    assert paired.tolist() == [0.0, 0.0, np.inf, -2.0]
    assert difference(one, endless, other, (endless, endless, other, other))[0] == 0.0


def test_other_quantiles_are_compared_as_they_are_called():
    generator = np.random.default_rng(8)
    first, second = generator.normal(size=400), generator.normal(size=400) + 1
    middle, low, high = difference(asked("p90"), second, first, (second, second, first, first))
    assert middle == pytest.approx(np.percentile(second, 90) - np.percentile(first, 90))
    back = difference(asked("p90"), first, second, (first, first, second, second))
    assert back == pytest.approx((-middle, -high, -low))
