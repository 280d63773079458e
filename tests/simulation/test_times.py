"""Output times: days, lists of them, and their place among events."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import immunode as im
from immunode.errors import BadValue
from immunode.simulation.ties import POST, PRE, TROUGH
from immunode.simulation.times import OutputTimes, as_listed, at_events, distinct


def test_days_hold_both_ends():
    assert_array_equal(im.days(0, 1, 0.4), [0, 0.4, 0.8, 1])
    assert len(im.days(0, 0.3, 0.1)) == 4
    with pytest.raises(BadValue):
        im.days(5, 1)


def test_times_of_all_patients_can_be_made_each_patients_own():
    ragged = OutputTimes(np.array([1.0, 2.0]), np.array([PRE, POST])).ragged(3)
    assert_array_equal(ragged.patient, [0, 0, 1, 1, 2, 2])
    assert_array_equal(ragged.time, [1, 2, 1, 2, 1, 2])
    assert ragged.ragged(3) is ragged


def test_a_shared_list_is_sorted_and_each_time_once_but_samples_stay_as_they_are():
    time, count = distinct([[2, 1, 1]], 24.0)
    assert_array_equal(time, [24, 48])
    assert_array_equal(count, [2])
    time, count = as_listed([[1, 1, 2], ["12 h"]], 1.0)
    assert_array_equal(time, [1, 1, 2, 0.5])
    with pytest.raises(BadValue, match="times of patient 1 are not sorted: 1 follows 2"):
        as_listed([[0], [2, 1]], 1.0)


def test_an_output_before_a_dose_with_a_steady_state_shows_its_trough():
    outputs = OutputTimes(np.array([1.0, 1.0, 2.0]), np.array([PRE, POST, PRE]), np.array([0, 3]))
    steady = np.array([0]), np.array([1.0]), np.array([4])
    moved = at_events(outputs, np.zeros(1), np.array([1.0]), steady)
    assert_array_equal(moved.order, [4 + TROUGH, POST, PRE])
