"""Endpoints: words, and what is refused when one is made."""

import pytest

from immunode.errors import BadValue
from immunode.evidence.endpoint import Endpoint


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"signal": "cd4"}, "median value of cd4"),
        ({"signal": "cd4", "measure": "change", "day": 365}, "median change of cd4, day 0 to 365"),
        ({"signal": "cd4", "day": "26 wk", "statistic": "p5"}, "p5 value of cd4, day 182"),
        ({"signal": "il2", "measure": "auc", "from_day": 7}, "median auc of il2, day 7 to the last day"),
        ({"signal": "cd4", "statistic": "percent_above", "limit": 500}, "percent with value of cd4 above 500"),
        ({"signal": "il2", "measure": "time_above", "level": "1 IU/mL"}, "median time_above 1 IU/mL of il2"),
        ({"measure": "event", "statistic": "percent", "day": 548}, "percent event, day 548"),
        ({"measure": "doses", "statistic": "mean", "label": "injections"}, "injections"),
    ],
)
def test_an_endpoint_says_itself_in_words(fields, words):
    assert Endpoint(**fields).words == words


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "'value' is of a course; name the output or state as 'signal'"),
        ({"signal": "cd4", "measure": "chagne"}, "did you mean 'change'"),
        ({"signal": "cd4", "statistic": "medain"}, "did you mean 'median'"),
        ({"signal": "il2", "measure": "time_above"}, "'time_above' counts by a level"),
        ({"signal": "il2", "measure": "auc", "level": 1}, "'auc' has no use for level = 1"),
        ({"signal": "cd4", "statistic": "percent_above"}, "'percent_above' counts by a limit"),
        ({"signal": "cd4", "limit": 500}, "'median' has no use for limit = 500"),
        ({"signal": "cd4", "measure": "event", "statistic": "percent"}, "'event' is of no course"),
        ({"measure": "event"}, "expected 'percent' or 'count' for event and rebound"),
        ({"signal": "cd4", "statistic": "percent"}, "count with 'percent_above'"),
        ({"signal": "cd4", "statistic": "of_medians"}, "of a change between two days, not of 'value'"),
        ({"signal": "cd4", "from_day": 3, "day": 9}, "from_day = 3 has no effect on 'value'"),
        ({"signal": "cd4", "measure": "change", "from_day": 9, "day": 9}, "from_day = 9 is not before day = 9"),
    ],
)
def test_an_endpoint_that_contradicts_itself_is_refused(fields, said):
    with pytest.raises(BadValue, match=said):
        Endpoint(**fields)
