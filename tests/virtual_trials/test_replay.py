"""A log replays bit for bit, and with another log other things happen."""

import numpy as np
import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.virtual_trials.arm_run import run_arm
from tests.virtual_trials.linear import rule, trial


def rich(**fields):
    """Return a trial in which rules of every kind act."""
    rules = [
        rule("y > 160", name="stop", then={"stop": True, "label": "too high"}),
        rule("y > 110", name="hold", then={"hold_until": "y < 60"}, every=7),
        rule("y > 90", name="halve", then={"scale": 0.5}, at_most=1, confirm=True),
        rule("y < 60 for 2 visits", at_most=4, min_gap=10),
    ]
    regimen = "60 mg IV bolus day 1 every 14 days x6"
    return trial(*rules, regimen=regimen, omega={"k": 0.6}, noise={"y": 0.3}, **fields)


@pytest.mark.parametrize("fields", [{}, {"visit_window": 3.0, "missed_visits": 0.15}])
def test_a_replay_is_its_run_bit_for_bit(fields):
    made = rich(**fields)
    result = im.run_trial(made, n=300, seed=4)
    reasons = set(result.decision_reason.values)
    assert {"met", "to confirm", "at most reached", "gap too short", "on hold", "hold ended", "stopped"} <= reasons
    assert ("missed visit" in reasons) is bool(fields)
    assert im.replay_trial(made, result).identical(result)


def test_a_replay_of_a_file_is_its_run(tmp_path):
    made = rich(visit_window=2.0)
    result = im.run_trial(made, n=20, seed=4)
    result.to_netcdf(tmp_path / "result.nc")
    import xarray

    again = im.replay_trial(made, xarray.load_dataset(tmp_path / "result.nc"))
    assert again.equals(result)


def test_rules_that_decide_once_replay_too():
    result = im.run_trial("tincati_2008", n=60, seed=1)
    assert im.replay_trial("tincati_2008", result).identical(result)


def test_a_changed_log_does_what_it_says():
    made = trial(rule("y < 30"))
    result = im.run_trial(made, n=4, seed=1)
    changed = result.copy(deep=True)
    row = (result.decision_patient == 2) & (result.decision_day == 28)
    changed["decision_action"] = result.decision_action.where(~row, "none")
    changed["decision_reason"] = result.decision_reason.where(~row, "changed")
    again = im.replay_trial(made, changed)
    assert again.decision_reason.values[row.values].tolist() == ["changed"]
    assert again.decision_met.values[row.values].tolist() == ["False"]
    assert again.given_cycles.values.tolist() == [[2, 2, 1, 2]]  # nothing is decided anew
    assert np.array_equal(again.y_patient.values[0, [0, 1, 3]], result.y_patient.values[0, [0, 1, 3]])


def test_a_log_of_another_trial_is_refused():
    made = trial(rule("y < 30"))
    result = im.run_trial(made, n=2, seed=1)
    with pytest.raises(BadValue, match="result is of trial 'linear', not of 'tincati_2008'"):
        im.replay_trial("tincati_2008", result)
    with pytest.raises(BadValue, match="the log names rule 'top up', which arm 'a' does not have"):
        im.replay_trial(trial(rule("y < 30", name="other")), result)
    wrong = result.copy(deep=True)
    wrong["decision_patient"] = result.decision_patient + 5
    with pytest.raises(BadValue, match="names patient 6; there are 2, from 0 on"):
        im.replay_trial(made, wrong)


def test_a_replay_takes_the_path_of_its_result(tmp_path):
    made = rich()
    result = im.run_trial(made, n=20, seed=4)
    result.to_netcdf(tmp_path / "result.nc", engine="scipy")
    for path in (tmp_path / "result.nc", str(tmp_path / "result.nc")):
        assert im.replay_trial(made, path).equals(result)


