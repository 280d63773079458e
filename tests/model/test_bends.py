"""Bends of slopes are found where they are, with how far their sides are apart and how much of that a slope has."""

import numpy as np
import pytest
import sympy as sp

from immunode.model.bends import bends

x, z, t, c, k = sp.symbols("x z t c k", real=True)
BENDS = {
    "maximum": k * sp.Max(x, c),
    "minimum": -sp.Min(x, c) * z,
    "distance": sp.Abs(x - c) * t,
    "largest of three": sp.Max(x, z, c),
    "choice": sp.Piecewise((x - c, x > c), (0, True)) * k,
    "bend in a bend": sp.Min(sp.Abs(x - z), c),
    "in a function": sp.exp(-k * sp.Max(x - c, 0)),
}


@pytest.mark.parametrize("slope", BENDS.values(), ids=BENDS)
def test_a_slope_leaves_its_tangent_by_gap_times_weight(slope):
    order = (x, z, t, c, k)
    for bend in bends([slope], [x, z]):
        margin, gap, weight, value = (sp.lambdify(order, e) for e in (bend.margin, bend.gap, bend.weight[0], slope))
        at = crossing(margin)
        step, moved = 1e-6, np.array([1.0, -0.3, 0, 0, 0])
        before, here, after = (value(*(at + side * step * moved)) for side in (-1, 0, 1))
        apart = [abs(gap(*(at + side * step * moved)) * weight(*at)) for side in (-1, 1)]
        turn = abs(before - 2 * here + after)  # half of the difference of the sides, at both ends
        assert turn == pytest.approx((apart[0] + apart[1]) / 2, rel=1e-3, abs=1e-10)


def crossing(margin):
    """Return a point at which a margin is zero, by bisection along a line."""
    rng = np.random.default_rng(3)
    while True:
        low, high = rng.uniform(0.2, 2.0, (2, 5))
        high[2:] = low[2:]
        if margin(*low) * margin(*high) < 0:
            break
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if margin(*middle) * margin(*low) > 0 else (low, middle)
    return middle


@pytest.mark.parametrize(
    "slope", [sp.Max(t, c) * x, sp.log(sp.Max(x, sp.Float(5e-324))), sp.Piecewise((x, c > k), (z, True)), x * z]
)
def test_what_no_state_bends_is_none(slope):
    assert not bends([slope], [x, z])
