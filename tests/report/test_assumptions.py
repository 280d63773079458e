"""What each assumption moves most, the biggest first, in half widths of what trials see."""

import pytest

from immunode.report.assumptions import moves
from immunode.studies.readings_run import ReadingRun
from immunode.studies.trial_endpoints import EndpointRow

NUMBER = {"short": "responders", "test": None, "simulated": 40.0, "low": 30.0, "high": 50.0, "p_below_05": None}
TEST = {"short": "p", "test": "Mann-Whitney U", "simulated": None, "low": None, "high": None, "p_below_05": 0.6}


def gain(value, difference):
    interval = {"low": value - 20, "high": value + 20, "difference_low": difference - 5}
    return EndpointRow(
        "IL-2", "", "cd4 gain", "", "cells/uL", "benefit", value, versus="control", difference=difference,
        difference_high=difference + 5, **interval,
    )  # fmt: skip


def run(name, reading, simulated, p, row):
    return ReadingRun(name, reading, 20, [NUMBER | {"simulated": simulated}, TEST | {"p_below_05": p}], [row])


def test_the_biggest_move_of_each_assumption_comes_first_with_both_numbers():
    first = run("as assumed", "", 40.0, 0.6, gain(100, 10))
    runs = [
        first,
        run("dose", "low", 42.0, 0.6, gain(100, 10)),
        run("dose", "high", 45.0, 0.6, gain(101, 10)),
        run("noise", "none", 40.0, 0.1, gain(100, 10)),
        run("share", "none", 40.0, 0.6, gain(110, 30)),
        run("words", "other", 40.0, 0.6, gain(100, 10)),
    ]
    said = [(move.assumption, move.reading, move.words, pytest.approx(move.size)) for move in moves(runs)]
    assert said == [
        ("share", "none", "cd4 gain vs control 10 -> 30", 4.0),
        ("noise", "none", "p p < 0.05 in 60 % -> 10 %", 1.0),
        ("dose", "high", "responders 40 -> 45", 0.5),
    ]


def test_without_readings_nothing_moves():
    assert moves([]) == []
