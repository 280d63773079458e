"""What printed numbers cannot be is refused by row, value and cure."""

import re

import pytest

import immunode as im
from immunode.errors import BadValue

ROW = {"arm": "a", "observable": "cd4", "day": 28, "value": 1}
ARMS = [{"name": "a", "n": 12}, {"name": "b", "n": 20}]


def read(*rows):
    return im.Evidence(name="e", arms=ARMS, rows=[ROW | row for row in rows])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{}, {"statistic": "q1", "value": 2}], "row 1: median = 1, and q1 of row 2 is 2; expected 2 or more"),
        ([{"statistic": "median (iqr)", "value": "61 (70-100)"}], "row 1: median = 61, and q1 of the same row is 70"),
        ([{"statistic": "median (range)", "value": "61 (61-61)"}], "expected 61 or more, and not the same"),
        ([{"statistic": "mean (95% ci)", "value": "61 (62-70)"}], "mean = 61, and ci_low of the same row is 62"),
        ([{"statistic": "sd", "value": 0}], "row 1: value = 0: expected an SD above 0"),
        ([{"statistic": "geometric_sd", "value": 1}], "row 1: value = 1: expected a geometric SD above 1"),
        (
            [{"statistic": "geometric_sd", "value": 2, "unit": "mg"}],
            "unit = 'mg': 'geometric_sd' is in 1; leave the unit",
        ),
        ([{"statistic": "geometric_mean", "value": -1}], "expected a geometric mean above 0"),
        ([{"statistic": "percent_above", "limit": 5, "value": 101}], "expected a percentage, from 0 to 100"),
        ([{"statistic": "percent_above", "value": 10}], "'percent_above' counts by a limit; give limit = 1"),
        ([{"limit": 3}], "'median' has no use for limit = 3.0"),
        ([{"statistic": "count_above", "limit": 5, "value": 2.5}], "expected a count of patients, a whole number"),
        ([{"statistic": "count_above", "limit": 5, "value": 13}], "expected at most the 12 patients of 'a'"),
        ([{"n": 13}], "n = 13 is more than the 12 patients of 'a'"),
        ([{"statistic": "count"}], "expected 'percent' or 'count' for event and rebound, and for them alone"),
        ([{"measure": "auc", "from_day": 28}], "row 1: no time lies between from_day = 28 and day = 28; 'auc' needs a"),
        ([{"measure": "change", "from_day": 30}], "row 1: no time lies between from_day = 30 and day = 28; 'change'"),
        (
            [{"observable": "", "measure": "event", "statistic": "count", "from_day": 29}],
            "row 1: no time lies between from_day = 29 and day = 28; 'event' needs a span of days",
        ),
        ([{"day": -1}], "row 1: day = -1 lies before the start of the trial, day 0"),
        ([{"statistic": "p_t_test", "use": "check"}], "is of a test between arms; name the other as 'versus'"),
        ([{"statistic": "p_t_test", "versus": "b"}], "is nothing that a fit reads; say use = 'check'"),
        ([{"statistic": "p_fisher", "versus": "b", "use": "check"}], "expected 'p_fisher' of event and rebound"),
        ([{"statistic": "p_t_test", "versus": "b", "use": "check", "value": 2}], "expected a p-value, from 0 to 1"),
        ([{"arm": "a + b", "versus": "b"}], "arm 'b' stands on both sides of the comparison"),
        (
            [{"statistic": "sd", "versus": "b"}],
            "'sd' with versus = 'b': expected one of each arm, or of a difference of",
        ),
        ([{"statistic": "se", "versus": "b", "versus_value": 2}], "'se', 'ci_low' and 'ci_high', without versus_value"),
        ([{"statistic": "ci_low", "versus": "b", "compare": "ratio"}], "or of a difference of means 'se', 'ci_low'"),
        ([{"statistic": "median_ci_low", "versus": "b"}], "'median_ci_low' with versus = 'b': expected one of each"),
        ([{"statistic": "mean (95% ci)", "versus": "b", "value": "9 (10-20)"}], "mean = 9, and ci_low of the same row"),
        ([{"statistic": "median (95% ci)", "value": "61 (61-61)"}], "median_ci_high = 61, and median_ci_low of the"),
        (
            [
                {"statistic": "n (%)", "value": "6 (50%)", "measure": "event", "observable": "", "from_day": 7},
                {"statistic": "percent", "value": 50, "measure": "event", "observable": "", "from_day": 7},
            ],
            "row 2: percent = 50 is of the patients that count = 6 of row 1 counts already; leave it out, or say use",
        ),
        (
            [
                {"statistic": "percent_above", "limit": 5, "value": 25},
                {"statistic": "percent_below", "limit": 5, "value": 25},
            ],
            "row 2: percent_below = 25 is of the patients that percent_above = 25 of row 1 counts already",
        ),
        ([{"n": 10, "versus": "b"}], "row 1: n = 10 with versus = 'b' may be of either; leave it out, and say it"),
        ([{"arm": "a + b", "n": 33}], "n = 33 is more than the 32 patients of 'a + b'"),
        (
            [{"statistic": "count_above", "limit": 5, "versus": "b"}],
            "'count_above' with versus = 'b': counts differ as the sizes of arms do; give each arm a row of its",
        ),
        (
            [{"statistic": "percent_above", "limit": 5, "value": "<0%"}],
            "value = <0: no count of the 12 patients of 'a'",
        ),
        ([{"statistic": "count_above", "limit": 5, "value": ">12"}], "value = >12: no count of the 12 patients of 'a'"),
        ([{"versus": "b", "compare": "ratio", "unit": "mg"}], "unit = 'mg': a ratio has none, and is 1.2, not 120 %"),
        ([{"arm": "a + a"}], "arm 'a' is pooled with itself; name it once"),
        ([{"arm": "a + c"}], "e has no arm 'c'"),
        ([{"statistic": "cv", "unit": "1/uL"}], "unit = '1/uL': 'cv' is in percent; leave the unit out"),
        (
            [{"statistic": "percent_above", "limit": 5, "value": 0.5}],
            "value = 0.5 of the 12 patients of 'a' looks like a fraction: expected a percentage, 50 for 50 %; where it",
        ),
        ([{"statistic": "percent_below", "limit": 5, "value": 1.0}], "expected a percentage, 100 for 100 %"),
        ([{"statistic": "p95"}, {"statistic": "p90", "value": 2}], "row 1: p95 = 1, and p90 of row 2 is 2"),
    ],
)
def test_what_cannot_be_is_refused_by_its_row_with_the_cure(rows, says):
    with pytest.raises(BadValue, match=re.escape(says)):
        read(*rows)


