"""Fits against known truths."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.fit import calibrate
from immunode.errors import BadValue
from immunode.evidence.printed import Evidence
from tests.calibration.made_up import BOLUS, DAYS, evidence, row, study


def test_fit_recovers_the_truth_from_a_poor_start():
    fit = calibrate(study(), BOLUS, vary=["CL", "V"])
    assert_allclose(
        fit.params["CL"].value, 14, rtol=1e-5
    )  # the data are exact: what is left is the minimiser's tolerance
    assert_allclose(fit.params["V"].value, 7, rtol=1e-5)
    assert fit.chisqr < 1e-6
    assert fit.nfree == 8
    assert list(fit.table.columns) == ["label", "use", "observed", "predicted", "sigma", "residual", "note"]


def test_log_scale_and_derived_parameters_recover_the_same_truth():
    vary = {"CL": {"log": True, "min": 1, "max": 100}, "k": {"value": 1.0, "min": 0.1, "max": 10, "log": True}}
    fit = calibrate(study(scale="log"), BOLUS, vary=vary, derived={"V": "CL / k"}, starts=2, seed=3)
    assert_allclose([fit.params["CL"].value, fit.params["V"].value], [14, 7], rtol=1e-5)
    assert len(fit.starts) == 2


def test_derived_expressions_may_name_a_held_parameter():
    vary = {"k": {"value": 1.0, "min": 0.1, "max": 10}}
    fit = calibrate(study(), BOLUS, vary=vary, derived={"CL": "k * V"}, values={"V": "7 L"})
    assert_allclose([fit.params["k"].value, fit.params["CL"].value], [2, 14], rtol=1e-5)


def test_errors_are_those_of_the_linear_theory():
    """With every level known to 5 % on the log scale, ln level = ln(dose / V) - (CL / V) t is a line: its covariance
    is known."""
    fit = calibrate(study(scale="log"), BOLUS, vary={n: {"log": True, "min": 0.5, "max": 100} for n in ("CL", "V")})
    t = np.array(DAYS * 2)
    k = 14 / 7
    design = np.column_stack([-k * t, -1 + k * t]) / 0.05  # d ln level / d (ln CL, ln V)
    covar = np.linalg.inv(design.T @ design)
    assert_allclose(fit.result.covar, covar, rtol=1e-4)
    assert_allclose(fit.stderr["CL"], 14 * math.sqrt(covar[0, 0]), rtol=1e-4)
    assert_allclose(fit.correlations.iloc[0, 1], covar[0, 1] / math.sqrt(covar[0, 0] * covar[1, 1]), rtol=1e-4)


def test_checks_are_reported_and_not_fitted():
    rows = [
        *(r.model_dump() for r in study().rows),
        {"arm": "low", "observable": "level", "day": 2, "value": 1e6, "sigma": 1, "use": "check"},
    ]
    fit = calibrate(Evidence(name="study", arms=study().arms, rows=rows), BOLUS, vary=["CL", "V"])
    assert fit.chisqr < 1e-6
    assert list(fit.table["use"])[-1] == "check"
    assert fit.table["residual"].iloc[-1] < -1e5


def test_values_of_an_arm_win_over_the_fitted_ones():
    one = study()
    arms = [a.model_copy(update={"values": {"V": "7 L"}}) for a in one.arms]
    fit = calibrate(Evidence(name="study", arms=arms, rows=one.rows), BOLUS, vary=["CL"], values={"V": 50})
    assert_allclose(fit.params["CL"].value, 14, rtol=1e-5)


def test_a_fit_shows_itself_in_a_notebook():
    fit = calibrate([study()], BOLUS, vary=["CL"])
    html = fit._repr_html_()
    assert "CL" in html
    assert "predicted" in html


def test_fits_that_cannot_be_are_refused():
    with pytest.raises(BadValue, match="cannot fix 2 parameters"):
        calibrate(evidence([row()]), BOLUS, vary=["CL", "V"])
    with pytest.raises(BadValue, match="starts = 0"):
        calibrate(study(), BOLUS, vary=["CL"], starts=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vary": []}, "vary is empty"),
        ({"vary": {}}, "vary is empty"),
        ({"vary": "CL"}, "vary = 'CL': expected a list of parameters"),
        ({"vary": None}, "vary = None"),
        ({"vary": ["CL", "CL"]}, "vary names 'CL' twice"),
        ({"vary": [1]}, "vary: 1 is no name"),
        ({"vary": {"CL": (1, 100)}}, "free parameter 'CL' = .1, 100.: expected a table by name"),
        ({"vary": {"CL": 9.0}}, "free parameter 'CL' = 9.0: expected a table by name"),
        ({"vary": {"CL": {"min": 10, "max": 10}}}, "free parameter 'CL': min = 10, max = 10: expected a span"),
        ({"vary": {"CL": {"value": "7 L/day"}}}, "free parameter 'CL': value = '7 L/day': expected a number in L/day"),
        ({"vary": {"CL": {"log": "no"}}}, "free parameter 'CL': log = 'no': expected True or False"),
        ({"vary": {"CL": {"min": -10}}}, "free parameter 'CL': min = -10, .* within"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": True}, "seed = True"),
        ({"starts": 2.0}, "starts = 2.0"),
        ({"threads": "2"}, "threads = '2'"),
        ({"scale_covar": "no"}, "scale_covar = 'no'"),
        ({"progress": 3}, "progress = 3"),
        ({"values": {"CL": 33}}, "'CL' is free, and held"),
        ({"values": [1]}, "values = .1."),
        ({"derived": {"CL": "2 * V"}}, "'CL' is free and derived"),
        ({"derived": {"V": "CL / 2"}, "values": {"V": 3}}, "'V' is derived, and held"),
        ({"derived": {"V": "-CL"}}, "derived parameter 'V' starts at -"),
        ({"spread": {"V": -1}}, "spread of 'V' = -1"),
        ({"evidence": 3}, "evidence = 3"),
        ({"evidence": [3]}, "evidence: 3 is neither"),
        ({"model": None}, "model = None"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_simulated(arguments, message):
    with pytest.raises(BadValue, match=message):
        calibrate(**({"evidence": study(), "model": BOLUS, "vary": ["CL"]} | arguments))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "time_average", "from_day": 1}, "row 1: no time lies between from_day = 1 and day = 1"),
        ({"measure": "auc", "from_day": 2}, "'auc' needs a span of days"),
        ({"measure": "half_life", "from_day": 1}, "'half_life' needs a span of days"),
        ({"from_day": 0.5}, "from_day = 0.5 has no effect on the 'value' of a day"),
        ({"compare": "ratio"}, "a ratio needs the arm that it is to"),
        ({"versus": "a"}, "arm 'a' is compared with itself"),
        ({"versus_value": 3}, "versus_value = 3 is of no arm"),
        ({"value": "<50"}, "e, row 1: value = '<50' is beyond a limit, and least squares takes numbers alone"),
        ({"value": "5"}, "value = '5': expected a number, not text"),
        ({"value": "1,5"}, "value = '1,5': expected a number, such as 1.5"),
        ({"value": True}, "value = True: expected a number, not true"),
    ],
)
def test_a_row_without_a_number_to_fit_is_named(changes, message):
    with pytest.raises(BadValue, match=message):
        calibrate(evidence([row(**changes), row(day=2)]), BOLUS, vary=["CL"])


def test_a_change_in_percent_of_nothing_is_named():
    with pytest.raises(BadValue, match=r"percent_change of level, .*: predicted is (nan|inf) at the start"):
        calibrate(evidence([row(measure="percent_change"), row(day=2)], dose=None), BOLUS, vary=["CL"])


def test_a_ratio_to_nothing_is_refused():
    arms = [{"name": name, "regimen": "1 MIU IV bolus"} for name in "ab"]
    with pytest.raises(BadValue, match="a ratio to versus_value = 0 is no number"):
        Evidence(name="e", arms=arms, rows=[row(versus="b", compare="ratio", versus_value=0)])
    with pytest.raises(BadValue, match="two arms are called 'a'"):
        Evidence(name="e", arms=arms[:1] * 2, rows=[row()])


def test_a_number_after_a_rule_adds_doses_is_refused():
    rule = {
        "name": "more",
        "day": 2,
        "when": {"signal": "level", "days": [1], "above": 1},
        "then": {"label": "yes", "regimen": "1 MIU IV bolus"},
        "otherwise": {"label": "no"},
    }
    arms = [{"name": "a", "regimen": "1 MIU IV bolus", "rules": [rule]}]
    with pytest.raises(BadValue, match="e, row 2: day 3 comes after a rule of arm 'a' adds doses, day 2"):
        calibrate(Evidence(name="e", arms=arms, rows=[row(), row(day=3)]), BOLUS, vary=["CL"])


def test_a_derived_parameter_that_ends_beyond_its_bounds_is_refused():
    rows = [row(day=day, value=200 * math.exp(0.5 * day), sigma=2) for day in (0.25, 0.5, 1.0)]
    free = {"k": {"value": 1.0, "min": -10, "max": 10}}
    with pytest.raises(BadValue, match=r"derived parameter 'CL' ends at -2.5.*, outside 0.1 to 1000 L/day of bolus"):
        calibrate(evidence(rows), BOLUS, free, derived={"CL": "k * V"})
