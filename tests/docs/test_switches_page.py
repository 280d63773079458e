"""The page docs/switches.md runs, and its picture is drawn from what the solver says today."""

import re
import runpy
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

import immunode as im

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "switches.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_its_python_runs_and_every_meal_is_seen():
    space = {}
    exec(BLOCKS[0], space)
    k, rate, meal = 8.0, 100.0, 1 / 48
    # one meal, then the sum over a hundred days of what each leaves: a geometric series
    first = rate / k * -np.expm1(-k * 0.02)
    left = rate / k * np.expm1(k * meal) * np.exp(-k * 1.02) / -np.expm1(-k)
    assert_allclose(space["course"]["glucose"], [first, first + left * -np.expm1(-k * 100)], rtol=1e-5)
    per_meal = rate * np.exp(-k * (1.02 - meal)) / -np.expm1(-k)
    assert_allclose(space["course"]["glucose_sensitivity"][:, 0], [0.0, per_meal], rtol=1e-5, atol=1e-9)


def test_its_rescue_doses_come_when_they_must():
    space = {"im": im}
    exec(BLOCKS[1], space)
    late, after = 0.25, 5.0 + np.exp(-0.125)  # what is there after each
    last = 2 * np.log(8) + late + 4 * (late + 2 * np.log(after))
    drug = after * np.exp(-0.5 * (20 - last))
    lower = -0.5 * np.exp(-0.125) / after
    course = space["course"].isel(time=-1)
    assert course["given"] == 5
    assert_allclose(course["drug"], drug, rtol=1e-5)
    assert_allclose(course["drug_sensitivity"], [drug * (lower + 0.5 * (5 + 8 * lower))], rtol=1e-5)


def test_its_picture_shows_what_is_solved():
    page = runpy.run_path(str(DOCS / "switches.py"))
    assert page["FILE"].exists()
    curves = [axes.lines[0].get_ydata() for axes in page["draw"]().axes]
    assert_allclose(
        curves[0].max(), 20 * -np.expm1(-0.05), rtol=5e-3
    )  # a grid of 801 times meets it within half a cell
    assert_allclose(curves[1][[0, -1]], [12.0, 5.0 * np.exp(-(4.0 - 7.0 / 5.0))], rtol=1e-5)
    assert_allclose(curves[2][[0, 200, 400, -1]], [4.9, 4.9, 7.9, 5.0], rtol=1e-5)
    assert isinstance(page["WINDOW"], im.Model)
