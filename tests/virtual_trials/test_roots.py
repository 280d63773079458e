"""Roots of one number for each patient, against closed forms."""

import numpy as np
import pytest

from immunode.virtual_trials.roots import bracketed_root, by_secants

WANTED = np.array([1.0, 8.0, 27.0, 1e-3])


def cubes(wanted):
    return lambda values, rows: values**3 - wanted[rows]


def bent(wanted):
    """Return a function that is nearly proportional, as counts are to what decides them."""
    return lambda values, rows: values**1.25 - wanted[rows]


def solved(wanted):
    ends, enough = (np.zeros(len(wanted)), np.full(len(wanted), 30.0)), 1e-12 * wanted
    return bracketed_root(cubes(wanted), np.arange(len(wanted)), *ends, enough)


def test_a_bracketed_root_is_the_closed_form_and_none_is_said_where_the_ends_have_one_sign():
    best, none = solved(np.append(WANTED, 1e9))
    assert best[:-1] == pytest.approx(np.cbrt(WANTED), rel=1e-12)
    assert none.tolist() == [False, False, False, False, True]


def test_secants_reach_what_lies_near_and_say_who_was_not_led_to_a_root():
    low, high = np.zeros(4), np.array([30.0, 30.0, 2.5, 30.0])
    best, missed = by_secants(bent(WANTED), np.minimum(WANTED, high), WANTED, low, high, 1e-9 * WANTED)
    assert missed.tolist() == [False, False, True, False]  # 27 has its root, 14, above the highest
    assert best[~missed] == pytest.approx(WANTED[~missed] ** 0.8, rel=1e-9)


def test_neighbours_move_no_bit_of_a_root():
    together, _ = solved(WANTED)
    assert [solved(WANTED[i : i + 1])[0][0] for i in range(4)] == together.tolist()
