"""A simulated trial: patients of several laws, whose weights stand for any population; rules and baselines go along."""

import numpy as np
import pytest

from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.search import drawn_from
from immunode.calibration.population.simulated import EACH, simulate_trial
from immunode.calibration.population.weights import effective
from immunode.evidence.design import Subgroup
from immunode.evidence.printed import Evidence
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS
from tests.calibration.population.studies import AREA, OMEGA, by_rule, evidence, problem


def simulated(one, least=1500):
    laws = drawn_from(one.values(one.start))
    return simulate_trial(one.trials[0].trial, laws, least, one.seed, 1)


def test_patients_are_at_least_so_many_and_more_for_a_large_arm():
    assert len(simulated(problem(evidence(n=33))).arms[0].coordinates) == 1500
    assert len(simulated(problem(evidence(n=100))).arms[0].coordinates) == 100 * EACH


def test_weights_of_a_population_give_its_means_and_spreads():
    """Within 4 Monte Carlo errors of what the weights are worth."""
    one = problem(evidence())
    (arm,) = simulated(one, 6000).arms
    assert arm.names == ("CL", "V")
    weight = arm.weights(one.population, one.values(np.log([12.0, 0.5])))
    worth, logs = effective(weight), arm.coordinates[:, 0]
    mean = weight @ logs
    assert mean == pytest.approx(np.log(12), abs=4 * 0.5 / np.sqrt(worth))
    assert np.sqrt(weight @ (logs - mean) ** 2) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * worth))


def test_what_is_measured_of_a_patient_follows_from_what_was_drawn_of_him():
    """The area of a bolus of 1 MIU is 1000 / CL IU/mL day, to the solver's tolerance."""
    trial = simulated(problem(evidence()))
    area = trial.values[0, 0].values
    np.testing.assert_allclose(area, 1000 / np.exp(trial.arms[0].coordinates[:, 0]), rtol=1e-3)


def test_decisions_of_a_rule_belong_to_the_patient():
    """Who clears fast is below the bound and is treated again."""
    trial = simulated(problem(by_rule()))
    doses, fast = trial.values[0, 1].values, trial.arms[0].coordinates
    slope = np.exp(fast[:, 0] - fast[:, 1])  # CL / V a day
    level = 1000 / np.exp(fast[:, 1]) * np.exp(-slope)
    assert ((doses > 1.5)[level < 19]).all()
    assert set(np.unique(doses)) <= {1, 2, 3}


@pytest.mark.parametrize(("shares", "share"), [({}, 0.2), ({"slow": 0.9}, 0.9)])
def test_patients_of_an_arm_are_of_subgroups_by_its_own_shares(shares, share):
    """The area is 1000 / CL, and coordinates are without the factor of the subgroup, so that both together tell it."""
    slow = Subgroup(name="slow", share=0.2, scale={"CL": 0.5}, source="test")
    arm = {"name": "a", "regimen": "1 MIU IV bolus", "n": 33, "shares": shares}
    printed = Evidence(name="t", arms=[arm], rows=[{**AREA, "statistic": "median", "value": 100}])
    one = population_problem(printed, Population(BOLUS, omega=OMEGA, subgroups=[slow]), ["CL"], seed=3, patients=2000)
    trial = simulated(one)
    factor = 1000 / (trial.values[0, 0].values * np.exp(trial.arms[0].coordinates[:, 0]))
    kinds = np.where(factor < 0.75, 0.5, 1.0)
    np.testing.assert_allclose(factor, kinds, rtol=1e-2)  # of who is slowest a little is left on day 60
    assert (kinds == 0.5).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(kinds)))
