"""The library of trials: names, changes by path, and errors that name the line or row, the field and the cure."""

import re

import pytest

from immunode.errors import BadValue, UnknownName
from immunode.evidence.library import find, load, load_evidence, trial_names
from immunode.evidence.readings import other_readings

FILE = """name = "mine"
title = "t"
reference = "r"
model = "il2_sc"

[[arms]]
name = "a"
regimen = "3 MIU SC"
baseline = { observable = "il2", solve = "CL", median = 9, log_sd = 0.2, source = "s" }

[[arms.rules]]
name = "first"
day = 1
when = { signal = "il2", days = [1], above = 2 }
then = { label = "x" }
otherwise = { label = "y" }

[[arms.rules]]
name = "second"
day = 2
when = { signal = "il2", days = [2], above = 2 }
then = { label = "x" }
otherwise = { label = "y" }

[[figures]]
label = "peak"
kind = "below"
observable = "il2"
below = 50
published = 3
groups = ["a"]
"""
ROWS = "arm,observable,measure,day,value,sigma\na,il2,tmax,1,4.4,0.7\na,il2,cmax,1,49.7,17\n"


def written(folder, file=FILE, rows=ROWS):
    (folder / "trial.toml").write_text(file, encoding="utf-8")
    (folder / "evidence.csv").write_text(rows, encoding="utf-8")
    return str(folder / "trial.toml")


def test_the_files_of_these_tests_are_valid(tmp_path):
    assert load(written(tmp_path)).figures[0].limit == 50
    assert [row.measure for row in load_evidence(written(tmp_path)).rows] == ["tmax", "cmax"]


@pytest.mark.parametrize(
    ("line", "place", "cure"),
    [
        ('model = "il2_sc"\n', "line 1, field 'model'", 'model = "il2_cd4_hiv"'),
        ('observable = "il2", solve', "line 9, field 'arms.0.baseline.observable'", 'observable = "cd4"'),
        ("log_sd = 0.2, ", "line 9, field 'arms.0.baseline'", "log_sd = 0.6"),
        ('signal = "il2", days = [2], ', "line 21, field 'arms.0.rules.1.when.days'", "days = "),
        ('signal = "il2", days = [1]', "line 14, field 'arms.0.rules.0.when.signal'", 'signal = "cd4"'),
        ('observable = "il2"\n', "line 25, field 'figures.0'", 'observable = "cd4"'),
        ("below = 50\n", "line 25, field 'figures.0'", "below = 50"),
    ],
)
def test_a_field_that_a_file_leaves_out_is_refused_with_its_place_and_the_line_to_add(tmp_path, line, place, cure):
    kept = {'observable = "il2", solve': "solve", 'signal = "il2", days = [1]': "days = [1]"}
    kept['signal = "il2", days = [2], '] = 'signal = "il2", '
    assert FILE.count(line) == 1
    path = written(tmp_path, FILE.replace(line, kept.get(line, "")))
    with pytest.raises(BadValue, match=re.escape(place)) as error:
        load(path)
    assert f"add a line such as {cure}" in str(error.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("tmax", "tmaxx"), "row 1, field 'measure': there is no measure 'tmaxx'; did you mean 'tmax'?"),
        (("49.7", "high"), "row 2, field 'value': "),
        (("a,il2,cmax", "b,il2,cmax"), "row 2: mine has no arm 'b'; known: a"),
        (("a,il2,cmax", "a,,cmax"), "row 2, field 'observable': 'observable' is left out"),
        (("sigma", "sigmaa"), "row 1, field 'sigmaa': there is no such field; did you mean 'sigma'?"),
    ],
)
def test_a_wrong_cell_of_the_printed_numbers_is_refused_at_once_with_its_row_and_field(tmp_path, changed, message):
    path = written(tmp_path, rows=ROWS.replace(*changed))
    with pytest.raises(BadValue, match=re.escape(message)):
        load_evidence(path)


def test_a_table_beside_two_trials_that_have_no_rows_is_of_neither(tmp_path):
    path = written(tmp_path)
    (tmp_path / "another.toml").write_text(FILE)
    with pytest.raises(BadValue, match=r"beside two trial files, 'trial.toml' and 'another.toml'"):
        load_evidence(path)


@pytest.mark.parametrize("text", ['vary = ["CL"]', "no TOML"])
def test_a_table_beside_a_trial_and_another_file_is_of_the_trial(tmp_path, text):
    path = written(tmp_path)
    (tmp_path / "another.toml").write_text(text)
    assert load_evidence(path).rows


def test_a_trial_without_printed_numbers_is_no_evidence(tmp_path):
    path = written(tmp_path)
    (tmp_path / "evidence.csv").unlink()
    with pytest.raises(BadValue, match="has no printed numbers to fit"):
        load_evidence(path)


def test_a_change_of_a_field_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(BadValue, match=r"no field 'arms\.7\.n' to change"):
        load("tincati_2008", {"arms.7.n": 3})
    with pytest.raises(BadValue, match=r"field 'arms\.0\.dose'"):
        load("tincati_2008", {"arms.0.dose": 3})
    with pytest.raises(BadValue, match=r"no field 'rows\.2\.day' to change"):
        load_evidence(written(tmp_path), {"rows.2.day": 3})


