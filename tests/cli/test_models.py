"""`immunode models`: the library, and one model with its equations."""

import json

import immunode as im
from immunode import models


def test_models_are_listed_and_shown(run):
    assert "il2_cd4_hiv" in run("models")[1]
    assert "d depot" in run("models", "il2_sc")[1]
    listed = json.loads(run("models", "--json")[1])
    assert [list(model) for model in listed] == [["name", "meaning"]] * len(listed)
    assert json.loads(run("models", "il2_sc", "--json")[1])["parameters"][0]["unit"] == "L/day"


def test_a_model_of_a_users_own_file_is_shown_as_one_of_the_library(run, tmp_path):
    file = tmp_path / "my_model.py"
    file.write_text('import immunode as im\nMODEL = im.compose("mine", im.models.model("il2_sc"))\n')
    shown = json.loads(run("models", file, "--json")[1])
    assert shown["name"] == "mine"
    assert shown["equations"] == json.loads(run("models", "il2_sc", "--json")[1])["equations"]
    file.write_text("MODEL = 1 / 0\n")
    code, out, err = run("models", file)
    assert (code, out, err) == (2, "", f"Error: {file}, line 1: ZeroDivisionError: division by zero\n")


def test_python_lists_what_the_command_lists(run):
    table = im.models()
    listed = json.loads(run("models", "--json")[1])
    assert [table.index.tolist(), table["meaning"].tolist()] == [[m[k] for m in listed] for k in ("name", "meaning")]
    assert table.loc["il2_cd4_hiv", ["outputs", "routes", "time"]].tolist() == [
        "il2, rna, infection_rate, cd4, aids_hazard", "sc, iv, civ", "day",
    ]  # fmt: skip
    assert im.models.model("il2_sc").name == "il2_sc"


def test_a_table_for_a_pipe_is_as_wide_as_columns_says(run, monkeypatch):
    wide = max(map(len, run("models")[1].splitlines()))
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, run("models")[1].splitlines())) <= 80 < wide


def test_names_and_values_are_not_broken_at_80_columns(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for model in map(models.model, models.NAMES):
        cells = [cell.strip() for line in run("models", model.name)[1].splitlines() for cell in line.split("│")]
        for part in (*model.states, *model.parameters, *model.inputs, *model.outputs):
            assert part.name in cells, part.name
        assert all(f"{parameter.value:g}" in cells for parameter in model.parameters)
    assert set(models.NAMES) <= {line.split("│")[1].strip() for line in run("models")[1].splitlines() if "│" in line}


def test_what_an_own_model_does_not_say_is_not_shown(run, tmp_path):
    file = tmp_path / "my_model.py"
    file.write_text(
        'import immunode as im\nMODEL = im.Model("onecomp", [im.State("x", "mg")], lambda t, x, p: {"x": -p.k * x.x},\n'
        '    [im.Parameter("k", 1.0, "1/day")], routes={"iv": "x"})\n'
    )
    lines = run("models", file)[1].splitlines()
    assert lines[0] == "onecomp"
    assert not any(line.startswith("reference") for line in lines)
