"""How far what bends within a step leaves the straight line between its ends."""

from numba import njit

from immunode.engine.signatures import INLINE

_NEAR = 0.2  # of how far it was at the start


@njit(**INLINE)
def kinked(m0, m1, g0, g1):
    """Return how far it does where it bends, if it does (m changes its sign); g is what one side has more at both ends.

    As |x| between -a and b, half of the difference of the sides x and -x: a b / (a + b). A step that ends near a bend
    may have been over it at some of its stages, and have been led back by that: it counts as one.
    """
    a = abs(g0)
    b = abs(g1) if m0 * m1 < 0.0 else _NEAR * a
    return a * b / (a + b + 1e-300) if (m0 * m1 < 0.0) | (abs(m1) < _NEAR * abs(m0)) else 0.0
