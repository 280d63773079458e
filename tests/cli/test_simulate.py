"""`immunode simulate`: one patient, or a prediction for each record of an event table."""

import json
import re

import numpy as np
import pandas
import xarray

import immunode as im
from immunode import models, simulation
from tests.cli.tables import EVENTS


def test_one_patient_of_a_regimen_is_printed_as_json_and_written(run, tmp_path):
    course = ("simulate", "il2_sc", "--regimen", "3 MIU SC QD days 1-5", "--until", 2)
    code, out, _ = run(*course, "--every", 0.5, "--json")
    data = json.loads(out)
    assert code == 0
    assert list(data) == ["model", "regimen", "at_dose", "rtol", "method", "units", "time", "values", "time_unit"]
    assert data["time"] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert data["units"]["il2"] == "IU/mL"
    faster = run(*course, "--every", 0.5, "--set", "CL=20 L/h", "--json")
    assert json.loads(faster[1])["values"]["il2"][1] < data["values"]["il2"][1]
    assert run("simulate", "il2_sc", "--regimen", "3 MIU SC", "--out", tmp_path)[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"course.csv", "course.nc", "course.png", "units.csv"}


def test_simulate_gives_a_prediction_for_each_record_of_an_event_table(run, tmp_path):
    file = tmp_path / "good.csv"
    file.write_text(EVENTS)
    code, out, _ = run("simulate", "il2_sc", "--events", file, "--json", "--set", "CL=6 L/h", "--out", tmp_path / "out")
    assert code == 0
    data = json.loads(out)
    model = models.model("il2_sc")
    once = im.simulate(model, "3 MIU SC QD days 1-5", times=[2, 7], at_dose="post", parameters={"CL": "6 L/h"})
    for name in once:
        expected = once[name].values[[0, 1, 0]]
        np.testing.assert_allclose(data["values"][name], expected, rtol=1e-5, atol=0)  # 10 x rtol: other steps
    assert [data[name] for name in ("id", "row", "time")] == [[1, 1, 2], [3, 4, 6], [2, 7, 2]]
    written = pandas.read_csv(tmp_path / "out" / "records.csv")
    assert written["row"].tolist() == [3, 4, 6]
    code, out, _ = run("simulate", "il2_sc", "--events", file)
    assert code == 0
    assert "at each record" in out


