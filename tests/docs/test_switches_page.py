"""The page docs/switches.md runs, and its pictures are drawn from what the solver says today."""

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


def test_its_pictures_show_what_is_solved():
    page = runpy.run_path(str(DOCS / "switches.py"))
    curves, finer = {}, []
    for name, (panels, columns) in page["PICTURES"].items():
        assert (page["FOLDER"] / name).exists()
        assert f"(switches/{name})" in PAGE
        drawn = page["draw"](panels(), columns).axes
        curves[name] = [axes.lines[0].get_ydata() for axes in drawn]
        finer += [axes.lines[1].get_ydata() for axes in drawn] if name == "missed.png" else []
    window, meals, light, threshold, hump, bend, saturated, rectified, touched = curves["found.png"]
    assert_allclose(window.max(), 20 * -np.expm1(-0.05), rtol=5e-3)  # a grid of 801 times meets it within half a cell
    assert_allclose(meals.max(), 20 / 3 * -np.expm1(-0.3) / -np.expm1(-3.0), rtol=1e-2)
    assert_allclose(light[-1], light.max() * np.exp(-3.0 * 7 / 12), rtol=2e-2)
    assert_allclose(threshold[[0, -1]], [12.0, 5.0 * np.exp(-(4.0 - 7.0 / 2.5))], rtol=1e-5)
    above = 4 / np.pi * np.arccos(1 - 11.9 * np.pi / 20)  # from then on 0.5 mg/day less, to the fall past 11.9
    assert_allclose(hump[400], 40 / np.pi - 0.5 * (4.0 - above), rtol=1e-5)
    fall = np.log((7.0 + 1.0) / (0.0 + 1.0))  # y - 5 falls by itself and 1 mg/day, then by that alone
    assert_allclose(bend[-1], 5.0 - (4.0 - fall), rtol=1e-4)
    assert_allclose(saturated[[0, 200, -1]], [12.0, 7.0, 5.0 * np.exp(-(4.0 - 7.0 / 5.0))], rtol=1e-4)
    day = 20 * np.pi * (1 + np.exp(-3.0)) / (9 + np.pi**2)  # what a day brings by its end, then what is left of each
    assert_allclose(rectified[-1], day * (1 + np.exp(-3.0) + np.exp(-6.0)), rtol=1e-4)
    assert_allclose(touched[:800], 20 / np.pi * (1 - np.cos(np.pi * np.arange(800) / 400)), rtol=1e-4, atol=1e-5)
    kink, dip, quartic, moment = curves["missed.png"]
    assert_allclose(kink, bend, rtol=1e-12)
    assert max(dip.max(), quartic.max(), moment.max()) == 0.0  # as the page says: stepped over
    assert_allclose(finer[0], bend, rtol=1e-4)
    holds = [2 * np.sqrt(1e-6 / (1 + 1.6**2)), 2 * np.sqrt(1e-6 / 17), 2 * np.sqrt(1e-8 / 17)]  # days
    assert_allclose([curve[-1] for curve in finer[1:]], 500 * np.exp(-0.2 * 14) * np.array(holds), rtol=1e-4)
    stays, at_once, later, washed = curves["order.png"]
    assert_allclose(stays[[0, 200, 400, -1]], [4.9, 4.9, 7.9, 5.0], rtol=1e-5)
    meets, again = np.log(4.0), np.log(3.5)  # days to 2 mg, from 8 and from 7 mg
    assert_allclose(at_once[[300, -1]], [7 * np.exp(meets - 1.875), 7 * np.exp(meets + 2 * again - 5.0)], rtol=1e-5)
    assert_allclose(later[350], (2 * np.exp(-0.5) + 5) * np.exp(meets + 0.5 - 350 / 160), rtol=1e-5)
    assert_allclose(washed[[479, 480, -1]], [8 * np.exp(-479 / 640), 4.0, 4 * np.exp(-0.5)], rtol=1e-5)
    assert isinstance(page["WINDOW"], im.Model)
