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
