"""What mistakes cost is as large as theory says: fits by the normal law, of moments in closed form."""

import numpy as np
from numpy.testing import assert_allclose

from tests.calibration import normal_mistakes as mistakes


def test_errors_read_as_sds_make_patients_alike():
    right, wrong = mistakes.error_as_sd(0.4)
    assert_allclose(right, 0.4, rtol=1e-4)
    assert 1 / np.sqrt(mistakes.N) <= wrong / right < 0.2


def test_quartiles_made_sds_move_what_is_skewed():
    volume, omega, wrong_volume, wrong_omega = mistakes.quartiles_as_sd(0.8)
    assert_allclose([volume, omega], [5, 0.8], rtol=1e-4)
    # in closed form where the error is small: the mean of a log-normal of that SD is the median
    squares = np.log1p((2 * np.sinh(mistakes.Q3 * 0.8) / 1.35) ** 2)
    assert_allclose([wrong_volume, wrong_omega], [5 * np.exp(squares / 2), np.sqrt(squares)], rtol=0.03)


def test_independent_visits_claim_to_tell_more_of_what_is_common_and_less_of_what_lies_between():
    errors = mistakes.visits_as_independent(0.4)
    assert errors["V"][1] < 0.8 * errors["V"][0]
    assert errors["k"][1] > 2 * errors["k"][0]
