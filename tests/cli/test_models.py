"""`immunode models`: the library, and one model with its equations."""

import json


def test_models_are_listed_and_shown(run):
    assert "il2_cd4_hiv" in run("models")[1]
    assert "d depot" in run("models", "il2_sc")[1]
    listed = json.loads(run("models", "--json")[1])
    assert [list(model) for model in listed] == [["name", "meaning"]] * len(listed)
    assert json.loads(run("models", "il2_sc", "--json")[1])["parameters"][0]["unit"] == "L/day"


def test_a_table_for_a_pipe_is_as_wide_as_columns_says(run, monkeypatch):
    wide = max(map(len, run("models")[1].splitlines()))
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, run("models")[1].splitlines())) <= 80 < wide
