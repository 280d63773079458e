"""A condition that is taken apart holds where it held before; each of its parts is passed, and has no band."""

import numpy as np
import pytest
import sympy as sp

from immunode.model.levels import levels, turns

x, z, t, c, m = sp.symbols("x z t c m", real=True)
TURNS = {
    "distance": c - m * sp.Abs(x - 0.5),
    "distance of a distance": sp.Abs(sp.Abs(x - 0.5) - 1) - c,
    "largest": sp.Max(m * x - 0.5, c - x, 0) - c,
    "smallest beside time": c * sp.Min(x + t, 1 - z) + z - m,
    "sum of distances": c - sp.Abs(x) - sp.Abs(z - 1),
    "difference of distances": sp.Abs(x) - sp.Abs(z) - c,
    "hat": m * sp.Max(1 - sp.Abs(t - 0.5), 0) - x,
    "falls with a distance": sp.exp(-sp.Abs(x)) + z - c,
    "square": (x - 0.5) ** 2 - c,
    "parabola": x**2 - 3 * x + 2 - c,
    "product": -(x - 1) * (x - m) + z * 0,
    "fourth power": m * (x - z) ** 4 + c,
    "one over a square": c - m / (x - 0.5) ** 2,
    "reciprocal": 1 / (x - 0.5) - c,
    "quotient": 1 / (1 + ((x - 0.5) / m) ** 2) - c,
    "root": sp.sqrt(sp.Abs(x)) - c,
    "root of a square": 1 / sp.sqrt(1 + x**2) - c,
    "bell": c - m * sp.exp(-((x - t) ** 2)),
    "logarithm": sp.log(1 + x**2) - c,
    "sine": m * sp.sin(3 * x) - c,
    "cosine beside time": sp.cos(2 * x + t) + c,
}


@pytest.mark.parametrize("relation", [sp.Gt, sp.Ge])
@pytest.mark.parametrize("difference", TURNS.values(), ids=TURNS)
def test_a_condition_that_is_taken_apart_holds_where_it_held(difference, relation):
    parts = levels(difference, relation, {x, z, t})
    order = (x, z, t, c, m)
    points = np.random.default_rng(1).normal(size=(5, 20_000)) * np.array([2.0, 2.0, 2.0, 1.0, 1.0])[:, None]
    with np.errstate(all="ignore"):
        was = np.broadcast_to(sp.lambdify(order, relation(difference, 0))(*points), 20_000)
        now = np.broadcast_to(sp.lambdify(order, parts)(*points), 20_000)
    assert 100 < was.sum() < 19_900
    np.testing.assert_array_equal(now, was)
    assert not any(bend.free_symbols & {x, z, t} for bend in parts.atoms(sp.Abs, sp.Max, sp.Min))


@pytest.mark.parametrize("point", [0.0, -0.5, 0.5, 1.0])
def test_at_a_level_itself_it_holds_as_it_is_written(point):
    for difference in (sp.Abs(x) - 0.5, x**2 - 0.25, sp.sin(x), -sp.Max(x, -x), sp.Abs(x) - sp.Abs(x - 1)):
        for relation in (sp.Gt, sp.Ge):
            was = relation(difference, 0).xreplace({x: sp.Float(point)})
            assert levels(difference, relation, {x}).xreplace({x: sp.Float(point)}) == was


@pytest.mark.parametrize("whole", [x - c, sp.exp(x) - c, 1 - x / (c + x), x * sp.sin(t) - z, x**3 - c, sp.sin(x) - z])
def test_what_is_passed_or_has_no_parts_is_left_as_it_is(whole):
    assert levels(whole, sp.Gt, {x, z, t}) is None


def test_what_has_no_levels_turns_where_its_functions_do():
    assert turns(sp.sin(2 * x + t) * z - sp.cos(x), {x, z}) == [
        (x / sp.pi, True), ((2 * x + t) / sp.pi + sp.S.Half, True)
    ]  # fmt: skip
    assert turns(z - sp.exp(-((x - c) ** 2)), {x, z}) == [(x - c, False)]
    assert turns(z - 1 / (1 + (x - c) ** 4), {x, z}) == [(x - c, False)]
    assert turns(z * sp.Max(x, c), {x, z}) in ([(x - c, False)], [(c - x, False)])
    assert turns(x**2 / (c + x**2) + z * sp.Max(x, 0) + sp.sin(t) + (x - c) ** 2, {x, z}) == []  # amounts rest at zero
