"""A step sees what time brings within it: pulses and rhythms, by closed forms.

A step may miss a tolerance of an input, and a pulse lies in several steps: values are held to 100 rtol.
"""

import dataclasses
import warnings

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode.engine import METHODS
from immunode.errors import ImmunodeError
from immunode.functions import both, cos, exp, hill, maximum, mod, where
from immunode.simulation import run
from tests.engine.test_switches import RTOL, chosen, p, q, solved, t, y
from tests.support.engine_models import straight_lines_up_to

methods = pytest.mark.parametrize("method", METHODS)
bell = sp.exp(-(((t - p) / q) ** 2) / 2) / q / sp.sqrt(2 * sp.pi)
TIMES = [0.03, 1.0, 30.0, 1000.0, 1e4]


def bells(ratio):
    return [[time, time / ratio] for time in TIMES]


@methods
@pytest.mark.parametrize("ratio", [1000.0, 1e6])
def test_a_bell_at_any_time_is_seen_whole(method, ratio):
    got = solved(bell, [0.0], bells(ratio), [2e4], method)
    assert_allclose(got.values[:, 0, 0], 1.0, rtol=100 * RTOL)


@methods
def test_a_pulse_of_unknown_shape_is_seen_down_to_a_thousandth_of_its_time(method):
    shape = 1 / (1 + ((t - p) / q) ** 2) ** 2
    got = solved(shape * 2 / (sp.pi * q), [0.0], bells(1000.0), [2e4], method)
    a, b = (np.array([[(end - at) / (at / 1000) for at in TIMES]]) for end in (2e4, 0.0))
    exact = [(z / (1 + z * z) + np.arctan(z)) / np.pi for z in (a, b)]
    assert_allclose(got.values[:, 0, 0], (exact[0] - exact[1])[0], rtol=100 * RTOL)


@methods
def test_a_state_that_forgets_sees_the_pulse_while_it_lasts(method):
    times = np.linspace(0.0, 60.0, 61)
    got = solved(1e4 * (bell - y), [0.0], [[30.0, 1.4]], times, method, atol=1e-3 * RTOL)
    exact = np.exp(-(((times - 1e-4 - 30.0) / 1.4) ** 2) / 2) / 1.4 / np.sqrt(2 * np.pi)
    assert_allclose(got.values[0, :, 0], exact, atol=2 * 1e-8)  # what is left out of the lag: its square over 1.4


def test_peaks_of_a_rhythm_are_seen_for_years():
    got = solved(((1 + sp.cos(2 * sp.pi * t)) / 2) ** p, [0.0], [[200.0, 0.0]], [0.5, 1000.5], "auto")
    days = got.values[0, 1, 0] - got.values[0, 0, 0]
    exact = 1000 * float(sp.binomial(400, 200) / sp.Integer(4) ** 200)  # the mean of cos^400
    assert_allclose(days, exact, rtol=100 * RTOL)


@methods
def test_a_condition_that_time_bends_is_met_between_steps(method):
    level = np.array([0.5, 0.9999])
    got = solved(chosen(sp.sin(t) > p, 1), [0.0], [[value, 0] for value in level], [1000.0], method)
    begin = 2 * np.pi * np.arange(160)[:, None] + np.arcsin(level)
    end = 2 * np.pi * np.arange(160)[:, None] + np.pi - np.arcsin(level)
    assert_allclose(got.values[:, 0, 0], np.clip(1000.0 - begin, 0, end - begin).sum(axis=0), rtol=1e-10)


def test_a_window_of_a_bell_is_as_wide_as_its_formula():
    got = solved(chosen(sp.exp(-(((t - p) / q) ** 2) / 2) > 0.5, 1), [0.0], bells(1000.0), [2e4], "auto")
    width = np.array(TIMES) / 1000 * 2 * np.sqrt(2 * np.log(2))
    assert_allclose(got.values[:, 0, 0], width, rtol=1e-10)


def test_pulses_around_time_zero_are_seen():
    got = solved(bell, [0.0], [[0.0, 1e-3], [-5.0, 5e-3], [1e-3, 1e-6]], [30.0], "auto", start=-14.0)
    assert_allclose(got.values[:, 0, 0], 1.0, rtol=100 * RTOL)


def test_loops_see_what_straight_lines_see():
    with straight_lines_up_to(0):
        looped = solved(bell, [0.0], [[30.0, 0.05]], [60.0], "auto")
    assert_allclose(looped.values, solved(bell, [0.0], [[30.0, 0.05]], [60.0], "auto").values, rtol=100 * RTOL)


def test_a_pulse_changes_no_bit_of_a_neighbour_and_outputs_change_none():
    many = solved(bell - y, [0.0], bells(1000.0), [31.0, 2e4], "auto")
    for i, values in enumerate(bells(1000.0)):
        alone = solved(bell - y, [0.0], [values], [0.5, 29.9, 31.0, 2e4], "auto")
        assert_array_equal(alone.values[0, 2:], many.values[i])


def test_sensitivities_see_a_pulse_whose_height_is_zero():
    got = solved(p * sp.exp(-((t - q) ** 2) / 2), [0.0], [[0.0, 400.0]], [1000.0], "auto", along=True)
    assert_allclose(got.along[0, 0, :, 0], [np.sqrt(2 * np.pi), 0.0], rtol=100 * RTOL, atol=1e-9)


def pulse(place):
    return im.Model(
        "pulse",
        [im.State("amount", "mg", scale=1.0)],
        lambda t, x, p: {"amount": p.rate * exp(-(((t - place(x, p)) / p.width) ** 2) / 2)},
        [im.Parameter("rate", 1.0, "mg/day"), im.Parameter("at", 30.0, "day"), im.Parameter("width", 0.5, "day")],
    )


