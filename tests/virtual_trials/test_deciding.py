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


def adds(day=14, regimen="50 mg IV bolus every 7 days x3", above=0.3):
    """Return a rule that decides once and adds doses where y is above a share of its first value, else others."""
    when = im.When(signal="y", days=(day,), above=above)
    then = im.Action(label="more", regimen=regimen)
    return im.Rule(name="once", day=day, when=when, then=then, otherwise=im.Action(label="no"))


def times(trial_of):
    """Return the days and sizes of what the first patient of a trial was prescribed, and the rows of his log."""
    result = im.run_trial(trial_of, n=2, seed=1)
    assert im.replay_trial(trial_of, result).identical(result)
    done = run_arm(trial_of, trial_of.arms[0], 2, 1)
    doses = done.histories.every[done.histories.which[0]].regimen.doses
    return [(dose.time, dose.amount) for dose in doses if dose.action == "add"], log(result)[
        lambda rows: rows.patient == 0
    ]


def test_a_rule_that_decides_once_adds_beside_one_that_does_again_and_again():
    both, _ = times(trial(adds(), rule("y < 90", every=28)))
    assert both == [(14, 50), (21, 50), (28, 50), (28, 70), (56, 70)]
    gap, _ = times(trial(adds(), rule("y < 90", every=28, min_gap=10)))  # of all cycles, whoever added them
    assert gap == [(14, 50), (21, 50), (28, 50), (56, 70)]
    counted, rows = times(trial(adds(), rule("cycles < 3 and given < 999 mg", every=28)))
    assert counted == [(14, 50), (21, 50), (28, 50), (28, 70)]
    assert rows[rows.reason == "met"].cycles.tolist() == [2]


def test_what_it_adds_is_scaled_held_and_stopped_as_all_else():
    less, rows = times(trial(adds(), rule("y > 60", name="less", then={"scale": 0.5}, days=[7])))
    assert less == [(14, 25), (21, 25), (28, 25)]
    assert rows[rows.rule == "once"].action.tolist() == ["50 mg IV bolus every 7 days x3, doses x 0.5"]
    hold = rule("y > 60", name="hold", then={"hold_until": "y < 40"}, days=[7])
    held, rows = times(trial(adds(), hold))  # 100 mg are 35 mg on day 21
    assert held == [(21, 50), (28, 50)]
    once = rows[rows.rule == "once"]
    assert (once.action.tolist(), once.reason.tolist()) == (["50 mg IV bolus every 7 days x3"], ["on hold"])
    over, rows = times(trial(adds(), rule("y > 60", name="stop", then={"stop": True}, days=[7])))
    assert over == []
    once = rows[rows.rule == "once"]
    assert once[["met", "label", "action", "reason"]].values.tolist() == [["True", "more", "none", "stopped"]]
    late, _ = times(trial(adds(), rule("y > 60", name="stop", then={"stop": True}, days=[28])))
    assert late == [(14, 50), (21, 50)]


def test_rules_of_both_kinds_replay_in_any_batch():
    made = trial(
        adds(above=0.5), adds(day=42, above=0.4).model_copy(update={"name": "again"}),
        rule("y > 120", name="stop", then={"stop": True}),
        rule("y > 90", name="hold", then={"hold_until": "y < 60"}),
        rule("mean of y over 2 visits > 70", name="halve", then={"scale": 0.5}, at_most=1),
        rule("y < 40 and doses < 9", at_most=4, min_gap=5),
        omega={"k": 0.6}, noise={"y": 0.4}, visit_window=2.0, missed_visits=0.1,
        regimen="40 mg IV bolus every 7 days x4",
    )  # fmt: skip
    result, few = (im.run_trial(made, n=n, seed=4) for n in (300, 5))
    rows = log(result)
    assert {"", "stopped", "on hold"} <= set(rows[rows.rule == "once"].reason) | set(rows[rows.rule == "again"].reason)
    assert im.replay_trial(made, result).identical(result)
    for name in ("y_patient", "given_doses", "given_x"):
        assert np.array_equal(few[name].values, result[name].values[:, :5], equal_nan=True), name


def test_a_changed_log_of_a_rule_that_was_stopped_gives_what_it_says():
    made = trial(adds(), rule("y > 60", name="stop", then={"stop": True}, days=[7]))
    result = im.run_trial(made, n=2, seed=1)
    row = (result.decision_patient == 1) & (result.decision_rule == "stop")
    result["decision_action"] = result.decision_action.where(~row, "none")
    result["decision_reason"] = result.decision_reason.where(~row, "changed")
    assert im.replay_trial(made, result).given_doses.values.tolist() == [[0, 0]]  # the row of the other rule says none
    once = (result.decision_patient == 1) & (result.decision_rule == "once")
    result["decision_reason"] = result.decision_reason.where(~once, "")
    with pytest.raises(im.errors.BadValue, match=r"met 'True', action 'none' and label 'more' contradict each other"):
        im.replay_trial(made, result)
    result["decision_action"] = result.decision_action.where(~once, "50 mg IV bolus every 7 days x3")
    assert im.replay_trial(made, result).given_x.values.tolist() == [[0, 150]]
