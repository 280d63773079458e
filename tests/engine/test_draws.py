"""Draws of patients: closed forms, and sizes down to one patient."""

import numpy as np
import pytest

from immunode.engine.draws import exponential, vary


def test_draws_take_any_number_of_patients():
    assert exponential(np.array([0.0, 0.5])).tolist() == [0.0, pytest.approx(np.log(2))]
    assert vary(np.ones(1), np.zeros(1, bool), np.eye(1), np.zeros((3, 1))).tolist() == [[1.0]] * 3
