"""Standard errors by the sandwich are those of the moments that were printed, whatever the patients' law."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.calibration.normal_fit import fit_normal
from tests.calibration.test_arm_moments import KEPT

SD, N = 0.4, 50
CENTRE = 2.0  # 10 mg in 5 L


def printed(days=(1.0,), n=N, **changes):
    mean = CENTRE * np.exp(SD**2 / 2)
    variance = mean**2 * np.expm1(SD**2)
    fields = {"arm": "a", "observable": "level", "days": list(days), "mean": [mean] * len(days), "divisor": "n"}
    return fields | {"variances": [variance] * len(days), "n": n} | changes


def fitted(*covariances, vary=("V", "omega_V")):
    evidence = im.Evidence(name="e", arms={"a": "10 mg IV bolus"}, covariances=list(covariances))
    return fit_normal(evidence, im.Population(KEPT, omega={"V": 0.3}), list(vary))


def moment(k):
    """Return E y^k of the log-normal level."""
    return CENTRE**k * np.exp(k**2 * SD**2 / 2)


def test_of_a_log_normal_level_they_are_the_closed_form():
    """The estimates are functions of mean and variance, whose covariance is that of third and fourth moments."""
    m1, m2, m3, m4 = (moment(k) for k in (1, 2, 3, 4))
    of = np.array([[m2 - m1**2, m3 - m1 * m2], [m3 - m1 * m2, m4 - m2**2]]) / N  # of the mean and that of squares

    def estimates(mean, squares):
        sd = np.sqrt(np.log(squares / mean**2))
        return np.array([10 / (mean / np.exp(sd**2 / 2)), sd])

    steps = [1e-5 * m1, 1e-5 * m2]
    by = np.stack(
        [(estimates(m1 + steps[0] * a, m2 + steps[1] * b) - estimates(m1 - steps[0] * a, m2 - steps[1] * b))
         / (2 * steps[i]) for i, (a, b) in enumerate(((1, 0), (0, 1)))], axis=1,
    )  # fmt: skip
    expected = np.sqrt(np.diag(by @ of @ by.T))
    fit = fitted(printed())
    # the fourth moment of 16 384 log-normal patients is known to 10 %, which is 5 % of an error
    assert_allclose([fit.params["V"].stderr, fit.params["omega_V"].stderr], expected, rtol=0.1)


def test_the_same_patients_measured_twice_tell_no_more():
    once, twice = fitted(printed()), fitted(printed(days=(1.0, 2.0)))
    for name in ("V", "omega_V"):
        assert_allclose(twice.params[name].value, once.params[name].value, rtol=1e-5)
        assert_allclose(twice.params[name].stderr, once.params[name].stderr, rtol=1e-4)
        naive = np.sqrt(np.linalg.inv(twice.slopes.T @ twice.slopes).diagonal())
        assert (naive < 0.9 * np.sqrt(np.diag(twice.result.covar))).all()  # what independent visits would claim


def test_two_observables_of_the_same_patients_tell_no_more():
    weight = im.Model(
        name="both", states=KEPT.states, routes=KEPT.routes, parameters=KEPT.parameters, derivative=KEPT.derivative,
        outputs=[*KEPT.outputs, im.Output("again", "mg/L", lambda t, x, p: x.central / p.V)],
    )  # fmt: skip
    evidence = im.Evidence(name="e", arms={"a": "10 mg IV bolus"}, covariances=[printed(), printed(observable="again")])
    fit = fit_normal(evidence, im.Population(weight, omega={"V": 0.3}), ["V", "omega_V"])
    assert_allclose(fit.params["V"].stderr, fitted(printed()).params["V"].stderr, rtol=1e-4)


@pytest.mark.parametrize("more", [4, 9])
def test_errors_fall_with_the_root_of_n(more):
    one, many = fitted(printed()), fitted(printed(n=more * N))
    assert_allclose(many.params["V"].stderr, one.params["V"].stderr / np.sqrt(more), rtol=1e-4)


def test_a_day_of_fewer_patients_counts_for_less():
    full, half = fitted(printed(days=(1.0, 2.0))), fitted(printed(days=(1.0, 2.0), n=[N, 5]))
    assert_allclose(half.params["V"].value, full.params["V"].value, rtol=1e-4)
    assert half.params["V"].stderr >= full.params["V"].stderr * (1 - 1e-6)


def test_correlations_are_those_of_the_covariance_matrix():
    result = fitted(printed()).result
    a, b = result.var_names
    expected = result.covar[0, 1] / np.sqrt(result.covar[0, 0] * result.covar[1, 1])
    assert_allclose(result.params[a].correl[b], expected)
