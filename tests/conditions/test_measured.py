"""The measures that a condition may name are those of the registry that visits tell of, by their words."""

import re

import pytest

from immunode.conditions import read
from immunode.conditions.measured import GIVEN, is_level, kind_of, names, patterns, points, row
from immunode.measures import MEASURES

NOT_OF_VISITS = {"value", "rebound", "half_life", "clearance", "level_per_dose", "doses", "given", "event"}


def test_all_measures_are_there_but_those_that_visits_do_not_tell_of():
    assert {name.replace(" ", "_") for name in names()} == set(MEASURES) - NOT_OF_VISITS


@pytest.mark.parametrize("name", names())
def test_each_is_read_by_its_name_with_spaces_or_as_the_registry_writes_it(name):
    what = f"{name} 5" if row(name).level else name
    condition = read(f"{what} of cd4 over 3 visits > 2")
    assert condition.quantity.kind == name
    assert read(f"{what.replace(name, name.replace(' ', '_').upper())} of cd4 over 3 visits > 2") == condition
    assert read(str(condition)) == condition


@pytest.mark.parametrize("name", names())
def test_the_words_of_a_measure_are_one_pattern_and_no_shorter_one_comes_first(name):
    pattern = patterns(level=row(name).level)
    assert re.match(pattern, name, re.IGNORECASE)[0] == name
    assert kind_of(name.upper()) == name


def test_levels_of_the_signal_are_compared_with_a_baseline_and_others_are_not():
    levels = {name for name in names() if is_level(name)}
    averages = {"time average", "visit average", "visit mean"}
    assert levels == averages | {"nadir", "cmax", "cmin"}
    assert is_level("value")
    assert not any(is_level(kind) for kind in GIVEN)


def test_a_line_needs_two_points_and_a_single_value_is_its_own_peak():
    assert {points(name) for name in names()} == {1, 2}
    assert points("auc") == points("slope") == 2
    assert points("cmax") == points("visit mean") == points("value") == points("doses") == 1
