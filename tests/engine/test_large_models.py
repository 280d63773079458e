"""Models of hundreds of states solve as small ones do: without a limit, compiled in seconds, exact.

Errors are against SciPy's BDF at 1e-10, whose own add up to some 1e-9; with a switch, which BDF would step over,
against `tsit5`, whose steps are others.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

import immunode as im
from immunode.engine import METHODS, build, no_events, solve
from immunode.engine.codegen.kernels import generate
from immunode.engine.inputs import Directions
from immunode.model.trace import Trace

t, k, half = sp.symbols("t k half", real=True)
RTOL = 1e-8


def network(states, switched):
    """Return genes that switch each other on and off at random, at speeds from 0.1 to 1000, as a trace and a start."""
    rng = np.random.default_rng(1)
    y = sp.symbols(f"y:{states}", real=True)
    slopes = []
    for i, speed in enumerate(10 ** rng.uniform(-1, 3, states)):
        on, off = (y[j] for j in rng.choice(states, 2, replace=False))
        rate = on**2 / (half**2 + on**2) / (1 + off / half)
        if switched and i == 5:
            rate *= sp.Piecewise((1, y[7] > half), (sp.Rational(1, 4), True))
        slopes.append(k * float(speed) * (sp.Rational(1, 10) + rate - y[i]))
    return Trace(t, y, (k, half), tuple(slopes)), rng.uniform(0.2, 1.5, states)


def solved(trace, start, values, method, **more):
    n = len(start)
    return solve(
        build(trace, method, sensitivities=bool(more)), [start], [values], no_events(1), [0.2, 2.0],
        columns=list(range(n)), start=0.0, end=2.0, rtol=RTOL, atol=RTOL / 1000, **more,
    )  # fmt: skip


def expected(trace, start, values):
    function = sp.lambdify([t, trace.states, trace.parameters], list(trace.derivative), cse=True)
    got = solve_ivp(lambda s, y: function(s, y, values), (0.0, 2.0), start, "BDF", [0.2, 2.0], rtol=1e-10, atol=1e-12)
    return got.y.T


@pytest.mark.slow
@pytest.mark.parametrize("method", ["rodas5p", "auto"])
@pytest.mark.parametrize(("states", "switched"), [(220, False), (300, False), (300, True)])
def test_hundreds_of_stiff_states_are_as_exact_as_few(states, switched, method):
    trace, start = network(states, switched)
    got = solved(trace, start, [2.0, 0.5], method)
    want = expected(trace, start, [2.0, 0.5]) if not switched else solved(trace, start, [2.0, 0.5], "tsit5").values[0]
    assert_allclose(got.values[0], want, rtol=100 * RTOL, atol=100 * RTOL)


@pytest.mark.slow
def test_and_so_are_their_derivatives():
    trace, start = network(300, False)
    along = Directions(np.array([1]), np.ones((1, 1)), np.zeros((1, 1, 300)))
    got = solved(trace, start, [2.0, 0.5], "rodas5p", directions=along)
    apart = 1e-4
    up, down = (expected(trace, start, [2.0, 0.5 + side * apart]) for side in (1, -1))
    # a central difference errs by apart^2 and by the errors of both solutions over it
    assert_allclose(got.along[0, :, 0], (up - down) / (2 * apart), rtol=1e-4, atol=1e-4)


def test_a_choice_of_three_hundred_pieces_is_read():
    level = sp.Symbol("level", real=True)
    rate = sp.Piecewise(*((sp.Rational(i + 1, 300), level < sp.Rational(i + 1, 300)) for i in range(299)), (1, True))
    trace = Trace(t, (sp.Symbol("y", real=True),), (level,), (rate,))
    got = solve(build(trace, "tsit5"), np.zeros((3, 1)), [[0.0], [0.5001], [7.0]], no_events(3), [1.0],
                columns=[0], start=0.0, end=1.0, rtol=RTOL, atol=RTOL)  # fmt: skip
    assert_allclose(got.values[:, 0, 0], [1 / 300, 151 / 300, 1.0], rtol=1e-12)


@pytest.mark.parametrize("method", ["tsit5", "rodas5p"])
def test_each_of_many_parameters_counts_as_what_it_is(method):
    many = 150
    p = sp.symbols(f"p:{many}", real=True)
    slopes = sum((i + 1) * sp.exp(one) for i, one in enumerate(p))
    trace = Trace(t, (sp.Symbol("y", real=True),), p, (slopes,))
    values, weights = np.linspace(-1, 1, many), np.arange(1, many + 1)
    along = np.array([0, many // 2, many - 1])
    directions = Directions(along, np.ones((1, 3)), np.zeros((1, 3, 1)))
    got = solved(trace, [0.0], values, method, directions=directions)
    whole = np.array([0.2, 2.0]) * np.sum(weights * np.exp(values))
    assert_allclose(got.values[0, :, 0], whole, rtol=1e-13)  # a straight line
    assert_allclose(got.along[0, :, :, 0], np.outer([0.2, 2.0], (weights * np.exp(values))[along]), rtol=1e-13)


def test_choices_inside_choices_of_parameters_are_written_once():
    """Written out in each derivative this source has 26 000 characters (that of il2_cd4_hiv had 275 000).

    Slopes are those of differences of the closed form, exp(-c t), in steps of 1e-6: to 1e-5.
    """

    def chosen(p):
        value = p.a
        for i in range(3):
            value = im.functions.maximum(
                value * (1.0 + 0.01 * i), im.functions.minimum(value, p.b) / (1.0 + value / p.c)
            )
        return value

    parameters = [im.Parameter(name, 2.0 + i, "1/day", "made up", source="test") for i, name in enumerate("abc")]
    nested = im.Model("nested", [im.State("y", "mg", initial=1.0)], lambda t, x, p: {"y": -chosen(p) * x.y}, parameters)
    source, _ = generate(nested.trace(), METHODS["tsit5"][0], 4, True)
    assert len(source) < 12_000
    course = im.simulate(nested, times=[0.1], sensitivities=["a"])
    up, down = (chosen(SimpleNamespace(a=2.0 + h, b=3.0, c=4.0)) for h in (1e-6, -1e-6))
    rate = chosen(SimpleNamespace(a=2.0, b=3.0, c=4.0))
    expected = -0.1 * (up - down) / 2e-6 * np.exp(-0.1 * rate)
    assert course["y_sensitivity"].sel(by="a").values == pytest.approx(expected, rel=1e-5)
