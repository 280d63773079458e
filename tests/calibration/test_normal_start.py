"""What a fit by the normal law varies: what fits of a population vary, and residual errors by their logarithms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.calibration.normal_start import normal_parameters, residual_errors
from immunode.errors import ImmunodeError
from tests.calibration.test_arm_moments import KEPT

WHO = im.Population(KEPT, omega={"V": 0.3})


def test_residual_errors_have_the_name_of_their_kind():
    assert residual_errors({"level": 0.2}, {"level": 0.1, "part": 3}) == {
        "noise_level": 0.2,
        "additive_level": 0.1,
        "additive_part": 3.0,
    }
    assert residual_errors(None, None) == {}


def test_a_residual_error_is_varied_by_its_logarithm_within_its_bounds():
    vary = {"V": {}, "noise_level": {"value": 0.2, "min": 0.1, "max": 0.4}}
    params = normal_parameters(WHO, vary, None, {}, ["level"])
    assert [name for name, p in params.items() if p.vary] == ["log_V", "log_noise_level"]
    assert_allclose([params["log_noise_level"].min, params["log_noise_level"].max], np.log([0.1, 0.4]))
    params["log_noise_level"].value = np.log(0.3)
    params.update_constraints()
    assert_allclose(params["noise_level"].value, 0.3)


def test_it_starts_where_the_residual_error_stands():
    assert_allclose(
        normal_parameters(WHO, ["noise_level"], None, {"noise_level": 0.15}, ["level"])["noise_level"], 0.15
    )


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        ("V", "expected a list of parameters"),
        (["additive_other"], "has no residual error 'additive_other'"),
        ({"noise_level": {"value": 0.2, "low": 1}}, "'low'"),
        ({"noise_level": {"value": 0.2, "min": 0.3}}, "starts at 0.2, which must lie within 0.3 to 200"),
        ({"noise_level": {"value": 0.2, "min": 0.0}}, "above 0"),
        ({"noise_level": 0.2}, "noise_level"),
    ],
)
def test_what_cannot_be_varied_is_refused(vary, expected):
    with pytest.raises(ImmunodeError, match=expected):
        normal_parameters(WHO, vary, None, {}, ["level"])


def test_a_negative_residual_error_is_refused():
    with pytest.raises(ImmunodeError, match="additive of 'level' = -1: expected 0 or more"):
        residual_errors(None, {"level": -1})
