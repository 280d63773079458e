"""Functions of models: the same on numbers and symbols."""

import pytest
import sympy

from immunode.functions import hill, where


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
