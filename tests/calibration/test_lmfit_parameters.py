"""lmfit.Parameters say what varies, what follows from it and what is held, and a fit begins where another one ended."""

import lmfit
import numpy as np
import pytest

from immunode.calibration.before_fitting import identifiability
from immunode.calibration.fit import calibrate
from immunode.calibration.lmfit_parameters import from_lmfit
from immunode.errors import BadValue, UnknownName
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS, study
from tests.calibration.population.studies import OMEGA, evidence

POPULATION = Population(BOLUS, omega=OMEGA, correlation={("CL", "V"): 0.2})
K = {"value": 1.0, "min": 0.1, "max": 10.0, "log": True}


def params(**parts):
    out = lmfit.Parameters()
    for name, part in parts.items():
        out.add(name, **part)
    return out


def test_what_varies_has_its_start_and_its_bounds_where_they_are_finite():
    one = from_lmfit(params(CL={"value": 9, "min": 1, "max": 50}, V={"value": 4}), None, None, BOLUS)
    assert one.vary == {"CL": {"value": 9.0, "min": 1.0, "max": 50.0}, "V": {"value": 4.0}}
    assert (one.derived, one.values) == ({}, None)


def test_what_is_no_lmfit_parameters_stays_as_it_is():
    for vary in (["CL"], {"CL": {}}, "CL", None):
        assert from_lmfit(vary, {"V": "CL"}, {"V": 3}, BOLUS).vary is vary


def test_a_logarithm_is_that_of_its_parameter_with_the_bounds_of_the_model_exactly():
    """exp(log(x)) may round beyond a bound of the model, which would be refused."""
    low, high = next((p.low, p.high) for p in BOLUS.parameters if p.name == "CL")
    logs = {"value": np.log(3), "min": np.log(low) - 1e-14, "max": np.log(high) + 1e-14}
    one = from_lmfit(params(log_CL=logs, CL={"expr": "exp( log_CL )"}), None, None, BOLUS)
    assert one.vary["CL"] == {"value": pytest.approx(3), "min": low, "max": high, "log": True}


def test_expressions_are_derived_and_what_is_fixed_is_held():
    parts = params(
        log_CL={"value": 2.0}, CL={"expr": "exp(log_CL)"}, half={"value": 0.5, "vary": False},
        ratio={"expr": "half * log_CL"}, V={"expr": "3 + ratio ** 2"},
    )  # fmt: skip
    one = from_lmfit(parts, None, None, BOLUS)
    assert list(one.vary) == ["CL"]
    assert one.derived == {"V": "3 + ((0.5) * log(CL)) ** 2"}
    assert one.values is None
    held = from_lmfit(params(CL={"value": 9}, V={"value": 7, "vary": False}), None, None, BOLUS)
    assert held.values == {"V": 7.0}


def test_the_parameters_of_a_fit_of_the_typical_patient_begin_another_one():
    vary = {"CL": {"log": True, "min": 1, "max": 100}, "k": K}
    fit = calibrate(study(), BOLUS, vary, derived={"V": "CL / k"})
    again = calibrate(study(), BOLUS, fit.params)
    assert list(again.params) == list(fit.params)
    assert again.params["log_CL"].init_value == pytest.approx(fit.params["log_CL"].value)
    for name, p in fit.params.items():
        other = again.params[name]
        assert (other.vary, other.expr) == (p.vary, p.expr)
        np.testing.assert_allclose([other.value, other.min, other.max], [p.value, p.min, p.max], rtol=1e-6)
    known = identifiability(study(), BOLUS, fit.params)
    assert list(known.stderr.index) == ["CL", "k"]


def test_the_parameters_of_a_fit_of_a_population_begin_another_one():
    vary = {"CL": {}, "omega_CL": {"max": 2}}
    quick = {"patients": 500, "seed": 3, "threads": 1}
    fit = calibrate(evidence(), POPULATION, vary, derived={"omega_V": "0.5 * omega_CL"}, **quick)
    again = calibrate(evidence(), POPULATION, fit.params, **quick)
    assert list(again.params) == list(fit.params)
    assert again.params["omega_V"].expr == fit.params["omega_V"].expr
    for name in ("log_CL", "omega_CL"):
        assert again.params[name].value == pytest.approx(fit.params[name].value, abs=0.3 * fit.stderr[name])
        assert (again.params[name].min, again.params[name].max) == pytest.approx(
            (fit.params[name].min, fit.params[name].max)
        )


def test_a_value_that_is_the_populations_may_be_fixed_and_another_is_refused_with_the_cure():
    free = {"CL": {"value": 9}}
    kept = params(**free, V={"value": BOLUS.typical["V"], "vary": False}, omega_CL={"value": 0.4, "vary": False})
    assert from_lmfit(kept, None, None, POPULATION).values is None
    for name, words in (
        ("V", r"'V' is fixed in the lmfit.Parameters at 7, .* im.Population\(..., typical=\{'V': 7\}\)"),
        ("omega_CL", r"im.Population\(..., omega=\{'CL': 7\}\)"),
        ("correlation_CL_V", r"correlation=\{\('CL', 'V'\): 7\}"),
    ):
        with pytest.raises(BadValue, match=words):
            from_lmfit(params(**free, **{name: {"value": 7, "vary": False}}), None, None, POPULATION)


@pytest.mark.parametrize(
    ("parts", "more", "error", "words"),
    [
        ({"CL": {"value": 9}, "V": {"expr": "CL / 2"}}, {"derived": {"V": "CL"}}, BadValue, "'V' is in the lmfit"),
        ({"CL": {"value": 9}, "V": {"value": 3, "vary": False}}, {"values": {"V": 4}}, BadValue, "'V' is in the lm"),
        ({"CL": {"value": 9}, "Vd": {"value": 3, "vary": False}}, {}, UnknownName, "no parameter 'Vd'"),
        ({"Cl": {"value": 9}}, {}, UnknownName, "did you mean 'CL'"),
        ({"CL": {"value": 9}, "Vd": {"expr": "CL"}}, {}, UnknownName, "no parameter 'Vd'"),
        ({"CL": {"value": 9, "vary": False}}, {}, BadValue, "vary is empty"),
        ({"log_CL": {"value": 2}, "CL": {"expr": "10 ** log_CL"}, "V": {"expr": "open('x')"}}, {}, BadValue, "V"),
    ],
)
def test_what_cannot_be_is_refused_by_name(parts, more, error, words):
    made = lmfit.Parameters()
    for name, part in parts.items():
        made.add(lmfit.Parameter(name, **{k: v for k, v in part.items() if k != "expr"}))
    for name, part in parts.items():
        if "expr" in part:
            made[name]._expr = part["expr"]  # as another program may have written it
            made[name].vary = False
    with pytest.raises(error, match=words):
        calibrate(study(), BOLUS, made, **more)
