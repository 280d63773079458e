"""Predictions against closed forms: means over a spread, comparisons of arms, units, starts, doses."""

import math

import pytest
from numpy.testing import assert_allclose

from immunode.calibration.fit import calibrate
from immunode.calibration.lanes import quadrature
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.evidence.printed import Evidence
from immunode.model.declaration import Model, Output, Parameter, State
from tests.calibration.made_up import BOLUS, evidence, level, row


def test_mean_rows_average_over_the_spread_and_median_rows_do_not():
    rows = [
        {"arm": "a", "observable": "level", "day": 0.4, "value": 1, "sigma": 1, "statistic": s}
        for s in ("mean", "median")
    ]
    problem = fit_problem([Evidence(name="e", arms={"a": "1 MIU IV bolus"}, rows=rows)], BOLUS, spread={"V": 0.3})
    mean, median = predict(problem, [{"CL": 10, "V": 5}])[0]
    factors, weights = quadrature({"V": 0.3})
    by_hand = sum(w * level(0.4, 1, 10, 5 * f["V"]) for f, w in zip(factors, weights, strict=True))
    assert_allclose(median, level(0.4, 1, 10, 5), rtol=1e-7)  # ten times the solver's 1e-8
    assert_allclose(mean, by_hand, rtol=1e-7)
    assert abs(mean / median - 1) > 1e-3


def test_difference_ratio_and_units_of_rows():
    base = {"arm": "high", "versus": "low", "observable": "level", "day": 0.5, "sigma": 1}
    rows = [
        base | {"value": 900, "versus_value": 100},
        base | {"value": 5, "compare": "ratio"},
        {"arm": "low", "observable": "level", "day": 0.5, "value": 1, "sigma": 1, "unit": "kIU/mL"},
        {
            "arm": "low",
            "observable": "level",
            "measure": "half_life",
            "from_day": 0.1,
            "day": 1,
            "value": 1,
            "sigma": 1,
            "unit": "hour",
        },
    ]
    one = Evidence(name="e", arms={"low": "1.5 MIU IV bolus", "high": "7.5 MIU IV bolus"}, rows=rows)
    assert one.rows[0].observed == 800
    predicted = predict(fit_problem([one], BOLUS), [{"CL": 10, "V": 5}])[0]
    low = level(0.5, 1.5, 10, 5)
    assert_allclose(predicted, [4 * low, 5, low / 1000, 24 * math.log(2) / 2], rtol=1e-7)


def test_trial_with_a_negative_start_is_the_same_study_shifted():
    rows = [{"arm": "a", "observable": "level", "day": 0.5, "value": 1, "sigma": 1}]
    arms = {"a": "1 MIU IV bolus"}
    plain, early = (
        predict(fit_problem([Evidence(name="e", arms=arms, rows=rows, start=s)], BOLUS), [{}])[0] for s in (0, -14)
    )
    assert_allclose(early, plain, rtol=1e-7)


MASS = Model(
    name="mass",
    states=[State("central", "mg")],
    routes={"iv": "central"},
    parameters=[Parameter("CL", 10.0, "L/day"), Parameter("V", 5.0, "L")],
    outputs=[Output("level", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"central": -p.CL * x.central / p.V},
)


@pytest.mark.parametrize(
    ("model", "dose", "unit"),
    [(BOLUS, "1.5 MIU IV bolus", "L/day"), (MASS, "1500 ug IV bolus", "L/day"), (MASS, "2 mg IV bolus", "mL/hour")],
)
def test_clearance_is_that_of_the_model_whatever_doses_are_measured_in(model, dose, unit):
    rows = [row(measure="clearance", day=8, unit=unit)]
    expected = {"L/day": 10.0, "mL/hour": 10e3 / 24}[unit]
    # by day 8 all but exp(-16) of the area is there
    assert_allclose(predict(fit_problem([evidence(rows, dose)], model), [{}])[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "unit", "free", "truth"),
    [
        ("half_life", 24 * math.log(2) / 2, "hour", "CL", 10.0),
        ("cmax", 200.0, "", "V", 5.0),
        ("time_average", 100 / 7 * -math.expm1(-14), "", "CL", 10.0),
        ("auc", 100 * -math.expm1(-14), "", "CL", 10.0),
    ],
)
def test_a_fit_of_an_exact_number_gives_back_the_parameter(name, value, unit, free, truth):
    rows = [row(measure=name, day=7.0, unit=unit, value=value)]
    assert calibrate([evidence(rows)], BOLUS, [free]).params[free].value == pytest.approx(truth, rel=1e-6)
