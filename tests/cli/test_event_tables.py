"""Event tables at the command line: `check` says what each patient gets, `simulate` predicts each record."""

import json
import re
import sys

import numpy as np
import pandas
import pytest

import immunode as im
from immunode.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs the command line and gives (exit code, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["immunode", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), *capsys.readouterr()

    return call


GOOD = "ID,TIME,AMT,CMT,EVID,II,ADDL\n1,0,3,sc,1,1,4\n1,2,0,0,0,0,0\n1,7,0,0,0,0,0\n2,0,3,sc,1,1,4\n2,2,0,0,0,0,0\n"
BAD = GOOD + "2,1,3,skin,1,0,3\n"


def test_check_says_what_each_patient_gets(run, tmp_path):
    file = tmp_path / "good.csv"
    file.write_text(GOOD)
    code, out, _ = run("check", file, "--model", "il2_sc")
    assert code == 0
    assert "patient 1: 3 MIU into sc at 0 d, then every 1 d x 4; 2 observations from 2 to 7 d" in out
    assert "0 errors, 0 warnings" in out


def test_check_needs_no_model(run, tmp_path):
    file = tmp_path / "good.csv"
    text = "ID,TIME,AMT,CMT,EVID,RATE,WT\n1,0,3,{},1,-2,70\n1,1,4,2,1,0,70\n1,2,0,0,0,0,70\n"
    file.write_text(text.format("SC"))
    code, out, _ = run("check", file)
    assert code == 0
    assert "3 at the model's duration into SC at 0 d; 4 into compartment 2 at 1 d; 1 observation at 2 d" in out
    assert "covariates were not checked: give --model" in " ".join(out.split())
    code, out, _ = run("check", file, "--json")
    data = json.loads(out)
    assert [data[name] for name in ("model", "covariates", "unused")] == [None, None, None]
    file.write_text(text.format("1e9"))
    code, out, _ = run("check", file)
    assert (code, "no state of this number" in " ".join(out.split())) == (1, True)


def test_check_says_which_columns_are_used(run, tmp_path):
    file = tmp_path / "good.csv"
    file.write_text("ID,TIME,AMT,CMT,EVID,cl,WT,CLR\n1,0,3,sc,1,170,70,1\n1,2,0,0,0,180,70,1\n")
    code, out, _ = run("check", file, "--model", "il2_sc")
    assert code == 0
    assert "cl sets CL over time; WT, CLR are not used" in out
    code, out, _ = run("check", file, "--model", "il2_sc", "--json")
    data = json.loads(out)
    assert (data["covariates"], data["unused"]) == ({"cl": "CL"}, ["WT", "CLR"])


def test_check_lists_every_problem_and_fails(run, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text(BAD)
    code, out, _ = run("check", file, "--model", "il2_sc")
    assert code == 1
    assert "skin" in out
    assert "3 errors, 0 warnings" in out
    code, out, _ = run("check", file, "--model", "il2_sc", "--json")
    data = json.loads(out)
    assert code == 1
    assert set(data) == {"file", "model", "errors", "warnings", "problems", "patients", "covariates", "unused", "notes"}
    assert {(p["row"], p["column"]) for p in data["problems"]} == {(7, "TIME"), (7, "CMT"), (7, "ADDL")}
    assert data["patients"] == []
    code, _, err = run("check", tmp_path / "none.csv", "--model", "il2_sc")
    assert (code, err.count("\n")) == (2, 1)


def test_simulate_gives_a_prediction_for_each_record_of_an_event_table(run, tmp_path):
    file = tmp_path / "good.csv"
    file.write_text(GOOD)
    code, out, _ = run("simulate", "il2_sc", "--events", file, "--json", "--set", "CL=6 L/h", "--out", tmp_path / "out")
    assert code == 0
    data = json.loads(out)
    once = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=[2, 7], at_dose="post", parameters={"CL": "6 L/h"})
    for name in once:
        expected = once[name].values[[0, 1, 0]]
        np.testing.assert_allclose(data["values"][name], expected, rtol=1e-5, atol=0)  # 10 x rtol: other steps
    assert [data[name] for name in ("id", "row", "time")] == [[1, 1, 2], [3, 4, 6], [2, 7, 2]]
    written = pandas.read_csv(tmp_path / "out" / "records.csv")
    assert written["row"].tolist() == [3, 4, 6]
    assert (tmp_path / "out" / "records.nc").is_file()
    code, out, _ = run("simulate", "il2_sc", "--events", file)
    assert code == 0
    assert "at each record" in out


def test_simulate_shows_the_head_and_tail_of_many_records(run, tmp_path):
    file = tmp_path / "many.csv"
    head = "ID,TIME,AMT,CMT,EVID\n1,0,3,sc,1\n"
    file.write_text(head + "".join(f"1,{i},0,0,0\n" for i in range(1, 51)))
    code, out, _ = run("simulate", "il2_sc", "--events", file)
    assert code == 0
    shown = [int(row) for row in re.findall(r"^\W*(\d+)\W+1\W", out, re.MULTILINE)]
    assert shown == [*range(3, 23), *range(33, 53)]
    assert "the first 20 and last 20 of 50 records; all with --json or --out" in " ".join(out.split())
    _, out, _ = run("simulate", "il2_sc", "--events", file, "--json")
    assert len(json.loads(out)["row"]) == 50
    file.write_text(head + "".join(f"1,{i},0,0,0\n" for i in range(1, 41)))
    _, out, _ = run("simulate", "il2_sc", "--events", file)
    assert len(re.findall(r"^\W*(\d+)\W+1\W", out, re.MULTILINE)) == 40
    assert "first 20" not in out


def test_simulate_tells_warnings_and_refuses_two_sources_of_doses(run, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text(GOOD.replace("1,0,3,sc,1,1,4", "1,0,3,sc,1,1,0", 1))
    code, _, err = run("simulate", "il2_sc", "--events", file)
    assert (code, err.count("\n")) == (0, 1)
    assert "Warning: " in err
    assert "II = 1: without ADDL or SS repeats nothing" in err
    code, _, err = run("simulate", "il2_sc", "--events", file, "--regimen", "3 MIU SC QD days 1-5")
    assert code == 2
    assert "give either" in err
    file.write_text("ID,TIME,AMT\n1,0,3\n")
    code, _, err = run("simulate", "il2_sc", "--events", file)
    assert code == 2
    assert "no record to predict" in err
