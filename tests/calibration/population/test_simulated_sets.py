"""Simulated trials are what would be printed: the laws of statistics and counts of the same patients."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.calibration.population.search import drawn_from
from immunode.calibration.population.simulated_sets import simulated_sets
from immunode.evidence.printed import Evidence
from tests.calibration.population.studies import AREA, OMEGA, PRINTED, anchored, evidence, problem

COUNT = 2000


def test_statistics_have_the_moments_that_the_objective_takes_and_counts_are_binomial():
    """Within 4 Monte Carlo errors of 2000 trials."""
    here = anchored(problem(evidence()))
    (sets,) = simulated_sets(here, COUNT, here.x)
    moments = here.moments(here.x)[0]
    sd = np.sqrt(np.diag(moments.covariance))
    np.testing.assert_allclose((sets.statistics.mean(axis=0) - moments.mean) / sd, 0, atol=4 / np.sqrt(COUNT))
    np.testing.assert_allclose(sets.statistics.std(axis=0) / sd, 1, atol=0.08)
    law = binom(33, moments.share[0])
    assert sets.counts.mean() == pytest.approx(law.mean(), abs=4 * law.std() / np.sqrt(COUNT))
    assert sets.counts.var() == pytest.approx(law.var(), rel=0.15)


def test_statistics_and_counts_of_a_trial_are_of_the_same_patients():
    """More patients above 120 where the median is higher."""
    here = anchored(problem(evidence()))
    (sets,) = simulated_sets(here, 500, here.x)
    assert np.corrcoef(sets.statistics[:, 0], sets.counts[:, 0])[0, 1] > 0.5


def test_trials_are_simulated_where_they_are_said_to_be():
    """A clearance that is 1.2 times the anchor's: areas fall by it in every trial alike, with the same picks."""
    here = anchored(problem(evidence(), ["CL"]))
    (sets,), (moved,) = (simulated_sets(here, 500, here.x + step) for step in (0.0, np.log(1.2)))
    median = moved.statistics[:, 0].mean() - sets.statistics[:, 0].mean()
    assert median == pytest.approx(-np.log(1.2), abs=4 * 1.25 * OMEGA["CL"] / np.sqrt(2000))
    assert moved.counts.mean() < sets.counts.mean()


def test_a_limit_is_met_by_so_many_trials():
    rows = [{**AREA, "statistic": "geometric_mean", "value": "<100"}, *PRINTED[:2]]
    here = anchored(problem(evidence(rows)))
    (sets,) = simulated_sets(here, COUNT, here.x)
    assert sets.size.tolist() == [1]
    assert sets.counts.mean() == pytest.approx(0.5, abs=0.1)  # the median of 2000 patients is 100 within 0.02


@pytest.mark.parametrize("value", ["<10", "≥9"])
def test_a_count_beyond_a_limit_is_seen_by_so_many_trials_as_the_objective_says(value):
    """Within 4 Monte Carlo errors of 2000 trials."""
    rows = [{**AREA, "statistic": "count_above", "limit": 120, "value": value}, *PRINTED[:2]]
    here = anchored(problem(evidence(rows)))
    (sets,) = simulated_sets(here, COUNT, here.x)
    share = here.moments(here.x)[0].share[0]
    assert sets.size.tolist() == [1]
    assert 0.1 < share < 0.9
    assert sets.counts.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / COUNT))


@pytest.mark.parametrize(("statistic", "value", "fewest"), [("median", ">36", 17), ("q3", ">36", 9), ("q1", "<36", 26)])
def test_a_quantile_beyond_its_window_is_as_probable_as_so_many_who_never_reach_it(statistic, value, fewest):
    """V / CL log(50 / V) days, of 1.5 that are looked at: the exact law of 33; within 4 errors of 2000 trials."""
    times = {"arm": "a", "observable": "level", "measure": "time_to_below", "level": 20, "day": 1.5, "unit": "h"}
    here = anchored(problem(evidence([{**times, "statistic": statistic, "value": value}, *PRINTED[:2]])))
    (sets,) = simulated_sets(here, COUNT, here.x)
    volume = 5 * np.exp(0.3 * norm.ppf((np.arange(4000) + 0.5) / 4000))
    never = norm.cdf(np.log(volume * np.log(50 / volume) / 1.5 / 10) / 0.4).mean()
    above = binom(33, never).sf(fewest - 1)
    share = here.moments(here.x)[0].share[0]
    assert share == pytest.approx(above if value[0] == ">" else 1 - above, abs=0.06)  # 2000 patients: 0.01 of `never`
    assert sets.counts.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / COUNT) + 1e-9)


def test_a_count_of_some_patients_of_pooled_arms_is_of_each_arm_as_it_is_large():
    """15 of 60, 5 and 10 of arms whose areas are 100 and 200 in the middle."""
    pooled = {**AREA, "arm": "a + b", "statistic": "count_above", "limit": 150, "n": 15, "value": 8}
    arms = [{"name": name, "regimen": f"{dose} MIU IV bolus", "n": n} for name, dose, n in (("a", 1, 20), ("b", 2, 40))]
    one = Evidence(name="t", arms=arms, rows=[pooled, PRINTED[0], PRINTED[1]])
    here = anchored(problem(one))
    (sets,) = simulated_sets(here, COUNT, here.x)
    share = here.moments(here.x)[0].share[0]
    shares = norm.sf(np.log([1.5, 0.75]) / OMEGA["CL"])
    assert share == pytest.approx((shares[0] + 2 * shares[1]) / 3, abs=0.02)  # 2000 patients, some of it balanced
    assert sets.counts.mean() / 15 == pytest.approx(share, abs=4 * 0.5 / np.sqrt(15 * COUNT))


def test_effects_of_trials_scatter_them_by_their_prior():
    """Tau is half-normal(0.3), so that shifts have the variance 0.09."""
    import dataclasses

    one = problem([evidence(name="a"), evidence(name="b")])
    scales = np.array([0.3])
    here = anchored(dataclasses.replace(one, effects=Effects(("CL",), scales, scales)))
    first, second = simulated_sets(here, 1000, here.x)
    variance = here.moments(here.x)[0].covariance[0, 0] + 0.09
    assert first.statistics[:, 0].var() == pytest.approx(variance, rel=0.25)  # a heavy-tailed law: kurtosis 9
    assert abs(np.corrcoef(first.statistics[:, 0], second.statistics[:, 0])[0, 1]) < 0.12  # of shifts 0.05 by chance


@pytest.mark.parametrize("names", [("CL", "V"), ("V", "CL")])
def test_two_effects_scatter_each_of_their_statistics_whatever_their_order(names):
    """Areas by CL, peaks by V: each variance is that of its patients and 0.09, and the two are not correlated."""
    import dataclasses

    one = problem([evidence(name="a"), evidence(name="b")], patients=6000)
    scales = np.array([0.3, 0.3])
    one = dataclasses.replace(one, effects=Effects(names, scales, scales))
    crowd = Crowd(one, drawn_from(one.values(one.start)))  # wide enough for shifts of two SDs
    here = anchor(one, crowd, one.start, uniforms(one))
    first, second = simulated_sets(here, 1000, here.x)
    patients = np.diag(here.moments(here.x)[0].covariance)
    each = np.concatenate([first.statistics, second.statistics])
    for place in (0, 3):  # median of areas, geometric mean of peaks
        assert each[:, place].var() == pytest.approx(patients[place] + 0.09, rel=0.2)  # of 2000, kurtosis 9
    assert abs(np.corrcoef(each[:, 0], each[:, 3])[0, 1]) < 0.12  # of shifts 0.05 by chance
