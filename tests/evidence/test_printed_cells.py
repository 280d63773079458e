"""Cells as papers print them: a row a number is made of each, and what could be read in two ways is refused."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunode.evidence.printed_cells import expanded

ROW = {"arm": "a", "observable": "cd4", "day": 1.0}


def numbers(statistic, value, n=None, **more):
    rows, _ = expanded(ROW | {"statistic": statistic, "value": value} | more, n)
    return {row["statistic"]: row["value"] for row in rows}


@pytest.mark.parametrize(
    ("statistic", "value", "expected"),
    [
        ("median (q1-q3)", "61 (40-100)", {"median": 61, "q1": 40, "q3": 100}),
        ("Median (Q1–Q3)", "61 [40, 100]", {"median": 61, "q1": 40, "q3": 100}),
        ("median [IQR]", "61 (40 – 100)", {"median": 61, "q1": 40, "q3": 100}),
        ("median (IQR)", "61 (60)", {"median": 61, "iqr": 60}),
        ("median (iqr)", "-12 (-30 to 5)", {"median": -12, "q1": -30, "q3": 5}),
        ("median (iqr)", "−12 (−30–−5)", {"median": -12, "q1": -30, "q3": -5}),
        ("median (range)", "1,234 (900 to 2,000)", {"median": 1234, "min": 900, "max": 2000}),
        ("median (range)", "61 (40,100)", {"median": 61, "min": 40, "max": 100}),
        ("median (p10-p90)", "61 (40; 100)", {"median": 61, "p10": 40, "p90": 100}),
        ("median (q1-q3)", "<50 (<50-400)", {"median": "<50", "q1": "<50", "q3": 400}),
        ("mean (sd)", "112 ± 113", {"mean": 112, "sd": 113}),
        ("mean ± SD", "112 (113)", {"mean": 112, "sd": 113}),
        ("mean±sd", "112 +/- 113", {"mean": 112, "sd": 113}),
        ("Median [Q1; Q3]", "61 [40; 100]", {"median": 61, "q1": 40, "q3": 100}),
        ("geometric mean (geometric CV)", "12.3 (45)", {"geometric_mean": 12.3, "geometric_cv": 45}),
        ("n/N (%)", "6/40 (15.0)", {"count": 6}),
        ("mean (sem)", "112 (±11.5)", {"mean": 112, "se": 11.5}),
        ("mean (95% CI)", "112 (90.5 to 133)", {"mean": 112, "ci_low": 90.5, "ci_high": 133}),
        ("median (95% CI)", "61 (40 to 100)", {"median": 61, "median_ci_low": 40, "median_ci_high": 100}),
        (
            "Geometric mean [95 % CI]",
            "61 [40, 100]",
            {"geometric_mean": 61, "geometric_ci_low": 40, "geometric_ci_high": 100},
        ),
        ("geometric mean (CV%)", "12.3 (45%)", {"geometric_mean": 12.3, "geometric_cv": 45}),
        ("mean (cv%)", "12.3 (45)", {"mean": 12.3, "cv": 45}),
        ("mean (iqr)", "61 (40-100)", {"mean": 61, "q1": 40, "q3": 100}),
        ("mean [IQR]", "61 [60]", {"mean": 61, "iqr": 60}),
        ("median (5th-95th)", "61 (12-240)", {"median": 61, "p5": 12, "p95": 240}),
        ("median (5th to 95th percentile)", "61 (12 to 240)", {"median": 61, "p5": 12, "p95": 240}),
        ("Mean (10th–90th percentiles)", "61 (12-240)", {"mean": 61, "p10": 12, "p90": 240}),
        ("median (2.5%-97.5%)", "61 (12-240)", {"median": 61, "p2.5": 12, "p97.5": 240}),
        ("median (25th-75th)", "61 (40-100)", {"median": 61, "q1": 40, "q3": 100}),
        ("median (P25-P75)", "61 (40-100)", {"median": 61, "q1": 40, "q3": 100}),
        ("geometric mean (sd)", "12.3 (1.5)", {"geometric_mean": 12.3, "geometric_sd": 1.5}),
        ("Geometric mean (geometric SD)", "12.3 (1.5)", {"geometric_mean": 12.3, "geometric_sd": 1.5}),
        ("geometric mean (GSD)", "12.3 (1.5)", {"geometric_mean": 12.3, "geometric_sd": 1.5}),
        ("geometric mean (GCV%)", "12.3 (45)", {"geometric_mean": 12.3, "geometric_cv": 45}),
        ("n (%)", "6/40 (15%)", {"count": 6}),
        ("n (%)", "6 of 40", {"count": 6}),
        ("n (%)", "<5", {"count": "<5"}),
        ("n (%)", "< 5/40 (<12.5%)", {"count": "<5"}),
        ("n (%) above", "≤5 of 40", {"count_above": "≤5"}),
        ("n (%) below", "12 (30 %)", {"count_below": 12}),
        ("median", 61, {"median": 61}),
        ("percent_above", "15 %", {"percent_above": 15}),
        ("percent_above", "<5%", {"percent_above": "<5"}),
        ("p_t_test", "P = 0.03", {"p_t_test": 0.03}),
        ("p_t_test", "p<0.001", {"p_t_test": "<0.001"}),
    ],
)
def test_a_cell_is_the_numbers_that_its_statistic_says(statistic, value, expected):
    assert numbers(statistic, value, 40) == expected


@pytest.mark.parametrize(
    ("statistic", "value", "says"),
    [
        ("median", "61 (40-100)", "say statistic = 'median (q1-q3)' or 'median (range)'"),
        ("mean", "61 ± 12", "say statistic = 'mean (sd)', 'mean (se)' or 'mean (95% ci)'"),
        ("percent", "6/40 (15%)", "say statistic = 'n (%)'"),
        ("median (q1-q3)", "61", "'61' is no median (q1-q3); expected one such as '61 (40-100)'"),
        ("median (q1-q3)", "61 (60)", "is no median (q1-q3)"),
        ("median (q1-q3)", "61 (-60)", "is no median (q1-q3)"),
        ("mean (sd)", "1,5 (0,4)", "decimals are written with points"),
        ("mean (sd)", "61% (12%)", "'61%' is a percentage, and the row is of none"),
        ("median (90% ci)", "61 (40-100)", "'median (90% ci)' is none; expected median (q1-q3), "),
        ("mean (geometric sd)", "61 (1.5)", "'mean (geometric sd)' is none; expected median (q1-q3), "),
        ("mean (geometric cv)", "61 (15)", "'mean (geometric cv)' is none; expected median (q1-q3), "),
        ("median (5-95)", "61 (12-240)", "'median (5-95)' is none"),
        ("n (%)", "12/40 (35%)", "12 of 40 patients are 30 %, not 35 %"),
        ("n (%)", "12 (35%)", "12 of 40 patients are 30 %, not 35 %"),
        ("n (%)", "some", "is no count of patients; expected one such as '6/40 (15%)'"),
    ],
)
def test_a_cell_that_is_something_else_is_refused_with_the_cure(statistic, value, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        numbers(statistic, value, 40)


@pytest.mark.parametrize("statistic", ["mean (cv%)", "geometric mean (cv%)", "geometric mean (sd)", "mean (sd)"])
def test_the_unit_of_a_cell_is_of_what_stands_first_and_of_spreads_in_it(statistic):
    rows, _ = expanded(ROW | {"statistic": statistic, "value": "12 (1.5)", "unit": "mg/L"}, None)
    assert [row.get("unit") for row in rows] == ["mg/L", "mg/L" if statistic == "mean (sd)" else None]


@pytest.mark.parametrize("cell", ["", "-", "–", "NA", "n.r.", " N/A ", None])
def test_a_cell_in_which_nothing_is_printed_makes_no_number(cell):
    assert expanded(ROW | {"value": cell}, None) == ([], 1)


def test_a_spread_that_is_missing_leaves_the_centre():
    rows, missing = expanded(ROW | {"statistic": "median (q1-q3)", "value": "61 (NA)"}, None)
    assert ([row["statistic"] for row in rows], missing) == (["median"], 1)


@pytest.mark.parametrize(
    ("statistic", "value", "expected"),
    [
        ("median (q1-q3)", "5 (2-NA)", {"median": 5, "q1": 2}),
        ("median (range)", "5 (NA-9)", {"median": 5, "max": 9}),
        ("median (95% CI)", "5 (2 to n.r.)", {"median": 5, "median_ci_low": 2}),
        ("median (iqr)", "5 [–, 9]", {"median": 5, "q3": 9}),
        ("median (q1-q3)", "5 (<2-NR)", {"median": 5, "q1": "<2"}),
        ("median (q1-q3)", "5 (NA-NA)", {"median": 5}),
        ("median (95% CI)", "5 (2-NE)", {"median": 5, "median_ci_low": 2}),
        ("median (range)", "5 (2–)", {"median": 5, "min": 2}),
        ("median (q1-q3)", "-5 (-9 - -2)", {"median": -5, "q1": -9, "q3": -2}),  # none of it is missing
    ],
)
def test_a_spread_of_which_an_end_is_missing_is_the_other_one(statistic, value, expected):
    rows, missing = expanded(ROW | {"statistic": statistic, "value": value}, None)
    assert {row["statistic"]: row["value"] for row in rows} == expected
    assert missing == (len(expected) < 3)


PRINTED = st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 3)).map(
    lambda one: round(one[0] / 10 ** one[1], one[1])
)
PAIRS = st.sampled_from([("(", ")"), ("[", "]"), ("( ", " )")])
BETWEEN = st.sampled_from(["-", " - ", "–", " to ", ", ", "; ", "–", " — "])
FORMS = st.sampled_from(
    [("median (q1-q3)", "q1", "q3"), ("Mean [95% CI]", "ci_low", "ci_high"), ("median (range)", "min", "max")]
)


@settings(deadline=None)
@given(st.tuples(PRINTED, PRINTED, PRINTED), PAIRS, BETWEEN, FORMS, st.booleans())
def test_what_is_written_as_papers_do_is_read_back(three, brackets, between, form, thousands):
    written = [f"{one:,}" if thousands else f"{one}" for one in three]
    cell = f"{written[0]} {brackets[0]}{written[1]}{between}{written[2]}{brackets[1]}"
    statistic, low, high = form
    centre = "mean" if low == "ci_low" else "median"
    assert numbers(statistic, cell) == dict(zip((centre, low, high), three, strict=True))


@settings(deadline=None)
@given(st.integers(1, 5000), st.data(), st.integers(0, 2))
def test_a_count_is_read_with_its_rounded_percentage_and_no_other(n, data, digits):
    count = data.draw(st.integers(0, n))
    share = 100 * count / n
    assert numbers("n (%)", f"{count}/{n} ({share:.{digits}f}%)") == {"count": count}
    with pytest.raises(ValueError, match=f"{count} of {n} patients are"):
        numbers("n (%)", f"{count}/{n} ({share + 2 * 10**-digits:.{digits}f}%)")


PAGE = (Path(__file__).parents[2] / "docs" / "trial-files.md").read_text(encoding="utf-8")
TABLE = PAGE[PAGE.index("| `statistic` | `value` |") :].partition("\n\n")[0]
ROWS = [line.split("|")[1:4] for line in TABLE.splitlines()]


@pytest.mark.parametrize(("statistics", "cells", "expected"), ROWS[2:])
def test_the_documented_cells_are_read_as_the_page_says(statistics, cells, expected):
    named = dict(re.findall(r"`(\w+)` ([-<\d.]+)", expected))
    for statistic in re.findall("`(.*?)`", statistics):
        name = {"n (%) above": {"count_above": "6"}, "n (%) below": {"count_below": "6"}}.get(statistic, named)
        for cell in re.findall("`(.*?)`", cells):
            assert {key: str(value).removesuffix(".0") for key, value in numbers(statistic, cell, 40).items()} == name
