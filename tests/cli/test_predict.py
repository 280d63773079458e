"""`immunode predict`: a table that 80 columns hold, JSON with stable keys, files, and refusals in one line."""

import json

from tests.calibration.summaries import declared, run_before

KEYS = [
    "trial",
    "model",
    "fit",
    "n",
    "draws",
    "seed",
    "inside",
    "judged",
    "effective",
    "simulations",
    "notes",
    "numbers",
    "by_form",
]


def test_a_trial_is_predicted_for_people_and_machines(run, tmp_path, monkeypatch):
    fit = run_before(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run("predict", tmp_path / "one.toml", "--fit", fit, "--n", 100, "--seed", 2)
    assert code == 0
    assert "predicted" in out
    assert "sampling" in out
    assert max(map(len, out.splitlines())) <= 80
    code, text, err = run(
        "predict", tmp_path / "one.toml", "--fit", fit, "--n", 100, "--seed", 2, "--json", "--out", tmp_path / "o"
    )
    data = json.loads(text)
    assert code == 0
    assert list(data) == KEYS
    assert data["by_form"] == []
    assert [row["published"] for row in data["numbers"]] == [11.1, 8.9, 14.1, 3.63, 1.31]
    for row in data["numbers"]:
        assert round(sum(row[level] for level in ("parameter", "trial", "patients", "sampling")), 6) == 100
    assert {path.name for path in (tmp_path / "o").iterdir()} == {"prediction.csv", "prediction.json", "prediction.png"}
    assert "written into" in err


def test_two_fits_are_averaged_and_told_apart_for_people_and_machines(run, tmp_path, monkeypatch):
    fits = [tmp_path / "first_of_two_forms", tmp_path / "second_of_two_forms"]
    for fit in fits:
        fit.mkdir()
        run_before(fit)
    monkeypatch.setenv("COLUMNS", "80")
    asked = "predict", fits[0] / "one.toml", "--fit", fits[0], "--fit", fits[1], "--n", 100
    code, out, _ = run(*asked)
    assert code == 0
    head = next(line for line in out.splitlines() if "predicted by each form" in line)
    assert head.split()[-2:] == [fit.name for fit in fits]
    assert "note: averaged over 2 forms: first_of_two_forms, second_of_two_forms, each with half" in " ".join(
        out.split()
    )
    assert max(map(len, out.splitlines())) <= 80
    data = json.loads(run(*asked, "--json")[1])
    assert list(data) == KEYS
    assert [row["label"] for row in data["by_form"]] == [row["label"] for row in data["numbers"]]
    assert all(list(row["predicted"]) == [fit.name for fit in fits] for row in data["by_form"])
    assert all(value > 0 for row in data["by_form"] for value in row["predicted"].values())


def test_what_cannot_be_predicted_is_refused_in_one_line(run, tmp_path):
    fit = declared(tmp_path)
    code, _, err = run("predict", tmp_path / "one.toml", "--fit", fit)
    assert code == 2
    assert "has no readable result" in err
    assert "immunode fit" in err
    code, _, err = run("predict", tmp_path / "five.toml", "--fit", fit)
    assert code == 2
    assert "there is no trial file" in err
    code, _, err = run("predict", "tincati_2008", "--fit", run_before(tmp_path))
    assert code == 2
    assert "the trial is of il2_cd4_hiv" in err
    code, _, err = run("predict", "kirchner_1998", "--fit", "piscitelli_1996", "--fit", "piscitelli_1996")
    assert code == 2
    assert "'piscitelli_1996' is given twice" in err
    code, _, err = run("predict", "tincati_2008", "--fit", "il2_cd")
    assert code == 2
    assert "did you mean 'il2_cd4'" in err
    assert err.count("\n") == 1
