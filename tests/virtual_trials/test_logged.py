"""A log that is changed does what it says, or is refused by the row and column that contradict."""

import numpy as np
import pytest

import immunode as im
from immunode.errors import BadValue, ImmunodeError
from tests.virtual_trials.linear import rule, trial

MADE = trial(
    rule("y > 160", name="high", then={"stop": True, "label": "too high"}),
    rule("y < 30"),
    regimen="70 mg IV bolus day 1 every 14 days x4",
    omega={"k": 0.6},
)
MISSING = trial(rule("y < 30"), omega={"k": 0.6}, missed_visits=0.2)
RESULT = im.run_trial(MADE, n=40, seed=2)


def changed(result, row, **columns):
    """Return a result with some columns of a row of its log changed."""
    out = result.copy(deep=True)
    for name, value in columns.items():
        values = out[f"decision_{name}"].values.astype(object)
        values[row] = value
        kind = float if name in ("day", "patient", "seen_on") else str
        out[f"decision_{name}"] = ("decision", values.astype(kind))
    return out


def row_of(result, **columns):
    """Return the first row of the log where columns have these values."""
    fits = [result[f"decision_{name}"].values == value for name, value in columns.items()]
    return int(np.flatnonzero(np.all(fits, axis=0))[0])


STOP, NO = row_of(RESULT, action="stop"), row_of(RESULT, reason="not met")


def test_a_stop_that_is_changed_to_none_does_not_stop():
    again = im.replay_trial(MADE, changed(RESULT, STOP, action="none", reason="changed"))
    who = int(RESULT.decision_patient[STOP])
    assert again.given_doses.values[0, who] > RESULT.given_doses.values[0, who]
    assert again.label.values[0, who] != "too high"
    others = np.arange(40) != who
    assert np.array_equal(again.y_patient.values[0, others], RESULT.y_patient.values[0, others])
    assert im.replay_trial(MADE, again).identical(again)


def test_a_rule_that_is_made_to_act_acts():
    log = changed(RESULT, NO, rule="top up", action="70 mg IV bolus day 1", reason="changed")
    again, who = im.replay_trial(MADE, log), int(RESULT.decision_patient[NO])
    assert again.given_x.values[0, who] == RESULT.given_x.values[0, who] + 70
    assert again.decision_reason.values[NO] == "met"


def test_rows_of_old_logs_say_hold_where_nothing_is_done():
    old = RESULT.copy(deep=True)
    old["decision_action"] = RESULT.decision_action.where(RESULT.decision_action != "none", "hold")
    assert im.replay_trial(MADE, old).identical(RESULT)


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        (STOP, {"action": "none"}, "action 'none' contradicts reason 'met'; set decision_action"),
        (STOP, {"reason": "not met"}, "action 'stop' contradicts reason 'not met'"),
        (STOP, {"met": "False"}, "met 'False' contradicts reason 'met'"),
        (STOP, {"label": "fine"}, "label 'fine' contradicts reason 'met'"),
        (STOP, {"condition": "y > 500"}, "condition 'y > 500' contradicts"),
        (STOP, {"rule": "top up"}, "rule 'top up': action 'stop' contradicts"),
        (STOP, {"action": "nothing", "reason": "changed"}, "'nothing': expected one of 'none', 'resume', 'stop'"),
        (STOP, {"reason": "missed visit"}, "action 'stop' contradicts reason 'missed visit'"),
        (NO, {"reason": "missed visit"}, "contradicts reason 'missed visit': who did not come has no day"),
        (NO, {"reason": "nonsense"}, "has no reason 'nonsense'"),
        (NO, {"day": 3.0}, "has day 3, which is no visit"),
    ],
)  # fmt: skip
def test_a_log_that_contradicts_itself_is_refused_by_row_and_column(row, columns, message):
    with pytest.raises(ImmunodeError) as error:
        im.replay_trial(MADE, changed(RESULT, row, **columns))
    assert message in str(error.value)


def test_nothing_is_done_for_who_missed_the_visit():
    result = im.run_trial(MISSING, n=30, seed=2)
    row = row_of(result, reason="missed visit")
    log = changed(result, row, rule="top up", action="70 mg IV bolus day 1", reason="changed")
    with pytest.raises(BadValue, match="seen_on = nan contradicts"):
        im.replay_trial(MISSING, log)


def test_of_a_rule_that_decides_once_met_counts_and_the_action_goes_with_it():
    result = im.run_trial("tincati_2008", n=60, seed=1)
    row = row_of(result, met="False")
    rule_name, arm = result.decision_rule.values[row], result.decision_arm.values[row]
    other = row_of(result, met="True", rule=rule_name, arm=arm)
    says = {name: str(result[f"decision_{name}"].values[other]) for name in ("met", "action", "label")}
    again = im.replay_trial("tincati_2008", changed(result, row, **says))
    who = int(result.decision_patient[row])
    assert again.label.sel(arm=arm).values[who] == says["label"]
    with pytest.raises(BadValue, match="contradict each other: with met 'True' they are"):
        im.replay_trial("tincati_2008", changed(result, row, met="True"))
