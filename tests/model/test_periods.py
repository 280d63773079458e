"""A condition on a remainder and that on whole periods hold at the same numbers; these are rational: none rounds."""

from fractions import Fraction
from math import floor

import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

from immunode.functions.symbols import modulo
from immunode.model.periods import in_periods

t, x, b, c = sp.symbols("t x b c", real=True)
numbers = st.fractions(-5, 5, max_denominator=12)
LINES = {"bare": (1, 0), "scaled": (3, 1), "turned": (-2, 1)}


@pytest.mark.parametrize(("factor", "rest"), LINES.values(), ids=LINES)
@given(numbers, numbers, numbers)
def test_it_holds_where_the_remainder_does(factor, rest, time, period, level):
    assume(period)
    difference = factor * modulo(t - x, b) + rest - c
    remainder = time - period * floor(time / period)
    expected = factor * remainder + rest - level
    assume(expected)  # at the level itself, for an instant, neither is meant
    made = in_periods(difference, {t, x})
    at = {t: _exact(time), x: 0, b: _exact(period), c: _exact(level)}
    assert not made.has(modulo)
    assert sp.sign(made.xreplace(at)) == (1 if expected > 0 else -1)


def test_a_remainder_is_never_below_nothing():
    made = in_periods(modulo(t - c, b), {t})
    assert made == b / 2  # of no place in time


@pytest.mark.parametrize(
    "difference", [modulo(t, b) - x, modulo(t, b) ** 2 - c, modulo(t, x) - c, modulo(c, b) - 1, t * modulo(t, b) - c]
)
def test_what_is_more_than_the_size_of_one_remainder_stays(difference):
    assert in_periods(difference, {t, x}) == difference


def _exact(number: Fraction) -> sp.Rational:
    return sp.Rational(number.numerator, number.denominator)
