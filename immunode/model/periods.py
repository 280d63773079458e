"""Say a condition on a remainder as one on whole periods: by how many, rounding cannot say wrongly.

Where a period ends `mod(a, b)` falls from b to 0, and may be a rounding below 0 or above b just there: `mod(a, b) >= 0`
would not hold for a moment. But it is at least c exactly where `a - c` has begun as many periods as `a`.
"""

from typing import TYPE_CHECKING, Any

from immunode.functions.symbols import modulo, periods, whole_periods

if TYPE_CHECKING:
    import sympy

_BEYOND = 0.381966


def in_periods(difference: Any, moving: "set[sympy.Symbol]") -> Any:
    """Return what has the sign of the difference, by floors if this is the size of one remainder that moves.

    For a remainder m = a - b floor(a / b): m >= c where floor((a - c) / b) >= floor(a / b), if b is positive. If it is
    negative, m >= c where the first is less. That m is c for an instant counts as neither. A share c / b beyond 0..1,
    which m never reaches, is cut off out there, where its places are not likely those of anything else; at 1, where
    the two floors change by turns, it is said that they differ.
    """
    import sympy

    for remainder in sorted(difference.atoms(modulo), key=sympy.default_sort_key):
        above, below = remainder.args
        place = sympy.Dummy()
        line = sympy.expand(difference.xreplace({remainder: place}))
        factor, rest = line.coeff(place, 1), line.coeff(place, 0)
        alone = not (rest.free_symbols | below.free_symbols) & moving and line == factor * place + rest
        if alone and factor.is_number and factor and above.free_symbols & moving:
            share = sympy.Max(-_BEYOND, sympy.Min(periods(-rest / factor, below), 1 + _BEYOND))
            more = sympy.floor(periods(above, below) - share) - whole_periods(above, below)
            return factor * below * sympy.Piecewise((-1, share >= 1), (more + sympy.S.Half, True))
    return difference
