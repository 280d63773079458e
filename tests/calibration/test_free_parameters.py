"""Free parameters: bounds, log scale, derived expressions, and what is refused."""

import math

import numpy as np
import pytest

from immunode.calibration.free_parameters import model_values, parameters, perturbed, varied, varied_name
from immunode.errors import BadValue, UnknownName
from tests.calibration.made_up import BOLUS

LOG_CL = {"CL": {"log": True, "min": 1, "max": 100}}


@pytest.mark.parametrize(
    ("vary", "error", "match"),
    [
        (["Cl"], UnknownName, "did you mean 'CL'"),
        ({"CL": {"mim": 1}}, UnknownName, "did you mean 'min'"),
        ({"CL": {"log": True, "min": 0}}, BadValue, "above 0"),
        ({"CL": {"min": 50, "max": 60}}, BadValue, "must lie within 50 to 60"),
    ],
)
def test_bad_free_parameters_are_refused(vary, error, match):
    with pytest.raises(error, match=match):
        parameters(BOLUS, vary)


def test_bad_derived_parameters_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'CL'"):
        parameters(BOLUS, ["V"], {"Cl": "2 * V"})
    with pytest.raises(BadValue, match=r"cannot read 'V \*'"):
        parameters(BOLUS, ["V"], {"CL": "V *"})


def test_a_parameter_on_the_log_scale_is_varied_by_its_logarithm():
    params = parameters(BOLUS, LOG_CL | {"V": {}})
    assert varied(params) == {"log_CL": math.log(10), "V": 5.0}
    assert (varied_name(params, "CL"), varied_name(params, "V")) == ("log_CL", "V")
    assert model_values(BOLUS, params, {"V": 7.0}) == pytest.approx({"CL": 10, "V": 5})


def test_a_derived_expression_takes_held_and_typical_values():
    vary = {"k": {"value": 2.0}}
    assert parameters(BOLUS, vary, {"CL": "k * V"})["CL"].value == pytest.approx(10)
    assert parameters(BOLUS, vary, {"CL": "k * V"}, {"V": 7.0})["CL"].value == pytest.approx(14)


def test_other_starts_stay_within_the_bounds_and_leave_the_first_as_it_is():
    first = parameters(BOLUS, LOG_CL | {"V": {"min": 4.9, "max": 5.1}})
    for seed in range(20):
        other = perturbed(first, np.random.default_rng(seed))
        assert 1 <= other["CL"].value <= 100
        assert 4.9 <= other["V"].value <= 5.1
        assert other["CL"].value != 10
    assert first["CL"].value == pytest.approx(10)