def test_a_pulse_that_a_state_moves_is_warned_of_and_a_longest_step_is_the_cure():
    model = pulse(lambda x, p: p.at + x.amount / p.rate)
    with pytest.warns(UserWarning, match=r"its width depends on a state\): give simulate max_step="):
        im.simulate(model, times=[60.0])
    course = im.simulate(model, times=[60.0], max_step="6 h")
    finer = im.simulate(model, times=[60.0], max_step=0.05, rtol=1e-9)
    assert_allclose(course["amount"], finer["amount"], rtol=1e-5)


@methods
def test_a_window_whose_ends_a_state_moves_needs_no_longest_step_and_no_warning(method):
    def place(x, p):
        return p.at + x.amount / (2 * p.rate)

    window = dataclasses.replace(
        pulse(place),
        derivative=lambda t, x, p: {
            "amount": where(both(t > place(x, p), t < place(x, p) + p.width), p.rate, 0 * p.rate)
        },
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        course = im.simulate(window, times=[60.0], parameters={"width": 1e-3}, method=method)
    assert_allclose(course["amount"], 2e-3, rtol=1e-6)  # its end runs before it half as fast as time


def test_a_longest_step_is_in_the_unit_of_the_models_time():
    model = im.Model(
        "hours",
        [im.State("amount", "mg", scale=1.0)],
        lambda t, x, p: {"amount": p.rate * (1 + cos(t / p.turn))},
        [im.Parameter("rate", 1.0, "mg/hour"), im.Parameter("turn", 24.0, "hour")],
        time="hour",
    )
    solution = run(
        model, np.array([[1.0, 24.0]]), [im.Regimen(())], np.zeros(1, int), times=np.array([48.0]),
        observe=["amount"], start=0.0, max_step=48.0 / 5000,
    )  # fmt: skip
    assert 5000 <= solution.steps[0] < 5100
    assert_allclose(im.simulate(model, times=["2 d"], max_step="1 h")["amount"], 48 + 24 * np.sin(2), rtol=1e-6)


@pytest.mark.parametrize("wrong", ["0 h", -1, [1], "2 mg", "soon", float("nan")])
def test_a_longest_step_that_is_no_positive_time_is_refused(wrong):
    with pytest.raises(ImmunodeError, match=r"max_step|not a|cannot be converted"):
        im.simulate(pulse(lambda x, p: p.at), times=[1.0], max_step=wrong)


@methods
def test_curves_whose_exponentials_overflow_are_solved_to_the_end(method):
    rise, fall = 1 / (1 + sp.exp(-(t - p) / q)), 1 / (1 + sp.exp((t - p - 20 * q) / q))
    got = solved(rise * fall, [0.0], [[5.0, 1e-2]], [30.0], method, along=True)
    whole = 20 / -np.expm1(-20)  # the integral of both, in widths
    assert_allclose(got.values[0, 0, 0], whole * 1e-2, rtol=100 * RTOL)
    assert_allclose(got.along[0, 0, :, 0], [0.0, whole], rtol=100 * RTOL, atol=100 * RTOL)


CLOCKED = {  # pulses of each day's clock, and NumPy's words of them
    "tent": (lambda c: maximum(0, 1 - abs(c - 0.4) / 0.02), lambda c: np.maximum(0, 1 - np.abs(c - 0.4) / 0.02)),
    "sides": (lambda c: exp(-abs(c - 0.4) / 0.02), lambda c: np.exp(-np.abs(c - 0.4) / 0.02)),
    "hills": (
        lambda c: hill(c, 0.41, -40) * hill(c, 0.40, 40),
        lambda c: 0.41**40 / (0.41**40 + c**40) * c**40 / (0.40**40 + c**40),
    ),
}


@pytest.mark.parametrize("method", ["auto", "rodas5p"])
@pytest.mark.parametrize("name", CLOCKED)
def test_a_pulse_of_each_day_is_seen_on_any_day(name, method):
    pulse, words = CLOCKED[name]
    days = 1500
    area = np.mean(words((np.arange(1_000_000) + 0.5) / 1_000_000))  # errs by 1e-9: cells are 1/20 000 of a pulse
    model = im.Model("days", [im.State("x", "1", scale=1.0)], lambda t, x, p: {"x": pulse(mod(t, 1))}, time="1")
    brought = im.simulate(model, times=[float(days)], method=method)["x"].item()
    # each side of a pulse may err by a tolerance of what there is by then, 1e-6 x: half of days * 1e-6 of the sum
    assert_allclose(brought, days * area, rtol=2 * days / 2 * 1e-6 + 1e-4)


@pytest.mark.parametrize(
    ("slope", "right"),
    [
        (lambda t, y: where(t < 1.0, 0.5 * exp(-t), -0.2 * y), 0.5 * (1 - np.exp(-1)) * np.exp(-0.2)),
        (lambda t, y: where(t < 1.0, 0.5 * t, -0.2 * y), 0.25 * np.exp(-0.2)),
        (lambda t, y: where(t < 1.0, 1 - y, mod(t, 7) - t - y), (1 - np.exp(-1)) * np.exp(-1)),
    ],
)
def test_an_input_for_a_while_and_then_decay(slope, right):
    model = im.Model("then", [im.State("y", "1", scale=1.0)], lambda t, x, p: {"y": slope(t, x.y)}, time="1")
    assert_allclose(im.simulate(model, times=[2.0])["y"], right, rtol=100 * 1e-6)
