"""What a fit warns of."""

from dataclasses import replace

import lmfit
import numpy as np
import pytest

from immunode.calibration.fit import calibrate
from immunode.calibration.warned import at_bound, warned
from immunode.evidence.printed import Evidence
from immunode.model.declaration import Parameter
from tests.calibration.made_up import BOLUS, study
from tests.calibration.noisy import noisy


def said(fit, words):
    return any(words in text for text in fit.warnings) and words in fit.fit_report() and words in repr(fit)


def test_a_good_fit_has_no_warning():
    assert calibrate(noisy(), BOLUS, ["CL", "V"]).warnings == ()


def test_bounds_are_warned_of():
    fit = calibrate(noisy(), BOLUS, {"CL": {"min": 9, "max": 11}, "V": {}})
    assert said(fit, "'CL' ended at its upper bound, 11")
    logs = calibrate(noisy(), BOLUS, {"CL": {"min": 9, "max": 11, "log": True}, "V": {}})
    assert said(logs, "'CL' ended at its upper bound, 11")


@pytest.mark.parametrize(
    ("value", "stderr", "there"),
    [
        (2.9926, 0.3, True),  # 0.025 standard errors from 3
        (2.97, 0.3, False),
        (2.97, 0.7, True),
        (0.052, 0.1, True),
        (1.5, 100.0, False),  # as good as unknown, and in the middle
        (2.9, 100.0, True),  # in the last twentieth of the span
        (2.9926, None, False),
        (3.0, None, True),
        (2.9926, float("nan"), False),
    ],
)
def test_what_is_within_a_twentieth_of_its_standard_error_of_a_bound_is_at_the_bound(value, stderr, there):
    params = lmfit.Parameters()
    params.add("omega_CL", value=value, min=0.05, max=3.0)
    params["omega_CL"].stderr = stderr
    params["omega_CL"].init_value = 0.4
    assert at_bound(params["omega_CL"], logarithm=False) == there
    (text,) = warned(lmfit.minimizer.MinimizerResult(params=params), absolute=False) or [""]
    assert ("bound" in text) == there


def test_a_chi_square_that_nothing_explains_is_warned_of():
    assert said(calibrate(noisy(sd=0.5), BOLUS, ["CL", "V"]), "the evidence disagrees with itself or the model")
    assert not calibrate(noisy(sd=0.5), BOLUS, ["CL", "V"], scale_covar=True).warnings


def test_parameters_that_never_moved_are_warned_of():
    model = replace(BOLUS, parameters=[*BOLUS.parameters, Parameter("idle", 3.0, "mg")])
    fit = calibrate(noisy(), model, ["CL", "V", "idle"])
    assert said(fit, "'idle' never moved from its start, 3")
    assert np.isnan(fit.stderr["idle"])


def test_badly_told_apart_parameters_are_warned_of():
    days = [row for row in study().rows if 0.29 < row.day < 0.61]
    fit = calibrate(Evidence(name="study", arms=study().arms, rows=[*days, study().rows[4]]), BOLUS, ["CL", "V"])
    close = abs(fit.correlations.iloc[0, 1]) > 0.99
    assert any("told apart badly" in text for text in fit.warnings) == close
