"""A fit of the typical patient predicts a row by its covariance and by the row's own sigma."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.by_sigma import TypicalFit, normal_draws, rows_by_sigma
from immunode.calibration.fit import calibrate
from immunode.calibration.free_parameters import parameters
from immunode.calibration.prediction import predict_trial
from immunode.errors import BadValue
from immunode.evidence.trial_file import TrialFile
from tests.calibration.made_up import BOLUS, evidence, level, row, study


def test_the_interval_has_the_variances_of_the_parameter_and_of_the_row():
    params = parameters(BOLUS, {"CL": {"log": True}}, {}, {})
    fit = TypicalFit("f", params, np.array([[0.01]]), {})
    seen = level(1, 1, 10, 5)
    told = rows_by_sigma(fit, BOLUS, [evidence([row(value=seen, sigma=5)])], 1, 1, 2000)[0]
    # level = 200 exp(-CL / 5): its slope over log CL is -CL / 5 of it
    spread = math.hypot(0.1 * 2 * seen, 5)
    assert_allclose(told["predicted"], seen, rtol=1e-5)
    assert_allclose((told["high"] - told["low"]) / (2 * 1.96), spread, rtol=0.15)  # 4 SE, and exp is not straight
    share = 100 * (0.2 * seen) ** 2 / spread**2
    assert_allclose(told["parameter"], share, atol=4 * share * (1 - share / 100) * math.sqrt(2 / 2000) + 2)
    assert told["trial"] == told["patients"] == 0


def test_draws_keep_within_bounds():
    params = parameters(BOLUS, {"CL": {"min": 9.9, "max": 10.1}}, {}, {})
    drawn = [one["CL"].value for one in normal_draws(params, np.array([[100.0]]), 50, 1)]
    assert {9.9, 10.1} <= set(drawn)
    assert min(drawn) == 9.9
    assert max(drawn) == 10.1


def test_arms_without_a_size_are_predicted_so(tmp_path):
    fit = calibrate(study(), BOLUS, ["CL"], threads=1)
    arms = [{"name": "a", "regimen": "1 MIU SC"}]
    said = {"name": "t", "title": "t", "reference": "made up", "model": "il2_sc", "arms": arms}
    rows = [{"arm": "a", "observable": "il2", "measure": "cmax", "day": 1, "value": 10, "sigma": 2}]
    told = predict_trial(TrialFile(**said, rows=rows), "piscitelli_1996", threads=1)
    assert told.simulations == 0
    assert list(told.table.published) == [10]
    assert "the typical patient alone is simulated" in told.notes[0]
    with pytest.raises(BadValue, match="no row can be predicted"):
        predict_trial(TrialFile(**said, rows=[rows[0] | {"sigma": None, "statistic": "q1"}]), "piscitelli_1996")
    with pytest.raises(BadValue, match="nothing says how patients differ"):
        predict_trial(study(), fit)
