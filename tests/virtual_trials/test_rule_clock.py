"""The days on which rules decide."""

import pytest

from immunode.virtual_trials.rule_clock import clinic_days, first_day, rule_days
from tests.virtual_trials.linear import rule

VISITS = (-14.0, 0.0, 28.0, 60.0, 84.0)


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"every": 28}, (28, 56)),
        ({"every": 28, "first": 0}, (0, 28, 56)),
        ({"every": 20, "first": -10, "until": 35}, (-10, 10, 30)),
        ({"days": [3, 84]}, (3,)),
        ({}, (28, 60)),
        ({"first": 0}, (0, 28, 60)),
        ({"until": 30}, (28,)),
        ({"then": {"label": "R"}}, (28, 60, 84)),  # nobody is given anything: the last visit counts
        ({"then": {"label": "R"}, "every": 42}, (42, 84)),
        ({"every": 85}, ()),
    ],
)
def test_a_rule_decides_on_its_days_between_the_start_and_the_last_visit(fields, days):
    assert rule_days(rule(**fields), VISITS, -14.0) == days


def test_patients_are_seen_at_visits_the_baseline_and_the_days_of_rules():
    assert clinic_days([rule(every=28)], (84.0,), 0.0) == (0, 28, 56, 84)
    assert clinic_days([rule()], VISITS, -14.0) == VISITS
    assert clinic_days([], (84.0,), 0.0) == (84,)


def test_the_first_day_is_known_before_the_visits_are():
    rules = [rule(days=[5, 9]), rule(first=3), rule(every=28), rule()]
    assert [first_day(one, -14.0) for one in rules] == [5, 3, 28, 0]
