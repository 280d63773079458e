"""Trials and fits have the scales of their patients: the same bits as alone, the same digits in any amount."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode.calibration.estimates import estimate
from immunode.calibration.fit import calibrate
from immunode.calibration.free_parameters import parameters
from immunode.calibration.objective import jacobian
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.evidence.design import Action, Rule, When
from immunode.evidence.printed import Evidence
from immunode.simulation.ensemble_run import run
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import run_trial
from tests.support.turnover import BESIDE, MODEL, course, dose, sized

# trials

VISITS = [0.0, 1.0, 2.0, 4.0, 7.0]


def trial(size, **more):
    population = Population(MODEL, omega={"k": 0.4, "ka": 0.3}, typical=sized(size))
    arm = Arm("drug", n=6, regimen=dose(size, days=[1, 2]), **more)
    return Trial("t", population=population, visits=VISITS, arms=[arm])


def replayed(planned, done, regimens, which, stops):
    how = {"times": done.days, "observe": done.observables, "start": done.days[0], "end": done.days[-1]}
    return run(MODEL, done.patients.parameters, regimens, which, stops=stops, **how).values


@pytest.mark.parametrize("size", [1.0, 1e-12])
def test_an_arm_is_its_patients_solved_alone(size):
    planned = trial(size)
    done = run_arm(planned, planned.arms[0], 6, seed=1)
    regimen = planned.plans["drug"].regimen
    again = replayed(planned, done, [regimen], np.zeros(6, int), [0.0])
    assert_array_equal(done.values, again)
    alone = run_arm(planned, planned.arms[0], 1, seed=1, first=4)
    assert_array_equal(alone.values[0], done.values[4])


def test_a_trial_is_its_patients_solved_alone():
    """Through `run_trial`: a dose of 1e-12 mol and one of 1 mol in one trial, on two threads."""
    arms = [
        Arm(name, n=5, regimen=dose(a, days=[1, 2]), values=sized(a)) for name, a in (("low", 1e-12), ("high", 1.0))
    ]
    planned = Trial("t", population=Population(MODEL, omega={"k": 0.4}), visits=VISITS, arms=arms)
    result = run_trial(planned, n=5, seed=1, threads=2)
    for arm in arms:
        done = run_arm(planned, arm, 5, seed=1)
        again = replayed(planned, done, [planned.plans[arm.name].regimen], np.zeros(5, int), [0.0])
        for k, name in enumerate(done.observables):
            shown = result[f"{name}_patient"].sel(arm=arm.name)
            assert_array_equal(shown.values, again[:, np.isin(done.days, shown["visit"].values), k])


def test_an_arm_has_the_same_digits_in_any_amount():
    one, other = (run_arm(trial(a), trial(a).arms[0], 6, seed=1).values for a in (1.0, 1e-12))
    assert_allclose(other / 1e-12, one, rtol=1e-5, atol=1e-8)


def test_a_rule_that_adds_a_huge_dose_changes_no_bit_before_it():
    more = im.dose("1e6 mol", "sc", days=[1])
    rule = Rule(
        name="more",
        day=4.0,
        when=When(signal="central", baseline_day=2.0, days=(4.0,), above=3e-4),
        then=Action(label="stay"),
        otherwise=Action(label="more", regimen="1e6 mol SC day 1"),
    )
    planned = trial(1e-12, rules=[rule])
    done = run_arm(planned, planned.arms[0], 12, seed=1)
    treated = ~done.decisions[0].met
    assert 0 < treated.sum() < 12
    before = done.days <= 4.0
    assert_array_equal(done.values[:, before], done.without[:, before])
    regimen = planned.plans["drug"].regimen
    again = replayed(planned, done, [regimen, regimen + more.shift(4.0)], treated.astype(int), [0.0, 4.0])
    assert_array_equal(done.values, again)


# fits


def study(size, scale="log"):
    """Return levels of two arms, a dose and a millionth of it, as the model has them at k = 1.5, Km = 0.4."""
    truth = {"Km": 0.4 * size, "k": 1.5}
    rows, arms = [], {"low": f"{1e-6 * size!r} mol SC day 1", "high": f"{size!r} mol SC day 1"}
    for name, regimen in arms.items():
        values = course(regimen, size, names=["central"], times=[0.3, 0.8, 2.0], changed=truth, rtol=1e-10)[:, 0]
        rows += [
            {"arm": name, "observable": "central", "day": day, "value": float(v), "sigma": 0.05 * float(v),
             "scale": scale}
            for day, v in zip([0.3, 0.8, 2.0], values, strict=True)
        ]  # fmt: skip
    return Evidence(name="study", arms=arms, rows=rows)


def problem(size):
    return fit_problem([study(size)], MODEL, rtol=1e-8)


def test_many_parameter_sets_of_a_fit_give_each_the_bits_that_it_has_alone():
    one, rng = problem(1e-12), np.random.default_rng(1)
    sets = [sized(1e-12 * 10.0 ** rng.uniform(-3, 3), k=float(rng.uniform(0.5, 2))) for _ in range(20)]
    together = predict(one, sets)
    for row, alone in zip(together, sets, strict=True):
        assert_array_equal(predict(one, [alone])[0], row)


@pytest.mark.parametrize("size", BESIDE)
def test_a_fit_and_its_slopes_are_the_same_in_any_amount(size):
    def slopes(a):
        vary = {"k": {"log": True, "min": 0.1, "max": 10}, "Km": {"log": True, "min": 0.01 * a, "max": 10 * a,
                                                                  "value": 0.5 * a}}  # fmt: skip
        values = {name: value for name, value in sized(a).items() if name != "Km"}
        return vary, values, jacobian(problem(a), parameters(MODEL, vary, held=values), values)

    vary, values, got = slopes(size)
    assert_allclose(got, slopes(1.0)[2], rtol=1e-4, atol=1e-4)  # differences over 2e-3 of solutions that are good to
    fit = calibrate(study(size), MODEL, vary=vary, values=values)
    assert_allclose(fit.params["k"].value, 1.5, rtol=1e-5)
    assert_allclose(fit.params["Km"].value / size, 0.4, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_an_estimate_is_at_its_bound_in_any_amount_only_where_it_is(size):
    values = {name: value for name, value in sized(size).items() if name != "Km"}

    def said(least):
        vary = {"k": {}, "Km": {"value": 0.9 * size, "min": least * size, "max": 10 * size}}
        return estimate(calibrate(study(size), MODEL, vary=vary, values=values), "Km")

    assert not said(0.01)["at_bound"]
    assert said(0.6)["at_bound"]  # the truth is 0.4
