"""The made-up study with errors of 5 %, as a fit has them."""

import numpy as np

from immunode.evidence.printed import Evidence
from immunode.model.declaration import Model, Output, Parameter, State
from tests.calibration.made_up import study


def noisy(seed=1, sd=0.05):
    random, one = np.random.default_rng(seed), study()
    rows = [row.model_dump() | {"value": row.value * (1 + sd * random.standard_normal())} for row in one.rows]
    return Evidence(name="study", arms=one.arms, rows=rows)


LINE = Model(  # a straight line: chi-square is a parabola
    name="line",
    states=[State("idle", "1", scale=1)],
    parameters=[Parameter("a", 1.0, "mg"), Parameter("b", 1.0, "mg/day")],
    outputs=[Output("y", "mg", lambda t, x, p: p.a + p.b * t)],
    derivative=lambda t, x, p: {"idle": 0 * p.b / p.a * x.idle},
)
POINTS = ((1.0, 2.1), (2.0, 3.9), (3.0, 6.2), (4.0, 7.8), (5.0, 10.1))


def on_a_line(sigma=0.5):
    rows = [{"arm": "a", "observable": "y", "day": day, "value": y, "sigma": sigma} for day, y in POINTS]
    return Evidence(name="line", arms=[{"name": "a"}], rows=rows)
