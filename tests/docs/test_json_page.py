"""The page docs/json.md names every key that the command line prints as JSON."""

import re
from pathlib import Path

import pandas
import pytest

import immunode as im
from immunode import nonmem
from immunode.calibration.fit_result import committed
from immunode.evidence.library import load
from immunode.models import model
from immunode.report.courses import CourseReport, RecordsReport
from immunode.report.event_tables import CheckReport
from immunode.report.fits import FitReport
from immunode.report.models import ModelReport, ModelsReport
from immunode.report.predictions import PredictionReport
from immunode.report.trial_files import TrialsReport
from tests.calibration.summaries import fitted, known

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
RECORDS = pandas.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": [3, 0], "CMT": ["sc", "0"], "EVID": [1, 0]})


def course():
    """Return what is printed of a course; made by the test, not by every process that collects tests."""
    result = im.simulate("il2_sc", times=[0, 1])
    return CourseReport(result, ["il2"], result)


def prediction():
    """Return what is printed of a prediction, with the keys of its numbers."""
    fit = known(im.Population("il2_sc", omega={"CL": 0.3}), {"CL": [100.0] * 20})
    trial = im.Trial("plan", fit.population, visits=[0, 1], arms=[im.Arm("a", 5, "3 MIU SC")])
    data = PredictionReport(im.predict_trial(trial, fit, n=10)).json()
    return [*data, *data["numbers"][0]]


def documented(command):
    """Return the keys that the paragraphs of a command name."""
    paragraphs = [text for text in PAGE.split("\n\n") if text.startswith(f"`immunode {command}")]
    return set(re.findall(r"`(\w+)`", " ".join(paragraphs)))


@pytest.mark.parametrize(
    ("command", "report"),
    [
        ("simulate", lambda: course().json()),
        ("simulate", lambda: RecordsReport(im.simulate("il2_sc", im.read_events(RECORDS, "il2_sc")), ["il2"]).json()),
        ("check", lambda: CheckReport("data.csv", None, nonmem.reading(RECORDS, model("il2_sc"))).json()),
        ("models", lambda: ModelReport(model("il2_sc")).json()),
        ("models", lambda: ModelsReport([model("il2_sc")]).json()[0]),
        ("trials", lambda: TrialsReport([load("tincati_2008")]).json()[0]),
        ("fit", lambda: FitReport(committed("piscitelli_1996")).json()),
        ("fit", lambda: FitReport(fitted()[2]).json()),
        ("predict", prediction),
    ],
)
def test_every_key_that_is_printed_is_on_the_page(command, report):
    assert set(report()) - documented(command) == set()
