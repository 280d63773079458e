"""What a bend within a step does to it: how far a slope leaves its chord, and how much of that the step keeps."""

from numba import njit

from immunode.engine.signatures import INLINE


@njit(**INLINE)
def meets(m0, m1, near):
    """Return whether a step bends (m changes its sign) or, of an explicit method, may have: it ends as near to one."""
    return (m0 * m1 < 0.0) | (abs(m1) < near * abs(m0))


@njit(**INLINE)
def kinked(m0, m1, g0, g1, near):
    """Return how far it bends, if it does (m changes its sign); g is what one side has more at both ends.

    As |x| between -a and b, half of the difference of the sides x and -x: a b / (a + b). A step that ends as `near` to
    a bend, beside where it began, may have been over it at its stages, and have been led back by that: it counts.
    """
    a = abs(g0)
    b = abs(g1) if m0 * m1 < 0.0 else near * a
    return a * b / (a + b + 1e-300) if meets(m0, m1, near) else 0.0


@njit(**INLINE)
def moved(b, g0, g1, k0, k1):
    """Return what that does to a slope, of which k is the change at both ends: of a root all, as it is steep there."""
    most, least = max(abs(k0), abs(k1)), min(abs(k0), abs(k1))
    steep = max(abs(g0), abs(g1)) * least if least < 1e300 else 0.0
    return 0.0 if b == 0.0 else (b * most if most < 1e300 else steep)


@njit(**INLINE)
def kept(h, r0, r1):
    """Return the part of an error that a step of an implicit method keeps, of a state that forgets at rates r."""
    rate = min(abs(r0), abs(r1))
    return 1.0 / (1.0 + h * rate) if rate < 1e300 else 1.0
