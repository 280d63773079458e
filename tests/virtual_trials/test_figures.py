"""Printed figures beside their prediction, against closed forms."""

import numpy as np
import pytest
from scipy import stats

from immunode.virtual_trials.figures import compared
from immunode.virtual_trials.statistics import event_free
from tests.virtual_trials.made_up import ARMS, NORMAL, arm, figure


def test_the_interval_of_a_median_has_its_asymptotic_width():
    (row,) = compared((figure("median", published=100.0),), ARMS, seed=1)
    expected = 1.96 * 1.2533 * 20 / np.sqrt(30)
    assert row.high - row.low == pytest.approx(
        2 * expected, rel=0.12
    )  # 30 patients: near the asymptote, 2 000 replicates
    assert row.inside
    (outside,) = compared((figure("median", published=150.0),), ARMS, seed=1)
    assert outside.inside is False


def test_failed_patients_are_in_no_statistic():
    days = np.where(np.arange(4000) < 600, 50.0, np.inf)
    cd4 = NORMAL.copy()
    failed = np.arange(4000) % 2 == 0
    days[failed], cd4[failed] = np.nan, 1e9  # whatever a failed patient shows must not count
    arms = {"a": arm("a", 40, cd4, days)}
    events, median = compared((figure("events", published=6), figure("median", published=100.0)), arms, seed=1)
    assert events.simulated == pytest.approx(6.0)
    assert median.simulated == pytest.approx(np.median(NORMAL[~failed, 1]))
    assert event_free(days, np.array([60.0]))[0] == pytest.approx(0.85)


def test_events_are_binomial_at_the_trials_own_size():
    days = np.where(np.arange(4000) < 600, 50.0, np.inf)  # 15 percent
    arms = {"a": arm("a", 40, NORMAL, days)}
    (row,) = compared((figure("events", published=6),), arms, seed=1)
    assert row.simulated == pytest.approx(6.0)
    assert (row.low, row.high) == tuple(stats.binom.ppf([0.025, 0.975], 40, 0.15))


def test_gain_is_paired_and_only_among_the_treated():
    (row,) = compared((figure("gain", published="none"),), ARMS, seed=1)
    assert row.simulated == pytest.approx(5.0)
    assert row.inside is None