def test_both_files_of_an_event_table_hold_its_own_columns(run, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text(
        'ID,TIME,AMT,EVID,CMT,DV,weight [kg],a/b,site\n1,0,3,1,1,.,70,1,"Rome, old"\n1,1,.,0,2,0.5,71,,Oslo\n'
    )
    assert run("simulate", "il2_sc", "--events", file, "--out", tmp_path / "out")[0] == 0
    written, netcdf = pandas.read_csv(tmp_path / "out/records.csv"), xarray.open_dataset(tmp_path / "out/records.nc")
    assert (written["weight [kg]"].item(), written["site"].item()) == (71, "Oslo")
    assert (netcdf["weight _kg_"].item(), netcdf["site"].item(), netcdf["DV"].item()) == (71, "Oslo", 0.5)
    assert np.isnan(netcdf["a_b"].item())


def test_simulate_shows_the_head_and_tail_of_many_records(run, tmp_path):
    file = tmp_path / "many.csv"
    head = "ID,TIME,AMT,CMT,EVID\n1,0,3,sc,1\n"
    file.write_text(head + "".join(f"1,{i},0,0,0\n" for i in range(1, 51)))
    code, out, _ = run("simulate", "il2_sc", "--events", file)
    assert code == 0
    shown = [int(row) for row in re.findall(r"^\W*1\W+\d+\W+(\d+)\W", out, re.MULTILINE)]
    assert shown == [*range(3, 23), *range(33, 53)]
    assert "the first 20 and last 20 of 50 records; all with --all, --json or --out" in " ".join(out.split())
    _, out, _ = run("simulate", "il2_sc", "--events", file, "--json")
    assert len(json.loads(out)["row"]) == 50
    file.write_text(head + "".join(f"1,{i},0,0,0\n" for i in range(1, 41)))
    _, out, _ = run("simulate", "il2_sc", "--events", file)
    assert len(re.findall(r"^\W*1\W+\d+\W+(\d+)\W", out, re.MULTILINE)) == 40
    assert "first 20" not in out


def test_simulate_tells_warnings_and_refuses_two_sources_of_doses(run, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text(EVENTS.replace("1,0,3,sc,1,1,4", "1,0,3,sc,1,1,0", 1))
    code, _, err = run("simulate", "il2_sc", "--events", file)
    assert (code, err.count("\n"), err.count("Warning: ")) == (0, 2, 2)
    assert "TIME: samples lie 4.5 days after the last dose, but half of a dose into il2_sc is gone in" in err
    assert "II = 1: without ADDL or SS repeats nothing" in err
    code, _, err = run("simulate", "il2_sc", "--events", file, "--regimen", "3 MIU SC QD days 1-5")
    assert code == 2
    assert "give either" in err
    file.write_text("ID,TIME,AMT\n1,0,3\n")
    code, _, err = run("simulate", "il2_sc", "--events", file)
    assert code == 2
    assert "no record to predict" in err


def test_the_longest_step_of_the_command_is_that_of_simulate(run, tmp_path):
    asked = ("simulate", "il2_sc", "--regimen", "3 MIU IV bolus", "--until", 1, "--every", 0.5, "--json")
    file = tmp_path / "good.csv"
    file.write_text(EVENTS)
    table = im.read_events(file, models.model("il2_sc"))
    as_it_is, short = (json.loads(run(*asked, *more)[1])["values"]["il2"] for more in ((), ("--max-step", "15 min")))
    course = [im.simulate("il2_sc", "3 MIU IV bolus", times=[0, 0.5, 1], max_step=step) for step in (None, "15 min")]
    assert as_it_is == course[0]["il2"].values.tolist()
    assert short == course[1]["il2"].values.tolist() != as_it_is
    records = json.loads(run("simulate", "il2_sc", "--events", file, "--json", "--max-step", "15 min")[1])
    assert records["values"]["il2"] == im.simulate("il2_sc", table, max_step="15 min")["il2"].values.tolist()
    code, _, error = run(*asked, "--max-step", "-1 h")
    assert code != 0
    assert "max_step" in error


def test_a_long_course_is_shown_in_part_and_one_without_end_is_refused_at_once(run, tmp_path):
    code, out, _ = run("simulate", "il2_sc", "--regimen", "3 MIU SC", "--until", 1000, "--every", 1)
    assert code == 0
    rows = re.findall(r"^│\s+\d+\s", out, re.MULTILINE)
    assert 25 <= len(rows) <= 40
    assert f"{len(rows)} of 1001 times; all with --all, --json or --out" in " ".join(out.split())
    _, out, _ = run("simulate", "il2_sc", "--regimen", "3 MIU SC", "--until", 1000, "--every", 1, "--all")
    assert len(re.findall(r"^│\s+\d+\s", out, re.MULTILINE)) == 1001
    for until, every in ((1e9, 1), (28, 1e-9)):
        code, out, err = run("simulate", "il2_sc", "--until", until, "--every", every, "--out", tmp_path / "out")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "rows are more than 1,000,000; take a longer --every, or an earlier --until" in err
    code, _, err = run("trial", "tincati_2008", "--n", 10**9, "--out", tmp_path / "out")
    assert (code, err.count("\n")) == (2, 1)
    assert "GB of memory here; take a smaller n (--n)" in err
    assert list(tmp_path.iterdir()) == []


def test_options_that_an_event_table_does_not_take_are_refused(run, tmp_path):
    (tmp_path / "a.csv").write_text(EVENTS)
    for option in ("--until", "--every"):
        code, _, err = run("simulate", "il2_sc", "--events", tmp_path / "a.csv", option, 3)
        assert (code, err.count("\n")) == (2, 1)
        assert "an event table brings its own times" in err


def test_times_of_the_command_have_units_or_are_days(run):
    course = ("simulate", "il2_sc", "--regimen", "3 MIU SC", "--json")
    assert run(*course, "--until", "1 wk", "--every", "12 h") == run(*course, "--until", 7, "--every", 0.5)
    for wrong in ("3 mg", "later", "", "inf", "nan"):
        code, _, err = run(*course, "--until", wrong)
        assert (code, err.count("\n")) == (2, 1)
        assert "expected days, or a time such as '12 wk'" in err
    for option, wrong in (("--until", "-1"), ("--every", "0"), ("--every", "-2 h")):
        code, _, err = run(*course, option, wrong)
        assert (code, err.count("\n")) == (2, 1)
        assert f"Error: {option} {wrong}: expected a time above zero" in err


def test_a_parameter_that_is_set_twice_is_refused(run):
    code, _, err = run("simulate", "il2_sc", "--set", "CL=70", "--set", " CL = 80")
    assert (code, err) == (2, "Error: --set CL=80: CL is set to 70 already; leave one out\n")


def test_records_of_a_table_in_hours_keep_its_unit_and_its_columns(run, tmp_path):
    hours, days = tmp_path / "hours.csv", tmp_path / "days.csv"
    hours.write_text("arm,ID,TIME,AMT,CMT,EVID,DV\nlow,a,0,3,sc,1,.\nlow,a,48,.,.,0,3.5\nlow,a,60,.,.,0,.\n")
    days.write_text("ID,TIME,AMT,CMT,EVID\na,0,3,sc,1\na,2,.,.,0\na,2.5,.,.,0\n")
    told = ("simulate", "il2_sc", "--events", hours, "--time-unit", "h")
    code, out, _ = run(*told, "--json", "--out", tmp_path / "out")
    data, other = json.loads(out), json.loads(run("simulate", "il2_sc", "--events", days, "--json")[1])
    assert code == 0
    assert (data["time"], data["time_unit"], other["time_unit"]) == ([48, 60], "h", "day")
    assert data["values"] == other["values"]
    assert data["columns"]["DV"] == [3.5, None]
    assert data["columns"]["arm"] == ["low", "low"]
    written = pandas.read_csv(tmp_path / "out" / "records.csv")
    assert list(written)[:4] == ["id", "time", "row", "arm"]
    assert written["time"].tolist() == [48, 60]
    assert written["DV"].tolist()[:1] == [3.5]
    assert "DV" in run(*told)[1]
    code, _, err = run(*told[:-1], "mg")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = run("simulate", "il2_sc", "--regimen", "3 MIU SC", "--time-unit", "h")
    assert (code, err.count("\n")) == (2, 1)
    assert "at 0 d" in run("check", hours, "--model", "il2_sc", "--time-unit", "h")[1]


def test_a_peak_between_the_rows_is_said(run):
    code, out, _ = run("simulate", "il2_sc", "--regimen", "3 MIU SC QD days 1-5", "--until", 7, "--every", 1)
    assert code == 0
    said = re.search(r"between the rows il2 is up to ([\d.]+) IU/mL \(day ([\d.]+)\): give a smaller --every", out)
    dense = simulation.simulate("il2_sc", "3 MIU SC QD days 1-5", times=simulation.days(3, 5, every=1 / 2000)).il2
    assert abs(float(said[1]) - dense.max()) < 0.006  # half a digit of what is printed
    _, out, _ = run("simulate", "il2_sc", "--regimen", "3 MIU SC QD days 1-5", "--until", 7, "--every", 0.02)
    assert "between the rows" not in out


ONE = '''"""One compartment."""
import immunode as im

MODEL = im.Model(
    "onecomp", [im.State("x", "mg", scale=0.01)], lambda t, x, p: {"x": -p.CL * x.x / p.V},
    [im.Parameter("CL", 6.0, "L/h"), im.Parameter("V", 30.0, "L")], routes={"iv": "x"}, time="h",
    outputs=[im.Output("conc", "mg/L", lambda t, x, p: x.x / p.V)],
)
'''
K = 6.0 / 30.0  # 1/h
INFUSED = 300 / 2 / 6 * (1 - np.exp(-K * 2))  # mg/L at the end of 2 h


def test_peaks_are_those_of_the_closed_form_at_a_bolus_and_at_the_end_of_an_infusion(run, tmp_path):
    file = tmp_path / "my_model.py"
    file.write_text(ONE)
    rows = ("--until", "24h", "--every", "6h")
    said = r"between the rows conc is up to ([\d.]+) mg/L \(h ([\d.]+)\)"
    for sentence, highest, hour in (("300 mg IV", 10.0, 0.0), ("300 mg IV over 2 h", INFUSED, 2.0)):
        _, out, _ = run("simulate", file, "--regimen", sentence, *rows)
        assert re.search(said, out).groups() == (f"{highest:.4g}", f"{hour:g}")
    _, out, _ = run("simulate", file, "--regimen", "300 mg IV over 2 h", "--regimen", "300 mg IV", *rows)
    end = [f"{INFUSED * np.exp(-K * 22):.3g}", f"{10 * np.exp(-K * 24):.3g}"]
    table = [re.findall(r"[\d.]+", line) for line in out.splitlines() if re.search(r"[│|] [AB] [│|]", line)]
    assert [row[-6:] for row in table] == [
        ["0", f"{INFUSED:.3g}", "2", "0", "0", end[0]],
        ["0", "10", "0", "0", "0", end[1]],
    ]


def test_the_picture_of_a_drug_of_hours_has_its_peak_and_the_end_of_its_infusion(run, tmp_path, monkeypatch):
    drawn, real = [], simulation.simulate

    def kept(*what, **how):
        drawn.append(real(*what, **how))
        return drawn[-1]

    monkeypatch.setattr(simulation, "simulate", kept)
    file = tmp_path / "my_model.py"
    file.write_text(ONE)
    for sentence, highest in (("300 mg IV", 10.0), ("300 mg IV over 2 h", INFUSED)):
        command = ("simulate", file, "--regimen", sentence, "--until", "24h", "--every", "6h")
        assert run(*command, "--out", tmp_path / "made")[0] == 0
        np.testing.assert_allclose(drawn[-1].conc.max(), highest, rtol=1e-5)  # 10 x rtol
        assert np.diff(drawn[-1].time).max() <= 0.1  # h


def test_the_finer_course_of_pictures_is_solved_where_it_is_seen_alone(run, tmp_path, monkeypatch):
    solved = []
    real = simulation.simulate

    def counted(*what, **how):
        solved.append(len(how["times"]))
        return real(*what, **how)

    monkeypatch.setattr(simulation, "simulate", counted)
    command = ("simulate", "il2_sc", "--regimen", "3 MIU SC", "--until", "2", "--every", "0.5")
    for more, courses in ((["--json"], 1), ([], 1), (["--json", "--out", tmp_path / "made"], 2)):
        assert run(*command, *more)[0] == 0
        assert len(solved) == courses
        assert solved[0] == 5
        assert solved[-1] > 400 or courses == 1
        solved.clear()


def test_several_regimens_are_so_many_courses_named_by_their_sentences(run, tmp_path):
    words = ["3 MIU SC QD days 1-5", "4.5 MIU SC BID days 1-5"]
    asked = ("simulate", "il2_cd4_hiv", "--regimen", words[0], "--regimen", words[1], "--at", "art=1 day 0")
    code, out, _ = run(*asked, "--json", "--out", tmp_path / "out")
    data = json.loads(out)
    assert (code, data["regimens"]) == (0, words)
    for i, text in enumerate(words):
        alone = im.simulate("il2_cd4_hiv", im.replace("art", 1, time=0) + im.prescribe(text), times=data["time"])
        assert data["values"]["cd4"][i] == alone["cd4"].values.tolist()
    written = pandas.read_csv(tmp_path / "out" / "course.csv")
    assert written["regimen"].unique().tolist() == words
    assert "B: 4.5 MIU SC BID days 1-5" in run(*asked)[1]
    code, _, err = run("simulate", "il2_sc", "--regimen", "3 MIU SC", "--regimen", "3 MIU sc")
    assert (code, err.count("\n")) == (2, 1)
    assert "is given more than once" in err
    (tmp_path / "a.csv").write_text(EVENTS)
    code, _, err = run("simulate", "il2_sc", "--events", tmp_path / "a.csv", "--at", "central=1 day 0")
    assert (code, err.count("\n")) == (2, 1)
    assert "give either --at or --events" in err
