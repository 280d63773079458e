"""How doses are taken and patients leave: said in one way, in words, refused by field."""

import math

import pytest

from immunode.errors import BadValue
from immunode.evidence.adherence import Adherence, Dropout


def test_a_share_by_a_day_is_a_constant_hazard():
    leaving = Dropout(share=0.2, by="12 months", source="s")
    assert math.exp(-leaving.rate * 365) == pytest.approx(0.8, rel=1e-12)
    assert Dropout(hazard=0.001, source="s").rate == 0.001
    assert Dropout(share=0.2, by=100, from_day=50, source="s").rate == pytest.approx(-math.log(0.8) / 50)


def test_each_is_said_in_words():
    assert Adherence(missed=0.1, delay="6 h", delay_sd=0.125, source="s").words == (
        "10 % of doses missed, doses 6 h late, times of doses with an SD of 3 h"
    )
    assert Dropout(share=0.2, by=365, source="s").words == "20 % of patients have left by day 365"
    assert Dropout(hazard=0.001, source="s").words == "patients leave at 0.001 a day from day 0"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adherence(source="s"), "nothing is missed or late"),
        (lambda: Adherence(missed=1.5, source="s"), "missed = 1.5"),
        (lambda: Adherence(delay=-1, source="s"), "delay = -1 is negative"),
        (lambda: Dropout(source="s"), "say how many leave"),
        (lambda: Dropout(share=0.2, source="s"), "'share' and 'by' go together"),
        (lambda: Dropout(share=0.2, by=10, hazard=1, source="s"), "say how many leave"),
        (lambda: Dropout(share=1, by=10, source="s"), "less than 1"),
        (lambda: Dropout(share=0.2, by=10, from_day=10, source="s"), "by = 10 is not after from_day = 10"),
    ],
)
def test_what_is_said_in_no_way_or_in_two_is_refused(make, message):
    with pytest.raises(BadValue, match=message):
        make()
