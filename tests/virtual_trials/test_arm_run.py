"""One arm on virtual patients: rules through the solver, replay, threads, events, the typical patient."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.evidence.library import load
from immunode.models import model
from immunode.regimen import prescribe
from immunode.simulation import run
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import CYCLE, first_cycle, run_arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.protocol import Assay, noise_factors
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file

TINCATI = from_file(load("tincati_2008"))


@pytest.fixture(scope="module")
def il2():
    return run_arm(TINCATI, TINCATI.arms[0], 60, seed=3)


def test_the_rule_adds_its_cycles_to_non_responders_only(il2):
    (decision,) = il2.decisions
    columns = [int(np.flatnonzero(il2.days == d)[0]) for d in (0.0, 91.0, 183.0)]
    cd4 = il2.values[:, columns, il2.observables.index("cd4")]
    seen = cd4 * noise_factors(Assay({"cd4": 0.18}, 3, "IL-2+HAART"), 60, "cd4", np.array([0.0, 91.0, 183.0]))
    above = (seen[:, 1:] > 1.3 * seen[:, :1]).all(axis=1)
    assert np.array_equal(decision.met, above)
    changed = (il2.values != il2.without).any(axis=(1, 2))
    assert np.array_equal(changed & (il2.status == 0), ~above & (il2.status == 0))
    before = il2.days <= 183
    assert np.array_equal(il2.values[:, before], il2.without[:, before], equal_nan=True)


def test_without_what_a_rule_adds_a_course_is_that_of_the_arm_without_the_rule(il2):
    plain = replace(TINCATI, arms=[replace(TINCATI.arms[0], rules=()), *TINCATI.arms[1:]], figures=(), assumptions=())
    bare = run_arm(plain, plain.arms[0], 60, seed=3)
    assert il2.decisions[0].treated().any()
    good = il2.status == 0
    assert np.array_equal(good, bare.status == 0)
    scale = np.abs(bare.values[good]).max(axis=1, keepdims=True)  # the rule's day is a stop of its arm alone
    assert (np.abs(bare.values[good] - il2.without[good]) / (scale + 1e-12)).max() < 1e-5
    assert (np.abs(bare.at_visits[good] - il2.without_at_visits[good]) / (scale + 1e-12)).max() < 1e-5


def test_replaying_the_log_with_its_visits_is_bit_identical_and_without_them_close(il2):
    first, more = (
        TINCATI.plans[TINCATI.arms[0].name].regimen,
        prescribe("3 MIU SC QD days 1-5,8-12 every 28 days x3").shift(183),
    )
    which = il2.decisions[0].treated().astype(int)
    options = {"times": il2.days, "observe": il2.observables, "start": -14.0, "end": il2.days[-1]}
    model, values = il2.patients.model, il2.patients.parameters
    replayed = run(model, values, [first, first + more], which, stops=[0.0, 183.0], **options)
    good = il2.status == 0
    assert np.array_equal(replayed.values[good], il2.values[good])
    free = run(model, values, [first, first + more], which, **options)
    scale = np.abs(il2.values[good]).max(axis=1, keepdims=True)
    assert (np.abs(free.values[good] - il2.values[good]) / (scale + 1e-12)).max() < 1e-5


def test_a_patient_is_the_same_alone_in_a_crowd_and_on_any_threads(il2):
    alone = run_arm(TINCATI, TINCATI.arms[0], 1, seed=3, first=17)
    assert np.array_equal(alone.values[0], il2.values[17])
    assert alone.event_day[0] == il2.event_day[17]
    assert alone.decisions[0].met[0] == il2.decisions[0].met[17]
    two = run_arm(TINCATI, TINCATI.arms[0], 60, seed=3, threads=2)
    assert np.array_equal(two.values, il2.values, equal_nan=True)


def test_events_come_at_the_rate_of_the_hazard():
    arm = run_arm(TINCATI, TINCATI.arms[1], 3000, seed=5)
    good = arm.status == 0
    hazard = arm.values[good][:, :, arm.observables.index("aids_hazard")]
    after = arm.days >= 0
    expected = 1 - np.exp(-np.trapezoid(hazard[:, after], arm.days[after], axis=1))
    observed = (arm.event_day[good] <= arm.days[-1]).mean()
    sd = np.sqrt(expected.mean() * (1 - expected.mean()) / good.sum())
    assert observed == pytest.approx(expected.mean(), abs=4 * sd)
    assert arm.event_day[good].min() > 0


@pytest.mark.parametrize(
    "regimen",
    [
        "1 MIU IV QD days 1-2 at steady state",
        im.dose("1 MIU", "iv", days=[1, 2]) + im.reset(day=3),
        im.dose("1 MIU", "iv", times=[0.1], duration=0.2),
    ],
)
def test_a_trial_gives_what_needs_a_course_for_each_patient(regimen):
    population = Population(model("il2_sc"), omega={"CL": 0.3})
    trial = Trial("t", population=population, visits=[0, 0.3, 1, 2, 4], arms=[Arm("a", n=5, regimen=regimen)])
    done = run_arm(trial, trial.arms[0], 5, seed=1)
    changes = dict(zip(done.patients.model.typical, done.patients.parameters.T, strict=True))
    alone = im.simulate(
        "il2_sc", trial.plans["a"].regimen, times=done.days, parameters=changes, outputs="il2", start=done.days[0]
    )
    assert (done.status == 0).all()
    assert_allclose(done.values[..., done.observables.index("il2")], alone.il2, rtol=1e-4, atol=1e-6)


def test_the_typical_patient_is_the_one_of_simulate():
    arm, control = TINCATI.arms
    plan = TINCATI.plans[arm.name].regimen
    course = im.simulate("il2_cd4_hiv", plan, times=0.0 + CYCLE, start=-14.0, outputs=list(TINCATI.observables))
    assert np.array_equal(first_cycle(TINCATI, arm), np.stack([course[name] for name in TINCATI.observables], axis=1))
    assert first_cycle(TINCATI, control) is None
