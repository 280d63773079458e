"""Courses of which visits alone are known: against the same courses in pieces, and by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.measures import MEASURES, Window, measure
from immunode.measures.polylines import Polylines
from immunode.measures.polynomials import between
from immunode.measures.window import Pieces

RNG = np.random.default_rng(1)
DAYS, VALUES = RNG.uniform(1, 9, (40, 6)).cumsum(axis=1), RNG.normal(5, 3, (40, 6))
LEVEL = np.linspace(2, 8, 40)


def windows(t, y, level):
    """Return the same straight lines as what visits tell, and as a course in pieces, one a line."""
    ends = {"first": t[:, 0], "last": t[:, -1], "start": y[:, 0], "end": y[:, -1], "level": level}
    at = between(t[:, :-1].ravel(), t[:, 1:].ravel())
    left, right = t[:, :-1].ravel()[:, None], t[:, 1:].ravel()[:, None]
    lines = y[:, :-1].ravel()[:, None] + (y[:, 1:] - y[:, :-1]).ravel()[:, None] * (at - left) / (right - left)
    pieces = Pieces(at, lines, np.arange(len(t)) * (t.shape[1] - 1))
    return [Window(**ends, pieces=each, visits=t, seen=y) for each in (Polylines(t, y), pieces)]


@pytest.mark.parametrize("name", [name for name, row in MEASURES.items() if row.points and name != "slope"])
def test_a_measure_of_visits_is_that_of_the_straight_lines_between_them(name):
    lines, course = (measure(name).reduce(window) for window in windows(DAYS, VALUES, LEVEL))
    assert_allclose(lines, course, rtol=1e-9, atol=1e-9)  # pieces are polynomials of degree 8, and cross by halving


def test_a_slope_is_that_of_the_points_by_least_squares():
    expected = [np.polyfit(t, y, 1)[0] for t, y in zip(DAYS, VALUES, strict=True)]
    assert_allclose(Polylines(DAYS, VALUES).slope(), expected, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name, row in MEASURES.items() if row.points])
def test_the_bits_of_a_patient_are_the_same_alone_and_among_others(name):
    together = measure(name).reduce(windows(DAYS, VALUES, LEVEL)[0])
    alone = [
        measure(name).reduce(windows(DAYS[i : i + 1], VALUES[i : i + 1], LEVEL[i : i + 1])[0])[0] for i in range(40)
    ]
    assert together.tolist() == alone


@pytest.mark.parametrize(
    ("values", "above", "below", "up", "down"),
    [
        ((4, 8, 4), 10, 10, 5, 0),  # crosses 6 in the middle of both lines
        ((6, 6, 6), 0, 0, np.inf, np.inf),  # at the level it is neither
        ((6, 8, 6), 20, 0, 0, np.inf),
        ((8, 6, 4), 10, 10, 0, 10),
        ((4, 5, 4), 0, 20, np.inf, 0),
    ],
)
def test_times_above_and_below_a_level_by_hand(values, above, below, up, down):
    course, level = Polylines(np.array([[0.0, 10.0, 20.0]]), np.array([values], float)), np.array([6.0])
    assert [each.tolist() for each in course.above(level)] == [[above], [up], [down]]
    assert course.below(level).tolist() == [below]
    assert course.integral().tolist() == [5 * (values[0] + 2 * values[1] + values[2])]
