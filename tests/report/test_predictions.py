"""A prediction on a screen of 80 columns and as files."""

import dataclasses
import io

import numpy as np
import pandas as pd
from rich.console import Console

from immunode.calibration.prediction import Prediction
from immunode.report.predictions import PredictionReport, save_prediction

SHARES = {"parameter": 10.0, "trial": 60.0, "patients": 0.1, "sampling": 29.9}
ROWS = [
    {"label": "t: peak", "published": 11.1, "predicted": 12345.6, "low": -1234.5, "high": 123456.7, "inside": True}
    | SHARES,
    {"label": "t: words", "published": "fast", "predicted": 0.00123, "low": 0.001, "high": 0.002, "inside": None}
    | SHARES,
    {"label": "t: none", "published": None} | dict.fromkeys(("predicted", "low", "high", "inside", *SHARES)),
]  # fmt: skip


def report():
    table = pd.DataFrame(ROWS).astype(object)
    return PredictionReport(Prediction("t", "il2_sc", "f", table, 100, 1000, 1, 250.0, 1, ("a note",)))


def test_numbers_stand_under_their_heads_within_80_columns():
    lines = report().table()
    head, numbers = lines[2], lines[4]
    assert max(len(line) for line in lines[2:9]) <= 80
    assert head.index("predicted") + len("predicted") == numbers.index("12346") + len("12346")
    assert 'words (printed: "fast")' in lines
    assert "none" in lines[8]
    assert "1 of 1 printed numbers lie in their 95 % interval." in lines
    assert lines[-1] == "note: a note"


def test_long_numbers_do_not_run_together():
    long = {"published": -0.00123, "predicted": -0.00123, "low": -0.00123, "high": -0.00012, "inside": False}
    table = pd.DataFrame([ROWS[0] | long | {"parameter": 100.0, "patients": 100.0}]).astype(object)
    lines = PredictionReport(Prediction("t", "m", "f", table, 100, 1000, 1, 250.0, 1, ())).table()
    assert len(lines[4]) <= 80
    words = "-0.00123", "-0.00123", "-0.00123", "to", "-0.00012", "NO", "100.0", "60.0", "100.0", "29.9"
    assert tuple(lines[4].split()) == words


def test_medians_by_form_are_a_table_and_plain_data():
    apart = pd.DataFrame({"one": [12345.6, np.nan], "other": [0.5, 2.0]}, index=["t: peak", "t: none"])
    told = dataclasses.replace(report().prediction, by_form=apart)
    shown = Console(width=80, file=io.StringIO())
    for thing in PredictionReport(told).table():
        shown.print(thing)
    lines = shown.file.getvalue().splitlines()
    head = next(i for i, line in enumerate(lines) if "predicted by each form" in line)
    assert lines[head].split()[-2:] == ["one", "other"]
    assert [line.split() for line in lines[head + 2 : head + 4]] == [["peak", "12346", "0.5"], ["none", "none", "2"]]
    assert max(map(len, lines)) <= 80
    assert PredictionReport(told).json()["by_form"] == [
        {"label": "t: peak", "predicted": {"one": 12345.6, "other": 0.5}},
        {"label": "t: none", "predicted": {"one": None, "other": 2.0}},
    ]
    assert report().json()["by_form"] == []


def test_files_are_written(tmp_path):
    save_prediction(report(), tmp_path, ["svg"])
    names = ["prediction.csv", "prediction.json", "prediction.png", "prediction.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    kept = pd.read_csv(tmp_path / "prediction.csv")
    assert list(kept.label) == ["t: peak", "t: words", "t: none"]
    assert np.isnan(kept.predicted[2])
