"""Windows: where a course is looked at, integrals and peaks of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.measures import window


def test_a_window_starts_after_a_dose_on_its_first_day_and_ends_before_one_on_its_last():
    t = window.days(1.0, 3.0, [1.0, 2.0, 3.0])
    assert (t[0], t[-1]) == (window.after(1.0), 3.0)
    assert t.size % window.NODES == 0
    assert {2.0, window.after(2.0)} <= set(t)
    assert window.days(1.5, 1.8, [1.0, 2.0])[0] == 1.5


@pytest.mark.parametrize("degree", range(window.NODES))
def test_polynomials_have_exact_integrals(degree):
    t = window.days(0.0, 3.0, [1.0])
    assert_allclose(window.weights(t) @ t**degree, 3.0 ** (degree + 1) / (degree + 1), rtol=1e-9)


def test_a_peak_between_the_days_is_found_to_the_polynomial():
    t = window.days(0.0, 2.0)
    assert_allclose(window.peak(t, np.sin(t)), (np.pi / 2, 1.0), rtol=1e-7)
    assert window.peak(t, t) == (2.0, 2.0)
    assert_allclose(window.peak(t, -t), (0.0, 0.0), atol=1e-15)
    assert window.peak(t, 0 * t) == (0.0, 0.0)


def test_a_rhythm_of_a_day_averages_out_in_weeks():
    t = window.days(0.0, 84.0)
    assert_allclose(window.weights(t) @ (5 + np.sin(2 * np.pi * t)) / 84, 5, rtol=1e-4)


def test_thousands_of_doses_need_no_more_than_a_few_each():
    doses = list(np.arange(0, 1000, 0.5))
    assert window.days(0.0, 1000.0, doses).size <= 40 * window.NODES * len(doses) // 10