COURSE = {"arm": "a", "observable": "cd4", "days": [7, 28], "mean": [3, 2], "variances": [1, 1], "n": 12}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"visits": [0, 14]}, "row 1: day = 28 comes after the last visit, day 14; add it to 'visits'"),
        ({"visits": [14, 0]}, "row 1: day = 28 comes after the last visit, day 14"),
        ({"visits": [-7, 28]}, "visits = -7: it lies before the start of the trial, day 0; leave it out"),
        (
            {"visits": [0, 14], "rows": [], "covariances": [COURSE]},
            "covariance 1: days = 28 comes after the last visit, day 14; add it to 'visits'",
        ),
        ({"start": 14, "covariances": [COURSE]}, "covariance 1: days = 7 lies before the start of the trial, day 14"),
        ({"covariances": [COURSE | {"n": 13}]}, "covariance 1: n = 13 is more than the 12 patients of 'a'"),
        ({"covariances": [COURSE | {"n": [12, 40]}]}, "covariance 1: n = 40 is more than the 12 patients of 'a'"),
    ],
)
def test_what_lies_outside_of_the_trial_is_refused(changes, says):
    with pytest.raises(BadValue, match=re.escape(says)):
        im.Evidence(**{"name": "e", "arms": ARMS, "rows": [ROW]} | changes)


def test_days_up_to_the_last_visit_are_read():
    im.Evidence(name="e", arms=ARMS, rows=[ROW], covariances=[COURSE], visits=[0, 28])


def test_what_can_be_is_read():
    read({}, {"statistic": "q1", "value": 1}, {"statistic": "q3", "value": 1})  # ties
    read({"statistic": "percent_above", "limit": 5, "versus": "b", "value": -30})  # a difference
    read({"arm": "a + b", "statistic": "n (%) above", "limit": 5, "value": "8/32 (25%)"})
    read({"arm": "a + b", "n": 30})  # of 32
    read({"statistic": "percent_above", "limit": 5, "value": "<5%"})
    read({"observable": "", "measure": "event", "from_day": 7, "statistic": "count", "value": 3})
    read({"statistic": "median (range)", "value": "<50 (<50-<50)"})  # all below the limit
    read({"statistic": "percent_above", "limit": 5, "value": "15%", "unit": "%"})
    read({"statistic": "p_t_test", "versus": "b", "use": "check", "value": "<0.001"})
    read({"statistic": "mean (95% ci)", "versus": "b", "value": "-9 (-20 to 2)"}, {"statistic": "se", "versus": "b"})
    read({"statistic": "q1", "versus": "b", "value": 9}, {"versus": "b"})  # of differences quartiles need not rise
    above = {"statistic": "percent_above", "value": 25}
    read({**above, "limit": 5}, {**above, "limit": 9}, {**above, "limit": 5, "use": "check"})
