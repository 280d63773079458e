"""Conditions that can never hold, and one that holds wherever another does: also tried on numbers."""

import itertools

import numpy as np
import pytest

from immunode.conditions import read
from immunode.conditions.logic import contradiction, implies, is_never
from immunode.virtual_trials.signals import after_visit, nothing_yet


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("cd4 < 200 and cd4 > 500", True),
        ("cd4 <= 200 and cd4 >= 200", False),
        ("cd4 < 200 and cd4 >= 200", True),
        ("cd4 < 1.3 x baseline and percent change of cd4 > 40", True),
        ("change of cd4 < 0 and cd4 > baseline", True),
        ("cd4 > best and cd4 < baseline", True),
        ("cd4 > 500 and cd4 < baseline", False),
        ("cd4 < 200 and cd4 > 500 or rna < 3", False),
        ("(cd4 < 200 or cd4 < 100) and cd4 > 500", True),
        ("cd4 < 5 for 2 visits and cd4 > 6", True),
        ("cd4 < 5 for 2 visits and not (cd4 < 5 for 2 visits)", True),
        ("cd4 < 5 for 2 visits and not (cd4 < 5 for 3 visits)", False),
        ("cd4 < 5 for 3 visits and not (cd4 < 5 for 2 visits)", True),
        ("slope of cd4 < 0 and slope of cd4 over 3 visits > 0", False),
        ("not always", True),
        ("auc of cd4 over 3 visits < 5 and auc of cd4 over 3 visits > 6", True),
        ("auc of cd4 over 3 visits < 5 and auc of cd4 over 2 visits > 6", False),
        ("change of cd4 over 2 visits < 0 and cd4 > baseline", False),
        ("time above 5 of cd4 < 3 and time above 6 of cd4 > 4", False),
        ("cycles < 3 and cycles > 4", True),
        ("cmax of cd4 over 3 visits < 5 and cd4 > 5", True),
        ("cmax of cd4 over 3 visits < 5 and cd4 < 5", False),
        ("nadir of cd4 > 1.2 x baseline and cd4 < 1.1 x baseline", True),
        ("mean of cd4 over 3 visits > 6 and cmax of cd4 over 3 visits < 5", True),
        ("mean of cd4 over 3 visits > 6 and cmax of cd4 over 2 visits < 5", False),
        ("mean of cd4 over 3 visits > 6 and cd4 < 5", False),
        ("cmin of rna over 3 visits > 6 and cmax of cd4 over 3 visits < 5", False),
        ("cmin of cd4 over 3 visits <= 5 and cmax of cd4 over 3 visits >= 5", False),
        ("auc of cd4 > 6 and cmax of cd4 < 5", False),
        ("given < 3 MIU and given > 4 MIU", True),
    ],
)
def test_a_contradiction_is_seen(text, never):
    assert is_never(read(text)) is never
    assert (contradiction(read(text)) is not None) is (never and "always" not in text)


def test_the_two_that_contradict_are_named():
    pair = contradiction(read("rna < 50 and cd4 < 200 and cd4 > 500"))
    assert [str(one) for one in pair] == ["cd4 < 200", "cd4 > 500"]


@pytest.mark.parametrize(
    ("first", "second", "implied"),
    [
        ("cd4 < 200", "cd4 < 500", True),
        ("cd4 < 500", "cd4 < 200", False),
        ("cd4 < 2", "always", True),
        ("cd4 < 2 and rna < 3", "rna < 5 or cd4 > 9", True),
        ("cd4 < 1.2 x baseline", "cd4 < 1.3 x baseline", True),
        ("cd4 < 5 for 3 visits", "cd4 < 5 for 2 visits", True),
        ("cd4 < 5 for 2 visits", "cd4 < 6", True),
        ("cd4 < 5", "cd4 < 6 for 2 visits", False),
        ("cd4 < nadir", "cd4 < baseline", True),
        ("doses < 3", "doses < 5", True),
        ("cmax of cd4 over 3 visits < 5", "cd4 < 6", True),
        ("cd4 < 5", "cmin of cd4 over 3 visits < 6", False),  # of too few visits there is none
        ("always", "doses < 5 or doses >= 5", True),
        ("always", "auc of cd4 < 5 or auc of cd4 >= 5", False),  # at the baseline there is none
        ("always", "visit mean of cd4 over 3 visits < 5 or visit mean of cd4 over 3 visits >= 5", False),
        ("always", "slope of cd4 < 1 or slope of cd4 >= 1", False),  # nobody has a slope at first
    ],
)
def test_what_holds_wherever_another_holds_is_seen(first, second, implied):
    assert implies(read(first), read(second)) is implied


PARTS = [
    "cd4 < 20",
    "cd4 >= 30",
    "cd4 > 1.2 x baseline",
    "cd4 < baseline",
    "cd4 < nadir",
    "cd4 > best",
    "change of cd4 > 5",
    "cmax of cd4 over 3 visits < 20",
    "mean of cd4 over 3 visits > 30",
    "cmin of cd4 since baseline >= 10",
    "visit average of cd4 < 0.9 x baseline",
    "time above 20 of cd4 over 3 visits > 1",
    "change of cd4 over 3 visits > 5",
]


@pytest.mark.parametrize("pair", list(itertools.combinations(PARTS, 2)))
def test_on_numbers_no_contradiction_holds_and_nothing_implied_fails(pair):
    first, second = (read(text) for text in pair)
    draw = np.random.default_rng(1).uniform(1, 60, size=(4, 4000))
    draw[1:, ::2][np.random.default_rng(2).uniform(size=(3, 2000)) < 0.3] = np.nan  # every second misses visits
    memory = nothing_yet([first, second], ["cd4"], 4000, 0.0)
    for day, values in enumerate(draw):
        memory = after_visit(memory, float(day), np.full(4000, float(day)), {"cd4": values})
    one, other = memory.holds(first), memory.holds(second)
    assert not (is_never(read(f"({pair[0]}) and ({pair[1]})")) and (one & other).any())
    assert not (implies(first, second) and (one & ~other).any())
