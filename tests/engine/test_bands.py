"""A condition that holds in a narrow band of a state, or that time moves beside a state, is located.

The references are closed forms. Bands of a state that decays are held to 100 rtol of the time they are reached at, as
in test_switches; those of a clock, a straight line, to rounding.
"""

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode import functions
from immunode.engine import METHODS
from immunode.errors import Status
from tests.engine.test_switches import RTOL, chosen, p, q, solved, t, y, z

BELL, HAT = q * sp.exp(-(((t - 500) / p) ** 2)), q * sp.Max(1 - sp.Abs(t - 500) / p, 0)
BESIDE = {  # a condition on time and on y, which stands at 1; how long it holds until 1000, and its derivatives
    "bell": (y < BELL, lambda p, q: [2 * p * np.log(q) ** 0.5, 2 * np.log(q) ** 0.5, p / q / np.log(q) ** 0.5]),
    "hat": (y < HAT, lambda p, q: [2 * p * (1 - 1 / q), 2 * (1 - 1 / q), 2 * p / q**2]),
    "bell in a quotient": (BELL / (y + BELL) > 1 / sp.S(2), lambda p, q: BESIDE["bell"][1](p, q)),
    "rhythm": (
        q * sp.sin(2 * sp.pi * t / p) > y,
        lambda p, q: [1000 * (np.pi - 2 * np.arcsin(1 / q)) / 2 / np.pi, None, 1000 / np.pi / q / (q * q - 1) ** 0.5],
    ),
    "steep rhythm": (
        sp.exp(sp.cos(2 * sp.pi * t)) * y > sp.exp(1 - p / 100) + 0 * q,
        lambda p, q: [1000 * np.arccos(1 - p / 100) / np.pi, 10 / np.pi / np.sqrt(1 - (1 - p / 100) ** 2), 0.0],
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_time_moves_beside_a_state_is_located_between_long_steps(name):
    condition, exact = BESIDE[name]
    got = solved((0, chosen(condition, 1)), [1.0, 0.0], [[1.0, 2.0]], [1000.0], "auto", states=(y, z), along=True)
    long, by_p, by_q = exact(1.0, 2.0)
    assert_allclose(got.values[0, 0, 1], long, rtol=1e-9)
    for along, derivative in zip(got.along[0, 0, :, 1], (by_p, by_q), strict=True):
        if derivative is not None:  # by the period it jumps at the end
            assert_allclose(along, derivative, rtol=1e-6, atol=1e-9)


u = (y - 0.5) / p
BANDS = {
    "distance": sp.Abs(y - 0.5) < p,
    "largest": sp.Max(y - 0.5, 0.5 - y) < p,
    "smallest": q * sp.Min(y - 0.5, 0.5 - y) > -p * q,
    "quotient": 1 / (1 + u**2) > 1 / sp.S(2),
    "bell": q * sp.exp(-(u**2)) > q * sp.exp(-1),
    "square": (y - 0.5) ** 2 < p**2,
    "root": sp.sqrt(sp.Abs(y - 0.5)) < sp.sqrt(p),
    "tent": sp.Max(p - sp.Abs(y - 0.5), 0) > 0,
}


@pytest.mark.parametrize("name", BANDS)
def test_a_narrow_band_that_a_state_falls_through_is_located(name):
    widths = np.array([1e-3, 1e-6])
    got = solved((-y / 10, chosen(BANDS[name], 1)), [1.0, 0.0], [[width, 2.0] for width in widths], [20.0], "auto",
                 states=(y, z), along=True)  # fmt: skip
    # from ln(1 / (0.5 + p)) / 0.1 to ln(1 / (0.5 - p)) / 0.1
    assert_allclose(got.values[:, 0, 1], 10 * np.log((0.5 + widths) / (0.5 - widths)), rtol=1e-6, atol=100 * RTOL)
    assert_allclose(got.along[:, 0, 0, 1], 10 / (0.5 + widths) + 10 / (0.5 - widths), rtol=1e-5)
    assert_allclose(got.along[:, 0, 1, 1], 0.0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_clock_comes_to_once_or_again_and_again_is_located(method):
    slopes = (1, chosen(sp.exp(-((y - 500) ** 2)) > q, 1), chosen(p * sp.sin(2 * sp.pi * y) > q, 1))
    values = [[1.0, 0.5], [0.25, 0.5], [-1.0, 0.5], [1.0, 2.0], [1.0, -1.5]]  # some hold never, some always
    got = solved(slopes, [0.0] * 3, values, [1000.0], method, states=(y, z, w))
    bell = 2 * np.log(2) ** 0.5
    exact = [[bell, 1000 / 3], [bell, 0], [bell, 1000 / 3], [0, 0], [1000, 1000]]
    assert_allclose(got.values[:, 0, 1:], exact, rtol=1e-9)
    along = solved(slopes, [0.0] * 3, values[:1], [1000.0], method, states=(y, z, w), along=True)
    by_q = [-1 / 0.5 / np.log(2) ** 0.5, -1000 / np.pi / 0.75**0.5]
    assert_allclose(along.along[0, 0, 1, 1:], by_q, rtol=1e-6)


w = sp.Symbol("w", real=True)
MOVING = {  # a condition on a clock y and on w, which falls; how long it holds until 1000, and by p
    "rhythm": (sp.sin(2 * sp.pi * y) > p, 1000 / 3, -1000 / np.pi / 0.75**0.5),
    "rhythm beside a state": (sp.sin(2 * sp.pi * y) * w > p * w, 1000 / 3, -1000 / np.pi / 0.75**0.5),
    "bell": (w * sp.exp(-((y - 500) ** 2)) > p * w, 2 * np.log(2) ** 0.5, -2 / np.log(2) ** 0.5),
    "quotient": (w / (1 + (y - 500) ** 2) > p * w, 2.0, -4.0),
    "parabola": (y**2 - 1000 * y + 250_000 < p, 2**0.5, 2**0.5),
}


@pytest.mark.parametrize("name", MOVING)
def test_a_condition_on_two_states_of_which_one_brings_a_peak_is_located(name):
    condition, long, by_p = MOVING[name]
    slopes = (1, -w / 2000, chosen(condition, 1))
    got = solved(slopes, [0.0, 1.0, 0.0], [[0.5, 0.0]], [1000.0], "auto", states=(y, w, z), along=True)
    assert_allclose(got.values[0, 0, 2], long, rtol=1e-8)
    assert_allclose(got.along[0, 0, 0, 2], by_p, rtol=1e-6)


def test_a_state_at_rest_at_the_edge_of_a_band_is_where_the_condition_says():
    inside = [sp.Abs(y - 1) < 1, sp.Abs(y - 1) <= 1, sp.sin(y) > 0, sp.sin(y) >= 0, y**2 > 0, y**2 <= 0]
    slope = sum(chosen(condition, 10**k) for k, condition in enumerate(inside))
    got = solved((-y * z, 0, slope), [0.0, 1.0, 0.0], [[0, 0]], [1.0], "auto", states=(y, z, w))
    assert_allclose(got.values[0, 0, 2], 101010.0, rtol=1e-12)


def test_a_sign_of_a_distance_is_one_of_its_two_levels():
    got = solved((-y / 10, sp.sign(sp.Abs(y - 0.5) - p)), [1.0, 0.0], [[1e-3, 0.0]], [20.0], "auto", states=(y, z))
    assert_allclose(got.values[0, 0, 1], 20 - 20 * np.log(0.501 / 0.499), rtol=1e-9)


def test_patients_in_bands_are_alone_what_they_are_in_a_batch():
    slopes = (-y / 10, chosen(BANDS["bell"], 1) + chosen(y < BELL, 1))
    values = np.column_stack([np.linspace(1e-3, 0.1, 20), np.linspace(1.5, 3, 20)])
    whole = solved(slopes, [1.0, 0.0], values, [20.0, 600.0], "auto", states=(y, z), along=True)
    assert_array_equal(whole.status, Status.ok)
    for i in (0, 19):
        alone = solved(slopes, [1.0, 0.0], values[i : i + 1], [20.0, 600.0], "auto", states=(y, z), along=True)
        for name in ("values", "along"):
            assert_array_equal(getattr(alone, name)[0], getattr(whole, name)[i])


WHEN = {
    "rhythm beside a state": (lambda t, x, p: p.high * functions.sin(t / p.day) > x.held, 16, 100.0),
    "pulse beside a state": (lambda t, x, p: p.high * functions.exp(-((t / p.day - 500) ** 2)) > x.held, 1, 1000.0),
    "band of a state": (lambda t, x, p: abs(x.falls - x.held / 2) < 1e-3 * p.high, 1, 1000.0),
    "bell of a clock": (lambda t, x, p: functions.exp(-((x.clock / p.day - 500) ** 2)) > 0.5, 1, 1000.0),
    "bell of a clock beside a state": (
        lambda t, x, p: p.high * functions.exp(-((x.clock / p.day - 500) ** 2)) > x.held,
        1,
        1000.0,
    ),
    "rhythm of a clock": (lambda t, x, p: functions.sin(x.clock / p.day) > 0.5, 160, 1000.0),
}


@pytest.mark.parametrize("name", WHEN)
def test_a_trigger_on_such_a_condition_fires_each_time(name):
    when, times, end = WHEN[name]
    model = im.Model(
        "counts", [im.State("held", "mg", scale=1.0, initial=1.0), im.State("falls", "mg", scale=1.0, initial=1.0),
                   im.State("clock", "day", scale=1.0), im.State("count", "1", scale=1.0)],
        lambda t, x, p: {"held": 0, "falls": -p.k * x.falls, "clock": p.day / p.day, "count": 0},
        [im.Parameter("high", 2.0, "mg"), im.Parameter("day", 1.0, "day"), im.Parameter("k", 0.1, "1/day")],
        triggers=[im.Trigger(when=when, then=lambda t, x, p: {"count": x.count + 1})],
    )  # fmt: skip
    assert_allclose(im.simulate(model, times=[end])["count"], times)
