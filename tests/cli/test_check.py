"""`immunode check`: what each patient of an event table gets, every problem, exit code 1 for errors."""

import json

from tests.cli.tables import EVENTS

BAD = EVENTS + "2,1,3,skin,1,0,3\n"


def test_check_says_what_each_patient_gets(run, tmp_path):
    file = tmp_path / "good.csv"
    file.write_text(EVENTS)
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
