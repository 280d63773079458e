"""Lines that are given to LLVM as they are mean what they mean to Python, in every lane.

Values are held to a few roundings: the compiler may join a product and a sum in one operation.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

from immunode.engine.codegen.blocks import cut
from immunode.engine.codegen.rare import digamma, floor_of
from immunode.engine.constants import LANES
from immunode.engine.signatures import PART
from immunode.engine.straight import straight

LINES = (
    *("x + y*z - 2.5", "x/(y*z)", "-x**3", "x**y", "1.0/x**2", "y**2.5", "3"),
    *("exp(-x)", "log(y)", "sqrt(y)", "floor(x)", "abs(x)", "max(x, max(y, z))", "min(x, y)", "tan(x)", "atan(x)"),
    *("floor_of(x, y)", "digamma(y)", "node*x"),
    *("(x if x > z else y if y >= 1.0 else z)", "(1.0 if x == -0.5 else 0.0)", "(1.0 if x != x else 0.0)"),
    "(x if (x > 0.0) and (y < 2.0) or (not (z > 0.0)) else y)",
    "(y if ((x > 0.0) if (z > 0.0) else (y > 1.0)) else nan)",
)
RARE = {"tan": math.tan, "atan": math.atan, "floor_of": floor_of, "digamma": digamma}


def rows():
    """Return x, y > 0 and z of each lane, with ties and values beside whole numbers."""
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=(2, LANES)) * 2
    x[0], x[-1] = -0.5, 3.0
    return x, rng.uniform(0.3, 3.0, LANES), z


def carried_out(*blocks, functions=None, count=1):
    """Return the `count` rows behind x, y and z after the lines of each block."""
    compiled = {name: f if hasattr(math, name) else njit(**PART)(f) for name, f in (functions or {}).items()}
    function = straight("tried", blocks, compiled)
    s = np.concatenate([*rows(), np.full(count * LANES, np.nan)])
    njit("void(f8[::1], f8)", error_model="numpy")(lambda s, node: function(s, node))(s, 0.75)
    return s.reshape(-1, LANES)[3:]


LOADS = "x = s[0]\ny = s[1]\nz = s[2]\n"


def test_an_expression_is_what_python_makes_of_it():
    lines = "\n".join(f"s[{3 + k}] = {text}" for k, text in enumerate(LINES))
    got = carried_out(LOADS + lines, functions=RARE, count=len(LINES))
    names = {**vars(math), **RARE, "max": max, "min": min, "abs": abs, "nan": math.nan, "node": 0.75}
    for text, values in zip(LINES, got, strict=True):
        want = [eval(text, names | dict(zip("xyz", lane, strict=True))) for lane in np.transpose(rows()).tolist()]
        want = [math.nan if isinstance(value, complex) else value for value in want]
        assert_allclose(values, want, rtol=1e-14, atol=1e-15, err_msg=text)


def test_a_condition_that_blocks_share_is_one_in_each():
    got = carried_out(
        f"{LOADS}c = x > z\ns[3] = c",
        f"{LOADS}c = s[3]\ns[4] = (x if (c) and (y > 1.0) else z)\ns[5] = (1.0 if not (c) else 0.0)",
        f"{LOADS}c = s[3]\ns[6] = (x if ((c) if (y > 1.0) else (x > 0.0)) else y)",
        count=4,
    )
    x, y, z = rows()
    assert_array_equal(got[0], x > z)
    assert_array_equal(got[1], np.where((x > z) & (y > 1), x, z))
    assert_array_equal(got[2], x <= z)
    assert_array_equal(got[3], np.where(np.where(y > 1, x > z, x > 0), x, y))


def test_the_maximum_of_nothing_that_is_a_number_is_the_other():
    assert_array_equal(carried_out(f"{LOADS}s[3] = max(nan, x)\ns[4] = min(nan, x)", count=2), [rows()[0]] * 2)


@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 60))
def test_lines_cut_in_blocks_of_any_length_give_the_same(seed, length):
    rng = np.random.default_rng(seed)
    lines = {f"c{i}": f"{rng.integers(9)}.0 + x" + "".join(f" + c{j}" for j in rng.integers(i, size=min(i, 2)))
             for i in range(40)}  # fmt: skip
    results = {f"now_{i}": f"c{rng.integers(40)} - 2.0*c{rng.integers(40)}" for i in range(9)}
    want: dict[str, float] = {"x": 0.5}
    for name, text in (lines | results).items():
        want[name] = eval(text, {}, want)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("immunode.engine.codegen.blocks.LENGTH", length)
        made = cut(lines, results)
        texts = made.write({"x": "s[0]"}, {name: 1 + i for i, name in enumerate(results)}, 10)
    assert len(texts) == -(-len(made.lines) // length)
    assert set(made.lines) <= set(lines) | set(results)
    rows = {0: 0.5}
    for text in texts:  # each in names of its own
        exec("\n".join(text), {}, {"s": rows})
    assert [rows[1 + i] for i in range(9)] == [want[name] for name in results]
    assert made.only(["now_3"]).lines.items() <= made.lines.items()
