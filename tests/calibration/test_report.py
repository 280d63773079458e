"""Reports of fits are what their committed results say."""

import json

import pytest

from immunode.calibration.declared import run_fit
from immunode.calibration.fit_check import check_fit
from immunode.calibration.fit_file import find_fit, fit_names
from immunode.calibration.fit_result import committed
from immunode.calibration.report import markdown, overview, write


@pytest.mark.parametrize("name", fit_names())
def test_the_report_is_the_generated_one(name):
    home, result = find_fit(name), committed(name)
    assert (home / "report.md").read_text(encoding="utf-8") == markdown(result)
    assert (home / "residuals.png").stat().st_size > 1000
    assert "clock" not in json.dumps(result.json())
    assert result.json() == json.loads((home / "result.json").read_text(encoding="utf-8"))


def test_overview_is_the_generated_one():
    text = (find_fit(fit_names()[0]).parent / "README.md").read_text(encoding="utf-8")
    assert text == overview([committed(name) for name in fit_names()])


TRIAL = """name = "odd"
title = "one dose"
reference = "made up"
model = "il2_sc"
visits = [0, 1]

[[arms]]
name = "low"
regimen = "3 MIU SC"

"""
ROW = '[[rows]]\narm = "low"\nobservable = "il2"\nmeasure = "auc"\nday = {day}\nvalue = {value}\nsigma = 0.1\n\n'
FIT = 'title = "one dose"\nmodel = "il2_sc"\nevidence = ["odd.toml"]\n\n[vary]\nCL = {}\n'


def test_what_a_fit_of_the_typical_patient_warns_of_stands_in_its_result_and_its_report(tmp_path):
    """Areas to a day and to two days that cannot both be: ten sigmas apart in one patient."""
    rows = "".join(ROW.format(day=day, value=value) for day, value in ((1, 4.0), (2, 2.0)))
    (tmp_path / "odd.toml").write_text(TRIAL.replace("[0, 1]", "[0, 1, 2]") + rows, encoding="utf-8")
    (tmp_path / "fit.toml").write_text(FIT, encoding="utf-8")
    result = run_fit(str(tmp_path), threads=1, progress=False)
    (note,) = result.notes
    assert "the evidence disagrees with itself or the model" in note
    assert result.json()["notes"] == [note]
    assert note in markdown(result)
    write(result, tmp_path)
    assert committed(str(tmp_path)).notes == [note]
    assert check_fit(str(tmp_path), threads=1).ok
