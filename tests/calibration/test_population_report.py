"""The report of a population tells estimates, both intervals, how far trials differ, and every printed number."""

import dataclasses

from immunode.calibration.population_report import left_out_lines
from immunode.calibration.report import markdown, overview
from tests.calibration.summaries import fitted

ROW = {"evidence": "two", "label": "peak", "published": 3.0, "predicted": 4.0, "low": 3.5, "high": 5.0, "inside": False}


def test_the_report_tells_everything():
    result = fitted(effects=True)[2]
    text = markdown(result)
    for name, entry in result.estimates.items():
        assert f"| {name} | {entry['value']:.4g} |" in text
    assert "## How far trials differ" in text
    assert "Raw estimates under other priors" in text
    assert all(row["label"] in text for row in result.predicted)
    assert f"-2 log L {result.objective['deviance']:.2f}" in text


def test_an_end_that_is_open_is_said():
    result = fitted()[2]
    estimates = {name: {**entry, "high": None} for name, entry in result.estimates.items()}
    assert " to open |" in markdown(dataclasses.replace(result, estimates=estimates))


def test_numbers_that_were_left_out_are_counted():
    lines = left_out_lines([ROW, ROW | {"inside": True}, ROW | {"inside": None, "published": "<50"}])
    assert "1 of 2 printed numbers lie in their 95 % interval." in lines
    assert "| peak | 3 | 4 | 3.5 to 5 | NO |" in lines
    assert "| peak | <50 | 4 | 3.5 to 5 |  |" in lines
    assert left_out_lines([]) == ""


def test_groups_of_numbers_are_scored_whatever_is_fitted():
    """By their sigmas, (10 - 8)/2 and (10 - 7)/1; foretold only what is: 9 of 10."""
    row = {"use": "fit", "observed": 10.0, "sd": 1.0, "residual": 0.0}
    predicted = [
        {**row, "label": "a", "predicted": 8.0, "sigma": 2.0, "note": ""},
        {**row, "label": "b", "predicted": 7.0, "sigma": 1.0, "use": "check", "note": "said of b"},
        {**row, "label": "c", "predicted": 7.0, "sigma": None, "note": ""},
    ]
    ahead = {"label": "a", "observed": 10.0, "predicted": 9.0, "inside": True, "low": 8.0, "high": 10.0}
    parts = dict.fromkeys(("parameter", "trial", "patients", "sampling"), 25.0)
    result = dataclasses.replace(
        fitted(effects=True)[2], predicted=predicted, foretold=[{**ahead, **parts}], scored={"mine": ["a", "b", "c"]},
        weak=["V x 2 alone"],
    )  # fmt: skip
    text = markdown(result)
    assert "| mine | 3 | 10.0 of 2 | 1 | 10 % | 1 |" in text
    assert "| mine | b | 10 | 7 | 1 | -3.00 |" in text
    assert "| b | 10 | 7 | 1 | +0.00 | said of b |" in text
    assert "- V x 2 alone" in text
    assert "## Scores" not in markdown(fitted()[2])


def test_the_overview_holds_fits_of_both_kinds():
    assert "-2 log L" in overview([fitted()[2]])


def test_a_prior_is_said_with_its_source():
    prior = {"CL": {"median": 150.0, "log_sd": 0.2, "source": "another study"}}
    text = markdown(dataclasses.replace(fitted()[2], priors=prior))
    assert "- CL: median 150, SD of the logarithm 0.2 (another study)" in text
    assert "Priors" not in markdown(fitted()[2])


def test_each_trial_is_foretold_and_what_the_width_is_due_to_is_said():
    result = fitted(effects=True)[2]
    text = markdown(result)
    assert "## Each trial foretold by all others" in text
    assert len(result.foretold) == len(result.predicted)  # all of which are fitted
    for row in result.foretold:
        assert f"| {row['label']} | " in text
        assert abs(sum(row[level] for level in ("parameter", "trial", "patients", "sampling")) - 100) < 1e-6
    assert {row["evidence"] for row in result.foretold} == {"one", "two", "three"}


def test_a_second_valley_of_a_profile_within_the_level_is_said():
    """The interval is that of the first, whose end is at 3; the profile is below 3.84 again from 5 to 6."""
    result = fitted()[2]
    name = next(iter(result.estimates))
    estimates = {name: {**result.estimates[name], "raw_low": 1.0, "raw_high": 3.0}}
    course = {"value": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], "rise": [3.84, 0.0, 3.84, 6.0, 3.0, 2.0, 9.0]}
    text = markdown(dataclasses.replace(result, estimates=estimates, profiles={name: course}))
    assert f"- {name}: a second valley, 5 to 6, where -2 log L is 2.0 above the minimum" in text
    open_end = {name: {**estimates[name], "raw_high": None}}
    assert "second valley" not in markdown(dataclasses.replace(result, estimates=open_end, profiles={name: course}))
