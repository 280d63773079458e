"""Reports of fits are what their committed results say."""

import json

import pytest

from immunode.calibration.fit_file import find_fit, fit_names
from immunode.calibration.fit_result import committed
from immunode.calibration.report import markdown, overview


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
