"""The plan of an arm: one, with units and one order at ties, in trials and fits alike."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.errors import BadValue, UnitError, UnknownName
from immunode.evidence.design import Action, ArmFile, Rule, SetState, When
from immunode.evidence.library import load
from immunode.evidence.printed import Evidence
from immunode.models import model
from immunode.virtual_trials.arm import Arm, final_labels, planned
from immunode.virtual_trials.trial_run import run_trial

IL2, HIV = model("il2_sc"), model("il2_cd4_hiv")
FILE = """
name = "expansion"
title = "Cells set on a day"
reference = "made up"
model = "il2_cd4_hiv"
visits = [0, 7, 14, 28]
[[arms]]
name = "a"
n = 10
regimen = "3 MIU SC QD days 8-12"
set = [{ state = "art", value = 1, day = 0 }, { state = "expanded", value = 20, day = 7 }]
[population]
source = "none varies"
"""


def test_a_file_that_sets_a_state_with_a_unit_has_the_same_course_as_a_trial_and_in_a_fit(tmp_path):
    path = tmp_path / "trial.toml"
    path.write_text(FILE, encoding="utf-8")
    trial = run_trial(str(path), n=1, seed=1)["cd4_patient"].values[0, 0]
    days = [0, 7, 14, 28]
    rows = [{"arm": "a", "observable": "cd4", "measure": "value", "day": day, "value": 1, "sigma": 1} for day in days]
    source = Evidence(name="e", arms=load(str(path)).arms, rows=rows)
    fitted = predict(fit_problem([source], HIV, rtol=1e-6), [{}])[0]
    assert_allclose(trial, fitted, rtol=1e-5)
    without = source.model_copy(update={"arms": (source.arms[0].model_copy(update={"set": source.arms[0].set[:1]}),)})
    bare = predict(fit_problem([without], HIV, rtol=1e-6), [{}])[0]
    assert fitted[2] > bare[2] + 1  # it is set, not only read


@pytest.mark.parametrize("kind", [Arm, ArmFile])
def test_at_one_time_states_are_set_as_they_stand_and_then_the_doses_are_given(kind):
    states = (SetState(state="depot", value=5, day=1), SetState(state="depot", value=2, day=1))
    arm = kind(name="a", n=3, regimen="3 MIU SC QD days 1-2", set=states)
    plan = planned(IL2, arm).regimen
    assert [(d.time, d.action, d.amount) for d in plan] == [
        (0.0, "add", 3.0),
        (1.0, "replace", 5.0),
        (1.0, "replace", 2.0),
        (1.0, "add", 3.0),
    ]
    assert plan.doses[1].unit == "MIU"


def test_a_rule_adds_its_regimens_from_the_day_of_the_decision():
    when = When(signal="il2", baseline_day=0, days=(1,), above=1.0)
    rule = Rule(name="r", day=4, when=when, then=Action(label="y", regimen="1 MIU IV"), otherwise=Action(label="n"))
    (planned_rule,) = planned(IL2, Arm("a", 3, rules=[rule])).rules
    assert [dose.time for dose in planned_rule.then] == [4.0]
    assert planned_rule.otherwise is None


def test_the_last_rule_names_the_patients():
    when = When(signal="il2", baseline_day=0, days=(1,), above=1.0)
    late, early = (
        Rule(name=name, day=day, when=when, then=Action(label=f"{name} y"), otherwise=Action(label=f"{name} n"))
        for name, day in (("late", 9), ("early", 4))
    )
    assert final_labels(Arm("a", 3, rules=[late, early])) == {"late y", "late n"}
    assert final_labels(Arm("a", 3, label="control")) == {"control"}
    assert final_labels(Arm("a", 3)) == frozenset()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"set": [SetState(state="depott", value=1, day=0)]},
            UnknownName,
            "arm 'a', set: il2_sc has no state 'depott'",
        ),
        ({"set": [SetState(state="depot", value=-1, day=0)]}, BadValue, "arm 'a', set 'depot' to -1.*negative"),
        ({"regimen": "3 MIU PO"}, UnknownName, "arm 'a': il2_sc has no route or state 'po'"),
        ({"regimen": "3 mg IV bolus"}, UnitError, "arm 'a': a dose in mg"),
        ({"regimen": 3}, BadValue, "arm 'a': regimen = 3: expected a sentence"),
        ({"regimen": "3 BANANA SC"}, BadValue, "arm 'a': "),
    ],
)
def test_what_an_arm_cannot_give_is_refused_by_name(changes, error, message):
    with pytest.raises(error, match=message):
        planned(IL2, Arm(**({"name": "a", "n": 3} | changes)))


def test_a_plan_in_a_fit_is_the_trials_moved_to_the_start():
    arm = ArmFile(name="a", regimen="3 MIU SC", set=(SetState(state="art", value=1, day=-14),))
    rows = [{"arm": "a", "observable": "cd4", "measure": "value", "day": 3, "value": 1, "sigma": 1}]
    (regimen,) = fit_problem([Evidence(name="e", arms=(arm,), rows=rows, start=-14)], HIV).regimens
    assert np.array_equal([d.time for d in regimen], [d.time + 14 for d in planned(HIV, arm).regimen])


@pytest.mark.parametrize("n", [-5, 0, 5.0, 2.5, "5", True, None, 100_001])
def test_an_arm_is_refused_a_number_of_patients_that_is_none_when_it_is_made(n):
    with pytest.raises(BadValue, match=r"^arm 'a': n = .*: expected a whole number from 1 to 100000$"):
        Arm("a", n)


@pytest.mark.parametrize("regimen", [7, ["3 MIU SC"], object()])
def test_an_arm_is_refused_what_is_no_regimen_when_it_is_made(regimen):
    with pytest.raises(BadValue, match=r"^arm 'a': regimen = .*: expected a sentence such as '3 MIU SC QD days 1-5'"):
        Arm("a", 5, regimen)


@pytest.mark.parametrize("name", ["", "  ", "a ", "a\nb"])
def test_an_arm_has_a_name_in_one_line(name):
    with pytest.raises(
        BadValue, match=r"^name of an arm = .*: expected a text in one line, without blanks at its ends"
    ):
        Arm(name, 5)


@pytest.mark.parametrize("rules", ["cd4 < 3", [3], 3, im.RecurringRule(name="r", when="y < 3", then={"stop": True})])
def test_rules_are_a_list_of_rules(rules):
    with pytest.raises(BadValue, match=r"arm 'a': rules.* expected a list of Rule or RecurringRule, such as"):
        im.Arm("a", 5, rules=rules)


def test_a_label_stands_beside_recurring_rules_and_what_reads_no_rules_refuses_them():
    line = "3 MIU SC QD days 1-5 every 28 days while cd4 < 500"
    arm = im.Arm("a", 5, line, label="all")
    assert final_labels(arm) == {"all"}
    with pytest.raises(BadValue, match="has a rule, and what reads it follows none; write the doses that are given"):
        planned(HIV, ArmFile(name="a", regimen=line))
    with pytest.raises(
        BadValue,
        match="at 'while': a rule, which follows what is measured: arms of trials and schedules of a comparison have",
    ):
        im.prescribe(line)


@pytest.mark.parametrize("share", [1.5, -0.1, 90, "90 %", True, None, float("nan")])
def test_an_arm_is_refused_a_share_that_is_none_by_its_subgroup(share):
    with pytest.raises(BadValue, match=r"^arm 'a': share of 'slow' = .*: expected a share from 0 to 1, such as 0.9"):
        Arm("a", 5, shares={"slow": share})


@pytest.mark.parametrize("shares", [0.9, ["slow"], {1: 0.9}])
def test_shares_of_an_arm_are_by_name(shares):
    with pytest.raises(BadValue, match=r"^arm 'a': shares = .*: expected a table by name, such as \{'slow': 0.9\}"):
        Arm("a", 5, shares=shares)
