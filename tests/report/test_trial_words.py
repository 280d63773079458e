"""A trial in words: doses, rules, and who the patients are."""

import immunode as im
from immunode.evidence.library import load
from immunode.report.trial_words import described, doses_words, patients_words, rule_words
from immunode.report.trials import who
from immunode.virtual_trials.trial_run import from_file


def test_the_librarys_trial_is_described_by_arm_rule_and_patients():
    trial = from_file(load("tincati_2008"))
    lines = described(trial)
    assert "IL-2+HAART: 33 patients; 3 MIU SC QD days 1-5,8-12 every 28 days x3" in lines
    assert "HAART: 40 patients; no doses" in lines
    rule = next(line for line in lines if "rule" in line)
    assert "on day 183, if cd4 above 1.3 x that of day 0 on day 91 and 183: IL-2R; else IL-2NR, 3 MIU SC" in rule
    assert patients_words(trial, trial.arms[0]) == "cd4 median 61, below 200, on HAART"


def test_a_recurring_rule_says_itself_and_its_arm_what_everybody_gets():
    line = "1.5 MIU SC BID days 1-5 every 28 days while il2 < 5, at most 3"
    trial = im.Trial("t", im.Population("il2_sc"), [0, 28, 56, 84], [im.Arm("a", n=3, regimen=line)])
    arm = trial.arms[0]
    assert rule_words(arm.rules[0]) == "every 28 days, if il2 < 5: 1.5 MIU SC BID days 1-5, at most 2"
    assert doses_words(trial, arm) == "1.5 MIU SC BID days 1-5"


def test_an_arms_own_share_of_a_subgroup_is_said_of_its_patients():
    slow = im.Subgroup(name="slow", share=0.2, scale={"CL": 0.5}, source="assumed")
    arms = [im.Arm("failures", n=3, shares={"slow": 0.9}), im.Arm("all", n=3)]
    trial = im.Trial("t", im.Population("il2_sc", subgroups=[slow]), [0, 28], arms)
    assert "failures: 90 % slow" in described(trial)
    typical = "typical, as the model declares them"
    assert [patients_words(trial, arm) for arm in trial.arms] == [f"{typical}, 90 % slow", typical]
    assert [said for _, said in who(trial)] == ["90 % slow", ""]
