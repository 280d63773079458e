"""What printed numbers cannot be beside each other is refused by row, value and cure."""

import re

import pytest

import immunode as im
from immunode.errors import BadValue

ROW = {"arm": "a", "observable": "cd4", "day": 28}
ARMS = [{"name": "a", "n": 30}, {"name": "b", "n": 20}]
ABOVE, BELOW = ({"statistic": f"percent_{side}"} for side in ("above", "below"))


def read(*rows):
    return im.Evidence(name="e", arms=ARMS, rows=[ROW | row for row in rows])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [ABOVE | {"limit": 5, "value": 20}, ABOVE | {"limit": 8, "value": 40}],
            "row 2: percent_above 8 = 40, and percent_above 5 = 20 in row 1: who is beyond a limit is beyond a lower",
        ),
        (
            [ABOVE | {"limit": 5, "value": "20%", "unit": "%"}, ABOVE | {"limit": 8, "value": 40}],
            "row 2: percent_above 8",
        ),
        ([ABOVE | {"limit": 8, "value": 40}, ABOVE | {"limit": 5, "value": 20}], "row 1: percent_above 8 = 40, and"),
        (
            [BELOW | {"limit": 8, "value": 20}, BELOW | {"limit": 5, "value": 40}],
            "row 1: percent_below 8 = 20, and percent_below 5 = 40 in row 2",
        ),
        (
            [ABOVE | {"limit": 5, "value": 20}, BELOW | {"limit": 8, "value": 70}],  # so 30 are at 8 or above
            "row 2: percent_below 8 = 70, and percent_above 5 = 20 in row 1",
        ),
        (
            [ABOVE | {"limit": 5, "value": "<10%"}, {"statistic": "count_above", "limit": 8, "value": 4}],
            "row 2: count_above 8 = 4, and percent_above 5 = <10 in row 1",
        ),
        (
            [ABOVE | {"limit": "5 mg/L", "value": 20}, ABOVE | {"limit": "0.008 g/L", "value": 40}],
            "row 2: percent_above 0.008 g/L = 40",
        ),
    ],
)
def test_more_beyond_a_limit_than_beyond_a_lower_one_is_refused(rows, says):
    with pytest.raises(BadValue, match=re.escape(says)):
        read(*rows)


@pytest.mark.parametrize(
    "rows",
    [
        [ABOVE | {"limit": 5, "value": 40}, ABOVE | {"limit": 8, "value": 20}],
        [ABOVE | {"limit": 5, "value": 20}, ABOVE | {"limit": 8, "value": 20}],
        [ABOVE | {"limit": 5, "value": 20}, {"statistic": "count_above", "limit": 8, "value": 6}],
        [ABOVE | {"limit": 5, "value": 23}, {"statistic": "count_above", "limit": 8, "value": 7}],  # 23.3 %, rounded
        [ABOVE | {"limit": 5, "value": 20}, ABOVE | {"limit": 8, "value": 40, "arm": "b"}],
        [ABOVE | {"limit": 5, "value": 20}, ABOVE | {"limit": 8, "value": 40, "n": 10}],
        [ABOVE | {"limit": 5, "value": 20}, BELOW | {"limit": 5, "value": 80, "use": "check"}],
        [ABOVE | {"limit": 5, "value": 20}, ABOVE | {"limit": "8 mg/L", "value": 40}],  # in which units, the model says
    ],
)
def test_shares_that_can_be_are_read(rows):
    read(*rows)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [{"statistic": "sd", "value": 40}, {"statistic": "median (range)", "value": "6 (4-9)"}],
            "row 1: sd = 40, and the same patients are from 4 to 9: expected an SD of at most 3.05; mend one of them",
        ),
        ([{"statistic": "se", "value": 4}, {"statistic": "median (range)", "value": "6 (4-9)"}], "row 1: se = 4, and"),
        ([{"statistic": "cv", "value": 90}, {"statistic": "mean (range)", "value": "6 (4-9)"}], "row 1: cv = 90, and"),
        (
            [
                {"statistic": "mean (cv%)", "value": "6 (90)", "unit": "mg/L"},
                {"statistic": "mean (range)", "value": "0.006 (0.004-0.009)", "unit": "g/L"},
            ],
            "row 1: cv = 90, and the same patients are from 0.004 g/L to 0.009 g/L: expected an SD of at most 3.",
        ),
    ],
)
def test_a_spread_that_no_patients_of_their_range_have_is_refused(rows, says):
    with pytest.raises(BadValue, match=re.escape(says)):
        read(*rows)


def test_the_largest_spread_of_a_range_is_read():
    read({"statistic": "sd", "value": 2.54}, {"statistic": "median (range)", "value": "6 (4-9)"})  # 15 at either end
    read({"statistic": "sd", "value": 40}, {"statistic": "median (range)", "value": "6 (<4-9)"})  # from where?


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [{"statistic": "median", "value": 5, "unit": "mg/L"}, {"statistic": "q1", "value": 0.007, "unit": "g/L"}],
            "row 1: median = 5, and q1 of row 2 is 0.007 g/L; expected 0.007 g/L or more",
        ),
        ([{"statistic": "q1", "value": 3}, {"statistic": "median", "value": 2}], "row 2: median = 2, and q1 of row 1"),
    ],
)
def test_quantiles_that_do_not_rise_are_refused_in_whatever_units_they_are(rows, says):
    with pytest.raises(BadValue, match=re.escape(says)):
        read(*rows)


def test_quantiles_of_units_that_do_not_fit_are_for_the_model_to_refuse():
    read({"statistic": "median", "value": 5, "unit": "mg/L"}, {"statistic": "q1", "value": 7, "unit": "L"})
    read({"statistic": "median", "value": 5, "unit": "mg/L"}, {"statistic": "q1", "value": 7})
