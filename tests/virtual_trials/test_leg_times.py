"""Legs with ends of each patient: their outputs come to the patients and days that they are of."""

import numpy as np
import pytest

import immunode as im
from immunode.virtual_trials.leg_times import leg_outputs, legs_of, placed
from immunode.virtual_trials.visits import draw_visits
from tests.virtual_trials.linear import WEEKLY, K, rule, trial


def visits(window=2.0):
    return draw_visits(np.array([0.0, 7.0, 14.0]), 5, window=window, missed=0.0, exact=0.0, seed=1, arm="a")


def test_legs_end_on_planned_days_where_somebody_decides_and_with_visits_within_windows():
    assert [leg.planned for leg in legs_of([14.0], visits(0.0), 0.0, 14.0, deciding=False)] == [14.0]
    assert [leg.planned for leg in legs_of([10.0], visits(0.0), 0.0, 14.0, deciding=True)] == [7.0, 10.0, 14.0]
    assert [leg.planned for leg in legs_of([0.0], visits(0.0), 0.0, 14.0, deciding=False)] == [None]
    some = visits()
    legs = legs_of([0.0, 14.0], some, -7.0, 14.0, deciding=False)
    assert [leg.planned for leg in legs] == [0.0, 7.0, 14.0, None]
    assert np.array_equal(legs[1].end, some.at[:, 1])
    assert legs[-1].end == 16.0


def test_every_day_of_every_patient_is_in_one_leg():
    some, days = visits(), np.arange(15.0)
    values, begin = np.full((5, 15, 1), np.nan), 0.0
    for first, leg in enumerate(legs_of([14.0], some, 0.0, 14.0, deciding=True)):
        outputs = leg_outputs(days, begin, leg, 5, first=first == 0)
        assert np.isnan(values[np.broadcast_to(outputs.inside, (5, 15))]).all()
        solved = outputs.times.time[:, None] + 100.0 * outputs.times.patient[:, None]  # which output of whom
        values, at_own = placed(values, outputs, solved)
        if leg.planned is not None:
            assert at_own[:, 0] == pytest.approx(some.at[:, some.column(leg.planned)] + 100.0 * np.arange(5))
        begin = leg.end
    assert values[:, :, 0].tolist() == (days + 100.0 * np.arange(5)[:, None]).tolist()


def test_within_windows_each_is_measured_and_treated_on_the_day_on_which_it_comes():
    made = trial(rule("always", days=[28], name="once"), visit_window=3.0)
    result = im.run_trial(made, n=40, seed=1)
    at = draw_visits(np.array(WEEKLY), 40, window=3.0, missed=0.0, exact=0.0, seed=1, arm="a").at
    true = 100 * np.exp(-K * at) + 70 * np.where(at > at[:, 4:5], np.exp(-K * (at - at[:, 4:5])), 0.0)
    assert result.y_patient.values[0] == pytest.approx(true, rel=1e-5)
    assert result.decision_seen_on.values == pytest.approx(at[:, 4])


def test_who_may_come_late_to_the_last_visit_has_no_event_after_its_day():
    risky = im.Model(
        "risky", [im.State("risk", "1", scale=1.0)], lambda t, x, p: {"risk": p.h}, [im.Parameter("h", 0.05, "1/day")]
    )
    made = im.Trial(
        "t", im.Population(risky), [0, 20, 40], [im.Arm("a", 5)], events="risk", visit_window=9.0, missed_visits=0.1
    )
    days = im.run_trial(made, n=2000, seed=1).event_day.values[0]
    assert days[np.isfinite(days)].max() <= 40
    assert np.isfinite(days).mean() == pytest.approx(1 - np.exp(-2), abs=4 * 0.35 / np.sqrt(2000))
