"""Named tests over replicates against SciPy and the normal theory."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from immunode.virtual_trials.figures import compared
from immunode.virtual_trials.significance import fisher_exact, mann_whitney, wilcoxon
from immunode.virtual_trials.statistics import Group
from tests.virtual_trials.made_up import ARMS, NORMAL, SHIFTED, arm, figure


def one_replicate(of):
    """Return all patients of an arm as a group that is drawn once, whole."""
    return Group(of, np.ones(len(of.label), bool), np.arange(len(of.label))[None, :])


def test_the_power_of_the_rank_test_is_near_that_of_the_normal_theory():
    (row,) = compared((figure("test", test="mann_whitney", groups=("b", "a")),), ARMS, seed=1)
    shift = 15 / (20 * np.sqrt(1 / 30 + 1 / 40)) * np.sqrt(3 / np.pi)
    power = stats.norm.sf(1.96 - shift) + stats.norm.cdf(-1.96 - shift)
    assert row.p_below_05 == pytest.approx(power, abs=0.04)
    assert row.p_direction > 0.95
    assert row.inside is None


def test_the_rank_test_of_one_replicate_is_scipys():
    whole = [one_replicate(arm("b", 40, SHIFTED[:40])), one_replicate(arm("a", 30, NORMAL[:30]))]
    p, higher = mann_whitney(figure("test", test="mann_whitney", groups=("b", "a")), whole)
    scipys = stats.mannwhitneyu(SHIFTED[:40, 1], NORMAL[:30, 1], method="asymptotic")
    assert p[0] == pytest.approx(scipys.pvalue, rel=1e-12)
    assert higher[0] == (np.median(SHIFTED[:40, 1]) > np.median(NORMAL[:30, 1]))


def test_the_rank_test_of_many_replicates_of_any_size_is_scipys_with_ties_too():
    rng = np.random.default_rng(1)
    counts = [np.floor(rng.normal(8.0, 4.0, (size, 2))) for size in (60, 50)]  # many are tied
    counts[1][::7] = np.nan
    counts[0][:, 0] = counts[1][:, 0] = 5.0  # all are tied on the first day
    groups = []
    for name, values in zip("ab", counts, strict=True):
        picks = rng.integers(len(values), size=(40, 20))
        groups.append(Group(arm(name, 20, values), rng.random(len(values)) < 0.8, picks))
    for day, column in ((0.0, 0), (91.0, 1)):
        p, higher = mann_whitney(figure("test", test="mann_whitney", groups=("a", "b"), day=day), groups)
        for row in range(40):
            x, y = (g.arm.values["cd4"][g.picks[row], column][g.member[g.picks[row]]] for g in groups)
            x, y = x[np.isfinite(x)], y[np.isfinite(y)]
            scipys = stats.mannwhitneyu(x, y, method="asymptotic")
            assert p[row] == pytest.approx(scipys.pvalue, rel=1e-12)
            assert higher[row] == (scipys.statistic > 0.5 * len(x) * len(y))


def test_a_test_that_cannot_be_made_counts_as_not_significant_and_says_so():
    few = arm("a", 30, NORMAL)
    label = np.where(np.arange(4000) < 133, "N", "R").astype(object)  # one in 30: often under two in a replicate
    arms = {"a": replace(few, label=label, labels=frozenset({"N", "R"})), "b": ARMS["b"]}
    (row,) = compared((figure("test", test="mann_whitney", groups=("N", "b")),), arms, seed=1)
    share = stats.binom.cdf(1, 30, 133 / 4000)
    said = float(row.note.split("in ")[-1].split(" %")[0]) / 100
    assert said == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 2000) + 0.005)


def test_fisher_between_labels_counts_their_own_events():
    label = np.where(np.arange(4000) < 2000, "N", "R").astype(object)
    days = np.where(np.arange(4000) < 2000, np.inf, 5.0)  # only R has events
    arms = {"a": replace(arm("a", 30, NORMAL, days), label=label, labels=frozenset({"N", "R"}))}
    (row,) = compared((figure("test", test="fisher", groups=("N", "R")),), arms, seed=1)
    assert row.p_below_05 > 0.99
    assert row.p_direction == 1.0


def test_a_test_without_an_effect_is_significant_one_time_in_twenty():
    same = {"a": arm("a", 30, NORMAL), "b": arm("b", 40, NORMAL[::-1])}
    (row,) = compared((figure("test", test="mann_whitney", groups=("a", "b")),), same, seed=1)
    assert row.p_below_05 == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))


def test_fisher_of_the_published_events_is_0_12():
    assert fisher_exact(1, 33, 6, 40) == pytest.approx(0.12, abs=0.005)


def test_wilcoxon_of_one_replicate_is_scipys_of_the_paired_counts():
    one = figure("test", test="wilcoxon", from_day=0.0)
    p, higher = wilcoxon(one, [one_replicate(arm("a", 30, NORMAL[:30]))])
    change = NORMAL[:30, 1] - NORMAL[:30, 0]
    assert p[0] == pytest.approx(stats.wilcoxon(change, method="asymptotic").pvalue, rel=1e-12)
    assert higher[0] == (np.median(change) > 0)


def test_one_patient_against_many_has_the_exact_p_of_its_rank():
    one, many = np.full((1, 2), 200.0), np.arange(80.0).reshape(40, 2)
    for first, second, above in ((one, many, True), (many, one, False)):
        whole = [one_replicate(arm("x", len(first), first)), one_replicate(arm("y", len(second), second))]
        p, higher = mann_whitney(figure("test", test="mann_whitney", groups=("b", "a")), whole)
        scipys = stats.mannwhitneyu(first[:, 1], second[:, 1], method="exact").pvalue
        assert p[0] == pytest.approx(scipys) == pytest.approx(2 / 41)
        assert higher[0] == above


def test_ties_are_no_difference():
    flat = np.full((20, 2), 100.0)
    row = figure("test", test="wilcoxon", from_day=0)
    p, higher = wilcoxon(row, [one_replicate(arm("a", 20, flat))])
    assert (p[0], higher[0]) == (1.0, 0.0)
    pair = [one_replicate(arm("a", 1, flat[:1])), one_replicate(arm("b", 20, flat))]
    assert mann_whitney(figure("test", test="mann_whitney", groups=("a", "b")), pair)[0][0] == 1.0
