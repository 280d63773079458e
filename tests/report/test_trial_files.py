"""A trial file for people: arms, rules, subgroups, and what the paper leaves open; for machines the file itself."""

from immunode.evidence.library import load
from immunode.evidence.trial_file import TrialFile
from immunode.report.trial_files import TrialFileReport, TrialsReport


def test_a_trial_file_is_told_with_its_rules_and_subgroups():
    report = TrialFileReport(load("tincati_2008"))
    lines = [part for part in report.table() if isinstance(part, str)]
    titles = [part.title for part in report.table() if not isinstance(part, str)]
    assert titles == ["arms", "printed figures", "what the paper leaves open"]
    assert any(line.startswith("rule of ") for line in lines)
    assert any(line.startswith("subgroup ") for line in lines)
    assert TrialFile.model_validate(report.json()) == report.file


def test_what_cannot_be_run_is_evidence():
    table = TrialsReport([load("tincati_2008"), load("arno_1999")]).table()[0]
    assert list(table.columns[3].cells) == ["immunode trial tincati_2008", "evidence for fits"]


def test_a_trial_file_is_told_with_its_visits_patients_and_how_these_attend(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    arms, *lines = TrialFileReport(load(str(path))).table()[2:5]
    assert lines == [
        "visits: days 0, 28, 56, 84; simulated from day -14; each up to 5 days early or late; 5 % missed; "
        "the same patients in every arm; events by the hazard of cumulative_hazard",
        "arm_defaults: n, values, patients, adherence, dropout, of each arm that does not say its own",
    ]
    said = next(iter(arms.columns[3].cells))
    for part in (
        "cd4 200-350, suppressed",
        "CL = 100,",
        "10 % of doses missed",
        "20 % of patients have left by day 365",
    ):
        assert part in said
    assert "called 'untreated'" in list(arms.columns[3].cells)[1]


def test_an_arms_own_share_of_a_subgroup_is_told_with_the_arm_and_the_subgroup(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        OWN.replace('name = "IL-2"\n', 'name = "IL-2"\nshares = { slow = 0.9 }\n')
        + 'subgroups = [{ name = "slow", share = 0.2, scale = { CL = 0.5 }, source = "a guess" }]\n'
    )
    report = TrialFileReport(load(str(path)))
    arms = next(part for part in report.table() if not isinstance(part, str))
    assert ["90 % slow" in said for said in arms.columns[3].cells] == [True, False]
    assert report.table()[-1] == "subgroup slow: 20 % (90 % in IL-2) with CL x 0.5; a guess"
    assert TrialFile.model_validate(report.json()) == report.file


OWN = """
name = "own"
title = "T"
reference = "r"
model = "il2_cd4_hiv"
start = -14
visits = "every 4 weeks to 12 wk"
visit_window = "5 d"
missed_visits = 0.05
events = "cumulative_hazard"
same_patients = true

[arm_defaults]
n = 40
patients = "cd4 200-350, suppressed"
adherence = { missed = 0.1, source = "assumed" }
dropout = { share = 0.2, by = 365, source = "assumed" }
values = { CL = 100 }

[[arms]]
name = "IL-2"
regimen = "4.5 MIU SC BID x 5 days"

[[arms]]
name = "control"
label = "untreated"

[population]
source = "assumed"
"""
