"""Patients who are simulated once stand for every population that differs in what varies between patients alone."""

import numpy as np
from numpy.testing import assert_allclose

from immunode.calibration.crowds import Crowds
from immunode.calibration.population.values import PopulationValues
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from tests.calibration.made_up import BOLUS

POPULATION = Population(BOLUS, omega={"CL": 0.3})
TRIAL = Trial("t", POPULATION, visits=[0, 1], arms=[Arm("a", 10, "1 MIU IV bolus")], start=-1)


def values(CL, V=5.0, omega=0.3):
    return PopulationValues({"CL": CL, "V": V}, {"CL": omega}, {})


def crowds(targets, n=2000):
    return Crowds(TRIAL, targets, n, 1, 1)


def median_level(crowd, weights):
    level = crowd.measured["a"].values["level"][:, 1]
    order = np.argsort(level)
    return level[order][np.searchsorted(np.cumsum(weights["a"][order]), 0.5)]


def test_reweighted_patients_have_the_medians_of_each_population():
    targets = [values(CL) for CL in np.geomspace(6, 16, 30)]
    one = crowds(targets)
    for target in targets[::6]:
        told = median_level(*one.at(target))
        CL = target.typical["CL"]
        # 4 SE of a median of at least 500 equal patients: 1.25 SD / root n, of the log of a level at day 1
        assert_allclose(np.log(told / (200 * np.exp(-CL / 5))), 0, atol=4 * 1.25 * 0.3 * CL / 5 / np.sqrt(500))
    assert len(one.made) == 1
    assert min(one.worth) >= 500


def test_a_population_that_no_patient_stands_for_is_simulated_by_itself():
    one = crowds([values(CL, omega=0.05) for CL in np.geomspace(1, 1000, 60)], n=100)
    for target in one.targets:
        _crowd, weights = one.at(target)
        assert 1 / (weights["a"] ** 2).sum() >= 25
    assert len(one.made) > 1


def test_what_does_not_vary_between_patients_is_simulated_for_each_value():
    one = crowds([values(10, V) for V in (4, 4, 5, 6)], n=50)
    peaks = [one.at(target)[0].measured["a"].values["level"][:, 0] for target in one.targets]
    assert len(one.made) == 3
    assert np.array_equal(peaks[0], peaks[1])