def test_what_is_no_result_is_refused_by_name(tmp_path):
    made, text = trial(rule("y < 30")), tmp_path / "text.nc"
    text.write_text("text")
    im.simulate(made.population.model, times=[1]).to_netcdf(tmp_path / "course.nc", engine="scipy")
    for result, said in (
        (3, "result = 3: expected what im.run_trial returned, or the path of its result.nc"),
        (tmp_path / "none.nc", "cannot read result '.*none.nc': No such file"),
        (text, "cannot read result '.*text.nc': it is no NetCDF of a result"),
        (tmp_path / "course.nc", "result has no 'trial', so it is no result of a trial"),
    ):
        with pytest.raises(BadValue, match=said):
            im.replay_trial(made, result)


def attended(n=40, **fields):
    """Return a trial with rules of every kind whose patients miss doses and visits, are late, and leave."""
    arm = im.Arm(
        "a", 5, "60 mg IV bolus day 1 every 14 days x6",
        rules=[
            rule("y > 160", name="stop", then={"stop": True, "label": "too high"}),
            rule("y > 110", name="hold", then={"hold_until": "y < 60"}, every=7),
            rule("y > 90", name="halve", then={"scale": 0.5}, at_most=1, confirm=True),
            rule("y < 60 for 2 visits", at_most=4, min_gap=10),
        ],
        adherence=im.Adherence(missed=0.2, delay="6 h", delay_sd="2 h", source="assumed"),
        dropout=im.Dropout(share=0.4, by=84, source="assumed"),
    )  # fmt: skip
    fields = {"visit_window": 3.0, "missed_visits": 0.15} | fields
    return trial(arms=[arm], omega={"k": 0.6}, noise={"y": 0.3}, **fields)


@pytest.mark.parametrize("fields", [{}, {"visit_window": 3.0, "missed_visits": 0.15}])
def test_rules_by_measures_replay_and_are_the_same_alone(fields):
    arm = im.Arm(
        "a", 5, "60 mg IV bolus day 1 every 14 days x6",
        rules=[
            rule("time above 60 of y since day 7 > 21", name="stop", then={"stop": True}),
            rule("cmax of y over 2 visits > 110", name="hold", then={"hold_until": "mean of y over 2 visits < 60"}),
            rule("given >= 120 mg and auc change of y < 0", name="halve", then={"scale": 0.5}, at_most=1),
            rule("time average of y < 0.8 x baseline for 2 visits or doses since day 14 < 2", at_most=4),
        ],
        adherence=im.Adherence(missed=0.2, delay="6 h", delay_sd="2 h", source="assumed"),
    )  # fmt: skip
    made = trial(arms=[arm], omega={"k": 0.6}, noise={"y": 0.3}, **fields)
    result = im.run_trial(made, n=200, seed=4)
    acted = result.decision_rule.values[result.decision_reason.values == "met"]
    assert set(acted) == {"stop", "hold", "halve", "top up"}
    assert im.replay_trial(made, result).identical(result)
    few = im.run_trial(made, n=3, seed=4)
    for name in ("y_patient", "given_doses", "given_x"):
        assert np.array_equal(few[name].values, result[name].values[:, :3], equal_nan=True), name


@pytest.mark.parametrize("n", [1, 200])
@pytest.mark.parametrize("window", [0.0, 3.0])
def test_rules_with_patients_who_miss_doses_and_visits_are_late_and_leave_replay(n, window):
    made = attended(visit_window=window)
    result = im.run_trial(made, n=n, seed=4)
    if n > 1:
        reasons = set(result.decision_reason.values)
        assert {"met", "not met", "on hold", "hold ended", "stopped", "missed visit", "has left"} <= reasons
    assert im.replay_trial(made, result).identical(result)


@pytest.mark.parametrize("window", [0.0, 3.0])
def test_patients_whose_rules_and_attendance_are_run_in_batches_are_the_same(window):
    made = attended(visit_window=window)
    arm = made.arms[0]
    everyone = run_arm(made, arm, 30, seed=4)
    for first, count in ((0, 1), (7, 1), (10, 20)):
        some, there = run_arm(made, arm, count, seed=4, first=first), slice(first, first + count)
        for name in ("values", "without", "at_visits", "came", "event_day", "left_day", "status"):
            assert np.array_equal(getattr(some, name), getattr(everyone, name)[there], equal_nan=True), name
        acts = [(list(some.plans[k]), list(everyone.plans[j])) for k, j in zip(some.which, everyone.which[there])]
        assert all(one == other for one, other in acts)
