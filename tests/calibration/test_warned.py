"""What a fit warns of."""

from dataclasses import replace

import numpy as np

from immunode.calibration.fit import calibrate
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
