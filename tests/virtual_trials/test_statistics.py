"""Statistics of arms against closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from immunode.errors import BadValue
from immunode.virtual_trials.statistics import REPLICATES, event_free, groups, quartiles, resampled
from tests.virtual_trials.made_up import ARMS, NORMAL, arm


def test_quartiles_leave_out_failed_patients():
    assert quartiles(np.array([1.0, 2.0, 3.0, np.nan])).tolist() == [2.0, 1.5, 2.5, 2.0]


def test_event_free_share_is_one_minus_the_share_with_an_event():
    assert event_free(np.array([10.0, 20.0, np.inf, np.inf]), np.array([0.0, 10.0, 15.0, 20.0, 99.0])).tolist() == [
        1,
        0.75,
        0.75,
        0.5,
        0.5,
    ]


def test_replicates_have_the_trials_own_size_and_no_failed_patient():
    days = np.where(np.arange(4000) < 2000, np.nan, np.inf)
    picks = resampled(arm("a", 30, NORMAL, days), seed=1)
    assert picks.shape == (REPLICATES, 30)
    assert picks.min() >= 2000
    with pytest.raises(BadValue, match="no patient of arm 'a' could be simulated"):
        resampled(arm("a", 30, NORMAL, np.full(4000, np.nan)), seed=1)


def test_a_group_is_an_arm_or_those_with_a_label():
    label = np.array(["R", "N", "R"], dtype=object)
    arms = ARMS | {"c": replace(arm("c", 3, NORMAL[:3]), label=label, labels=frozenset({"R", "N"}))}
    named = groups(["b", "R"], arms, seed=1)
    assert named["b"].arm is arms["b"]
    assert named["b"].member.all()
    assert named["R"].arm is arms["c"]
    assert named["R"].member.tolist() == [True, False, True]


def test_kaplan_meier_with_censoring_is_that_of_scipy():
    from scipy.stats import CensoredData, ecdf

    rng = np.random.default_rng(4)
    event, left = rng.exponential(100, 300), rng.exponential(150, 300)
    event[:10], left[:10] = np.inf, np.inf
    seen = np.where(event > left, np.inf, event)
    days = np.linspace(0, 400, 41)
    censored = np.isinf(seen)
    known = ecdf(CensoredData(uncensored=seen[~censored], right=np.minimum(left, 1e6)[censored])).sf.evaluate(days)
    assert event_free(seen, days, left) == pytest.approx(known, abs=1e-12)


def test_without_anybody_leaving_kaplan_meier_is_the_share():
    event = np.array([3.0, 5.0, np.inf, np.nan, 5.0])
    days = np.arange(8.0)
    assert np.array_equal(event_free(event, days, np.full(5, np.inf)), event_free(event, days))
    # one leaves after all events: the same steps
    late = np.array([np.inf, np.inf, 7.5, np.inf, np.inf])
    assert event_free(event, days, late) == pytest.approx(event_free(event, days), abs=1e-15)


def test_a_visit_at_which_nobody_is_seen_has_no_statistics():
    values = np.array([[1.0, np.nan], [3.0, np.nan]])
    assert quartiles(values)[:, 0].tolist() == [2.0, 1.5, 2.5, 2.0]
    assert np.isnan(quartiles(values)[:, 1]).all()
