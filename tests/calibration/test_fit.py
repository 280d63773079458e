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
