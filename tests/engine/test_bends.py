"""A step over a bend of the slopes is as exact as one over smooth ones, against closed forms, by every method.

The promise of docs/tolerances.md is 10 tolerances.
"""

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose

import immunode as im
from benchmarks.promise import PROMISED
from immunode.engine import METHODS, build, no_events, solve
from immunode.functions import maximum, minimum, sqrt, where
from immunode.model.trace import Trace

DOSES = np.linspace(5.5, 8.7, 30)
RTOLS = [1e-4, 1e-6, 1e-8]


def eliminated(t, x, p):
    return {"y": -p.k * minimum(x.y, p.c)}


def drained(t, x, p):
    return {"y": -maximum(x.y - p.c, 0) - p.one}


def chosen(t, x, p):
    return {"y": where(x.y > p.c, -(x.y - p.c) - p.one, -p.one)}


def late(d):
    return 5 - (4 - np.log(d - 4))  # from d it falls to 5 in log(d - 4)


# what is left of a dose at time 4, and its change with c
BENT = {
    "minimum": (eliminated, lambda d: 5 * np.exp(d / 5 - 5), lambda d: np.exp(d / 5 - 5) * (1 - d / 5)),
    "maximum": (drained, late, lambda d: 1 - 1 / (d - 4)),
    "choice": (chosen, late, lambda d: 1 - 1 / (d - 4)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", BENT)
def test_a_step_over_a_bend_keeps_the_promise(name, method):
    slopes, exact, along = BENT[name]
    parameters = [im.Parameter(letter, value, "1") for letter, value in (("k", 1.0), ("c", 5.0), ("one", 1.0))]
    model = im.Model(name, [im.State("y", "1", scale=1.0)], slopes, parameters, time="1", routes={"iv": "y"})
    for rtol in RTOLS:
        how = {"times": [4.0], "rtol": rtol, "method": method}
        got = [im.simulate(model, im.dose(f"{d} 1", "iv"), **how) for d in DOSES]
        moved = [im.simulate(model, im.dose(f"{d} 1", "iv"), **how, sensitivities=["c"]) for d in DOSES]
        kept([course["y"] for course in got], exact(DOSES), rtol)
        kept([course["y_sensitivity"] for course in moved], along(DOSES), rtol)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("share", [50, 300, 1000])
def test_a_pulse_that_begins_and_ends_with_a_bend_keeps_the_promise(share, method):
    model = im.Model(
        "hill",
        [im.State("y", "1", scale=1.0)],
        lambda t, x, p: {"y": maximum(1 - ((t - p.at) / p.width) ** 2, 0) - p.k * x.y},
        [im.Parameter("at", 1.0, "1"), im.Parameter("width", 1.0, "1"), im.Parameter("k", 0.01, "1")],
        time="1",
    )
    for at in (100.0, 500.0, 800.0):
        width, rtol = at / share / 2, 1e-6
        z = 0.01 * width  # of the integral of (1 - u^2) exp(z u) over -1..1
        area = width * np.exp(-0.01 * (width + 1)) * 4 * (z * np.cosh(z) - np.sinh(z)) / z**3
        values = {"at": at, "width": width}
        got = im.simulate(model, times=[at + width + 1], parameters=values, method=method, rtol=rtol)
        kept([got["y"]], np.array([area]), rtol)


def rooted(t, x, p):
    return {"y": -sqrt(maximum(x.y - p.c, 0)) - p.one}


def beside_a_root(t, x, p):
    return {"y": -maximum(x.y - p.c, 0) - p.one - sqrt(maximum(p.c - p.c * p.one - t, 0))}


def below_five(d):
    """Return what a root leaves of d after 4 days: with s = sqrt(y - 5) the fall to 5 takes 2 (s - ln(1 + s))."""
    s = np.sqrt(d - 5)
    return 5 - (4 - 2 * (s - np.log(1 + s)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("slopes", "exact"), [(rooted, below_five), (beside_a_root, late)])
def test_a_slope_that_is_steep_at_its_bend_hides_neither_its_own_nor_another(slopes, exact, method):
    parameters = [im.Parameter("c", 5.0, "1"), im.Parameter("one", 1.0, "1")]
    model = im.Model("root", [im.State("y", "1", scale=1.0)], slopes, parameters, time="1", routes={"iv": "y"})
    for rtol in RTOLS:
        how = {"times": [4.0], "rtol": rtol, "method": method}
        got = [im.simulate(model, im.dose(f"{d} 1", "iv"), **how)["y"] for d in DOSES]
        kept(got, exact(DOSES), rtol)


@pytest.mark.parametrize("k", [100.0, 1e4, 1e6])
def test_states_that_rest_at_a_bend_take_long_steps(k):
    a, b, speed = sp.symbols("a b speed", real=True)
    flow = speed * sp.Max(a - b, 0) - speed * sp.Max(b - a, 0)
    trace = Trace(sp.Symbol("t", real=True), (a, b), (speed,), (-flow, flow))
    got = solve(
        build(trace, "auto"), [[1.0, 0.0]], [[k]], no_events(1), [10.0],
        columns=[0, 1], start=0.0, end=10.0, rtol=1e-6, atol=1e-9,
    )  # fmt: skip
    assert_allclose(got.values[0, 0], 0.5, rtol=1e-5)
    assert got.steps[0] + got.rejected[0] < 100  # at k = 100 an explicit method alone would take 300


def kept(got, exact, rtol):
    errors = np.abs([float(one.item()) for one in got] - exact) / (rtol * (np.abs(exact) + 1e-3))
    assert errors.max() <= PROMISED
    assert np.median(errors) <= 2.0
