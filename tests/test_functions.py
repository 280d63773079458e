"""Functions of models: the same on numbers, symbols and in compiled code; what cannot be traced is refused by name."""

import math
import re
from functools import partial
from pathlib import Path

import mpmath
import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp
from scipy.special import digamma, polygamma

import immunode as im
from immunode import functions
from immunode.engine.codegen import rare
from immunode.errors import BadValue, ModelError, UnitError
from immunode.functions import (
    both,
    ceil,
    either,
    factorial,
    floor,
    hill,
    log10,
    mod,
    negate,
    sign,
    where,
)
from immunode.functions.refusal import KNOWN

P = im.Parameter
SMOOTH = ["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "log2", "log10", "sqrt"]
PARAMETERS = [P("k", 1.0, "1/day"), P("K", 2.0, "mg"), P("u", 0.3, "1"), P("b", 3.0, "1"), P("SEX", 1.0, "1")]
PARAMETERS += [P("week", 7.0, "day"), P("length", 1.0, "day"), P("short", 0.25, "day"), P("drip", 50.0, "mg/day")]


def model(derivative=lambda t, x, p: {"y": -p.k * x.y}, outputs=None, **state):
    shown = [im.Output(name, "1", value) for name, value in (outputs or {}).items()]
    return im.Model("m", [im.State("y", "mg", **state)], derivative, PARAMETERS, outputs=shown, routes={"iv": "y"})


@pytest.mark.parametrize("x", [-1e-8, 0.0, 1.0, 5.0])
@pytest.mark.parametrize("power", [1, 2, 0.7])
def test_hill_is_the_same_on_numbers_and_symbols_and_safe_below_zero(x, power):
    symbol = sympy.Symbol("x", real=True)
    number = hill(x, 5.0, power)
    assert 0.0 <= number <= 1.0
    assert float(hill(symbol, 5.0, power).subs(symbol, x)) == pytest.approx(number, rel=1e-14)
    if x == 5.0:
        assert number == pytest.approx(0.5)


def test_where_is_traced_as_a_piecewise():
    symbol = sympy.Symbol("x", real=True)
    assert where(symbol > 1, symbol, 0).subs(symbol, 2) == 2
    assert where(symbol > 1, symbol, 0).subs(symbol, 0) == 0


def test_the_list_of_functions_is_complete():
    assert sorted(functions.__all__) == sorted(KNOWN)
    public = {name for name in vars(functions) if callable(getattr(functions, name))}
    assert public == set(KNOWN)
    page = (Path(__file__).parents[1] / "docs" / "functions.md").read_text(encoding="utf-8")
    assert {name for name in KNOWN if f"`{name}(" not in page} == set()


POINTS = {
    **{name: [0.3, -0.7, 1.0, -1.0, 0.0] for name in ("asin", "acos")},
    **{name: [0.3, -2.0, 20.0, 709.0, -709.0] for name in ("sinh", "cosh")},
    **{name: [0.3, 8.0, 1000.0, 1e-310, 5e-324, 1e308] for name in ("log", "log2", "log10")},
    "exp": [0.3, -700.0, 709.0],
    "tanh": [0.3, -1e-9, 20.0, 1e6, -1e300],
    "factorial": [0.3, 5.0, -0.5, -2.5, 170.0],
    "sqrt": [0.3, 1e-310, 1e300],
}


def exact(name, x):
    """Return the value that mpmath has with fifty digits."""
    base = {"log2": 2, "log10": 10}
    with mpmath.workdps(50):
        return float(mpmath.log(x, base[name]) if name in base else getattr(mpmath, name)(x))


def applied(name, t, x, p):
    return getattr(functions, name)(p.u)


def test_each_function_keeps_its_value_on_numbers_as_an_expression_and_compiled():
    names = [*SMOOTH, "factorial"]
    compiled = model(outputs={name: partial(applied, name) for name in names})
    symbol = sympy.Symbol("x", real=True)
    for name in names:
        points = np.array(POINTS.get(name, [0.3, -2.0, 1e3, 1e-300]))
        want = [exact(name, x) for x in points]
        function = getattr(functions, name)
        # a few units in the last place, as the C library's functions are
        near = {"rtol": 1e-14, "atol": 1e-300}
        assert_allclose([function(x) for x in points], want, **near, err_msg=name)
        assert_allclose([float(function(symbol).subs(symbol, x)) for x in points], want, **near, err_msg=name)
        made = im.simulate(compiled, times=[0.0], parameters={"u": points})[name].values
        assert_allclose(np.ravel(made), want, **near, err_msg=name)


def test_steps_are_pythons_on_numbers_and_compiled():
    outputs = {
        "floor": lambda t, x, p: floor(p.u),
        "ceil": lambda t, x, p: ceil(p.u),
        "sign": lambda t, x, p: sign(p.u),
        "mod": lambda t, x, p: mod(p.u, p.b),
        "rest": lambda t, x, p: p.u % 7,
        "whole": lambda t, x, p: p.u // p.b,
        "moved": lambda t, x, p: (p.u - 6.0) % 24.0,
        "clock": lambda t, x, p: t % p.week / p.week,
    }
    u = np.array([0.5, -0.5, 0.0, -7.5, 49.0, 30.0, 1e15, 2.0**62, -21.0, 5.25, 49.0])
    b = np.array([3.0, 3.0, 3.0, -2.0, 49.0, 0.25, 7.0, 3.0, 7.0, -1.75, 98.0])
    made = im.simulate(model(outputs=outputs), times=[0.0, 49.0, 50.75], parameters={"u": u, "b": b})
    first = {name: made[name].values[:, 0] for name in outputs}
    assert_array_equal(first["floor"], np.floor(u))
    assert_array_equal(first["ceil"], np.ceil(u))
    assert_array_equal(first["sign"], np.sign(u))
    small = u < 1e16  # above, a whole number of periods is no longer exact
    assert_array_equal(first["mod"][small], (u % b)[small])
    assert_array_equal(first["whole"][small], (u // b)[small])
    assert_array_equal(first["rest"][small], (u % 7)[small])
    assert_array_equal(first["moved"][small], ((u - 6) % 24)[small])
    # at a multiple of the period a new one begins
    assert_array_equal(made["clock"].values[:, 1:], np.tile([0.0, 0.25], (len(u), 1)))
    assert [mod(-1, 24), floor(-0.5), ceil(-1.5), sign(-3.0), sign(0.0), 50 % 7] == [23, -1, -1, -1, 0, 1]


def test_mod_lies_between_zero_and_its_period_and_is_zero_at_a_multiple_as_it_is_rounded():
    outputs = {
        "mod": lambda t, x, p: mod(p.u, p.b),
        "whole": lambda t, x, p: p.u // p.b,
        "tenths": lambda t, x, p: p.u % 0.1,
        "tens": lambda t, x, p: p.u // 0.1,
        "back": lambda t, x, p: p.u % -0.1,
    }
    rng = np.random.default_rng(1)
    k = np.arange(1.0, 200.0)
    u = np.concatenate([k * 0.1, k / 10, [1.9, 1.0, -0.3, 1e17], rng.uniform(-30, 30, 200)])
    made = im.simulate(model(outputs=outputs), times=[0.0], parameters={"u": u, "b": np.full(len(u), 0.1)})
    made = {name: np.ravel(made[name].values) for name in outputs}
    assert ((made["tenths"] >= 0) & (made["tenths"] < 0.1)).all()
    assert ((made["back"] <= 0) & (made["back"] > -0.1)).all()
    assert_array_equal(made["tenths"][: len(k)], 0.0)
    assert_array_equal(made["tens"][: len(k)], k)
    assert_array_equal(made["mod"], made["tenths"])
    assert_array_equal(made["whole"], made["tens"])
    assert_array_equal(made["mod"], [mod(one, 0.1) for one in u])
    # elsewhere it is Python's, which is exact
    assert_array_equal(made["mod"], np.where(made["whole"] * 0.1 == u, 0.0, u % 0.1))
    assert (mod(1.9, 0.1), mod(1e100, 2.5)) == (1.9 % 0.1, 0.0)


FAR = [(20, 2, 300), (1e160, 2, 3), (2e-100, 1e-100, 2), (3, 2, 300), (1, 2, 1.7), (1e-160, 2, 3), (4.0, 2, -2)]


@pytest.mark.parametrize(("x", "half", "power"), [*FAR, (1e100, 2e100, 2.5)])
def test_hill_and_its_derivatives_are_numbers_where_its_powers_are_none(x, half, power):
    shown = {
        "effect": lambda t, x, p: hill(p.u, p.b, power),
        "raised": lambda t, x, p: hill(p.u, p.b, p.k * power / p.k),
    }
    made = im.simulate(model(outputs=shown), times=[0.0], parameters={"u": x, "b": half}, sensitivities=["u", "b"])
    with mpmath.workdps(60):
        ratio = mpmath.mpf(x) / mpmath.mpf(half)
        want, rest = 1 / (1 + ratio ** -mpmath.mpf(power)), 1 / (1 + ratio ** mpmath.mpf(power))
        slope = mpmath.mpf(power) * want * rest  # by log(x)
        exact = [float(want), float(slope / x), float(-slope / half)]
    for name in shown:
        along = np.ravel(made[f"{name}_sensitivity"].sel(by=["u", "b"]).values)
        # a rounding of x / half grows by the power, which is 300 at most
        assert_allclose([made[name].values.item(), *along], exact, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize(("function", "order"), [(rare.digamma, 0), (rare.trigamma, 1)])
def test_derivatives_of_the_logarithm_of_gamma_equal_scipys(function, order):
    x = np.array([1e-3, 0.3, 1.0, 1.46, 9.5, 50.0, 1e6, -0.3, -2.5, -30.7, -1e-15])
    # absolute near the zero of digamma at 1.46
    assert_allclose([function(v) for v in x], polygamma(order, x) if order else digamma(x), rtol=2e-13, atol=1e-15)


CROSSED = {  # what is above its value at 3 from 3 on
    "log": functions.log,
    "factorial": factorial,
    "mod": lambda v: mod(v, 7.5),
    "minimum": lambda v: functions.minimum(log10(v), 3),
    "maximum": lambda v: functions.maximum(v, 2.5),
    "steep": lambda v: hill(v, 5, 2.5),
}
STEPS = {"ceil": lambda v: ceil(v - 2), "whole": lambda v: v // 1.5}


def test_functions_of_time_and_of_a_state_may_decide_a_slope_a_trigger_and_an_output():
    places = {name: f(3.0) for name, f in CROSSED.items()} | {"ceil": 1.5, "whole": 1.5}
    decided = CROSSED | STEPS

    def slopes(t, x, p):
        by_time = {name: where(f(t) > places[name], p.u, 0) for name, f in decided.items()}
        return {
            "clock": p.u,
            "fired": 0,
            **by_time,
            "by_state": where(functions.log10(x.clock) > np.log10(3), p.u, 0),
        }

    when = im.Trigger(when=lambda t, x, p: functions.log2(t) > np.log2(3), then=lambda t, x, p: {"fired": x.fired + 1})
    states = [im.State("clock", "1", initial=0.5, scale=1.0)]
    states += [im.State(name, "1", scale=1.0) for name in ("fired", *decided, "by_state")]
    shown = [im.Output(f"out_{name}", "1", partial(lambda f, name, t, x, p: where(f(t) > places[name], 1, 0), f, name))
             for name, f in decided.items()]  # fmt: skip
    deciding = im.Model("deciding", states, slopes, [P("u", 1.0, "1")], outputs=shown, triggers=[when], time="1")
    made = im.simulate(deciding, times=[1.0, 6.0], start=0.5, method="tsit5")
    assert np.ravel(made["fired"].values).tolist() == [0.0, 1.0]
    for name in (*decided, "by_state"):
        # 1e-5: ten times the solver's rtol
        assert_allclose(np.ravel(made[name].values), [0.0, 3.0], rtol=1e-5, atol=1e-9, err_msg=name)
    for name in decided:
        assert np.ravel(made[f"out_{name}"].values).tolist() == [0, 1], name


def at_two(made, **simulate):
    result = im.simulate(made, parameters={"SEX": [0.0, 1.0]}, **simulate)
    return np.ravel(result["y"].values)


def test_equality_is_a_condition_of_each_patient_in_every_function_of_a_model():
    ten, day = im.dose("10 mg", "iv"), {"times": [1.0]}
    slope = model(lambda t, x, p: {"y": -where(p.SEX == 1, 2 * p.k, p.k) * x.y})
    # 1e-5: ten times the solver's rtol
    assert_allclose(at_two(slope, regimen=ten, **day), 10 * np.exp([-1.0, -2.0]), rtol=1e-5)
    unlike = model(lambda t, x, p: {"y": -where(p.SEX != 1, 2 * p.k, p.k) * x.y})
    assert_allclose(at_two(unlike, regimen=ten, **day), 10 * np.exp([-2.0, -1.0]), rtol=1e-5)
    share = model(bioavailability=lambda p: where(p.SEX == 1, 0.5, 1))
    assert_allclose(at_two(share, regimen=ten, **day), 10 * np.exp(-1.0) * np.array([1, 0.5]), rtol=1e-5)
    late = model(lag=lambda p: where(p.SEX == 1, p.length, 0))
    assert_allclose(at_two(late, regimen=ten, times=[2.0]), 10 * np.exp([-2.0, -1.0]), rtol=1e-5)
    still = lambda t, x, p: {"y": 0 * p.k * x.y}  # noqa: E731
    started = model(still, initial=lambda p: where(p.SEX == 1, 5 * p.K, p.K))
    assert_array_equal(at_two(started, times=[0.0]), [2.0, 10.0])
    infused = im.dose("100 mg", "iv", duration="modelled")
    lasting = model(still, duration=lambda p: where(p.SEX == 1, p.length, 4 * p.length))
    assert_allclose(at_two(lasting, regimen=infused, **day), [25.0, 100.0], rtol=1e-5)
    fast = model(still, rate=lambda p: where(p.SEX == 1, 2 * p.drip, p.drip))
    assert_allclose(at_two(fast, regimen=im.dose("100 mg", "iv", rate="modelled"), times=[0.5]), [25, 50], rtol=1e-5)
    seen = im.simulate(model(outputs={"o": lambda t, x, p: where(p.SEX == 1, 2, 3)}), times=[0.0, 1.0],
                       parameters={"SEX": [0.0, 1.0]})  # fmt: skip
    assert_array_equal(seen["o"].values, [[3, 3], [2, 2]])


def test_conditions_are_joined_by_words_and_by_signs():
    outputs = {
        "both": lambda t, x, p: where(both(p.SEX == 1, p.u > 2), 1, 0),
        "sign_and": lambda t, x, p: where((p.SEX == 1) & (p.u > 2), 1, 0),
        "either": lambda t, x, p: where(either(p.SEX == 1, p.u > 2, p.b == 7), 1, 0),
        "sign_or": lambda t, x, p: where((p.SEX == 1) | (p.u > 2), 1, 0),
        "neither": lambda t, x, p: where(negate(either(p.SEX == 1, p.u > 2)), 1, 0),
        "sign_not": lambda t, x, p: where(~((p.SEX == 1) & (p.u > 2)), 1, 0),
        "windows": lambda t, x, p: where(either(*[both(p.u > i * p.b, p.u < i * p.b + 1) for i in range(12)]), 1, 0),
    }
    sex, u = np.array([0.0, 0.0, 1.0, 1.0]), np.array([1.0, 3.5, 1.0, 3.5])
    made = im.simulate(model(outputs=outputs), times=[0.0], parameters={"SEX": sex, "u": u})
    want = {
        "both": [0, 0, 0, 1],
        "either": [0, 1, 1, 1],
        "neither": [1, 0, 0, 0],
        "sign_not": [1, 1, 1, 0],
        "windows": [0, 1, 0, 1],
    }
    want |= {"sign_and": want["both"], "sign_or": want["either"]}
    assert {name: np.ravel(made[name].values).tolist() for name in outputs} == want
    assert (both(True, 1 > 2), either(True, 1 > 2), negate(False)) == (False, True, True)
    assert where(both(1 > 0, 2 > 0), "yes", "no") == "yes"


REFUSED = {
    "if": (lambda t, x, p: {"y": -(p.k if p.SEX == 1 else 2 * p.k) * x.y}, "where.*'p.SEX == 1'"),
    "if not": (lambda t, x, p: {"y": -(p.k if p.SEX != 0 else 2 * p.k) * x.y}, "where"),
    "in": (lambda t, x, p: {"y": -(p.k if p.SEX in (1, 2) else 2 * p.k) * x.y}, "where"),
    "and": (lambda t, x, p: {"y": -where(p.SEX == 1 and p.u > 2, 1, 2) * p.k * x.y}, "both"),
    "look-up": (lambda t, x, p: {"y": -{1: p.k}.get(p.SEX, 2 * p.k) * x.y}, "where"),
    "text": (lambda t, x, p: {"y": -where(p.SEX == "male", 1, 2) * p.k * x.y}, "'male' is no number"),
    "number": (lambda t, x, p: {"y": -where(p.SEX, 1, 2) * p.k * x.y}, "needs a condition"),
    "brackets": (lambda t, x, p: {"y": -where(p.SEX == 1 & p.u > 2, 1, 2) * p.k * x.y}, "&"),
    "condition": (lambda t, x, p: {"y": p.k * x.y * (p.SEX == 1)}, r"where\(condition, 1, 0\)"),
    "math": (lambda t, x, p: {"y": -p.k * x.y * math.sin(p.u)}, r"math.sin\(p.u\).*use sin of immunode.functions"),
    "numpy": (lambda t, x, p: {"y": -p.k * x.y * np.arctan(p.u)}, "numpy.arctan.*use atan of immunode.functions"),
    "numpy where": (lambda t, x, p: {"y": -p.k * x.y * np.where(p.u > 1, 1, 2)}, "use where of immunode.functions"),
    "sympy": (lambda t, x, p: {"y": -p.k * x.y * sympy.Max(p.u, 1)}, r"sympy.Max.*use maximum of immunode.functions"),
    "infinite": (lambda t, x, p: {"y": -float("inf") * p.k * x.y}, "the derivative of m: -inf in an equation"),
    "nan": (lambda t, x, p: {"y": float("nan")}, "d y/dt must be a finite number in mg/d, not nan"),
    "by zero": (lambda t, x, p: {"y": -p.k * x.y / 0}, "divides by zero, in '-p.k \\* x.y / 0'"),
    "by key": (lambda t, x, p: {"y": -p["k"] * x.y}, r"\['k'\] is no way to name .* of m; write \.k, in 'p\[\"k\"\]'"),
    "by number": (lambda t, x, p: {"y": -p[0] * x.y}, r"\[0\] is no way to name .*; write its name, such as \.CL"),
    "sum": (
        lambda t, x, p: {"y": -p.k * sum(x)},
        "in 'sum\\(x\\)'; name what is meant one by one, such as x.y or p.k$",
    ),
    "len": (lambda t, x, p: {"y": -p.k * x.y / len(x)}, "name what is meant one by one, such as x.y or p.k$"),
    "all": (lambda t, x, p: {"y": -p * x.y}, "name what is meant one by one, such as x.y or p.k$"),
    "two arguments": (lambda x, p: {"y": -p.k * x.y}, r"3 were given; it must be a function of \(t, x, p\)$"),
    "set": (lambda t, x, p: {"y": setattr(p, "k", 2)}, "'k' of m cannot be set in an equation; give the new value"),
    "nothing": (lambda t, x, p: None, 'returns nothing; it must return {"y": ...}'),
    "list": (lambda t, x, p: [-p.k * x.y], 'returns a list; it must return {"y": ...}'),
}


@pytest.mark.parametrize("slip", REFUSED)
def test_a_slip_in_an_equation_is_refused_by_name_with_the_cure(slip):
    derivative, words = REFUSED[slip]
    with pytest.raises((ModelError, UnitError), match=words):
        model(derivative)


def test_a_function_of_parameters_that_takes_other_arguments_is_told_its_form():
    state = im.State("y", "mg", initial=lambda t, x, p: p.k)
    with pytest.raises(ModelError, match=r"^initial of y in m .*; it must be a function of \(p\)$"):
        im.Model("m", [state], lambda t, x, p: {"y": -p.k * x.y}, [im.Parameter("k", 1.0, "1/day")])


def matched(p):
    match p.SEX:
        case 1:
            return p.length
    return 2 * p.length


@pytest.mark.parametrize("name", ["initial", "lag", "bioavailability", "duration", "rate"])
def test_an_if_is_refused_where_a_state_declares_what_its_doses_do(name):
    with pytest.raises(UnitError, match=rf"{name} of y in m.*where"):
        model(**{name: matched})
    with pytest.raises(ModelError, match=rf"{name} of y in m.*use exp of immunode\.functions"):
        model(**{name: lambda p: math.exp(p.u) * p.length})
    with pytest.raises(UnitError, match=r"the output o of m.*where"):
        model(outputs={"o": lambda t, x, p: 1 if p.SEX == 1 else 2})


@pytest.mark.parametrize("initial", [None, "3 mg", [3.0]])
def test_an_initial_value_that_is_none_is_refused_by_name(initial):
    with pytest.raises((BadValue, ModelError), match=r"initial of (state y|y in m)"):
        model(initial=initial)


@pytest.mark.parametrize("number", [np.int64(3), np.float32(3.0)])
def test_an_initial_value_may_be_a_number_of_numpys(number):
    assert [float(value) for value in model(initial=number).trace().initial] == [3.0]


UNITS = {
    "mod keeps the unit": lambda t, x, p: {"y": -p.k * mod(x.y, p.K)},
    "floor keeps the unit": lambda t, x, p: {"y": -p.k * (floor(x.y) + ceil(x.y))},
    "sign has none": lambda t, x, p: {"y": -p.k * x.y * sign(x.y)},
    "whole divisions divide units": lambda t, x, p: {"y": -p.k * x.y * (x.y // p.K)},
    "periods": lambda t, x, p: {"y": -p.k * x.y * functions.sin(p.k * t)},
    "numbers of NumPy's on the left": lambda t, x, p: {"y": np.float64(-2.0) * p.k * x.y},
}
WRONG = {
    "sin of a unit": lambda t, x, p: {"y": -p.k * functions.sin(x.y)},
    "factorial of a unit": lambda t, x, p: {"y": -p.k * x.y * factorial(x.y)},
    "mod of two units": lambda t, x, p: {"y": -p.k * mod(x.y, t)},
    "equality of two units": lambda t, x, p: {"y": -p.k * where(x.y == t, x.y, 0)},
    "mod by a number": lambda t, x, p: {"y": -p.k * x.y * mod(t, 7) / t},
}


@pytest.mark.parametrize("case", UNITS)
def test_units_that_fit_pass(case):
    model(UNITS[case]).trace()


@pytest.mark.parametrize("case", WRONG)
def test_units_that_do_not_fit_are_refused(case):
    with pytest.raises(UnitError):
        model(WRONG[case])


def test_an_equation_with_each_function_equals_scipys_solution():
    def slope(t, u, f):
        wave = f.sin(2 * t) + f.cos(t) + f.tan(u / 9) + f.asin(u / 9) + f.acos(u / 9) + f.atan(u) + f.tanh(u)
        return (wave + f.sinh(u / 5) / f.cosh(u / 5) + f.log2(u + 3) + f.log10(u + 3) + f.factorial(u / 9)) / 9 - u

    def derivative(t, x, p):
        return {"u": p.k * slope(p.k * t, x.u, functions)}

    made = im.Model("each", [im.State("u", "1", initial=1.0)], derivative, [P("k", 1.0, "1/day")])
    want = solve_ivp(lambda t, u: slope(t, u[0], functions), (0, 5), [1.0], "DOP853", [1, 3, 5], rtol=1e-12, atol=1e-13)
    for method in ("tsit5", "rodas5p"):
        course = im.simulate(made, times=[1.0, 3.0, 5.0], method=method, sensitivities=["k"])
        assert_allclose(course["u"].values, want.y[0], rtol=1e-5)  # ten times the solver's rtol
        # u is a function of k t, so du/dk at k = 1 is t du/dt
        moved = [t * slope(t, u, functions) for t, u in zip(want.t, want.y[0], strict=True)]
        along = course["u_sensitivity"].sel(by="k").values
        assert_allclose(along, moved, rtol=1e-5, atol=1e-5, err_msg=method)


def test_a_model_prints_its_functions():
    shown = model(
        lambda t, x, p: {"y": -p.k * x.y * (where(p.SEX == 1, sign(x.y), factorial(p.u)) + floor(p.u) + log10(p.u))}
    )
    html = shown._repr_html_()
    for text in (r"\begin{cases}", r"\mathrm{SEX} = 1", "sign", "!", r"\lfloor", r"\log_{10}"):
        assert text in re.sub(r"\\operatorname\{log\}", r"\\log", html)


@pytest.mark.parametrize("method", ["auto", "tsit5", "rodas5p"])
def test_a_model_without_states_has_outputs_of_time_and_parameters(method):
    wave = im.Output("wave", "1", lambda t, x, p: p.a * functions.sin(p.k * t))
    bare = im.Model("bare", [], lambda t, x, p: {}, [P("a", 1.0, "1"), P("k", 1.0, "1/day")], outputs=[wave])
    made = im.simulate(bare, times=[0.0, 1.0, 40.0], parameters={"a": [1.0, 2.0]}, method=method, sensitivities=["a"])
    # 1e-15: sines of two libraries may differ by a rounding
    assert_allclose(made["wave"].values, np.outer([1.0, 2.0], np.sin([0.0, 1.0, 40.0])), rtol=1e-15)
    along = made["wave_sensitivity"].sel(by="a").transpose("patient", "time")
    assert_allclose(along.values, np.outer([1.0, 1.0], np.sin([0.0, 1.0, 40.0])), rtol=1e-15)


def test_time_without_a_unit_counts_as_it_is_written():
    plain = im.Model("plain", [im.State("u", "1")], lambda t, x, p: {"u": -p.k * x.u}, [P("k", 2.0, "1")], time="1")
    made = im.simulate(plain, im.dose("3", "u").at(1.0), times=[0.0, 2.0])["u"]
    assert_allclose(made.values, [0.0, 3 * np.exp(-2.0)], rtol=1e-5)
    assert made.time.attrs["units"] == "1"


def two_units(link):
    return im.Model(
        "two", [im.State("x", "MIU/L"), im.State("y", "IU/mL", scale=1000.0)],
        lambda t, x, p: {"x": -p.k * x.x, "y": p.k * (link(x.x) - x.y)},
        [im.Parameter("k", 1.0, "1/day")], routes={"iv": "x"},
    )  # fmt: skip


def test_an_equation_converts_what_it_says_the_unit_of():
    model = two_units(lambda x: functions.convert(x, "MIU/L", "IU/mL"))
    course = im.simulate(model, im.dose("1 MIU/L", "iv"), times=[1.0], sensitivities=["x"])
    assert course["y"].item() == pytest.approx(1000 * np.exp(-1), rel=1e-5)  # 1000 t exp(-t)
    assert course["y_sensitivity"].item() == pytest.approx(1000 * np.exp(-1), rel=1e-5)
    assert functions.convert(2.0, "h", "day") == pytest.approx(1 / 12)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (lambda x: x, r"factor of 0.001; write convert\(..., 'IU/ml', 'MIU/l'\).*, in 'link\(x.x\) - x.y'"),
        (lambda x: functions.convert(x, "IU/L", "IU/mL"), "MIU/l given to convert.. for IU/l: the units differ"),
        (lambda x: functions.convert(x, "MIU/L", "mg"), "'MIU/L' cannot be converted to 'mg'"),
        (lambda x: functions.convert(x, "MIU/L", "furlongs per"), "is not a unit"),
        (lambda x: x + 3, "1 added to MIU/l: these are different kinds.*declare the number as a Parameter"),
    ],
)
def test_units_that_do_not_fit_are_refused_with_the_line_and_the_cure(link, words):
    with pytest.raises(UnitError, match=words):
        two_units(link)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"states": [im.State("y", "U")]}, "state y of m: 'U' may mean"),
        ({"parameters": [im.Parameter("k", 1.0, "1/dy")]}, "k of m: '1/dy' is not a unit"),
        ({"time": "dya"}, "the time of m: 'dya' is not a unit"),
    ],
)
def test_a_wrong_unit_names_what_is_declared_in_it(made, words):
    whole = {"states": [im.State("y", "mg")], "parameters": [im.Parameter("k", 1.0, "1/day")]} | made
    with pytest.raises(UnitError, match=words):
        im.Model("m", derivative=lambda t, x, p: {"y": -p.k * x.y}, **whole)
