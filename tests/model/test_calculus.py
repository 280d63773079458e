"""Exact derivatives equal finite differences, and are finite where an expression has a kink."""

import numpy as np
import sympy as sp
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from immunode import functions
from immunode.engine.codegen.printer import Printer
from immunode.model.calculus import derivative

x, z = sp.symbols("x z", real=True)
LEAVES = st.sampled_from(["x", "z", "0.5", "2.0", "(x - z)", "(x + 1.5)"])
BRANCHES = [
    "({a} + {b})", "({a} - {b})", "{a}*{b}", "{a}/(1 + {b}*{b})", "exp(-{a}*{a})", "sqrt({a})", "log({a})",
    "hill({a}, 2, 1.5)", "hill({a}, 1, 0.5)", "hill({a}, 0.5)", "maximum({a}, {b})", "minimum({a}, {b})",
    "choose({a}, {b}, {a}*{b}, {b})", "maximum({a}, 0)**1.3",
]  # fmt: skip
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.builds(lambda f, a, b: f.format(a=a, b=b), st.sampled_from(BRANCHES), inner, inner),
    max_leaves=6,
)
FUNCTIONS = {n: getattr(functions, n) for n in ("exp", "log", "sqrt", "hill", "maximum", "minimum", "where")}
COMPILED = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "max": np.maximum, "min": np.minimum, "nan": np.nan}


def number(text, values, near):
    """Return the value of an expression, and add to `near` how far it is from each of its kinks."""

    def noting(function):
        def call(a, *more):
            near.append(abs(a - (more[0] if function.__name__ in ("maximum", "minimum") else 0)))
            return function(a, *more)

        return call

    space = FUNCTIONS | {n: noting(FUNCTIONS[n]) for n in ("log", "sqrt", "hill", "maximum", "minimum")}
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
    found = derivative(symbolic(text), by)
    assume(not found.has(sp.sign, sp.ITE))  # faults of their own, see tests/engine/test_sensitivities.py
    printed = Printer({x: "x", z: "z"}).doprint(found)
    return lambda values: float(eval(printed, COMPILED | {k: np.float64(v) for k, v in values.items()}))


@settings(max_examples=150, deadline=None)
@given(text=EXPRESSIONS, at=st.tuples(st.floats(-3, 3), st.floats(-3, 3)), by=st.sampled_from("xz"))
def test_derivatives_equal_finite_differences_away_from_kinks(text, at, by):
    values, near, h = dict(zip("xz", at, strict=True)), [1.0], 1e-4
    f = number(text, values, near)
    assume(min(near) > 0.05 and abs(f) < 1e3)
    low, less, more, high = (number(text, values | {by: values[by] + k * h}, []) for k in (-2, -1, 1, 2))
    with np.errstate(all="ignore"):
        found = slope(text, {"x": x, "z": z}[by])(values)
    # of order four: its own error is far below 1e-6 where kinks, and with them poles, are 500 steps away
    assert_allclose(found, (low - 8 * less + 8 * more - high) / (12 * h), rtol=1e-6, atol=1e-6)


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
        found = [slope(text, {"x": x, "z": z}[by])(values) for by in "xz" if not infinite(by)]
    assert all(np.isfinite(found))
