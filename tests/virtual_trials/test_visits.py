"""Visits: within their windows, missed as often as said, and each patient's own."""

import numpy as np
import pytest

from immunode.virtual_trials.visits import draw_visits

DAYS = np.array([-14.0, 0.0, 28.0, 56.0])


def drawn(n=20_000, **changes):
    options = {"window": 7.0, "missed": 0.2, "exact": 0.0, "seed": 1, "arm": "a"} | changes
    return draw_visits(DAYS, n, **options)


def test_a_visit_after_the_baseline_is_uniform_within_its_window_and_missed_as_often_as_said():
    visits = drawn()
    assert (visits.at[:, :2] == DAYS[:2]).all()
    assert visits.attended[:, :2].all()
    away = visits.at[:, 2:] - DAYS[2:]
    assert -7 <= away.min() < -6.9
    assert 6.9 < away.max() <= 7
    assert away.std() == pytest.approx(14 / np.sqrt(12), rel=0.02)
    assert (~visits.attended[:, 2:]).mean() == pytest.approx(0.2, abs=4 * 0.4 / np.sqrt(40_000))
    assert abs(np.corrcoef(away.T)[0, 1]) < 4 / np.sqrt(20_000)


def test_a_patients_visits_are_the_same_in_any_batch():
    many, one = drawn(), drawn(1, first=1717)
    assert np.array_equal(one.at[0], many.at[1717])
    assert np.array_equal(one.attended[0], many.attended[1717])


def test_without_windows_and_misses_everybody_comes_on_the_planned_days():
    visits = drawn(3, window=0.0, missed=0.0)
    assert (visits.at == DAYS).all()
    assert visits.attended.all()
    assert visits.column(28.0) == 2
    some = visits.of(np.array([True, False, True]))
    assert some.at.shape == (2, 4)
    assert some.exact == 0.0
