"""Exact derivatives equal finite differences, and are finite where an expression has a kink."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import gamma

from immunode import functions
from immunode.engine.codegen import rare
from immunode.engine.codegen.printer import Printer
from immunode.functions.refusal import KNOWN
from immunode.model.calculus import derivative

x, z = sp.symbols("x z", real=True)
LEAVES = st.sampled_from(["x", "z", "0.5", "2.0", "(x - z)", "(x + 1.5)"])
BRANCHES = [
    "({a} + {b})", "({a} - {b})", "{a}*{b}", "{a}/(1 + {b}*{b})", "exp(-{a}*{a})", "sqrt({a})", "log({a})",
    "hill({a}, 2, 1.5)", "hill({a}, 1, 0.5)", "hill({a}, 0.5)", "maximum({a}, {b})", "minimum({a}, {b})",
    "choose({a}, {b}, {a}*{b}, {b})", "maximum({a}, 0)**1.3", "sin({a})", "cos({a})", "atan({a})", "tanh({a})",
    "log2({a})", "log10({a})", "abs(atan({a}))",
]  # fmt: skip
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.builds(lambda f, a, b: f.format(a=a, b=b), st.sampled_from(BRANCHES), inner, inner),
    max_leaves=6,
)
FUNCTIONS = {n: getattr(functions, n) for n in KNOWN}
COMPILED = {n: getattr(np, n) for n in ("exp", "log", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh")}
COMPILED |= {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "tanh": np.tanh, "floor": np.floor}
COMPILED |= {"max": np.maximum, "min": np.minimum, "nan": np.nan, "gamma": gamma}
COMPILED |= {f.__name__: f for f in (rare.digamma, rare.trigamma, rare.floor_of, rare.hill_term, rare.modulo)}
LOGARITHMS = ("log", "log2", "log10")


def number(text, values, near):
    """Return the value of an expression, and add to `near` how far it is from each of its kinks."""

    def noting(function):
        def call(a, *more):
            near.append(abs(a - (more[0] if function.__name__ in ("maximum", "minimum") else 0)))
            return function(a, *more)

        return call

    space = FUNCTIONS | {n: noting(FUNCTIONS[n]) for n in (*LOGARITHMS, "sqrt", "hill", "maximum", "minimum")}
    space["abs"] = noting(abs)
    space["choose"] = lambda a, b, yes, no: yes if near.append(abs(a - b)) or a > b else no
    return eval(text, space | values)


def symbolic(text):
    space = FUNCTIONS | {"x": x, "z": z, "choose": lambda a, b, yes, no: functions.where(sp.sympify(a > b), yes, no)}
    try:
        return sp.sympify(eval(text, space))
    except RecursionError:  # SymPy's, which brings some conditions, as 2*z - x > x - z, into a form without end
        return reject()


def slope(text, by):
    """Return the derivative as the engine would compile it, f({"x": ..., "z": ...})."""
    partial = derivative(symbolic(text), by)
    assume(not partial.has(sp.sign, sp.ITE))  # faults of their own, see tests/engine/test_sensitivities.py
    printed = Printer({x: "x", z: "z"}).doprint(partial)
    return lambda values: float(eval(printed, COMPILED | {k: np.float64(v) for k, v in values.items()}))


@settings(max_examples=150, deadline=None)
@given(text=EXPRESSIONS, at=st.tuples(st.floats(-3, 3), st.floats(-3, 3)), by=st.sampled_from("xz"))
def test_derivatives_equal_finite_differences_away_from_kinks(text, at, by):
    values, near, h = dict(zip("xz", at, strict=True)), [1.0], 1e-4
    f = number(text, values, near)
    assume(min(near) > 0.05 and abs(f) < 1e3)
    low, less, more, high = (number(text, values | {by: values[by] + k * h}, []) for k in (-2, -1, 1, 2))
    with np.errstate(all="ignore"):
        partial = slope(text, {"x": x, "z": z}[by])(values)
    # of order four: its own error is far below 1e-6 where kinks, and with them poles, are 500 steps away
    assert_allclose(partial, (low - 8 * less + 8 * more - high) / (12 * h), rtol=1e-6, atol=1e-6)


@settings(max_examples=150, deadline=None)
@given(text=EXPRESSIONS, at=st.sampled_from([(0.0, 0.0), (-1e-9, 0.0), (0.0, 1.0), (1.0, -1e-9)]))
def test_derivatives_are_finite_at_kinks(text, at):
    # a maximum of three has a sum of steps for a factor, which is not made a choice
    assume(all(len(e.args) < 3 for e in symbolic(text).atoms(sp.Max, sp.Min)))
    values = dict(zip("xz", at, strict=True))

    def steepness(by, h):
        return max(abs(number(text, values | {by: values[by] + k}, []) - number(text, values, [])) / h for k in (h, -h))

    def infinite(by):  # as of a power below one of what is zero here, which no formula can make finite
        return steepness(by, 1e-9) > 1.2 * steepness(by, 1e-5) + 0.01

    with np.errstate(all="ignore"):
        partials = [slope(text, {"x": x, "z": z}[by])(values) for by in "xz" if not infinite(by)]
    assert all(np.isfinite(partials))


POINTS = {"asin": [-0.7, 0.0, 0.3], "acos": [-0.7, 0.0, 0.3], "log": [1e-200, 0.3, 1e100], "log2": [1e-200, 0.3, 8.0]}
POINTS |= {"log10": [1e-200, 0.3, 1e3], "sqrt": [1e-200, 0.3], "factorial": [-2.5, -0.5, 0.0, 0.4, 4.0, 20.0]}
SMOOTH = ["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", *LOGARITHMS, "sqrt", "factorial"]


def compiled(expression, **values):
    printed = Printer({x: "x", z: "z"}).doprint(expression)
    return float(eval(printed, COMPILED | {name: np.float64(value) for name, value in values.items()}))


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_of_functions_and_the_slopes_of_these_equal_mpmaths(name):
    base = {"log2": 2, "log10": 10}
    slope = derivative(getattr(functions, name)(x), x)
    curvature = derivative(slope, x)
    for at in POINTS.get(name, [-3.0, -1e-9, 0.0, 0.4, 2.0]):

        def value(v):
            return mpmath.log(v, base[name]) if name in base else getattr(mpmath, name)(v)

        with mpmath.workdps(120):
            h = mpmath.mpf(10) ** -20 * (abs(at) or 1)
            first = (value(at + h) - value(at - h)) / (2 * h)
            second = (value(at + h) - 2 * value(mpmath.mpf(at)) + value(at - h)) / h**2
        # the functions beneath are good to some units in the last place
        assert compiled(slope, x=at) == pytest.approx(float(first), rel=1e-12, abs=1e-15)
        if at != 1e-200:  # its square is no number
            assert compiled(curvature, x=at) == pytest.approx(float(second), rel=1e-11, abs=1e-14)


@pytest.mark.parametrize(
    "text",
    ["1/(1 + exp(-{u}))/(1 + exp({u} - 3))", "1/cosh({u})**2", "3/(2*exp({u}) + exp(-{u}))", "exp(-z*z)/(2 + exp({u}))",
     "1/(1 + exp(2*{u}) + x*exp({u}))", "(1 + exp({u}))**-2.5"],
)  # fmt: skip
@pytest.mark.parametrize("by", "xz")
def test_curves_that_end_where_exponentials_overflow_have_a_slope_of_zero_there(text, by):
    f = symbolic(text.format(u="((x - 1)/z)"))
    partial, exact = derivative(f, {"x": x, "z": z}[by]), sp.diff(f, {"x": x, "z": z}[by])
    assert compiled(partial, x=1.3, z=0.7) == pytest.approx(float(exact.subs({x: 1.3, z: 0.7})), rel=1e-13)
    with np.errstate(all="ignore"):
        far = [compiled(partial, x=at, z=1e-3) for at in (9.0, 1.9, 1.5)]
    assert_allclose(far, 0.0, atol=1e-150)


def test_the_slope_of_tanh_keeps_its_digits_and_ends_in_zero():
    slope = derivative(functions.tanh(2 * x), x)
    curvature = derivative(slope, x)
    for at in (0.3, 4.0, 10.0, -20.0, 170.0):
        with mpmath.workdps(500):
            first = 2 / mpmath.cosh(2 * mpmath.mpf(at)) ** 2
            second = -4 * mpmath.tanh(2 * mpmath.mpf(at)) * first
        assert compiled(slope, x=at) == pytest.approx(float(first), rel=1e-13, abs=0.0)
        assert compiled(curvature, x=at) == pytest.approx(float(second), rel=1e-13, abs=0.0)
    with np.errstate(over="ignore"):
        assert compiled(slope, x=1e6) == compiled(curvature, x=-1e6) == 0.0


@pytest.mark.parametrize("power", [2, 0.5, 1.7, 30])
def test_slopes_of_hill_and_the_slopes_of_these_keep_their_digits_far_from_half(power):
    first, by_power = derivative(functions.hill(x, 2, z), x), derivative(functions.hill(x, 2, z), z)
    wanted = {"xx": derivative(first, x), "xz": derivative(first, z), "zz": derivative(by_power, z)}
    for at in (1e-6, 0.3, 2.0, 5.0, 1e8):
        with mpmath.workdps(80):
            r = (mpmath.mpf(at) / 2) ** power
            h, log = r / (1 + r), mpmath.log(mpmath.mpf(at) / 2)
            rest, v, n = 1 / (1 + r), mpmath.mpf(at), mpmath.mpf(power)
            exact = {"xx": n * h * rest * (n * (rest - h) - 1) / v**2, "zz": log**2 * h * rest * (rest - h)}
            exact["xz"] = h * rest * (1 + n * log * (rest - h)) / v
            slopes = float(n * h * rest / v), float(log * h * rest)
        near = {"rel": 1e-12, "abs": 1e-300}  # thirty roundings of x / half
        assert (compiled(first, x=at, z=power), compiled(by_power, x=at, z=power)) == pytest.approx(slopes, **near)
        for name, expression in wanted.items():
            # of three terms like the largest
            size = max(
                abs(float(exact[name])), float(n * h * rest / (v**2 if name == "xx" else v)) if name != "zz" else 0
            )
            assert compiled(expression, x=at, z=power) == pytest.approx(float(exact[name]), rel=1e-12, abs=1e-13 * size)
    assert derivative(functions.hill(x, 2, z), z).subs(x, -1.0).evalf(subs={z: 2.0}) == 0


def test_steps_have_no_slope_and_what_they_multiply_keeps_its_own():
    assert derivative(functions.floor(x * z), x) == derivative(functions.ceil(x), x) == 0
    assert derivative(functions.sign(x), x) == 0
    assert derivative(functions.sign(x) * x**2, x) == 2 * x * sp.sign(x)
    assert derivative(functions.mod(x, z), x) == 1
    assert compiled(derivative(functions.mod(x, z), z), x=-7.5, z=2.0) == 4.0  # -floor(x/z)
    assert compiled(derivative(abs(functions.asin(x)), x), x=-0.6) == -1.25  # 1/sqrt(1 - 0.36), turned


def test_a_quotient_that_is_rounded_has_its_whole_part_from_the_division():
    week = functions.floor(x / 49.0)
    assert [compiled(week, x=at) for at in (48.999, 49.0, -1.0)] == [0.0, 1.0, -1.0]
    assert compiled(functions.floor((x - 6) / 49), x=55.0) == 1.0
    assert compiled(functions.ceil(x / 49), x=49.0) == 1.0
    assert [rare.floor_of(a, b) for a, b in ((7.5, -2.0), (-7.5, 2.0), (6.0, -2.0))] == [-4.0, -4.0, -3.0]
