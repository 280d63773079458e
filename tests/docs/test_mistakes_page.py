"""The page docs/mistakes.md says what the fits of docs/mistakes.csv say, and these are what the script makes."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "mistakes.md").read_text(encoding="utf-8")
script = runpy.run_path(str(DOCS / "mistakes.py"))
FITS = pd.read_csv(DOCS / "mistakes.csv")


def test_the_table_is_that_of_the_fits():
    table = PAGE.split("<!-- readings -->")[1].strip().split("\n\n")[0].splitlines()
    assert table[2:] == script["summary"](FITS)


def test_every_reading_of_every_set_was_fitted():
    readings = [words for one in script["READINGS"] for words in (one.right, one.wrong)]
    assert list(FITS.reading.drop_duplicates()) == readings
    for one in script["READINGS"]:
        for words in (one.right, one.wrong):
            some = FITS[FITS.reading == words]
            assert len(some) == script["SETS"] * len(one.vary)
            assert set(some.set) == set(range(script["SETS"]))


def covered(words, name):
    some, truth = FITS[(FITS.reading == words) & (FITS.parameter == name)], script["TRUTH"][name]
    return ((some.low <= truth) & (some.high >= truth)).mean()


@pytest.mark.parametrize("name", ["CL", "omega_CL"])
def test_right_readings_hold_the_truth_as_often_as_they_say(name):
    """Within 3 Monte Carlo errors of 0.95."""
    error = (0.95 * 0.05 / script["SETS"]) ** 0.5
    for one in script["READINGS"]:
        if name in one.vary:
            assert covered(one.right, name) > 0.95 - 3 * error, one.right


def test_each_mistake_costs_what_the_page_says():
    bias = FITS[FITS.parameter == "CL"].groupby("reading").estimate.mean() / script["TRUTH"]["CL"]
    spread = FITS[FITS.parameter == "omega_CL"].groupby("reading").estimate.mean() / script["TRUTH"]["omega_CL"]
    for one in script["READINGS"]:
        assert min(covered(one.wrong, name) - covered(one.right, name) for name in one.vary) < 0, one.wrong
    assert spread["SE read as SD"] == pytest.approx(33**-0.5, rel=0.1)
    assert bias["k of all 33"] > 1.1


@pytest.mark.slow
def test_a_set_fitted_again_gives_its_rows():
    """To a fifth of each interval's width: what a change of the search's settings may move and no more."""
    rows = pd.DataFrame(script["fits"](0), columns=FITS.columns)
    before = FITS[FITS.set == 0].reset_index(drop=True)
    assert (rows[["reading", "parameter"]] == before[["reading", "parameter"]]).all(axis=None)
    width = before.high - before.low
    for column in ("estimate", "low", "high"):
        assert ((rows[column] - before[column]).abs() < 0.2 * width).all(), column
