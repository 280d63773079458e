"""Populations by the names of lmfit's parameters, and shifted as trials shift them."""

import numpy as np
import pytest

from immunode.calibration.population.values import correlation_name, is_fraction, linked, population_values, shifted
from immunode.model.declaration import Model, Parameter, State
from immunode.virtual_trials.population import Population

MODEL = Model(
    name="two",
    states=[State("central", "mg")],
    routes={"iv": "central"},
    parameters=[Parameter("CL", 10.0, "L/day", low=0.1, high=1000), Parameter("V", 5.0, "L", low=0.1, high=100),
                Parameter("F", 0.5, "1", low=0, high=1)],
    derivative=lambda t, x, p: {"central": -p.CL * p.F * x.central / p.V},
)  # fmt: skip
POPULATION = Population(MODEL, omega={"CL": 0.3, "V": 0.2}, correlation={("CL", "V"): 0.4})


def test_what_is_said_replaces_what_the_population_has():
    said = {"CL": 12.0, "omega_V": 0.5, "correlation_CL_V": -0.1}
    values = population_values(POPULATION, said)
    assert values.typical == {"CL": 12.0, "V": 5.0, "F": 0.5}
    assert values.omega == {"CL": 0.3, "V": 0.5}
    assert values.correlation == {("CL", "V"): -0.1}
    assert correlation_name(("CL", "V")) == "correlation_CL_V"


def test_a_population_of_values_has_them_and_stays_within_the_bounds_of_the_model():
    values = population_values(POPULATION, {"CL": 1000.0 * (1 + 1e-12), "omega_CL": 0.7})
    one = values.of(POPULATION)
    assert one.typical["CL"] == 1000
    assert one.omega["CL"] == 0.7
    assert POPULATION.omega["CL"] == 0.3


def test_a_fraction_varies_by_its_odds_and_all_else_by_its_logarithm():
    assert is_fraction(MODEL, "F")
    assert not is_fraction(MODEL, "CL")
    assert linked(MODEL, "F", 0.2) == pytest.approx(np.log(0.25))
    assert linked(MODEL, "CL", 7.0) == pytest.approx(np.log(7))


def test_shifts_are_of_logarithms_and_log_odds():
    values = shifted(MODEL, population_values(POPULATION, {}), {"CL": 0.3, "F": 1.0, "V": 0.0})
    assert values.typical["CL"] == pytest.approx(10 * np.exp(0.3))
    assert values.typical["F"] == pytest.approx(1 / (1 + np.exp(-1)))
    assert values.typical["V"] == 5.0
