"""What a fit makes small."""

import math

import numpy as np
from numpy.testing import assert_allclose

from immunode.calibration.free_parameters import parameters, varied
from immunode.calibration.objective import jacobian, residuals
from immunode.calibration.problem import fit_problem
from immunode.evidence.printed import Evidence
from tests.calibration.made_up import BOLUS, DAYS, study


def test_residual_is_predicted_less_observed_over_sigma():
    rows = [
        {
            "arm": "a",
            "observable": "level",
            "from_day": 0,
            "value": 100,
            "sigma": 25,
            "scale": s,
            "measure": "time_average",
            "day": 1,
        }
        for s in ("linear", "log")
    ]
    problem = fit_problem([Evidence(name="e", arms={"a": "1 MIU IV bolus"}, rows=rows)], BOLUS)
    linear, log = residuals(problem, np.array([150.0, 150.0]))
    assert_allclose([linear, log], [2.0, math.log(1.5) / 0.25], rtol=1e-14)


def test_the_slopes_of_log_residuals_are_those_of_the_closed_form():
    params = parameters(BOLUS, {name: {"log": True, "min": 0.5, "max": 100} for name in ("CL", "V")})
    slopes = jacobian(fit_problem([study(scale="log")], BOLUS), params, {})
    kt = 2 * np.array(DAYS * 2)  # CL / V = 2 a day: ln level = ln(dose / V) - kt
    assert list(varied(params)) == ["log_CL", "log_V"]
    assert_allclose(slopes, np.column_stack([-kt, -1 + kt]) / 0.05, rtol=1e-5, atol=1e-4)  # steps of 0.001
