"""The objective by weighted patients is that of patients simulated anew, within the Monte Carlo error that is said."""

import dataclasses
import functools

import numpy as np
import pytest
from scipy.stats import chi2

from immunode.calibration.population.resimulation import Resimulated, resimulated
from immunode.calibration.population.search import search
from tests.calibration.population.studies import by_rule, evidence, problem


@functools.cache
def settled(through_a_rule=False, seed=3):
    one = problem(by_rule() if through_a_rule else evidence(), patients=1000)
    return search(dataclasses.replace(one, seed=seed), lambda stage, objective: None)


@pytest.mark.parametrize("through_a_rule", [False, True])
def test_the_objective_agrees_with_patients_who_weigh_alike(through_a_rule):
    one = settled(through_a_rule)
    again = resimulated(one)
    assert again.weighted == one.anchor.deviance(one.near.at.centre)
    assert again.anew != again.weighted
    assert again.agrees
    assert 0 < again.error < 2


def test_the_error_is_no_smaller_than_the_scatter_of_other_draws():
    """Over 4 seeds the mean square of the differences in errors is below the 99.9 % end of chi-square(4) / 4."""
    far = [resimulated(settled(seed=seed)) for seed in range(3, 7)]
    assert np.mean([((one.anew - one.weighted) / one.error) ** 2 for one in far]) < chi2.ppf(0.999, 4) / 4


def test_what_chance_does_not_explain_does_not_agree():
    assert Resimulated(10.0, 10.5, 0.2).agrees
    assert not Resimulated(10.0, 10.7, 0.2).agrees
    assert not Resimulated(10.7, 10.0, 0.2).agrees
