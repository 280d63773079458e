"""What is remembered of signals: of who is not seen nothing changes, and nothing holds."""

import numpy as np
import pytest

import immunode as im
from immunode.conditions import read
from immunode.errors import UnitError, UnknownName
from immunode.virtual_trials.signals import after_visit, nothing_yet, resolved

UNITS = {"cd4": "cells/uL", "rna": "copies/mL"}


def after(text, *visits):
    """Return of whom a condition holds after visits, each a list of what was measured."""
    condition = read(text)
    memory = nothing_yet([condition], ["cd4"], len(visits[0]), 0.0)
    for week, values in enumerate(visits):
        at = np.full(len(values), 7.0 * week)
        memory = after_visit(memory, 7.0 * week, at, {"cd4": np.array(values, float)})
    return memory.holds(condition).tolist()


NAN = np.nan


@pytest.mark.parametrize(
    ("text", "visits", "holds"),
    [
        ("cd4 < 5", [[4, 6, NAN, 5]], [True, False, False, False]),
        ("cd4 < 5 for 2 visits", [[4, 6, 4], [4, 4, NAN], [NAN, 4, 4]], [False, True, True]),  # a miss is passed over
        ("not (cd4 < 5 for 2 visits)", [[4, 6], [4, 4]], [False, True]),
        ("cd4 < nadir", [[4, 4], [3, NAN], [2, 3]], [True, True]),
        ("cd4 < nadir", [[4]], [False]),
        ("cd4 > best", [[4, 4], [5, 5], [6, 5]], [True, False]),
        ("cd4 > baseline", [[4, NAN], [5, 5]], [True, False]),
        ("cd4 > day 7", [[4, 4], [5, NAN], [6, 6]], [True, False]),
        ("slope of cd4 over 3 visits > 0.2", [[0, 0, 0], [7, NAN, 1], [3, 3, 3], [3, 6, 4]], [False, True, True]),
        ("percent change of cd4 > 50", [[0, 4], [5, 6.1]], [True, True]),
        ("always", [[NAN, 3]], [True, True]),
        ("mean of cd4 over 3 visits < 5", [[1, 1], [NAN, 9], [9, 1], [2, NAN], [9, 6]], [False, False]),
        ("mean of cd4 over 3 visits < 5", [[1, 1], [NAN, 9], [9, 1], [2, NAN]], [True, False]),  # a miss: nothing holds
        ("mean of cd4 over 3 visits < 5", [[1, 1], [1, NAN]], [False, False]),  # too few
        ("not (mean of cd4 over 3 visits < 5)", [[1, 1], [1, NAN]], [False, False]),
        ("not (mean of cd4 over 3 visits < 5 for 2 visits)", [[1, 1], [1, NAN]], [False, False]),
        ("not (cd4 > best for 2 visits)", [[1, NAN]], [False, False]),
        ("auc of cd4 > 85", [[4, 4, NAN], [NAN, 4, 4], [4, 4, NAN], [5, 4, 4]], [True, False, False]),
        ("auc change of cd4 since baseline > 3", [[4, 4], [4, 5], [4, 4]], [False, True]),
        ("time average of cd4 since day 7 < 4.4", [[0, 0], [9, NAN], [3, 3], [2, 6]], [True, False]),
        ("visit average of cd4 over 2 visits >= 4.5", [[9, 0], [4, NAN], [5, 9]], [True, True]),
        ("cmax of cd4 over 2 visits < 5", [[9, 9], [4, NAN], [3, 3]], [True, False]),
        ("cmin of cd4 < 0.5 x baseline", [[9, 4], [4, 3], [9, 3]], [True, False]),
        ("tmax of cd4 >= 7 days", [[9, 4], [4, 5], [9, 3]], [False, True]),
        ("time above 4 of cd4 > 1 week", [[4, 4, 0], [5, 5, 8], [5, 4, NAN]], [True, True, False]),
        ("time below 50 % of baseline of cd4 over 2 visits >= 3.5", [[8, 8], [4, 4], [0, 6]], [True, False]),
        ("time above day 7 of cd4 < 9", [[1, 1], [NAN, 2], [3, 3]], [False, True]),  # of an unknown level there is none
        ("time to above 5 of cd4 > 99 days", [[1, 1], [2, 2], [3, 6]], [True, False]),  # endless where it never is
        ("change of cd4 over 2 visits > 0", [[9, 9], [4, 3], [5, 2]], [True, False]),
        ("percent change of cd4 since day 7 >= 40", [[9, 9], [100, 100], [140, 139]], [True, False]),
        ("slope of cd4 since day 7 > 0", [[99, 99], [4, 3], [5, 2], [6, 1]], [True, False]),
    ],
)
def test_a_condition_holds_of_what_was_measured(text, visits, holds):
    assert after(text, *visits) == holds


