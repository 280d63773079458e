"""A log replays bit for bit, and with another log other things happen."""

import numpy as np
import pytest

import immunode as im
from immunode.errors import BadValue
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
