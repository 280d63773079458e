"""What was given is printed by arm and label, and what each rule did is counted."""

import numpy as np
import pytest

import immunode as im
from immunode.report.given import acts_lines, given_json, given_table
from tests.virtual_trials.linear import rule, trial


def result(*rules, **fields):
    return im.run_trial(trial(*rules, **fields), n=60, seed=1)


def cells(table):
    return [list(column.cells) for column in table.columns]


def test_arms_and_labels_are_rows_and_numbers_are_those_of_the_result():
    low = rule("y < 4", then={"add": "70 mg IV bolus day 1", "label": "low"}, at_most=2)
    run = result(low, omega={"k": 0.8}, regimen="5 mg IV bolus")
    columns = cells(given_table(run))
    labelled = run.label.values[0] == "low"
    assert 0 < labelled.sum() < 60
    assert columns[0] == ["a", "- low"]
    assert columns[1] == ["60", str(labelled.sum())]
    cycles = run.given_cycles.values[0]
    assert columns[2] == [f"{np.median(c):.3g} ({c.mean():.3g})" for c in (cycles, cycles[labelled])]
    assert [column.header for column in given_table(run).columns][2:] == ["cycles", "doses", "mg into x"]
    summary = given_json(run.isel(arm=0))
    assert summary["given_x"] == {"median": np.median(run.given_x.values[0]), "mean": run.given_x.values[0].mean()}
    assert summary["given_cycles"]["mean"] == pytest.approx(cycles.mean())


def test_of_a_trial_without_doses_there_is_no_table():
    assert given_table(result()) is None
    assert acts_lines(result()) == []


def test_what_each_rule_did_is_counted():
    run = result(rule("y < 30", at_most=1), rule("y > 90", name="high", then={"label": "high"}))
    lines = acts_lines(run)
    assert lines[0] == "rules - a: no rule acted (not met 360)"
    assert lines[1] == "rules - a: 'top up' acted 60 times on 60 patients (at most reached 240)"
    assert lines[2] == "rules - a: 'high' acted 0 times on 0 patients (not met 60)"  # alone on the last visit
