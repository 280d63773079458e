"""The objective of a fit by the normal law is that which others print, and its slopes are exact."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.calibration.normal_law import admr_objective, deviance
from immunode.calibration.normal_objective import first_weights, normal_problem, predict_normal, scoring, total_deviance
from immunode.calibration.patient_nodes import patient_nodes
from immunode.errors import BadValue, ImmunodeError, UnknownName
from tests.calibration.test_arm_moments import KEPT, rich
from tests.support import printed_means

BSV = dict.fromkeys(("CL", "V1", "V2", "Q", "ka"), 0.3)
TWO = {
    "arm": "a",
    "observable": "level",
    "days": [1, 2],
    "mean": [2.2, 1.7],
    "matrix": [[1.2, 0.7], [0.7, 0.8]],
    "n": 30,
}
OTHER = {"arm": "a", "observable": "part", "days": [2], "mean": [2.0], "variances": [0.9], "n": [12]}


def problem(covariances=(TWO, OTHER), population=None, residual="total", **arm):
    evidence = im.Evidence(
        name="e", arms=[{"name": "a", "regimen": "10 mg IV bolus"} | arm], covariances=list(covariances)
    )
    who = population or rich()
    nodes = patient_nodes(len(who.omega), 1000, 0)
    return normal_problem([evidence], who, nodes, residual=residual, rtol=1e-10, threads=1)


@pytest.mark.skipif(not printed_means.EXAMPLOMYCIN.exists(), reason="../shared is not here")
@pytest.mark.parametrize(("residual", "printed"), [("at_mean", -1845.280), ("total", -1838.83)])
def test_examplomycin_has_the_printed_objective_at_the_printed_estimates(residual, printed):
    """-1845.280 is printed by admr; -1838.83 is ../shared/field.md's, by the law of total variance.

    Both come of some thousand Monte Carlo points (admr: 2 500), whose chance moves the objective by 0.05 (the scatter
    of scrambled Sobol points of that number); nodes leave out 0.005.
    """
    who = im.Population(printed_means.two_compartments, omega=BSV)
    made = normal_problem(
        [printed_means.examplomycin()], who, patient_nodes(5, 10_000, 0), residual=residual, rtol=1e-8, threads=1
    )
    predicted = predict_normal(made, printed_means.examplomycin_at_the_estimates(), ())
    assert_allclose(admr_objective(total_deviance(made, predicted), made.values), printed, atol=0.05)


VALUES = {"V": 5.5, "k": 0.25, "omega_V": 0.35, "noise_level": 0.2, "additive_level": 0.1, "additive_part": 0.3}
NAMED = ["V", "k", "share", "omega_V", "omega_share", "noise_level", "noise_part", "additive_level", "additive_part"]


@pytest.mark.parametrize("residual", ["total", "at_mean"])
@pytest.mark.parametrize("name", NAMED)
def test_twice_the_residuals_times_their_slopes_are_the_slopes_of_the_deviance(name, residual):
    made = problem(residual=residual)
    values = {"share": 0.4, "omega_share": 0.8, "noise_part": 0.1} | VALUES
    at = predict_normal(made, values, NAMED)
    residuals, slopes = scoring(made, at, at)
    step = 1e-4 * values[name]
    ends = [total_deviance(made, predict_normal(made, values | {name: values[name] + s * step}, ())) for s in (1, -1)]
    expected = (ends[0] - ends[1]) / (2 * step)
    assert_allclose(2 * (residuals @ slopes)[NAMED.index(name)], expected, rtol=1e-5, atol=1e-4)


def test_there_are_as_many_residuals_as_printed_numbers():
    made = problem()
    assert made.data == 2 + 3 + 1 + 1
    assert made.values == 2 * 30 + 12
    at = predict_normal(made, VALUES, ())
    assert scoring(made, at, at)[0].shape == (7,)


def test_what_is_predicted_exactly_has_no_residual():
    made = problem()
    at = predict_normal(made, VALUES, ())
    one = {**TWO, "divisor": "n", "mean": at[0].mean.tolist(), "matrix": at[0].covariance.tolist()}
    exact = problem([one])
    again = predict_normal(exact, VALUES, ())
    assert_allclose(scoring(exact, first_weights(exact, again), again)[0], 0, atol=1e-7)


def test_units_and_divisors_are_those_of_the_model():
    scale = {"mean": [2200, 1700], "matrix": [[1.2e6, 0.7e6], [0.7e6, 0.8e6]], "unit": "ug/L"}
    by_n = {"divisor": "n", "matrix": (np.array(TWO["matrix"]) * 29 / 30).tolist()}
    values = [total_deviance(made, predict_normal(made, VALUES, ()))
              for made in (problem([TWO]), problem([TWO | scale]), problem([TWO | by_n]))]  # fmt: skip
    assert_allclose(values, values[0], rtol=1e-12)


def test_days_count_from_the_start_and_doses_are_given_when_they_are():
    """Level and deviance of a made-up case, by hand: one patient, no spread."""
    who = im.Population(KEPT, typical={"k": 0.5})
    evidence = im.Evidence(
        name="e",
        arms={"a": "10 mg IV bolus on day 1"},
        start=-3,
        covariances=[{"arm": "a", "observable": "level", "days": [-1, 2], "mean": [0, 1], "variances": [1, 1], "n": 5}],
    )
    made = normal_problem([evidence], who, patient_nodes(0, 100, 0), residual="total", rtol=1e-10, threads=1)
    at = predict_normal(made, {"additive_level": 1.0}, ())
    expected = [0.0, 2 * np.exp(-0.5 * 2)]  # day 1 of a sentence is time 0
    assert_allclose(at[0].mean, expected, rtol=1e-7)
    assert_allclose(at[0].covariance, np.eye(2))
    by_hand = deviance(5, np.array([0, 1]), np.array([0.8, 0.8]), np.array(expected), np.eye(2))
    assert_allclose(total_deviance(made, at), by_hand, rtol=1e-7)


def test_an_arms_own_share_of_a_subgroup_is_in_its_moments():
    by_arm, by_population = problem([TWO], shares={"less": 0.9}), problem([TWO], population=rich(0.9))
    (one,), (other,) = predict_normal(by_arm, VALUES, ()), predict_normal(by_population, VALUES, ())
    assert_allclose(one.mean, other.mean, rtol=1e-12)
    assert_allclose(one.covariance, other.covariance, rtol=1e-12)


@pytest.mark.parametrize(
    ("covariance", "arm", "expected"),
    [
        ({"observable": "levle"}, {}, "'levle'.*level"),
        ({"unit": "days"}, {}, "days"),
        ({"days": [-1, 2]}, {}, "days = -1 lies before the start of the trial, day 0"),
        ({}, {"shares": {"lss": 0.9}}, "e, arm 'a', shares: the population has no subgroup 'lss'; did you mean 'less'"),
        ({}, {"dropout": {"share": 0.2, "by": 10, "source": "assumed"}}, "its 'dropout' is drawn in a trial"),
        (
            {},
            {"baseline": {"observable": "level", "median": 3, "log_sd": 0.2, "solve": "V", "source": "assumed"}},
            "its 'baseline' is drawn in a trial",
        ),
    ],
)
def test_what_the_normal_law_does_not_follow_is_refused(covariance, arm, expected):
    with pytest.raises(ImmunodeError, match=expected):
        problem([TWO | covariance], **arm)


def test_a_bare_day_in_a_model_of_hours_is_refused():
    who = im.Population(printed_means.one_compartment)
    evidence = im.Evidence(
        name="e",
        arms={"a": "320 mg PO"},
        covariances=[{"arm": "a", "observable": "conc", "days": [4], "mean": [7], "variances": [1], "n": 9}],
    )
    with pytest.raises(BadValue, match="a number alone is days, and theophylline counts hours"):
        normal_problem([evidence], who, patient_nodes(0, 100, 0), residual="total", rtol=1e-8, threads=1)


def test_evidence_without_covariances_is_refused():
    row = {"arm": "a", "observable": "level", "day": 1, "value": 1, "sigma": 1}
    evidence = im.Evidence(name="e", arms={"a": "10 mg IV bolus"}, rows=[row])
    with pytest.raises(BadValue, match="the evidence has no covariances"):
        normal_problem([evidence], rich(), patient_nodes(3, 1000, 0), residual="total", rtol=1e-8, threads=1)


def test_an_arm_is_named_with_what_it_has_not():
    with pytest.raises(UnknownName, match="kept has no parameter 'Vd'"):
        problem([TWO], values={"Vd": 3})
