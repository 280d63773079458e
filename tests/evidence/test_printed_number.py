"""One printed number: beyond a limit, of pooled arms, of any statistic."""

import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.evidence.printed_number import half_unit

ROW = {"arm": "a", "observable": "cd4", "day": 1, "value": 1}


@pytest.mark.parametrize(
    ("value", "number", "censored"),
    [(50, 50, ""), ("<50", 50, "below"), ("> 100000", 1e5, "above"), ("≤ 5.5", 5.5, "below"), ("1,234", 1234, "")],
)
def test_a_number_beyond_a_limit_is_its_limit_and_its_side(value, number, censored):
    row = im.PrintedNumber(**ROW | {"value": value})
    assert (row.number, row.censored, row.observed) == (number, censored, number)


def test_arms_are_pooled_and_a_name_of_one_arm_is_whole_first():
    row = ROW | {"arm": "a + IL-2+HAART", "versus": "b + c"}
    assert im.PrintedNumber(**row).groups == ("a", "IL-2+HAART")
    evidence = im.Evidence(name="e", arms={"a": "no", "IL-2+HAART": "no", "b + c": "no"}, rows=[row])
    assert evidence.rows[0].groups == ("a", "IL-2+HAART")
    assert evidence.rows[0].versus_groups == ("b + c",)


@pytest.mark.parametrize(
    ("value", "half"), [(15, 0.5), (13.3, 0.05), ("<5", 0.5), ("<0.01", 0.005), (2.5e-7, 5e-9), (-12.25, 0.005)]
)
def test_a_number_may_be_rounded_by_half_of_its_last_digit(value, half):
    assert half_unit(im.PrintedNumber(**ROW | {"value": value})) == pytest.approx(half, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"statistic": "medain"}, "there is no statistic 'medain'; did you mean 'median'"),
        ({"statistic": "p_wilcoxon"}, "there is no test 'p_wilcoxon'"),
        ({"observable": ""}, "'observable' is left out"),
        ({"n": 0}, "n = 0"),
        ({"sigma": 0}, "sigma = 0"),
        ({"value": "<"}, "expected a number, or one beyond a limit such as '<50'"),
        ({"value": "-"}, "nothing is printed there; leave the row out"),
        ({"value": "high"}, "expected a number, one beyond a limit such as '<50', or '-' where nothing is printed"),
        ({"provenance": "guess"}, "provenance = 'guess'"),
    ],
)
def test_what_is_no_printed_number_is_refused(changes, says):
    with pytest.raises(BadValue, match=says):
        im.PrintedNumber(**ROW | changes)
