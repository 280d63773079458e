"""Courses in pieces: integrals, peaks and crossings of polynomials and of what they come close to."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.measures import polynomials, window
from immunode.measures.polynomials import NODES


def pieces(course, last, cuts=()):
    t = window.days(0.0, last, cuts)
    return window.on_days(t, course(t)[None])


@pytest.mark.parametrize("degree", range(NODES))
def test_polynomials_have_exact_integrals(degree):
    assert_allclose(pieces(lambda t: t**degree, 3.0, [1.0]).integral(), 3.0 ** (degree + 1) / (degree + 1), rtol=1e-9)


def test_a_rhythm_of_a_day_averages_out_in_weeks():
    assert_allclose(pieces(lambda t: 5 + np.sin(2 * np.pi * t), 84.0).integral() / 84, 5, rtol=1e-4)


def test_a_peak_between_the_days_is_found_to_the_polynomial():
    assert_allclose(np.ravel(pieces(np.sin, 2.0).peak()), (np.pi / 2, 1.0), rtol=1e-7)
    assert_allclose(np.ravel(pieces(np.cos, 4.0).peak(-1.0)), (np.pi, -1.0), rtol=1e-7)
    assert np.ravel(pieces(lambda t: t, 2.0).peak()).tolist() == [2.0, 2.0]
    assert_allclose(np.ravel(pieces(np.negative, 2.0).peak()), (0.0, 0.0), atol=1e-15)
    assert np.ravel(pieces(np.zeros_like, 2.0).peak()).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("level", [-1.5, -1.0, -0.3, 0.0, 0.5, 0.999, 1.0, 1.5])
def test_time_above_a_level_is_that_of_the_sine(level):
    above, up, down = pieces(np.sin, 2 * np.pi).above(np.array([level]))
    inside = min(max(level, -1.0), 1.0)
    # near the top a piece's polynomial errs by 1e-10, and the time by the root of that
    assert_allclose(above, np.pi - 2 * np.arcsin(inside), atol=1e-4 if abs(level) == 1 else 1e-8)
    if abs(level) < 1:
        assert_allclose(up, max(np.arcsin(level), 0.0), atol=1e-8)
        assert_allclose(down, np.pi - np.arcsin(level) if level < 0 else 0.0 if level else np.pi, atol=1e-8)


def test_a_course_that_crosses_twice_between_its_values_is_seen_to():
    t = polynomials.between(np.array([0.0]), np.array([1.0]))
    top = 0.5 + 0.5 * (polynomials.POINTS[4] + polynomials.POINTS[5]) / 2  # between two of the points

    def hill(t):
        return 1 - (t - top) ** 2

    level = hill(t).max() + 1e-6
    above, up, _ = polynomials.time_above(t, hill(t), np.array([level]))
    assert_allclose(above, 2 * np.sqrt(1 - level), rtol=1e-6)
    assert_allclose(up, top - np.sqrt(1 - level), rtol=1e-6)


def test_a_kink_within_a_piece_is_told_from_a_smooth_course():
    t = polynomials.between(np.array([0.0, 0.0]), np.array([1.0, 1.0]))
    y = np.stack([np.exp(-t[0]), np.abs(t[1] - 0.3)])
    assert polynomials.unsettled(y, np.array([1e-6, 1e-6])).tolist() == [False, True]


def test_which_piece_is_highest_is_told_to_rounding():
    t = polynomials.between(np.zeros(200), np.linspace(0.8, 1.6, 200))
    height = 1 + 1e-9 * np.sin(np.arange(200.0))
    y = height[:, None] * np.sin(2 * t)
    top, x, doubt = polynomials.about_highest(y)
    assert (np.abs(top - height) < doubt).all()
    assert np.argmax(polynomials.summits(y, x)) == np.argmax(np.append(polynomials.peaks(t, y)[1], 0))
    np.testing.assert_allclose(polynomials.summits(y, x), polynomials.peaks(t, y)[1], rtol=1e-14)
    flat = np.ones((2, polynomials.NODES))
    assert polynomials.summits(flat, polynomials.about_highest(flat)[1]).tolist() == [1.0, 1.0]


def test_a_row_has_the_same_bits_beside_others():
    y = np.random.default_rng(1).normal(size=(1000, polynomials.NODES))
    t = polynomials.between(np.zeros(1000), np.ones(1000))
    whole = polynomials.peaks(t, y)
    for i in (0, 17, 999):
        assert [each[0] for each in polynomials.peaks(t[[i]], y[[i]])] == [each[i] for each in whole]
        assert polynomials.last_terms(y[[i]])[0] == polynomials.last_terms(y)[i]
