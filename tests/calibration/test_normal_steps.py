"""Steps of a fit by the normal law: slopes through expressions, and tries that are refused."""

import lmfit
import numpy as np
from numpy.testing import assert_allclose

import immunode as im
from immunode.calibration.normal_objective import normal_problem, total_deviance
from immunode.calibration.normal_steps import Steps, chain, minimiser, not_worse
from immunode.calibration.patient_nodes import patient_nodes

BLOWS_UP = im.Model(
    name="blows_up",  # x = 1 / (1 - a t), which is infinite at t = 1 / a
    states=[im.State("x", "1", initial=1.0)],
    parameters=[im.Parameter("a", 0.2, "1/day", low=0.01, high=10)],
    outputs=[im.Output("y", "1", lambda t, x, p: x.x)],
    derivative=lambda t, x, p: {"x": p.a * x.x**2},
)


def steps():
    printed = {"arm": "a", "observable": "y", "days": [1], "mean": [2.0], "variances": [0.1], "n": 10}
    evidence = im.Evidence(name="e", arms=[{"name": "a"}], covariances=[printed])
    who = im.Population(BLOWS_UP)
    made = normal_problem([evidence], who, patient_nodes(0, 100, 0), residual="total", rtol=1e-8, threads=1)
    return Steps(made, (("additive_y", 0.3),))


def params(value):
    out = lmfit.Parameters()
    out.add("a", value=value, min=0.01, max=10)
    return out


def test_slopes_go_through_expressions():
    some = lmfit.Parameters()
    some.add("log_V", value=1.0, min=0.5, max=1.0)  # at a bound
    some.add("V", expr="exp(log_V)")
    some.add("k", value=3.0)
    some.add("both", expr="V * k")
    expected = [[1, 0], [np.e, 0], [0, 1], [3 * np.e, np.e]]
    assert_allclose(chain(some), expected, rtol=1e-9, atol=1e-12)
    assert some["log_V"].value == 1.0


def test_a_try_that_cannot_be_solved_is_a_refused_step():
    tried = steps()
    fit = minimiser(tried, tried.predicted(params(0.2)), params(0.2))
    assert np.isnan(fit.userfcn(params(5.0))).all()
    result = fit.minimize("least_squares", x_scale="jac")
    assert_allclose(result.params["a"].value, 0.5, rtol=1e-4)  # 1 / (1 - a) = 2


def test_a_round_that_makes_it_worse_goes_back_halfway():
    tried, begin = steps(), params(0.4)
    value = total_deviance(tried.problem, tried.predicted(begin))
    end, reached = not_worse(tried, begin, params(0.8), value)
    assert_allclose(end["a"].value, 0.5)  # 0.8 and 0.6 are worse
    assert reached < value
    stayed, same = not_worse(tried, params(0.5), params(5.0), reached)
    assert abs(stayed["a"].value - 0.5) < 0.002
    assert same <= reached
