"""Quadrature, measures and fits against closed forms and known truths."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pydantic import ValidationError

from immunode.calibration.cohorts import check_cohorts
from immunode.calibration.fit import calibrate, jacobian, parameters, residuals, varied
from immunode.calibration.identifiability import weakest
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem, quadrature
from immunode.errors import BadValue, UnitError, UnknownName
from immunode.evidence.printed import Evidence
from immunode.model.declaration import Model, Output, Parameter, State

BOLUS = Model(
    name="bolus",
    states=[State("central", "MIU")],
    routes={"iv": "central"},
    parameters=[Parameter("CL", 10.0, "L/day", low=0.1, high=1000), Parameter("V", 5.0, "L", low=0.1, high=100)],
    outputs=[Output("level", "IU/mL", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"central": -p.CL * x.central / p.V},
)
DAYS = (0.1, 0.3, 0.6, 1.0, 1.5)


def level(day, dose, CL, V):
    return 1000 * dose / V * math.exp(-CL / V * day)  # MIU/L = 1000 IU/mL


def study(CL=14.0, V=7.0, **changes):
    rows = [
        {
            "arm": arm,
            "observable": "level",
            "day": day,
            "value": level(day, dose, CL, V),
            "sigma": 0.05 * level(day, dose, CL, V),
        }
        | changes
        for arm, dose in (("low", 1.5), ("high", 7.5))
        for day in DAYS
    ]
    return Evidence(name="study", arms={"low": "1.5 MIU IV bolus", "high": "7.5 MIU IV bolus"}, rows=rows)


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


def test_mean_rows_average_over_the_spread_and_median_rows_do_not():
    rows = [
        {"arm": "a", "observable": "level", "day": 0.4, "value": 1, "sigma": 1, "statistic": s}
        for s in ("mean", "median")
    ]
    problem = fit_problem([Evidence(name="e", arms={"a": "1 MIU IV bolus"}, rows=rows)], BOLUS, spread={"V": 0.3})
    mean, median = predict(problem, [{"CL": 10, "V": 5}])[0]
    factors, weights = quadrature({"V": 0.3})
    by_hand = sum(w * level(0.4, 1, 10, 5 * f["V"]) for f, w in zip(factors, weights, strict=True))
    assert_allclose(median, level(0.4, 1, 10, 5), rtol=1e-7)  # ten times the solver's 1e-8
    assert_allclose(mean, by_hand, rtol=1e-7)
    assert abs(mean / median - 1) > 1e-3


def test_fit_recovers_the_truth_from_a_poor_start():
    fit = calibrate(study(), BOLUS, vary=["CL", "V"])
    assert_allclose(
        fit.params["CL"].value, 14, rtol=1e-5
    )  # the data are exact: what is left is the minimiser's tolerance
    assert_allclose(fit.params["V"].value, 7, rtol=1e-5)
    assert fit.chisqr < 1e-6
    assert fit.nfree == 8
    assert list(fit.table.columns) == ["label", "use", "observed", "predicted", "sigma", "residual", "note"]


def test_log_scale_and_derived_parameters_recover_the_same_truth():
    vary = {"CL": {"log": True, "min": 1, "max": 100}, "k": {"value": 1.0, "min": 0.1, "max": 10, "log": True}}
    fit = calibrate(study(scale="log"), BOLUS, vary=vary, derived={"V": "CL / k"}, starts=2, seed=3)
    assert_allclose([fit.params["CL"].value, fit.params["V"].value], [14, 7], rtol=1e-5)
    assert len(fit.starts) == 2


def test_derived_expressions_may_name_a_held_parameter():
    vary = {"k": {"value": 1.0, "min": 0.1, "max": 10}}
    fit = calibrate(study(), BOLUS, vary=vary, derived={"CL": "k * V"}, values={"V": "7 L"})
    assert_allclose([fit.params["k"].value, fit.params["CL"].value], [2, 14], rtol=1e-5)


def test_errors_are_those_of_the_linear_theory():
    """With every level known to 5 % on the log scale, ln level = ln(dose / V) - (CL / V) t is a line: its covariance
    is known."""
    fit = calibrate(study(scale="log"), BOLUS, vary={n: {"log": True, "min": 0.5, "max": 100} for n in ("CL", "V")})
    t = np.array(DAYS * 2)
    k = 14 / 7
    design = np.column_stack([-k * t, -1 + k * t]) / 0.05  # d ln level / d (ln CL, ln V)
    covar = np.linalg.inv(design.T @ design)
    assert_allclose(fit.result.covar, covar, rtol=1e-4)
    assert_allclose(fit.stderr["CL"], 14 * math.sqrt(covar[0, 0]), rtol=1e-4)
    assert_allclose(fit.correlations.iloc[0, 1], covar[0, 1] / math.sqrt(covar[0, 0] * covar[1, 1]), rtol=1e-4)


def test_residual_is_predicted_less_observed_over_sigma():
    rows = [
        {
            "arm": "a",
            "observable": "level",
            "from_day": 0,
            "value": 100,
            "sigma": 25,
            "scale": s,
            "measure": "time_average",
            "day": 1,
        }
        for s in ("linear", "log")
    ]
    problem = fit_problem([Evidence(name="e", arms={"a": "1 MIU IV bolus"}, rows=rows)], BOLUS)
    linear, log = residuals(problem, np.array([150.0, 150.0]))
    assert_allclose([linear, log], [2.0, math.log(1.5) / 0.25], rtol=1e-14)


def test_difference_ratio_and_units_of_rows():
    base = {"arm": "high", "versus": "low", "observable": "level", "day": 0.5, "sigma": 1}
    rows = [
        base | {"value": 900, "versus_value": 100},
        base | {"value": 5, "compare": "ratio"},
        {"arm": "low", "observable": "level", "day": 0.5, "value": 1, "sigma": 1, "unit": "kIU/mL"},
        {
            "arm": "low",
            "observable": "level",
            "measure": "half_life",
            "from_day": 0.1,
            "day": 1,
            "value": 1,
            "sigma": 1,
            "unit": "hour",
        },
    ]
    one = Evidence(name="e", arms={"low": "1.5 MIU IV bolus", "high": "7.5 MIU IV bolus"}, rows=rows)
    assert one.rows[0].observed == 800
    predicted = predict(fit_problem([one], BOLUS), [{"CL": 10, "V": 5}])[0]
    low = level(0.5, 1.5, 10, 5)
    assert_allclose(predicted, [4 * low, 5, low / 1000, 24 * math.log(2) / 2], rtol=1e-7)


def test_checks_are_reported_and_not_fitted():
    rows = [
        *(r.model_dump() for r in study().rows),
        {"arm": "low", "observable": "level", "day": 2, "value": 1e6, "sigma": 1, "use": "check"},
    ]
    fit = calibrate(Evidence(name="study", arms=study().arms, rows=rows), BOLUS, vary=["CL", "V"])
    assert fit.chisqr < 1e-6
    assert list(fit.table["use"])[-1] == "check"
    assert fit.table["residual"].iloc[-1] < -1e5


def test_values_of_an_arm_win_over_the_fitted_ones():
    one = study()
    arms = [a.model_copy(update={"values": {"V": "7 L"}}) for a in one.arms]
    fit = calibrate(Evidence(name="study", arms=arms, rows=one.rows), BOLUS, vary=["CL"], values={"V": 50})
    assert_allclose(fit.params["CL"].value, 14, rtol=1e-5)


def test_trial_with_a_negative_start_is_the_same_study_shifted():
    rows = [{"arm": "a", "observable": "level", "day": 0.5, "value": 1, "sigma": 1}]
    arms = {"a": "1 MIU IV bolus"}
    plain, early = (
        predict(fit_problem([Evidence(name="e", arms=arms, rows=rows, start=s)], BOLUS), [{}])[0] for s in (0, -14)
    )
    assert_allclose(early, plain, rtol=1e-7)


def test_what_the_evidence_cannot_tell_apart_is_said():
    """Levels on one day cannot tell V from CL: with kt = 2, ln level = -ln V - CL t / V stays when CL moves by 1 and
    V by 2 on the log scale."""
    rows = [r for r in study().rows if r.day == 1.0]
    problem = fit_problem([Evidence(name="study", arms=study().arms, rows=rows)], BOLUS)
    start = parameters(BOLUS, {"CL": {"log": True, "min": 0.5}, "V": {"log": True, "min": 0.5}}, {})
    words = weakest(jacobian(problem, start, {}), varied(start))
    assert len(words) == 1
    assert words[0].startswith("V without limit, CL without limit together")
    assert weakest(jacobian(fit_problem([study()], BOLUS), start, {}), varied(start)) == []
    moderate = weakest(np.array([[1.0, 0.0], [0.0, 10.0]]), varied(start))
    assert moderate == ["CL x 2.7 alone: one standard deviation (chi-square + 1)"]


def test_a_cohort_enters_once():
    one, again = (
        study(),
        study().model_copy(
            update={
                "name": "second paper",
                "rows": tuple(r.model_copy(update={"cohort": "study"}) for r in study().rows),
            }
        ),
    )
    with pytest.raises(BadValue, match=r"enters twice|enters from"):
        calibrate([one, again], BOLUS, vary=["CL"])
    other = again.model_copy(update={"rows": tuple(r.model_copy(update={"day": r.day + 0.01}) for r in again.rows)})
    with pytest.raises(BadValue, match="a cohort enters once"):
        check_cohorts([one, other])


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
        calibrate(study(), BOLUS, vary=vary)


def test_bad_evidence_is_refused():
    row = {"arm": "a", "observable": "level", "day": 1, "value": 1, "sigma": 1}
    arms = {"a": "1 MIU IV bolus"}
    with pytest.raises(ValidationError, match="no arm 'b'"):
        Evidence(name="e", arms=arms, rows=[row | {"arm": "b"}])
    with pytest.raises(UnknownName, match="did you mean 'level'"):
        fit_problem([Evidence(name="e", arms=arms, rows=[row | {"observable": "levl"}])], BOLUS)
    with pytest.raises(ValidationError, match="did you mean 'half_life'"):
        Evidence(name="e", arms=arms, rows=[row | {"measure": "halflife"}])
    with pytest.raises(UnitError, match="copies"):
        fit_problem([Evidence(name="e", arms=arms, rows=[row | {"unit": "copies/mL"}])], BOLUS)
    with pytest.raises(BadValue, match="cannot fix 2 parameters"):
        calibrate(Evidence(name="e", arms=arms, rows=[row]), BOLUS, vary=["CL", "V"])
    with pytest.raises(BadValue, match="every row is a check"):
        calibrate(Evidence(name="e", arms=arms, rows=[row | {"use": "check"}]), BOLUS, vary=["CL"])


def test_a_fit_shows_itself_in_a_notebook():
    fit = calibrate([study()], BOLUS, vary=["CL"])
    html = fit._repr_html_()
    assert "CL" in html
    assert "predicted" in html
