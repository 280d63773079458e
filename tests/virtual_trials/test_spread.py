"""Spreads, correlations and subgroups are refused by name; fractions stay fractions; what leaves its bounds is told."""

import numpy as np
import pytest

import immunode as im
from immunode.errors import BadValue, UnknownName
from immunode.evidence.design import Subgroup

OMEGA = {"CL": 0.3, "V": 0.2}


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "30%", True, None, -0.1, 30])
def test_an_omega_that_is_no_sd_of_the_log_names_its_parameter(value):
    with pytest.raises(BadValue, match=r"^omega of 'CL' = .*: expected an SD of the log"):
        im.Population("il2_sc", omega={"CL": value})


@pytest.mark.parametrize(
    ("correlation", "message"),
    [
        ({("CL", "V"): 0.5, ("V", "CL"): -0.5}, "'V' and 'CL' is stated twice; leave one out"),
        ({("CL", "V"): 0.5, ("V", "CL"): 0.5}, "stated twice"),
        ({("CL", "CL"): 0.5}, "expected two parameters"),
        ({("CL",): 0.5}, "expected two parameters"),
        ({"CL": 0.5}, "correlation 'CL': expected two parameters"),
        ({("CL", "V"): "0.5"}, "a number between -1 and 1"),
        ({("CL", "V"): float("nan")}, "a number between -1 and 1"),
        ({("CL", "V"): 1}, "correlation matrix"),
    ],
)
def test_a_correlation_is_of_two_parameters_and_stated_once(correlation, message):
    with pytest.raises(BadValue, match=message):
        im.Population("il2_sc", omega=OMEGA, correlation=correlation)


@pytest.mark.parametrize("name", ["omega", "correlation", "typical", "subgroups"])
@pytest.mark.parametrize("value", [3, "x", [1]])
def test_the_parts_of_a_population_are_tables_and_lists(name, value):
    with pytest.raises(BadValue, match=name):
        im.Population("il2_sc", **{name: value})


def subgroup(share=1.0, name="s", **scale):
    return Subgroup(name=name, share=share, scale=scale, source="test")


def test_a_subgroup_leaves_typical_values_within_their_bounds():
    with pytest.raises(BadValue, match=r"subgroup 's': 'F' x 3 is .*, outside 0.01 to 1 of il2_sc"):
        im.Population("il2_sc", subgroups=[subgroup(F=3.0)])
    with pytest.raises(BadValue, match="subgroup 's': 'CL'"):
        im.Population("il2_sc", subgroups=[subgroup(CL=2.0)]).sample(3, 1, values={"CL": 900})
    with pytest.raises(UnknownName, match="no parameter 'clearance'"):
        im.Population("il2_sc", subgroups=[subgroup(clearance=2.0)])
    with pytest.raises(BadValue, match="two subgroups are called 's'"):
        im.Population("il2_sc", subgroups=[subgroup(0.5, F=1.5), subgroup(0.5, F=2.0)])


def test_shares_that_add_up_to_one_but_for_rounding_do():
    tenths = [subgroup(0.1, str(i), CL=1.1) for i in range(10)]
    assert (im.Population("il2_sc", subgroups=tenths).sample(1000, 1).subgroup >= 0).all()


def test_a_fraction_of_a_subgroup_varies_by_its_odds_around_the_scaled_typical_value():
    plain = im.Population("il2_sc", omega={"F": 1.0})
    twice = im.Population("il2_sc", omega={"F": 1.0}, subgroups=[subgroup(F=2.0)])
    before, after = plain.sample(4000, 1).parameter("F"), twice.sample(4000, 1).parameter("F")
    typical = plain.of.typical["F"]

    def log_odds(share):
        return np.log(share / (1 - share))

    assert after.max() < 1
    np.testing.assert_allclose(log_odds(after) - log_odds(before), log_odds(2 * typical) - log_odds(typical), rtol=1e-9)


def test_parameters_beyond_their_bounds_are_counted_and_told():
    wide = im.Population("il2_sc", omega={"CL": 3.0})
    with pytest.warns(UserWarning, match=r"\d+ of 1000 virtual patients have 'CL' outside 10 to 1000 L/day"):
        patients = wide.sample(1000, 1)
    drawn = patients.parameter("CL")
    assert patients.outside() == {"CL": int(((drawn < 10) | (drawn > 1000)).sum())}
    assert im.Population("il2_sc", omega=OMEGA).sample(100, 1).outside() == {}


@pytest.mark.parametrize("seed", [None, -1, 1.0, True, "1", float("nan"), 2**64])
def test_what_is_no_seed_draws_nobody(seed):
    with pytest.raises(BadValue, match=r"^seed = "):
        im.Population("il2_sc", omega=OMEGA).sample(2, seed)


@pytest.mark.parametrize("n", [2.0, "2", True, None, 0, 10**12])
def test_what_is_no_number_of_patients_draws_nobody(n):
    with pytest.raises(BadValue, match=str(n)):
        im.Population("il2_sc", omega=OMEGA).sample(n, 1)
