"""Moments of an arm are those of the population's law, and slopes are those of the moments."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.calibration.arm_moments import SimulatedArm, arm_courses
from immunode.calibration.patient_nodes import patient_nodes
from immunode.calibration.population.values import population_values
from immunode.errors import SolveError
from immunode.regimen import Regimen

# what is given stays: levels are log-normal where volumes are, also jointly
KEPT = im.Model(
    name="kept",
    states=[im.State("central", "mg")],
    routes={"iv": "central"},
    parameters=[
        im.Parameter("V", 5.0, "L", low=0.1, high=1000),
        im.Parameter("W", 8.0, "L", low=0.1, high=1000),
        im.Parameter("k", 0.0, "1/day", low=0, high=10),
        im.Parameter("share", 0.4, "1", low=0, high=1),
    ],
    outputs=[
        im.Output("level", "mg/L", lambda t, x, p: x.central / p.V),
        im.Output("other", "mg/L", lambda t, x, p: x.central / p.W),
        im.Output("part", "mg", lambda t, x, p: x.central * p.share),
    ],
    derivative=lambda t, x, p: {"central": -p.k * x.central},
)
OMEGA = {"V": 0.4, "W": 0.3}
RHO = 0.6


def population(**changes):
    return im.Population(KEPT, **({"omega": OMEGA, "correlation": {("V", "W"): RHO}} | changes))


def arm(*observe, times=(1.0,), fixed=None):
    regimen = im.prescribe("10 mg IV bolus")
    return SimulatedArm("the arm", regimen, np.array(times), observe, fixed or {})


def moments(who, one, values=None, named=()):
    nodes = patient_nodes(len(who.omega), 10_000, 0)
    courses = arm_courses(who, one, nodes, values or {}, named, rtol=1e-10)
    return (*courses.moments(), *courses.moment_slopes())


def test_of_log_normal_levels_they_are_the_closed_form():
    mean, covariance, *_ = moments(population(), arm("level", "other"))
    sd, centre = np.array([0.4, 0.3]), 10 / np.array([5.0, 8.0])
    expected = centre * np.exp(sd**2 / 2)
    log_covariance = np.outer(sd, sd) * np.array([[1, RHO], [RHO, 1]])
    assert_allclose(mean, expected, rtol=1e-8)
    assert_allclose(covariance, np.outer(expected, expected) * np.expm1(log_covariance), rtol=1e-7)


def test_subgroups_are_mixed_by_their_shares():
    slow = im.Subgroup(name="small", share=0.3, scale={"V": 0.5}, source="assumed")
    mean, covariance, *_ = moments(population(subgroups=[slow]), arm("level"))
    each = np.array([20 / 5, 10 / 5]) * np.exp(0.08)
    expected = 0.3 * each[0] + 0.7 * each[1]
    second = np.array([0.3, 0.7]) @ (each**2 * np.exp(0.16))
    assert_allclose(mean, [expected], rtol=1e-8)
    assert_allclose(covariance, [[second - expected**2]], rtol=1e-7)


def test_an_arms_own_share_stands_in_place_of_the_populations():
    one = arm("level", "part", times=(0.5, 2.0))
    moved = moments(rich(0.3), replace(one, shares={"less": 0.9}), named=NAMED)
    for part, expected in zip(moved, moments(rich(0.9), one, named=NAMED), strict=True):
        assert_allclose(part, expected, rtol=1e-12)


def test_they_are_those_of_the_patients_that_a_population_draws():
    slow = im.Subgroup(name="less", share=0.3, scale={"share": 0.5, "V": 0.7}, source="assumed")
    who = population(omega=OMEGA | {"share": 0.8, "k": 0.2}, typical={"k": 0.3}, subgroups=[slow])
    mean, covariance, *_ = moments(who, arm("level", "part", times=(0.5, 2.0)))
    patients = who.sample(100_000, seed=1)
    V, k, share = (patients.parameter(name) for name in ("V", "k", "share"))
    drawn = np.stack([(10 * np.exp(-k * t)) * of for t in (0.5, 2.0) for of in (1 / V, share)], axis=1)
    sd = drawn.std(axis=0)
    assert_allclose((mean - drawn.mean(axis=0)) / sd, 0, atol=0.013)  # 4 SDs of 100 000
    assert_allclose((covariance - np.cov(drawn.T)) / np.outer(sd, sd), 0, atol=0.03)


NAMED = ["V", "W", "k", "share", "omega_V", "omega_share", "correlation_V_W", "correlation_V_share"]


def rich(less=0.3):
    slow = im.Subgroup(name="less", share=less, scale={"share": 0.5, "V": 0.7}, source="assumed")
    omega = OMEGA | {"share": 0.8}
    correlation = {("V", "W"): RHO, ("V", "share"): -0.3}
    return im.Population(KEPT, omega=omega, correlation=correlation, typical={"k": 0.3}, subgroups=[slow])


@pytest.mark.parametrize("name", NAMED)
def test_slopes_are_those_of_the_moments(name):
    who, one = rich(), arm("level", "other", "part", times=(0.5, 2.0))
    start = population_values(who, {})
    values = {**start.typical, **{f"omega_{n}": sd for n, sd in start.omega.items()}}
    values |= {"correlation_V_W": RHO, "correlation_V_share": -0.3}
    _, _, by_mean, by_covariance = moments(who, one, values, NAMED)
    step = 1e-4 * abs(values[name])
    ends = [moments(who, one, values | {name: values[name] + side * step}) for side in (1, -1)]
    at = NAMED.index(name)
    # central differences are right to the step squared, and to the solver's rounding over the step
    for slope, i in ((by_mean[at], 0), (by_covariance[at], 1)):
        assert_allclose(
            slope, (ends[0][i] - ends[1][i]) / (2 * step), rtol=1e-5, atol=1e-6 * np.abs(slope).max() + 1e-9
        )


def test_what_an_arm_fixes_does_not_move():
    who, one = population(omega={"W": 0.3}, correlation={}), arm("level", times=(1.0,), fixed={"V": 2.0})
    mean, _, by_mean, _ = moments(who, one, {"V": 50.0}, ["V"])
    assert_allclose(mean, [5.0], rtol=1e-8)
    assert by_mean.tolist() == [[0.0]]


def test_patients_that_cannot_be_solved_are_counted_and_refused():
    growing = im.Model(
        name="growing",
        states=[im.State("x", "1", initial=1.0)],
        parameters=[im.Parameter("a", 1.0, "1/day", low=0.1, high=10)],
        outputs=[im.Output("y", "1", lambda t, x, p: x.x)],
        derivative=lambda t, x, p: {"x": p.a * x.x**2},
    )
    who = im.Population(growing, omega={"a": 0.3})
    blows_up = SimulatedArm("the arm", Regimen(), np.array([2.0]), ("y",), {})
    with pytest.raises(SolveError, match=r"the arm: .* of 21 virtual patients failed"):
        arm_courses(who, blows_up, patient_nodes(1, 10_000, 0), {}, ())
