"""The trial: rules through the solver, replay, threads, failures that are counted."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue, Status
from immunode.evidence.design import Baseline
from immunode.evidence.library import load
from immunode.models import model
from immunode.regimen import prescribe
from immunode.simulation import run
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.protocol import Assay, noise_factors
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file, run_trial
from immunode.virtual_trials.variables import figure_rows

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


def test_every_measured_baseline_is_below_the_cut_and_has_the_printed_median():
    result = run_trial("tincati_2008", n=2000, seed=2)
    for arm, median in (("IL-2+HAART", 61), ("HAART", 48)):
        seen = result["cd4_patient"].sel(arm=arm, visit=0).values
        seen = seen[np.isfinite(seen)]
        assert seen.max() < 200
        assert np.log(np.median(seen) / median) == pytest.approx(0, abs=4 * 1.25 * 0.8 / np.sqrt(2000))


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


def test_a_patient_without_a_baseline_is_counted_and_has_no_course():
    impossible = Baseline(observable="cd4", median=5000, log_sd=0.1, source="test", solve="cd4_start")
    population = Population("il2_cd4_hiv")
    trial = Trial("odd", population, visits=[0, 10], arms=[Arm("a", 5, baseline=impossible)])
    result = run_trial(trial, n=4, seed=1)
    assert (result["status"] == Status.no_baseline).all()
    assert np.isnan(result["cd4_patient"]).all()
    assert np.isnan(result["event_day"]).all()
    assert (result["label"] == "").all()


def test_the_table_has_every_figure_of_the_abstract():
    rows = figure_rows(run_trial("tincati_2008", n=50, seed=1))
    published = [row["published"] for row in rows]
    for value in (73, 33, 40, 200, 14, 3, 30, 61, 48, 0.23, 27, 15, 0.1, 0.01, 0.04, 1, 6, 0.06):
        assert value in published, value
    assert published.count(0.01) == 2
    for row in rows:
        if row["test"]:
            assert row["inside"] is None
            assert 0 <= row["p_below_05"] <= 1


def test_bad_calls_are_refused():
    trial = Trial("odd", Population("il2_sc"), visits=[5], arms=[Arm("a", 3)])
    for n in (0, 2.5, True, "10"):
        with pytest.raises(BadValue, match=f"n = {n!r}: expected a whole number"):
            run_trial(trial, n=n)
    with pytest.raises(BadValue, match="evidence for fits"):
        run_trial("fox_2007", n=1)


def test_one_visit_on_the_first_day_shows_the_start():
    result = run_trial(Trial("first", Population("cd4_turnover"), visits=[0], arms=[Arm("a", 3)]), n=2)
    assert (result["status"] == 0).all()
    assert np.isfinite(result["cd4_patient"]).all()


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
