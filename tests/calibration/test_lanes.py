"""The patients of an arm: quadrature of the spread, and what they are given."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.lanes import quadrature
from immunode.calibration.problem import fit_problem
from immunode.errors import BadValue
from tests.calibration.made_up import BOLUS, evidence, row


def test_quadrature_gives_the_moments_of_a_log_normal():
    factors, weights = quadrature({"CL": 0.7})
    x = np.array([f["CL"] for f in factors])
    assert_allclose(weights.sum(), 1, rtol=1e-14)
    # five nodes are exact to degree 9 of the exponential's series: the next term is 0.7^10 / 10! * 945 / 2, below 1e-5
    assert_allclose(weights @ x, math.exp(0.7**2 / 2), rtol=1e-5)
    assert_allclose(weights @ np.log(x) ** 2, 0.7**2, rtol=1e-12)
    assert x[2] == 1.0


def test_quadrature_of_two_parameters_is_a_product():
    factors, weights = quadrature({"CL": 0.3, "V": 0.2})
    assert len(factors) == 25
    mean = sum(w * math.log(f["CL"]) * math.log(f["V"]) for f, w in zip(factors, weights, strict=True))
    assert_allclose(mean, 0, atol=1e-15)


@pytest.mark.parametrize("measure", ["clearance", "level_per_dose"])
def test_a_measure_per_dose_of_an_arm_without_doses_is_refused(measure):
    with pytest.raises(BadValue, match="needs doses in one unit; doses there: none"):
        fit_problem([evidence([row(measure=measure)], dose=None)], BOLUS)
