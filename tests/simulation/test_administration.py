"""How doses are administered: rate and duration of each kind of infusion, with lag and bioavailability of the model."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue
from immunode.model.declaration import Model, Parameter, State
from immunode.model.evaluate import declared
from immunode.simulation.administration import absorbed, administration
from immunode.simulation.dose_table import dose_table

MODEL = Model(
    name="infused",
    states=[State("central", "mg", lag="tlag", bioavailability="F", duration="D", rate="R")],
    parameters=[
        Parameter("tlag", 0.5, "day"),
        Parameter("F", 0.5, "1"),
        Parameter("D", 2.0, "day"),
        Parameter("R", 4.0, "mg/day"),
        Parameter("k", 0.5, "1/day"),
    ],
    routes={"iv": "central"},
    derivative=lambda t, x, p: {"central": -p.k * x.central},
)
PLAN = (
    im.dose("8 mg", "iv")
    + im.dose("8 mg", "iv", duration="4 d")
    + im.dose("8 mg", "iv", rate="4 mg/day")
    + im.dose("8 mg", "iv", duration="modelled")
    + im.dose("8 mg", "iv", rate="modelled")
)


def administered(values):
    doses = dose_table(MODEL, [PLAN])
    quantities = ["lag", "bioavailability", "duration", "rate"]
    model_says = declared(MODEL, quantities, np.array([[*values, 0.5]]), ["F"], np.ones((1, 1)))
    row = np.zeros(len(PLAN), int)
    return doses, administration(MODEL, doses, row, model_says, row)


def test_bioavailability_changes_the_rate_of_a_duration_and_the_duration_of_a_rate():
    doses, each = administered([0.5, 0.5, 2.0, 4.0])
    assert_allclose(each.lag, 0.5)
    assert_allclose(each.duration, [0, 4, 1, 2, 1])
    assert_allclose(each.rate, [0, 2, 4, 4, 4])
    reaching = absorbed(doses, each)
    assert_allclose(reaching.amount, 4.0)
    assert_allclose(reaching.rate, [0, 1, 4, 2, 4])


def test_changes_along_the_bioavailability_are_those_of_a_small_step():
    step = 1e-6
    (doses, low), (_, high) = administered([0.5, 0.5, 2.0, 4.0]), administered([0.5, 0.5 + step, 2.0, 4.0])
    assert_allclose(low.d_duration[:, 0], (high.duration - low.duration) / step, atol=1e-6)
    rates = (absorbed(doses, high).rate - absorbed(doses, low).rate) / step
    assert_allclose(absorbed(doses, low).d_rate[:, 0], rates, atol=1e-6)


def test_a_lag_below_zero_is_refused_with_the_state():
    with pytest.raises(BadValue, match="the lag of a dose into central is -1: expected 0 or more"):
        administered([-1.0, 0.5, 2.0, 4.0])
