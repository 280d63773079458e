"""Steady states of a regimen: where the regimen itself arrives, and an error where none is."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import SolveError, Status
from immunode.functions import where
from immunode.model.declaration import Model, Parameter, State
from tests.steady_state.made_up import CLOSED, KEPT, SATURABLE, TIMED, K, at_steady_state


@pytest.mark.parametrize(
    "how", [{}, {"duration": "3 h"}, {"duration": "30 h"}, {"rate": "25 mg/day"}, {"parameters": {"lag": 0.2}}]
)
def test_a_saturable_steady_state_is_where_the_regimen_itself_arrives(how):
    parameters = how.get("parameters")
    infused = {key: value for key, value in how.items() if key != "parameters"}
    many = im.dose("10 mg", "central", **infused).repeat(every="12 h", times=400)
    times = 199.5 + np.array([0.0, 0.1, 0.3, 0.45])
    arrived = im.simulate(SATURABLE, many, times=times, parameters=parameters, rtol=1e-10)
    course = at_steady_state(SATURABLE, times=times - 199.5, **how)
    assert_allclose(course.central, arrived.central, rtol=1e-7)


def test_at_a_steady_state_every_further_dose_finds_what_the_last_one_found():
    first = im.dose("10 mg", "central", times=[0.0], steady_state="replace", every="12 h", duration="20 h")
    more = im.dose("10 mg", "central", times=[0.5, 1.0, 1.5], duration="20 h")
    course = im.simulate(SATURABLE, first + more, times=[0.0, 0.5, 1.0, 1.5, 2.0], rtol=1e-9)
    assert_allclose(course.central, course.central[0], rtol=1e-7)


def test_each_patient_has_the_steady_state_that_it_has_alone_near_the_limit_of_what_can_be_cleared():
    clearing = np.linspace(20.5, 200.0, 64)  # 20 mg are given a day
    course = at_steady_state(SATURABLE, times=[0.0, 0.5], parameters={"Vmax": clearing})
    assert_allclose(course.central[:, 1], course.central[:, 0], rtol=1e-6)
    alone = at_steady_state(SATURABLE, times=[0.0, 0.5], parameters={"Vmax": clearing[7:8]})
    assert np.array_equal(alone.central[0], course.central[7])


@pytest.mark.parametrize(
    ("of", "how", "message"),
    [
        (SATURABLE, {"amount": "16 mg"}, "more is given than can be cleared"),
        (SATURABLE, {"amount": "15 mg"}, "more is given than can be cleared|keeps what it is given"),
        (KEPT, {}, "into 'central': it keeps what it is given"),
        (CLOSED, {}, "keeps what it is given .*1 times as large"),
        (TIMED, {}, "depends on time itself"),
        (SATURABLE, {"amount": "0 mg", "rate": "31 mg/day", "every": None}, "more is given than can be cleared"),
        (CLOSED, {"amount": "0 mg", "rate": "1 mg/day", "every": None}, "no steady state"),
    ],
)
def test_where_there_is_no_steady_state_an_error_says_so(of, how, message):
    with pytest.raises(SolveError, match=message):
        at_steady_state(of, **how)


@pytest.mark.parametrize("amount", [5.9, 5.999, 5.9999])
def test_near_the_most_that_can_be_cleared_the_steady_state_is_that_of_the_formula(amount):
    # Km log(peak / trough) + peak - trough = Vmax over a day, and the dose is what lies between them
    # at 5.9999 a rounding error of the period map grows by 6e8
    course = at_steady_state(SATURABLE, amount=f"{amount} mg", every="1 d", parameters={"Vmax": 6.0, "Km": 1.0})
    assert course.central.item() == pytest.approx(amount / np.expm1(6.0 - amount), rel=1e-6)


def test_what_counts_or_never_changes_by_itself_goes_on_through_a_steady_state():
    counted = Model(
        name="counted",
        states=[State("central", "mg"), State("exposure", "mg*day", initial=2.0), State("switch", "1", initial=1.0)],
        parameters=[Parameter("k", K, "1/day")],
        derivative=lambda t, x, p: {"central": -p.k * x.switch * x.central, "exposure": x.central, "switch": 0},
    )
    for how in ("replace", "add"):
        regimen = im.replace("exposure", "7 mg*day", time=1.0) + im.multiply("switch", 1, time=0.5)
        regimen += im.dose("10 mg", "central", times=[1.0], steady_state=how, every="12 h")
        course = im.simulate(counted, regimen, times=[1.0], rtol=1e-9, sensitivities=["k"])
        assert course.exposure.item() == pytest.approx(7.0)
        assert course.switch.item() == 1.0
        assert course.central.item() == pytest.approx(10 / np.expm1(K / 2), rel=1e-9)
        slope = -10 * np.exp(K / 2) / 2 / np.expm1(K / 2) ** 2
        assert course.central_sensitivity.item() == pytest.approx(slope, rel=1e-7)


def test_a_steady_state_is_that_of_the_switches_as_they_stand():
    switched = Model(
        name="switched",
        states=[State("central", "mg"), State("blocked", "1")],
        parameters=[Parameter("k", K, "1/day")],
        derivative=lambda t, x, p: {"central": -p.k * (1 - x.blocked) * x.central, "blocked": 0},
    )
    regimen = im.replace("blocked", 0.5, time=0) + im.dose(
        "10 mg", "central", times=[1.0], steady_state="replace", every=0.5
    )
    course = im.simulate(switched, regimen, times=[1.0], rtol=1e-9)
    assert course.central.item() == pytest.approx(10 / np.expm1(K / 4), rel=1e-9)
    assert course.blocked.item() == 0.5


def test_a_patient_without_a_steady_state_is_named_and_the_others_go_on():
    regimen = im.dose("10 mg", "central", times=[0.0], steady_state="replace", every="12 h")
    clearing = [30.0, 19.0, 40.0]  # 20 mg are given a day
    with pytest.raises(SolveError, match=r"in 1 of 3 patients; patient 1: .*more is given than can be cleared"):
        im.simulate(SATURABLE, regimen, times=[0.0], parameters={"Vmax": clearing})
    course = im.simulate(SATURABLE, regimen, times=[0.0], parameters={"Vmax": clearing}, throw=False)
    assert course.status.values.tolist() == [Status.ok, Status.no_steady_state, Status.ok]
    alone = im.simulate(SATURABLE, regimen, times=[0.0], parameters={"Vmax": clearing[2:]})
    assert course.central[2, 0] == alone.central[0, 0]
    assert np.isnan(course.central[1]).all()


def test_a_dose_as_large_as_a_threshold_has_the_steady_state_of_the_formula():
    # from x + 3 down to 3 twice as fast as from there to x: (x / 3)^2 = exp(-2 k) (x / 3 + 1) after a day
    def twice(t, x, p):
        return {"central": -where(x.central > p.level, 2, 1) * p.k * x.central}

    parameters = [Parameter("k", 0.5, "1/day"), Parameter("level", 3.0, "mg")]
    of = Model("twice", [State("central", "mg")], twice, parameters)
    course = at_steady_state(of, amount="3 mg", every="1 d")
    shrinks = np.exp(-1.0)
    assert_allclose(course.central, 1.5 * (shrinks + np.sqrt(shrinks**2 + 4 * shrinks)), rtol=1e-8)