def test_a_reading_that_changes_a_field_that_does_not_exist_is_refused_at_its_assumption(tmp_path):
    text = (
        FILE
        + """
[[assumptions]]
name = "spread"
assumed = "as printed"
alternatives = [{ label = "wider", changes = { "PATH" = 1.2 } }]
"""
    )
    for wrong, message in (
        ("arms.0.baseline.log_sdd", "field 'arms.0.baseline.log_sdd': there is no such field; did you mean 'log_sd'?"),
        ("arms.7.n", "the trial has no field 'arms.7.n' to change"),
    ):
        path = written(tmp_path, text.replace("PATH", wrong))
        line = text[: text.index("alternatives")].count("\n") + 1
        with pytest.raises(BadValue, match=re.escape(f"line {line}")) as error:
            list(other_readings(path, load))
        assert message in str(error.value)


def test_changes_by_path_reach_the_file_and_the_table_and_leave_the_library_as_it_is(tmp_path):
    path = written(tmp_path)
    changed = load_evidence(path, {"arms.0.regimen": "6 MIU SC", "arms.0.values.CL": 200, "rows.1.day": 2})
    assert (changed.arms[0].regimen, changed.arms[0].values, changed.rows[1].day) == ("6 MIU SC", {"CL": 200}, 2)
    assert load_evidence(path).rows[1].day == 1


def test_unknown_trials_are_refused_with_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'tincati_2008'"):
        load("tincati_208")
    with pytest.raises(BadValue, match="there is no trial file"):
        find(str(tmp_path / "trial.toml"))
    assert all(find(name).is_file() for name in trial_names())


IN_FILE = (
    FILE.replace('name = "a"\n', 'name = "a"\nn = 12\n')
    + """
[[rows]]
arm = "a"
observable = "il2"
day = 0.5
statistic = "median (q1-q3)"
value = "61 (40-100)"
source = "Table 2"
provenance = "table"

[[rows]]
arm = "a"
observable = "il2"
day = 1
value = "NA"

[[rows]]
arm = "a"
observable = "il2"
measure = "cmax"
day = 1
value = 49.7
sigma = 17
"""
)


def of_one_file(folder, text=IN_FILE):
    (folder / "trial.toml").write_text(text, encoding="utf-8")
    return str(folder / "trial.toml")


def test_one_file_holds_a_trial_and_its_numbers(tmp_path):
    path = of_one_file(tmp_path)
    evidence = load_evidence(path)
    assert [(row.place, row.statistic, row.value) for row in evidence.rows] == [
        (1, "median", 61), (1, "q1", 40), (1, "q3", 100), (3, "median", 49.7)
    ]  # fmt: skip
    assert evidence.missing == 1
    assert load(path).rows == evidence.rows
    assert load_evidence(path, {"rows.2.value": 50}).rows[-1].value == 50


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (('"61 (40-100)"', '"61 (70-100)"'), "row 1: median = 61, and q1 of the same row is 70"),
        (('"61 (40-100)"', '"61 (40)"'), "line 39, field 'rows.0.value': '61 (40)' is no median (q1-q3)"),
        (("value = 49.7", "value = true"), "field 'rows.2.value': expected a number, not true"),
        (("sigma = 17", "sigmaa = 17"), "field 'rows.2.sigmaa': there is no such field; did you mean 'sigma'?"),
        (('measure = "cmax"\nday = 1', 'measure = "cmax"\nday = -1'), "row 3: day = -1 lies before the start"),
        (('model = "il2_sc"', 'model = "il2_sc"\nvisits = [0, 0.5]'), "row 3: day = 1 comes after the last visit"),
    ],
)
def test_a_wrong_row_of_a_trial_file_is_refused_with_its_place(tmp_path, changed, message):
    assert IN_FILE.count(changed[0]) == 1
    path = of_one_file(tmp_path, IN_FILE.replace(*changed))
    for read in (load, load_evidence):
        with pytest.raises(BadValue, match=re.escape(message)):
            read(path)


def test_numbers_in_the_file_and_beside_it_are_refused(tmp_path):
    path = written(tmp_path, IN_FILE)
    with pytest.raises(BadValue, match=r"has rows of printed numbers, and .*lies beside it; put all in one of them"):
        load_evidence(path)


def test_cells_of_a_table_are_read_as_they_are_printed(tmp_path):
    head = "arm,observable,statistic,measure,day,value,sigma\n"
    rows = head + 'a,il2,median (iqr),cmax,1,"1,061 (40 to 1,100)",9\na,il2,mean,cmax,1,,\n'
    evidence = load_evidence(written(tmp_path, rows=rows))
    assert [(row.statistic, row.value, row.sigma) for row in evidence.rows] == [
        ("median", 1061, 9), ("q1", 40, None), ("q3", 1100, None)
    ]  # fmt: skip
    assert evidence.missing == 1
    with pytest.raises(BadValue, match="every cell of the table is missing"):
        load_evidence(written(tmp_path, rows="arm,observable,day,value\na,il2,1,\n"))
