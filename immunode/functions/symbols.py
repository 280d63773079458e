"""SymPy's side of functions that it lacks, or whose derivatives lose digits: a model's trace holds them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from immunode.functions import values


def _on_numbers(function: Callable[..., float]) -> Any:
    return staticmethod(np.vectorize(lambda *numbers: function(*map(float, numbers)), otypes=[float]))


class modulo(sympy.Function):  # noqa: N801 (by this name generated code calls it)
    """Stand for `values.modulo`."""

    nargs = 2
    is_real = True
    _imp_ = _on_numbers(values.modulo)  # what lambdify and evalf call

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative: one, and minus the whole periods that have gone by."""
        return sympy.S.One if argindex == 1 else -whole_periods(*self.args)

    def _latex(self, printer: Any) -> str:
        above, below = (printer._print(a) for a in self.args)
        return rf"\left({above} \bmod {below}\right)"


class steep_tanh(sympy.Function):  # noqa: N801
    """Stand for tanh while it is differentiated: 1 / cosh^2 has the digits that 1 - tanh^2 loses."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative."""
        return 1 / sympy.cosh(self.args[0]) ** 2


class hill_term(sympy.Function):  # noqa: N801
    """Stand for `values.hill_term`, which has derivatives of its own kind, without a difference of like numbers."""

    nargs = 6
    is_real = True
    _imp_ = _on_numbers(values.hill_term)

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative by the ratio or the power."""
        ratio, power, start, times, depth, order = self.args
        before, behind = times * power, (times - depth) * power

        def term(less: int, more: int, logarithms: Any = order) -> Any:
            return hill_term(ratio, power, start - less, times + more, depth + 1, logarithms)

        if argindex == 2:
            return times * term(0, 0, order + 1) + (times - depth) * term(0, 1, order + 1)
        slope = (start + before) * term(1, 0) + (start + behind) * term(1, 1)
        if order == 0:
            return slope
        return slope + order * hill_term(ratio, power, start - 1, times, depth, order - 1)

    def _latex(self, printer: Any) -> str:
        ratio, power, start, times, depth, order = self.args
        x, half = ratio.as_numer_denom()
        if (start, times, depth, order) == (0, 1, 1, 0):
            return str(printer._print(x**power / (half**power + x**power)))
        q = sympy.Symbol("q")
        term = q ** (start + times * power) / (1 + q**power) ** depth * sympy.log(q) ** order
        return rf"\left. {printer._print(term)} \right|_{{q = {printer._print(ratio)}}}"


def hill(above: Any, half: Any, power: Any) -> Any:
    """Return the saturating effect; to the power one it needs no power."""
    ratio = sympy.sympify(above) / sympy.sympify(half)
    return hill_term(ratio, sympy.sympify(power), 0, 1, 1, 0)


def whole_periods(above: Any, below: Any) -> Any:
    """Return how many whole periods there are of `below` in `above`."""
    return sympy.floor(periods(above, below))


def periods(above: Any, below: Any) -> Any:
    """Return above / below, of a float by the very number: 1 / 0.1 is no number."""
    below = sympy.sympify(below)
    return above / (sympy.Rational(below) if below.is_Float else below)
