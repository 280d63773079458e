"""`immunode trials`: the published trials, one of them, and the schema of their files."""

import json


def test_trials_are_listed_and_shown(run):
    assert "tincati_2008" in run("trials")[1]
    assert "sustained" in run("trials", "tincati_2008")[1]
    listed = json.loads(run("trials", "--json")[1])
    assert [list(trial) for trial in listed] == [["name", "title", "reference", "doi"]] * len(listed)
    assert json.loads(run("trials", "tincati_2008", "--json")[1])["name"] == "tincati_2008"


def test_the_schema_is_that_of_a_trial_file(run):
    assert json.loads(run("trials", "--schema")[1])["title"] == "TrialFile"
