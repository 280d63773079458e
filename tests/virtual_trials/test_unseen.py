"""A rule that looks at a drug where nothing is left of it is warned of; others are not."""

import warnings

import pytest

import immunode as im
from tests.virtual_trials.linear import rule
from tests.virtual_trials.linear import trial as linear

CYCLES = "3 MIU SC BID days 1-5 every 28 days x3"


def trial(line, visits, model="il2_cd4_hiv"):
    return im.Trial("t", im.Population(model), visits, [im.Arm("a", 5, line)], start=-14)


@pytest.mark.parametrize(
    ("line", "visits"),
    [
        (f"{CYCLES}; hold when il2 > 50 until il2 < 10", [0, 28, 56, 84]),
        ("3 MIU SC days 1-5 every 28 days while cd4 < 500 and il2 < 9, at most 3", [0, 28, 56, 84]),
        (f"{CYCLES}; stop when il2 > 50", [0, 10, 20, 70, 84]),
    ],
)
def test_a_rule_on_a_drug_that_sees_no_day_of_doses_is_warned_of(line, visits):
    with pytest.warns(UserWarning, match="it looks at il2, of which nothing is there without doses") as told:
        trial(line, visits)
    assert len(told) == 1
    assert "list one such as day 1" in str(told[0].message)


@pytest.mark.parametrize(
    ("line", "visits"),
    [
        (f"{CYCLES}; hold when il2 > 50 until il2 < 10", [0, 4, 28, 56, 84]),
        (f"{CYCLES}; stop when cd4 > 1000", [0, 28, 56, 84]),
        ("3 MIU SC days 1-5 every 28 days while cd4 < 500, at most 3", [0, 28, 56, 84]),
        (CYCLES, [0, 84]),
    ],
)
def test_a_rule_on_counts_or_near_doses_is_not(line, visits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trial(line, visits)


def test_what_lasts_is_seen_between_doses():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        linear(rule("y < 30"), regimen="70 mg IV bolus day 1 every 14 days x3", visits=[0, 12, 26, 40])
