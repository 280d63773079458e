"""Rules that decide once come before recurring ones, see missed visits as such, and histories are shared."""

import numpy as np
import pytest

import immunode as im
from immunode.regimen import Regimen
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.prescribed import added, prescribed
from immunode.virtual_trials.recurring import Histories
from tests.virtual_trials.linear import K, log, rule, trial


def once(day, **changes):
    when = im.When(signal="y", days=[day], above=0.5)
    return im.Rule(
        name="once", day=day, when=when, then=im.Action(label="R"), otherwise=im.Action(label="N"), **changes
    )


def test_a_rule_that_decides_once_comes_first_and_the_last_label_stays():
    named = rule("y < 60", name="low", then={"label": "low"}, days=[7, 14, 35])
    result = im.run_trial(trial(once(14), named), n=2, seed=1)
    rows = log(result)[lambda rows: rows.patient == 0]
    assert rows.rule.tolist() == ["low", "once", "low", "low"]
    assert rows.day.tolist() == [7, 14, 14, 35]
    assert set(result.label.values.ravel()) == {"low"}


def test_a_missed_visit_is_not_above_for_a_rule_that_decides_once():
    result = im.run_trial(trial(once(7), regimen="300 mg IV bolus"), n=200, seed=1)
    assert set(result.label.values.ravel()) == {"R"}
    missing = im.run_trial(trial(once(7), regimen="300 mg IV bolus", missed_visits=0.4), n=200, seed=1)
    missed = np.isnan(missing.y_patient.values[0, :, 1])
    assert (missing.label.values[0] == np.where(missed, "N", "R")).all()
    assert 0.3 < missed.mean() < 0.5


def test_patients_with_the_same_history_share_it():
    histories = Histories([prescribed(Regimen(), (), 0)], np.zeros(6, dtype=np.int64))
    dose = im.prescribe("3 MIU SC")

    def give(before, day):
        return added(before, dose.shift(day), [day])

    chosen = np.array([True, True, False, True, False, False])
    histories = histories.changed(chosen, np.full(6, 7.0), give)
    assert len(histories.every) == 2
    histories = histories.changed(np.ones(6, bool), np.array([9.0, 9, 9, 9, 9, 10]), give)
    assert sorted(one.starts for one in histories.every) == [(7, 9), (9,), (10,)]
    assert [histories.every[i].starts for i in histories.which] == [(7, 9), (7, 9), (9,), (7, 9), (9,), (10,)]
    assert histories.changed(np.zeros(6, bool), np.zeros(6), give) is histories


def test_what_a_rule_adds_that_decides_once_begins_on_the_day_on_which_each_patient_came():
    when = im.When(signal="y", days=(14,), above=0.3)
    then = im.Action(label="more", regimen="50 mg IV bolus every 7 days x2")
    decides = im.Rule(name="r", day=14, when=when, then=then, otherwise=im.Action(label="no"))
    late = trial(decides, visit_window=3.0)
    done = run_arm(late, late.arms[0], 100, 1)
    came = done.histories.per_patient(lambda one: one.starts[0])
    assert np.abs(came - 14).max() > 2.5
    last = float(done.days[-1])
    # closed form: what is left of the 100 mg, and of the two doses from each one's visit on
    left = 100 * np.exp(-K * last) + 50 * (np.exp(-K * (last - came)) + np.exp(-K * (last - came - 7)))
    assert done.values[:, -1, 0] == pytest.approx(left, rel=1e-5)
