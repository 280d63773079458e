"""Which times are one, and what comes first at one time."""

import numpy as np
from numpy.testing import assert_array_equal

import immunode as im
from immunode.simulation.ties import (
    ARRIVALS,
    ENDS,
    FIRST,
    LAST,
    POST,
    PRE,
    after_events,
    in_order,
    rounding,
    snapped,
    soon_after,
    together,
)

TENTHS = 3 * 0.1  # 0.30000000000000004


def test_times_that_differ_by_rounding_are_one_and_others_are_not():
    time = np.array([TENTHS, 0.3, 0.3 + 1e-11, TENTHS])
    one, other = together(np.zeros(4), time), together(np.array([0, 1, 1, 1]), time)
    assert_array_equal(one, [0.3, 0.3, 0.3 + 1e-11, 0.3])
    assert_array_equal(other, [TENTHS, 0.3, 0.3 + 1e-11, 0.3])  # each segment for itself


def test_the_tolerance_grows_with_the_time_and_not_below_one_unit():
    assert_array_equal(rounding(np.array([0.0, -1.0, 1000.0])), 1e-12 * np.array([1.0, 1.0, 1000.0]))


def test_at_one_time_outputs_stand_around_ends_arrivals_and_doses():
    order = np.array([LAST, POST, 0.0, ARRIVALS, ENDS, PRE, FIRST])
    assert_array_equal(in_order(np.zeros(7), np.ones(7), order), np.arange(7)[::-1])


def test_what_is_equal_stays_in_its_order():
    assert_array_equal(in_order(np.zeros(4), np.zeros(4), np.zeros(4)), np.arange(4))


def test_an_output_just_after_an_event_is_meant_to_be_at_it():
    assert soon_after(np.array([0.3]), np.array([0.1, TENTHS]))
    assert not soon_after(np.array([0.3]), np.array([0.1, 0.3]))
    assert not soon_after(np.zeros(0), np.array([0.3]))


def test_an_output_moves_to_the_event_of_its_own_patient_only():
    segments, events, time = np.array([0, 1]), np.array([0.3, 5.0]), np.array([TENTHS, TENTHS])
    assert_array_equal(snapped(segments, events, np.array([0, 1]), time, np.zeros(2, bool)), [0.3, TENTHS])


def test_an_output_before_an_event_moves_forward_only_where_it_is_to():
    segments, events, time = np.zeros(1), np.array([TENTHS]), np.array([0.3])
    assert_array_equal(snapped(segments, events, np.zeros(1), time, np.zeros(1, bool)), [0.3])
    assert_array_equal(snapped(segments, events, np.zeros(1), time, np.ones(1, bool)), [TENTHS])


def test_an_output_needs_an_event_of_its_own_only_behind_another_of_its_time():
    shown = np.array([True, False, True, True])
    moment = np.array([1j, 2j, 2j, 3j])
    assert_array_equal(after_events(shown, moment), [False, False, True, False])


def test_covariates_outputs_and_resets_have_the_same_tolerance():
    dose, late = im.dose("3 MIU", "iv", times=[0.3]), TENTHS
    exact = im.simulate("il2_sc", dose, times=[0.3], at_dose="post")
    assert im.simulate("il2_sc", dose, times=[late], at_dose="post").il2.values == exact.il2.values
    cleared = dose + im.reset(time=late)
    assert im.simulate("il2_sc", cleared, times=[0.4]).il2.values == 0.0
    for rule in ("nocb", "locf"):
        options = {"times": [0.5], "covariate_rule": rule}
        at, beside = (
            im.simulate("il2_sc", dose, covariates={"F": ([0.0, when, 1.0], [0.2, 0.3, 0.4])}, **options)
            for when in (0.3, late)
        )
        np.testing.assert_allclose(at.il2, beside.il2, rtol=1e-9)
