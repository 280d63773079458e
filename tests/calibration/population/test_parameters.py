"""What a fit of a population varies: named, bounded, typical values by logarithms; refused where it cannot be."""

import pytest

from immunode.calibration.population.parameters import population_parameters
from immunode.errors import BadValue, UnknownName
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS

POPULATION = Population(BOLUS, omega={"CL": 0.4, "V": 0.3}, correlation={("CL", "V"): 0.5})


def made(vary, **derived):
    return population_parameters(
        POPULATION, {name: {} for name in vary} if not isinstance(vary, dict) else vary, derived
    )


def test_typical_values_vary_by_their_logarithms_and_spreads_and_correlations_as_they_are():
    params = made(["CL", "omega_CL", "correlation_CL_V"])
    assert [name for name, p in params.items() if p.vary] == ["log_CL", "omega_CL", "correlation_CL_V"]
    assert params["CL"].value == pytest.approx(10)
    assert params["omega_CL"].value == pytest.approx(0.4)
    assert (params["omega_CL"].min, params["omega_CL"].max) == (0.05, 3)
    assert (params["correlation_CL_V"].min, params["correlation_CL_V"].max) == (-0.95, 0.95)


def test_options_say_start_and_bounds():
    params = made({"omega_CL": {"value": 0.2, "min": 0.1, "max": 1.0}})
    assert params["omega_CL"].value == pytest.approx(0.2)
    assert (params["omega_CL"].min, params["omega_CL"].max) == pytest.approx((0.1, 1))


def test_a_spread_may_follow_from_another():
    params = made(["omega_CL"], omega_V="omega_CL / 2")
    assert params["omega_V"].value == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("vary", "error", "words"),
    [
        ({"omega_ka": {}}, UnknownName, "no spread 'omega_ka'"),
        ({"correlation_V_CL": {}}, UnknownName, "correlation_CL_V"),
        ({"omega_CL": {"min": 0.5, "max": 0.5}}, BadValue, "expected min below max"),
        ({"omega_CL": {"min": 0.0}}, BadValue, "expected an SD above 0"),
        ({"omega_CL": {"value": 5}}, BadValue, "must lie within"),
        ({"omega_CL": {"start": 5}}, UnknownName, "start"),
        ({"correlation_CL_V": {"max": 1.5}}, BadValue, "within -1 to 1"),
        ({"CLX": {}}, UnknownName, "CLX"),
    ],
)
def test_what_cannot_be_is_refused_by_name(vary, error, words):
    with pytest.raises(error, match=words):
        made(vary)
