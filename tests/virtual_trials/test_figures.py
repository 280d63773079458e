"""Statistics of arms against closed forms and SciPy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from immunode.errors import BadValue, UnknownName
from immunode.evidence.printed import Figure
from immunode.virtual_trials.figures import TESTS, Measured, event_free, fisher, quartiles, rebounded, rows

mann_whitney = TESTS["mann_whitney"]


def arm(name, size, cd4, event_day=None, label=""):
    """Return an arm with the given CD4 (patients, 2 visits)."""
    n = len(cd4)
    events = np.full(n, np.inf) if event_day is None else np.asarray(event_day)
    labels = np.full(n, label, dtype=object)
    return Measured(
        name=name,
        size=size,
        days=np.array([0.0, 91.0]),
        values={"cd4": cd4},
        without={"cd4": cd4 - 5},
        event_day=events,
        label=labels,
        labels=frozenset({label} - {""}),
        treated=np.ones(n, bool),
        ok=~np.isnan(events),
        given={"n": size},
    )


def figure(kind, **changes):
    fields = {"label": kind, "kind": kind, "published": 0.5, "groups": ("a",), "observable": "cd4", "day": 91.0}
    return Figure(**(fields | changes))


NORMAL = np.random.default_rng(1).normal(100, 20, size=(4000, 2))
SHIFTED = np.random.default_rng(2).normal(115, 20, size=(4000, 2))
ARMS = {"a": arm("a", 30, NORMAL), "b": arm("b", 40, SHIFTED)}


def test_quartiles_leave_out_failed_patients():
    assert quartiles(np.array([1.0, 2.0, 3.0, np.nan])).tolist() == [2.0, 1.5, 2.5, 2.0]


def test_the_interval_of_a_median_has_its_asymptotic_width():
    (row,) = rows((figure("median", published=100.0),), ARMS, seed=1)
    expected = 1.96 * 1.2533 * 20 / np.sqrt(30)
    assert row.high - row.low == pytest.approx(
        2 * expected, rel=0.12
    )  # 30 patients: near the asymptote, 2 000 replicates
    assert row.inside
    (outside,) = rows((figure("median", published=150.0),), ARMS, seed=1)
    assert outside.inside is False


def test_the_power_of_the_rank_test_is_near_that_of_the_normal_theory():
    (row,) = rows((figure("test", test="mann_whitney", groups=("b", "a")),), ARMS, seed=1)
    shift = 15 / (20 * np.sqrt(1 / 30 + 1 / 40)) * np.sqrt(3 / np.pi)
    power = stats.norm.sf(1.96 - shift) + stats.norm.cdf(-1.96 - shift)
    assert row.p_below_05 == pytest.approx(power, abs=0.04)
    assert row.p_direction > 0.95
    assert row.inside is None


def test_the_rank_test_of_one_replicate_is_scipys():
    tiny = {"a": arm("a", 30, NORMAL[:30]), "b": arm("b", 40, SHIFTED[:40])}
    whole = {"a": np.arange(30)[None, :], "b": np.arange(40)[None, :]}
    p, higher = mann_whitney(figure("test", test="mann_whitney", groups=("b", "a")), tiny, whole)
    found = stats.mannwhitneyu(SHIFTED[:40, 1], NORMAL[:30, 1], method="asymptotic")
    assert p[0] == pytest.approx(found.pvalue, rel=1e-12)
    assert higher[0] == (np.median(SHIFTED[:40, 1]) > np.median(NORMAL[:30, 1]))


def test_failed_patients_are_in_no_statistic():
    days = np.where(np.arange(4000) < 600, 50.0, np.inf)
    cd4 = NORMAL.copy()
    failed = np.arange(4000) % 2 == 0
    days[failed], cd4[failed] = np.nan, 1e9  # whatever a failed patient shows must not count
    arms = {"a": arm("a", 40, cd4, days)}
    events, median = rows((figure("events", published=6), figure("median", published=100.0)), arms, seed=1)
    assert events.simulated == pytest.approx(6.0)
    assert median.simulated == pytest.approx(np.median(NORMAL[~failed, 1]))
    assert event_free(days, np.array([60.0]))[0] == pytest.approx(0.85)


def test_a_test_that_cannot_be_made_counts_as_not_significant_and_says_so():
    few = arm("a", 30, NORMAL)
    label = np.where(np.arange(4000) < 133, "N", "R").astype(object)  # one in 30: often under two in a replicate
    arms = {"a": replace(few, label=label, labels=frozenset({"N", "R"})), "b": ARMS["b"]}
    (row,) = rows((figure("test", test="mann_whitney", groups=("N", "b")),), arms, seed=1)
    share = stats.binom.cdf(1, 30, 133 / 4000)
    said = float(row.note.split("in ")[-1].split(" %")[0]) / 100
    assert said == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 2000) + 0.005)


def test_fisher_between_labels_counts_their_own_events():
    label = np.where(np.arange(4000) < 2000, "N", "R").astype(object)
    days = np.where(np.arange(4000) < 2000, np.inf, 5.0)  # only R has events
    arms = {"a": replace(arm("a", 30, NORMAL, days), label=label, labels=frozenset({"N", "R"}))}
    (row,) = rows((figure("test", test="fisher", groups=("N", "R")),), arms, seed=1)
    assert row.p_below_05 > 0.99
    assert row.p_direction == 1.0


def test_a_test_without_an_effect_is_significant_one_time_in_twenty():
    same = {"a": arm("a", 30, NORMAL), "b": arm("b", 40, NORMAL[::-1])}
    (row,) = rows((figure("test", test="mann_whitney", groups=("a", "b")),), same, seed=1)
    assert row.p_below_05 == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))


def test_events_are_binomial_at_the_trials_own_size():
    days = np.where(np.arange(4000) < 600, 50.0, np.inf)  # 15 percent
    arms = {"a": arm("a", 40, NORMAL, days)}
    (row,) = rows((figure("events", published=6),), arms, seed=1)
    assert row.simulated == pytest.approx(6.0)
    assert (row.low, row.high) == tuple(stats.binom.ppf([0.025, 0.975], 40, 0.15))


def test_event_free_share_is_one_minus_the_share_with_an_event():
    assert event_free(np.array([10.0, 20.0, np.inf, np.inf]), np.array([0.0, 10.0, 15.0, 20.0, 99.0])).tolist() == [
        1,
        0.75,
        0.75,
        0.5,
        0.5,
    ]


def test_fisher_of_the_published_events_is_0_12():
    assert fisher(1, 33, 6, 40) == pytest.approx(0.12, abs=0.005)


def test_rebound_counts_only_after_the_first_suppression():
    rna = np.array([[1e5, 1e3, 40, 30], [1e5, 40, 60, 30], [1e5, 1e4, 1e3, 1e2]])
    assert rebounded(rna, 50.0).tolist() == [False, True, False]


def test_gain_is_paired_and_only_among_the_treated():
    (row,) = rows((figure("gain", published="none"),), ARMS, seed=1)
    assert row.simulated == pytest.approx(5.0)
    assert row.inside is None


def test_unknown_groups_and_days_are_named():
    with pytest.raises(UnknownName, match="no arm or label 'c'"):
        rows((figure("median", groups=("c",)),), ARMS, seed=1)
    with pytest.raises(BadValue, match="day 30"):
        rows((figure("median", day=30.0),), ARMS, seed=1)
