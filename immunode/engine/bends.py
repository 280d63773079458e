"""How far what bends within a step leaves the straight line between its ends."""

from numba import njit

from immunode.engine.signatures import INLINE


@njit(**INLINE)
def kinked(m0, m1, g0, g1):
    """Return how far it does where it bends, if it does (m changes its sign); g is what one side has more at both ends.

    As |x| between -a and b, half of the difference of the sides x and -x: a b / (a + b).
    """
    a, b = abs(g0), abs(g1)
    return a * b / (a + b + 1e-300) if m0 * m1 < 0.0 else 0.0
