"""Slopes are exact where the engine has sensitivities, and agree with differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.free_parameters import parameters
from immunode.calibration.problem import fit_problem
from immunode.calibration.slopes import differences, number_slopes
from immunode.evidence.printed import Evidence
from immunode.model.declaration import Model, Output, Parameter, State
from tests.calibration.made_up import BOLUS, DAYS, level, study
from tests.calibration.noisy import LINE, POINTS, on_a_line

LOGS = {"CL": {"log": True, "min": 0.5, "max": 100}, "V": {}}


def test_slopes_of_levels_are_those_of_the_closed_form():
    problem = fit_problem([study()], BOLUS)
    slopes = number_slopes(problem, parameters(BOLUS, LOGS), {})
    CL, V = 10.0, 5.0
    expected = [
        [-CL * day / V * level(day, dose, CL, V), (CL * day / V**2 - 1 / V) * level(day, dose, CL, V)]
        for dose in (1.5, 7.5)
        for day in DAYS
    ]
    assert_allclose(slopes, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())  # the solver's: 100 rtol


@pytest.mark.parametrize(
    "changes",
    [
        {"measure": "time_average", "day": 1.4, "from_day": 0.1},
        {"measure": "cmax", "day": 1.4, "from_day": 0.0},
        {"measure": "percent_change", "day": 1.4, "from_day": 0.1},
        {"measure": "half_life", "day": 1.4, "from_day": 0.1},
        {"statistic": "mean"},
        {"versus": "high", "compare": "ratio"},
        {"versus": "high"},
    ],
)
def test_slopes_of_measures_and_comparisons_are_those_of_differences(changes):
    rows = [{"arm": "low", "observable": "level", "day": 0.6, "value": 1.0, "sigma": 0.1} | changes]
    one = Evidence(name="study", arms=study().arms, rows=rows)
    problem = fit_problem([one], BOLUS, spread={"V": 0.3}, rtol=1e-10)
    first = parameters(BOLUS, {"k": {"value": 2.0}, "V": {}}, {"CL": "k * V"})
    exact, near = number_slopes(problem, first, {}), differences(problem, first, {})
    assert_allclose(exact, near, rtol=1e-5, atol=1e-5 * max(np.abs(near).max(), 1e-3))


def test_an_arm_that_fixes_a_parameter_has_no_slope_over_it():
    one = study()
    arms = [arm.model_copy(update={"values": {"V": "7 L"}}) for arm in one.arms]
    problem = fit_problem([Evidence(name="study", arms=arms, rows=one.rows)], BOLUS)
    slopes = number_slopes(problem, parameters(BOLUS, ["CL", "V"]), {})
    assert np.all(slopes[:, 1] == 0)
    assert np.all(slopes[:, 0] < 0)


def test_slopes_of_a_parameter_that_comes_near_zero_stay_right():
    problem = fit_problem([on_a_line()], LINE)
    for a in (1e-6, -6.9e-18, 1e-30, 0.0):
        slopes = number_slopes(problem, parameters(LINE, {"a": {"value": a}, "b": {}}), {})
        assert_allclose(slopes, [[1.0, day] for day, _ in POINTS], rtol=1e-9)


def test_a_slope_at_a_bound_is_one_sided_where_differences_are_taken():
    problem = fit_problem([study()], BOLUS, rtol=1e-10)
    at = parameters(BOLUS, {"CL": {"value": 10.0, "min": 10.0}, "V": {"value": 5.0, "max": 5.0}})
    inside = parameters(BOLUS, ["CL", "V"])
    assert_allclose(differences(problem, at, {}), differences(problem, inside, {}), rtol=1e-4, atol=1e-3)


def test_a_touched_threshold_has_differences_for_slopes():
    """Where the engine says no_derivative, slopes are of differences: a maximum that touches zero is one."""
    from immunode.functions import maximum

    model = Model(
        name="touch",
        states=[State("y", "mg", scale=1)],
        parameters=[Parameter("a", 1.0, "mg/day"), Parameter("c", 1.0, "mg/day")],
        outputs=[Output("seen", "mg", lambda t, x, p: x.y)],
        derivative=lambda t, x, p: {"y": maximum(p.a - p.c, 0 * p.a) + p.c},
    )
    rows = [{"arm": "a", "observable": "seen", "day": day, "value": 1.0, "sigma": 1.0} for day in (1, 2)]
    problem = fit_problem([Evidence(name="e", arms=[{"name": "a"}], rows=rows)], model)
    slopes = number_slopes(problem, parameters(model, {"c": {"value": 0.5}}), {})
    assert_allclose(slopes[:, 0], [0.0, 0.0], atol=1e-6)
