"""Differentiate exactly, also what has kinks."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sympy


def derivative(expr: "sympy.Expr", by: "sympy.Symbol") -> "sympy.Expr":
    """Return the exact derivative, one-sided where `expr` has a kink.

    Each term is differentiated once for all terms of its shape, since the equations of large models are the same laws
    in other symbols.
    """
    import sympy

    slopes = []
    for term in sympy.Add.make_args(expr):
        if by in term.free_symbols:
            shape, symbols = _shape(term)
            slope = _derivative(shape, dict(zip(symbols.values(), symbols, strict=True))[by])
            slopes.append(slope.xreplace(symbols))
    return sympy.Add(*slopes)


@lru_cache(maxsize=4096)
def _shape(term: Any) -> tuple[Any, dict[Any, Any]]:
    """Return a term in other symbols, in the same order as SymPy has them, and what each stands for."""
    import sympy

    symbols = sorted(term.free_symbols, key=lambda symbol: str(symbol.name))
    others = [sympy.Symbol(f"of shape {i:06}", **symbol.assumptions0) for i, symbol in enumerate(symbols)]
    return term.xreplace(dict(zip(symbols, others, strict=True))), dict(zip(others, symbols, strict=True))


@lru_cache(maxsize=4096)
def _derivative(expr: Any, by: Any) -> Any:
    """Return the derivative of a term.

    A step function becomes a choice: as a factor it would turn an infinite slope beside it, which it is there to
    remove, into nan. So does the logarithm that the derivative of x^n by n has: x^n log(x) is zero at zero.
    floor, ceil and sign change by steps alone: their derivative is zero.
    """
    import sympy

    steps = {step: sympy.Dummy("step", real=True) for step in expr.atoms(sympy.floor, sympy.ceiling, sympy.sign)}
    if steps:
        back = {symbol: step for step, symbol in steps.items()}
        return _derivative(expr.xreplace(steps), by).xreplace(back)
    # SymPy knows the derivative of abs only of what it knows to be real, as asin(x) is not
    vague = [a for a in expr.atoms(sympy.Abs) if not a.args[0].is_extended_real]
    expr = expr.xreplace({a: sympy.Max(a.args[0], -a.args[0]) for a in vague})
    slope = _diff(expr, by)
    if slope.has(sympy.exp, sympy.sinh):
        slope = slope.replace(lambda e: e.is_Mul, _bounded)
    if not slope.has(sympy.Heaviside, sympy.log, sympy.sign, sympy.Pow):
        return slope
    # a sum of step functions is several choices
    sums = [a for a in slope.atoms(sympy.Mul) if any(b.is_Add and b.has(sympy.Heaviside) for b in a.args)]
    slope = slope.xreplace({a: sympy.expand_mul(a, deep=False) for a in sums})
    slope = slope.replace(lambda e: e.is_Mul and _conditions(e), _chosen)
    slope = slope.replace(lambda e: e.is_Mul and not _conditions(e), _lowered)
    slope = slope.replace(sympy.sign, lambda x: sympy.Piecewise((1, x > 0), (-1, True)))
    return slope.replace(sympy.Heaviside, lambda x, *_: sympy.Piecewise((1, _positive(x)), (0, True)))


def _positive(x: Any, finite: bool = True) -> Any:
    """Return where a step function is 1: of x - y and y - x one takes the tie, unless the slope there is infinite: then
    neither does."""
    tie = finite and len(x.free_symbols) > 1 and x.could_extract_minus_sign()
    return x >= 0 if tie else x > 0


def _conditions(product: Any) -> list[Any]:
    """Return where a product is not 0: where its steps are 1, and its logarithms beside powers have a value."""
    import sympy

    bases = {a.base for a in product.args if a.is_Pow}
    finite = all(a.exp.is_number and a.exp >= 0 for a in product.args if a.is_Pow)
    logs = [a.args[0] > 0 for a in product.args if isinstance(a, sympy.log) and a.args[0] in bases]
    return [_positive(a.args[0], finite) for a in product.args if isinstance(a, sympy.Heaviside)] + logs


def _chosen(product: Any) -> Any:
    """Return a product with step functions as a choice."""
    import sympy

    rest = product.func(*[a for a in product.args if not isinstance(a, sympy.Heaviside)])
    return sympy.Piecewise((rest, sympy.And(*_conditions(product))), (0, True))


def _lowered(product: Any) -> Any:
    """Return a product with a power lowered: (x/c)^n / x has no value at zero, (x/c)^(n - 1) / c has."""
    import sympy

    for power in (a for a in product.args if a.is_Pow and not a.exp.is_number):
        for inverse in (a for a in product.args if a.is_Pow and a.exp == -1):
            ratio = power.base * inverse
            if inverse.base.is_Symbol and inverse.base not in ratio.free_symbols:
                rest = [a for a in product.args if a not in (power, inverse)]
                return product.func(sympy.Pow(power.base, power.exp - 1), ratio, *rest)
    return product


def _diff(expr: Any, by: Any) -> Any:
    """Return SymPy's derivative, but of tanh 1 / cosh^2, of which 1 - tanh^2 loses the digits."""
    import sympy

    if not expr.has(sympy.tanh):
        return sympy.diff(expr, by)
    from immunode.functions.symbols import steep_tanh

    return sympy.diff(expr.replace(sympy.tanh, steep_tanh), by).replace(steep_tanh, sympy.tanh)


def _bounded(product: Any) -> Any:
    """Return the same product where a large u makes it infinity over infinity, though it is an ordinary number.

    exp(u) / (c exp(u) + r)^2, the slope of a logistic curve, is 1 / (c exp(u) + r) / (c + r exp(-u)); sinh(u) /
    cosh(u)^3 is tanh(u) / cosh(u)^2.
    """
    import sympy

    powers = [a for a in product.args if a.is_Pow and a.exp.is_number and a.exp <= -1 and a.base.has(sympy.exp)]
    if powers and any(a.is_Add and a.has(sympy.exp) for a in product.args):
        return sympy.Add(*map(_bounded, sympy.Add.make_args(sympy.expand_mul(product, deep=False))))
    for power in (a for a in product.args if a.is_Pow and a.exp.is_number and a.exp <= -1):
        for large in (a for a in product.args if isinstance(a, sympy.exp | sympy.sinh)):
            ratio = _ratio(large, power.base)
            if ratio is not None:
                rest = [a for a in product.args if a not in (power, large)]
                return product.func(*rest, sympy.Pow(power.base, power.exp + 1), ratio)
    return product


def _ratio(large: Any, base: Any) -> Any:
    """Return `large` (exp or sinh) over a sum that holds it, as an expression that stays finite; None if none does."""
    import sympy

    u = large.args[0]
    if isinstance(large, sympy.sinh):
        return sympy.tanh(u) if base == sympy.cosh(u) else None
    terms = base.args if base.is_Add else ()
    inside = [a.args[0] for term in terms for a in sympy.Mul.make_args(term) if isinstance(a, sympy.exp)]
    same = min(inside, key=lambda v: (u - v).count_ops(), default=None)
    if same is None or (same != u and (u - same).count_ops() >= u.count_ops()):
        return None

    def lowered(term: Any) -> Any:
        factors = sympy.Mul.make_args(term)
        powers = [a for a in factors if isinstance(a, sympy.exp)]
        rest = [a for a in factors if not isinstance(a, sympy.exp)]
        return sympy.Mul(*rest, sympy.exp(sympy.Add(*(a.args[0] for a in powers), -same)))

    return sympy.exp(u - same) / sympy.Add(*map(lowered, terms))
