"""A comparison's report: an answer of 25 lines at 80 columns, stable JSON, tables for a report."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas
import pytest
from rich.console import Console

import immunode as im
from immunode.report.comparisons import ComparisonReport, comparison_frame
from immunode.report.files import save_comparison

DOSES = [f"{dose} MIU SC BID x 5 days every 8 weeks x2" for dose in (1.5, 3, 4.5, 7.5)]
PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def result():
    return im.compare("il2_cd4_hiv", DOSES, patients="cd4 200-500, suppressed", until="4 mo", n=30)


def printed(report, width=80):
    console = Console(width=width, file=io.StringIO(), highlight=False, markup=False)
    for thing in report.table():
        console.print(thing)
    return console.file.getvalue().rstrip("\n").splitlines()


def test_four_arms_are_answered_in_25_lines_of_80_columns(result):
    lines = printed(ComparisonReport(result))
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "suppressed" in text
    assert all(dose in text for dose in DOSES)
    numbers = re.findall(r"(?<![\w.])\d+\.?\d*", text[text.index("benefit") :])
    assert max(len(number.replace(".", "").lstrip("0")) for number in numbers) <= 4  # 1010 of an area


def test_short_names_stand_in_the_tables_and_efficient_ones_are_marked():
    named = im.compare("il2_sc", {"low": "1.5 MIU SC", "high": "4.5 MIU SC"}, until=7, n=10, versus="low")
    text = "\n".join(printed(ComparisonReport(named, everything=True)))
    assert "* low" in text
    assert "low  1.5 MIU SC" in text
    assert "minus low (95 %)" in text
    assert "spread between patients" in text


def test_json_has_the_keys_of_the_page_and_no_nan(result):
    data = ComparisonReport(result).json()
    text = json.dumps(data, allow_nan=False)
    paragraph = PAGE.split("`immunode compare")[1].split("\n\n")[0]
    documented = set(re.findall(r"`(\w+)`", paragraph))
    keys = set(data) | set(data["schedules"][0]) | set(data["schedules"][0]["endpoints"][0])
    assert keys <= documented
    assert json.loads(text)["schedules"][2]["regimen"] == DOSES[1]


def test_files_hold_every_endpoint_of_every_schedule_and_patient(result, tmp_path):
    save_comparison(ComparisonReport(result), tmp_path)
    table = pandas.read_csv(tmp_path / "comparison.csv")
    assert len(table) == 5 * result.sizes["endpoint"]
    assert table.estimate.tolist() == pytest.approx(comparison_frame(result).estimate.tolist(), nan_ok=True)
    patients = pandas.read_csv(tmp_path / "patients.csv")
    assert len(patients) == 5 * 30
    median = patients[patients.schedule == DOSES[1]]["cd4 gain"].median()
    assert median == pytest.approx(float(result.estimate.sel(arm=DOSES[1], endpoint="cd4 gain")), rel=1e-9)
    assert (tmp_path / "comparison.png").stat().st_size > 10_000
    import xarray

    assert xarray.open_dataset(tmp_path / "comparison.nc").estimate.shape == result.estimate.shape


def test_a_change_that_is_rounding_beside_others_is_0(result):
    copied = result.copy(deep=True)
    copied["estimate"][0, 0] = -1e-12
    frame = comparison_frame(copied)
    assert frame.estimate[0] == 0
    np.testing.assert_array_equal(frame.estimate[1:], comparison_frame(result).estimate[1:])
