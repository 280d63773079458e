"""A baseline is said in one way: what is left out, said twice or out of order is refused by field."""

import pytest

from immunode.errors import BadValue
from immunode.evidence.baseline import Baseline, listed


def said(**fields):
    return Baseline(observable="cd4", source="test", **fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"median": 61, "log_sd": 0.8, "below": 200}, "cd4 median 61, below 200"),
        ({"median": 350, "quartiles": [220, 480]}, "cd4 median 350 (quartiles 220-480)"),
        ({"mean": 300, "sd": 90, "above": 100}, "cd4 mean 300 (SD 90), above 100"),
        ({"range": [200, 500]}, "cd4 200-500"),
        ({"range": [200, 500], "median": 300}, "cd4 median 300 (range 200-500)"),
        ({"values": [300]}, "cd4 300"),
        ({"values": [300, 400]}, "cd4 one of 2 values"),
        ({"table": "a.csv", "column": "x"}, "cd4 from column x of a.csv"),
    ],
)
def test_each_way_is_said_in_words(fields, words):
    assert said(**fields).numbers == words


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "'median' is left out; say it one way"),
        ({"median": 61}, "'log_sd' is left out beside 'median'"),
        ({"log_sd": 0.8}, "'median' is left out beside 'log_sd'"),
        ({"quartiles": [1, 2]}, "'median' is left out beside 'quartiles'"),
        ({"mean": 3}, "'sd' is left out beside 'mean'"),
        ({"sd": 3}, "'mean' is left out beside 'sd'"),
        ({"mean": 3, "sd": 1, "median": 3}, "'median' does not go with 'mean'"),
        ({"range": [1, 2], "below": 3}, "'below' does not go with 'range'"),
        ({"values": [1], "median": 3}, "'median' does not go with 'values'"),
        ({"values": [1], "table": "a.csv"}, "'values' and 'table' say the same"),
        ({"range": [1, 2], "column": "a"}, "'column' is of a 'table'"),
        ({"range": [2, 1]}, r"range\.0 = 2 is not below range\.1 = 1"),
        ({"range": [1, 2], "median": 3}, r"median = 3 is not below range\.1 = 2"),
        ({"median": 3, "quartiles": [4, 5]}, r"quartiles\.0 = 4 is not below median = 3"),
        ({"median": 3, "log_sd": 1, "above": 4}, "above = 4 is not below median = 3"),
        ({"median": 3, "log_sd": 1, "below": 2}, "median = 3 is not below below = 2"),
        ({"values": []}, "expected a list of at least 1"),
        ({"range": [0, 2]}, "greater than 0"),
    ],
)
def test_what_is_said_in_no_way_or_in_two_is_refused(fields, message):
    with pytest.raises(BadValue, match=message):
        said(**fields)


def test_an_arm_has_none_one_or_several():
    one = said(range=[1, 2])
    assert listed(None) == ()
    assert listed(one) == (one,)
    assert listed([one, one]) == (one, one)