def test_a_slope_is_that_of_least_squares_whoever_else_is_there():
    rng = np.random.default_rng(1)
    days, values = rng.uniform(0, 9, (4, 50)).cumsum(axis=0), rng.normal(size=(4, 50))
    condition = read("slope of cd4 over 4 visits > 0")
    memory = nothing_yet([condition], ["cd4"], 50, 0.0)
    for at, seen in zip(days, values, strict=True):
        memory = after_visit(memory, float(at[0]), at, {"cd4": seen})
    slopes = [np.polyfit(days[:, i], values[:, i], 1)[0] for i in range(50)]
    assert memory.holds(condition).tolist() == [slope > 0 for slope in slopes]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cd4 < 0.5 cells/nL", "cd4 < 500"),
        ("slope of cd4 > 7 per week", "slope of cd4 over 2 visits > 1"),
        ("slope of cd4 > 7 cells/uL/week", "slope of cd4 over 2 visits > 1"),
        ("slope of cd4 > 7", "slope of cd4 over 2 visits > 7"),
        ("auc of cd4 over 3 visits > 0.7 cells/nL x week", "auc of cd4 over 3 visits > 4900"),
        ("mean of cd4 over 3 visits < 0.5 cells/nL", "visit mean of cd4 over 3 visits < 500"),
        ("time above 0.5 cells/nL of cd4 > 2 weeks", "time above 500 of cd4 since baseline > 14"),
        ("cmax of cd4 > baseline + 0.1 cells/nL", "cmax of cd4 since baseline > baseline + 100"),
        ("change of cd4 over 2 visits < 0.1 cells/nL", "change of cd4 over 2 visits < 100"),
        ("given < 270 MIU and doses < 3", "given < 270 MIU and doses < 3"),  # doses may be in several units
        ("percent change of cd4 > 7 %", "percent change of cd4 > 7"),
        ("cd4 > baseline + 0.1 cells/nL or rna < 5 and always", "cd4 > baseline + 100 or rna < 5 and always"),
    ],
)
def test_numbers_are_in_the_units_of_the_signals(text, words):
    assert str(resolved(read(text), list(UNITS), UNITS, "a rule")) == words


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("cd5 < 3", UnknownName, "a rule: 'cd5 < 3' has no output 'cd5'; did you mean 'cd4'"),
        ("rna < 3 and cd4 < 3 mg", UnitError, "a rule: 'cd4 < 3 mg': "),
        ("auc of cd4 > 3 cells/uL", UnitError, "a rule: 'auc of cd4 since baseline > 3 cells/uL': "),
        ("time above 3 days of cd4 > 3 days", UnitError, "'days' cannot be converted to 'cells/uL'"),
        ("auc of cd5 > 3", UnknownName, "has no output 'cd5'; did you mean 'cd4'"),
        ("percent change of cd4 > 3 cells/uL", im.errors.BadValue, "a percent change is a number of percent"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        resolved(read(text), list(UNITS), UNITS, "a rule")


def test_a_signal_is_known_whatever_its_case_where_it_is_one_alone():
    units = {"cd4": "cells/uL", "il2": "IU/mL", "IL2": "IU/mL"}
    assert str(resolved(read("CD4 < 1.3 x baseline"), list(units), units, "rule")) == "cd4 < 1.3 x baseline"
    assert str(resolved(read("IL2 < 3"), list(units), units, "rule")) == "IL2 < 3"
    with pytest.raises(UnknownName, match="no output 'Il2'"):
        resolved(read("Il2 < 3"), list(units), units, "rule")
