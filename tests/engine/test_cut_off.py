"""`floor`, `ceil`, `sign` and `mod` of what is cut off (`maximum`, `minimum`, `where`) exactly at a place of theirs.

What rests there comes from one side and goes to none: its value is that of the formula, not of the next side.
"""

import numpy as np
import pytest

import immunode as im
from immunode.engine import METHODS
from immunode.functions import ceil, floor, maximum, minimum, mod, sign, sin, where

# each with u, the time or a state that counts it, and NumPy's words; s is sin(u), written so or an oscillator
CUT = {
    "weeks, at most three": lambda u, s, f: f.floor(f.minimum(u / 7, 3)),
    "weeks of two": lambda u, s, f: f.floor(f.where(u < 14, u, 14) / 7),
    "weeks left": lambda u, s, f: f.ceil(f.maximum(21 - u, 0) / 7),
    "still": lambda u, s, f: f.sign(f.maximum(21 - u, 0)),
    "not yet": lambda u, s, f: -f.sign(f.minimum(u - 14, 0)),
    "day of the week until": lambda u, s, f: f.mod(f.minimum(u, 21), 7),
    "a touch": lambda u, s, f: f.floor(f.minimum(f.abs(u - 50), 36.18) / 7.9),
    "positive half": lambda u, s, f: f.sign(f.maximum(s, 0)),
    "floor of it": lambda u, s, f: f.floor(f.maximum(3 * s, 0)),
    "cut above": lambda u, s, f: f.ceil(f.minimum(3.5 * s, 2)),
    "whole steps": lambda u, s, f: f.floor(f.where(s > 0, 2 * s, 0 * s)),
    "rest of it": lambda u, s, f: f.mod(f.maximum(3 * s, 1), 1),
}
OURS = type("Ours", (), dict(floor=floor, ceil=ceil, sign=sign, mod=mod, maximum=maximum, minimum=minimum, where=where,
                             abs=abs))  # fmt: skip
NUMPYS = type("NumPys", (), dict(floor=np.floor, ceil=np.ceil, sign=np.sign, mod=np.mod, maximum=np.maximum,
                                 minimum=np.minimum, where=np.where, abs=np.abs))  # fmt: skip
END = 100.0


def wanted():
    """Return the integrals, by the middles of so many cells that a jump in one of them errs by 5e-5 at most."""
    t = (np.arange(4_000_000) + 0.5) * END / 4_000_000
    return [np.mean(cut(t, np.sin(t), NUMPYS)) * END for cut in CUT.values()]


def found(moved_by, method):
    names = [f"x{i}" for i in range(len(CUT))]
    states = [im.State(name, "1", scale=1.0) for name in names]
    if moved_by == "states":
        states += [im.State("u", "1"), im.State("s", "1"), im.State("c", "1", initial=1.0)]

    def slopes(t, x, p):
        u, s = (t, sin(t)) if moved_by == "time" else (x.u, x.s)
        moved = {} if moved_by == "time" else {"u": 1.0, "s": x.c, "c": -x.s}
        return {name: cut(u, s, OURS) for name, cut in zip(names, CUT.values(), strict=True)} | moved

    course = im.simulate(im.Model("cut", states, slopes, time="1"), times=[END], method=method)
    return [course[name].item() for name in names]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("moved_by", ["time", "states"])
def test_what_is_cut_off_at_a_place_rests_there(moved_by, method):
    # jumps within cells err by 1e-4 in all; the oscillator, over sixteen turns, by 1e-4 of a place at rtol 1e-6
    np.testing.assert_allclose(found(moved_by, method), wanted(), atol=2e-3, err_msg=str(list(CUT)))


def test_the_later_of_two_starts_is_a_straight_line_in_time():
    def slope(t, x, p):
        return {"x": floor(maximum(t - p.a, t - p.b)) + mod(minimum(t - p.a, t), 7)}

    model = im.Model("later", [im.State("x", "1")], slope, [im.Parameter("a", 14.0, "1"), im.Parameter("b", 20.0, "1")],
                     time="1")  # fmt: skip
    t = (np.arange(3_000_000) + 0.5) * 30 / 3_000_000
    right = np.mean(np.floor(t - 14) + np.mod(t - 14, 7)) * 30
    np.testing.assert_allclose(im.simulate(model, times=[30.0])["x"], right, atol=1e-3)  # of the cells, as above
