"""The page docs/rules.md says what rules do: its words are read, its files and blocks run, its table is printed."""

import re
from pathlib import Path

import pytest

import immunode as im
from immunode.conditions import read
from immunode.conditions.measured import is_level, kind_of, row, spoken
from immunode.evidence.rules import RecurringRule
from immunode.virtual_trials.recurring import REASONS
from immunode.virtual_trials.rule_words import read_treatment

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def blocks(section, language):
    """Return the blocks of a section."""
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTIONS[section], re.DOTALL | re.MULTILINE)


def codes(section, column=0):
    """Return the texts in backticks of a column of a section's first table."""
    rows = [line for line in SECTIONS[section].splitlines() if line.startswith("| ")]
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row.split("|")[column + 1])]


@pytest.mark.parametrize("text", codes("Conditions"))
def test_its_conditions_are_read(text):
    assert read(text) == read(str(read(text)))


def test_its_ways_to_say_one_bound_are_one():
    assert (
        len({read(text) for text in ("cd4 < 1.3 x baseline", "cd4 < 130 % of baseline", "cd4 < 30 % above baseline")})
        == 1
    )
    assert read("cd4 < 20 % below best") == read("cd4 < 0.8 x best")


CYCLE, CONDITION = "4.5 MIU SC BID x 5 days", "cd4 < 500"


@pytest.mark.parametrize("words", codes("In one line"))
def test_its_lines_are_read(words):
    line = words if "CYCLE" in words else f"CYCLE every 8 weeks while CONDITION{words}"
    line = line.replace("OTHER CYCLES", "3 MIU SC QD days 1-5").replace("CYCLE", CYCLE)
    first, _, second = line.partition("until CONDITION")
    line = (
        line if words.startswith("CYCLE") else f"{first}until rna < 50{second}" if second or "; hold" in words else line
    )
    treatment = read_treatment(line.replace("CONDITION", CONDITION))
    assert treatment.rules
    assert treatment.regimen


def test_it_names_every_measure_that_a_condition_may_name_and_says_what_it_is_compared_with():
    rows = {
        name: row.split("|")[3].strip()
        for row in SECTIONS["Measures"].splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([^`]+)`", row.split("|")[1])
    }
    expected = {name.replace(" ", "_"): compared_with(kind_of(name)) for name in spoken()}
    assert {name: LEVEL if words == "the same" else words for name, words in rows.items()} == expected


LEVEL = "a number, baseline, nadir, best, a visit"


def compared_with(kind):
    """Return what the page says a measure is compared with."""
    if is_level(kind):
        return LEVEL
    if "change" in (kind, kind.removeprefix("percent ")):
        return "the signal's unit; percent"
    return {
        "day": "days", "({observable})*day": "the signal's unit times a time",
        "({observable})/day": "the signal's unit by a time", "({observable})/year": "the signal's unit by a time",
    }.get(row(kind).unit, "the signal's unit")  # fmt: skip


def test_its_example_of_a_measure_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "by_average.toml").write_text(blocks("Measures", "toml")[0], encoding="utf-8")
    names = {}
    exec(compile(blocks("Measures", "python")[0], "docs/rules.md", "exec"), names)
    assert names["treated"].sum() > 200
    assert set(names["result"].decision_reason.values) == {"met", "not met", "stopped", "missed visit"}


def test_it_names_every_field_of_a_rule_and_every_reason():
    assert set(RecurringRule.model_fields) <= set(codes("In a trial file"))
    assert set(REASONS) == set(re.findall(r"`([^`]+)`", re.search(r"^\| `reason` \|(.*)\|$", PAGE, re.MULTILINE)[1]))


def test_its_first_trial_runs_and_every_rule_of_it_acts(tmp_path):
    path = tmp_path / "maintenance.toml"
    path.write_text(blocks("In a trial file", "toml")[0], encoding="utf-8")
    result = im.run_trial(str(path), n=500, seed=1)
    acted = set(result.decision_rule.values[result.decision_reason.values == "met"])
    assert acted == {"enough", "less", "pause", "maintenance"}
    assert im.replay_trial(str(path), result).identical(result)


def test_its_blocks_about_the_log_run():
    names = {}
    for block in blocks("The log, and what was given", "python"):
        exec(compile(block, "docs/rules.md", "exec"), names)


@pytest.mark.slow
def test_the_table_of_the_worked_example_is_what_its_block_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    section = "Hold CD4 above 500 with the fewest cycles"
    (tmp_path / "hold_500.toml").write_text(blocks(section, "toml")[0], encoding="utf-8")
    exec(compile(blocks(section, "python")[0], "docs/rules.md", "exec"), {})
    printed = [row.split("|")[1:-1] for row in capsys.readouterr().out.strip().splitlines()]
    table = [row.split("|")[1:-1] for row in SECTIONS[section].splitlines() if row.startswith("|")]
    assert len(table) == 2 + 4
    assert printed == table
