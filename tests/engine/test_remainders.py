"""A condition on `mod` fires once a period, at its place, however the ends of periods round."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import immunode as im
from immunode.functions import mod

BEGIN, PERIOD, END = [0.1, 1 / 3, 0.0, 0.7], [0.3, 0.7, 0.1, 0.9], 10.05


@pytest.fixture(scope="module")
def counts():
    """Return a model that counts when the time of a period is at least `c`, and when its double is below it."""
    return im.Model(
        "counts",
        [im.State("begun", "1", scale=1.0), im.State("ended", "1", scale=1.0)],
        lambda t, x, p: {"begun": 0, "ended": 0},
        [im.Parameter("b", 0.1, "day"), im.Parameter("d", 0.3, "day"), im.Parameter("c", 0.0, "day")],
        triggers=[
            im.Trigger(lambda t, x, p: mod(t - p.b, p.d) >= p.c, lambda t, x, p: {"begun": x.begun + 1}),
            im.Trigger(lambda t, x, p: p.c > 2 * mod(t - p.b, p.d), lambda t, x, p: {"ended": x.ended + 1}),
        ],
    )


@pytest.mark.parametrize("c", [-1.0, 0.0])
def test_what_always_holds_never_fires(counts, c):
    got = solved(counts, [c] * 4)
    assert_array_equal(got, 0.0)


def test_at_the_very_length_of_a_period_it_never_holds(counts):
    assert_array_equal(solved(counts, PERIOD)[:, 0], 0.0)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.999])
def test_it_fires_once_a_period(counts, share):
    begin, period = np.array(BEGIN), np.array(PERIOD)
    got = solved(counts, share * period)
    assert_array_equal(got[:, 0], places(begin + share * period, period))
    assert_array_equal(got[:, 1], places(begin, period))


def places(first, period):
    """Return how many of the times first + k period lie in (0, END]."""
    return np.floor((END - first) / period) - np.floor(-first / period)


def solved(made, levels):
    each = [{"b": b, "d": d, "c": c} for b, d, c in zip(BEGIN, PERIOD, levels, strict=True)]
    courses = [im.simulate(made, times=[END], parameters=one) for one in each]
    return np.array([[float(course[name].item()) for name in ("begun", "ended")] for course in courses])
