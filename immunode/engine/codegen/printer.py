"""Print SymPy expressions as scalar Python that Numba turns into vector code."""
# ruff: noqa: N802, N815, D102 (the method names and emptyPrinter are SymPy's)

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
from sympy.printing.str import StrPrinter

from immunode.engine.codegen.snippets import nested
from immunode.errors import ModelError

CALLS = (  # printed by SymPy's names
    *("exp", "log", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
    *("gamma", "hill_term", "modulo"),
)


class Printer(StrPrinter):
    """Print an expression as scalar Python that Numba vectorises; symbols print as `names` says."""

    def __init__(self, names: Mapping[sympy.Symbol, str]) -> None:
        super().__init__()
        self._names = names

    def _print_Symbol(self, expr: Any) -> str:
        return self._names[expr]

    def _print_Number(self, expr: Any) -> str:
        return repr(float(expr)).replace("inf", "1e999")  # 1 / 1e-320

    _print_Float = _print_Integer = _print_Rational = _print_NumberSymbol = _print_Number
    _print_Pi = _print_Exp1 = _print_One = _print_Zero = _print_Half = _print_NegativeOne = _print_Number

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        # a leading minus costs an operation: start with a positive term where there is one
        terms = sorted((self._print(a) for a in expr.as_ordered_terms()), key=lambda text: text.startswith("-"))
        return terms[0] + "".join(f" - {t[1:]}" if t.startswith("-") else f" + {t}" for t in terms[1:])

    def _print_Mul(self, expr: Any) -> str:
        number, factors = expr.as_coeff_mul()
        above = [f for f in factors if not _is_divisor(f)]
        below = [1 / f for f in factors if _is_divisor(f)]
        sign = "-" if number < 0 else ""
        top = [self._factor(f) for f in above]
        if abs(number) != 1 or not top:
            top.insert(0, repr(abs(float(number))))
        text = sign + "*".join(top)
        if not below:
            return text
        bottom = "*".join(self._factor(f) for f in below)
        return f"{text}/({bottom})" if len(below) > 1 else f"{text}/{bottom}"

    def _factor(self, expr: Any) -> str:
        text = self._print(expr)
        simple = expr.is_Symbol or expr.is_Function or (expr.is_Number and expr >= 0)
        return text if simple or (expr.is_Pow and text.endswith(")") and text.startswith("sqrt")) else f"({text})"

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, power = expr.base, expr.exp
        if power.is_Number and power < 0:
            return f"1.0/{self._factor(base**-power)}"
        if power == sympy.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if power.is_Number and power == int(power):
            # Numba turns a constant whole power into products; of a name they are clearer written out
            return (
                "*".join([self._factor(base)] * int(power))
                if base.is_Symbol and power <= 4
                else (f"{self._factor(base)}**{int(power)}")
            )
        return f"{self._factor(base)}**{self._factor(power)}"

    def _print_Max(self, expr: Any) -> str:
        return self._nested("max", expr.args)

    def _print_Min(self, expr: Any) -> str:
        return self._nested("min", expr.args)

    def _nested(self, name: str, args: Sequence[Any]) -> str:
        return nested(name, [self._print(a) for a in args])

    def _print_Abs(self, expr: Any) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_Piecewise(self, expr: Any) -> str:
        value, condition = expr.args[-1]
        text = self._print(value) if condition == sympy.true else "nan"
        pieces = expr.args[:-1] if condition == sympy.true else expr.args
        # one bracket for all, of which Python reads 200 in each other
        return "(" + "".join(f"{self._print(v)} if {self._print(c)} else " for v, c in pieces) + f"{text})"

    def _print_Relational(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"

    def _print_And(self, expr: Any) -> str:
        return " and ".join(f"({self._print(a)})" for a in expr.args)

    def _print_Or(self, expr: Any) -> str:
        return " or ".join(f"({self._print(a)})" for a in expr.args)

    def _print_ITE(self, expr: Any) -> str:
        condition, yes, no = (self._print(a) for a in expr.args)
        return f"(({yes}) if ({condition}) else ({no}))"

    def _print_Not(self, expr: Any) -> str:
        return f"not ({self._print(expr.args[0])})"

    def _print_Function(self, expr: Any) -> str:
        name = expr.func.__name__
        if name not in CALLS:
            raise ModelError(f"the engine cannot compile '{name}' in {expr}; use the functions of immunode.functions")
        return f"{name}({', '.join(self._print(a) for a in expr.args)})"

    def _print_factorial(self, expr: Any) -> str:
        return f"gamma({self._print(expr.args[0] + 1)})"

    def _print_polygamma(self, expr: Any) -> str:
        order, x = expr.args
        if order not in (0, 1):
            raise ModelError(f"the engine has no third derivative of factorial, as in {expr}")
        return f"{'trigamma' if order else 'digamma'}({self._print(x)})"

    def _print_sign(self, expr: Any) -> str:
        x = self._print(expr.args[0])
        return f"(1.0 if {x} > 0.0 else (-1.0 if {x} < 0.0 else 0.0))"

    def _print_floor(self, expr: Any) -> str:
        above, below = _ratio(expr.args[0])
        if below == 1:
            return f"floor({self._print(above)})"
        return f"floor_of({self._print(above)}, {self._print(below)})"

    def _print_ceiling(self, expr: Any) -> str:
        return f"-{self._print(sympy.floor(-expr.args[0], evaluate=False))}"

    def _print_exp(self, expr: Any) -> str:
        return self._print_Function(expr)

    def emptyPrinter(self, expr: Any) -> str:
        raise ModelError(f"the engine cannot compile {expr!r} ({type(expr).__name__})")


def _is_divisor(expr: Any) -> bool:
    return bool(expr.is_Pow and expr.exp.is_Number and expr.exp < 0)


def _ratio(expr: Any) -> tuple[Any, Any]:
    """Return what is divided, and by what, in an argument of floor; t/24 is t by 24, not t times the number 1/24."""
    number = next((term.as_coeff_Mul()[0] for term in sympy.Add.make_args(expr) if term.free_symbols), sympy.S.Zero)
    if number.is_Rational and not number.is_Integer and sympy.Rational(float(1 / number)) == 1 / number:
        return sympy.Add(*[term / number for term in sympy.Add.make_args(expr)]), 1 / number
    below = round(1 / float(number)) if number else 0
    if abs(below) > 1 and 1 / below == float(number):
        return sympy.Add(*[_times(term, below) for term in sympy.Add.make_args(expr)]), sympy.Integer(below)
    ratio: tuple[Any, Any] = expr.as_numer_denom()
    return ratio


def _times(term: Any, below: int) -> Any:
    """Return `term` times `below`, whole where it was a whole number divided by it."""
    number, rest = term.as_coeff_Mul()
    product = float(number) * below
    whole = round(product)
    return rest * (whole if whole / below == float(number) else product)
