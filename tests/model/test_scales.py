"""Scales that no state declares: what a patient has been given so far; exact in any unit, no bit by what follows."""

import warnings
from functools import lru_cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode.engine.methods import METHODS
from immunode.simulation.ensemble_run import run

KA, K = 5.0, 1.0
DAYS = np.arange(0, 6.01, 0.25)
methods = pytest.mark.parametrize("method", METHODS)


@lru_cache
def oral(scale=None, initial=0.0):
    """First-order absorption with a lag and a bioavailability; a saturable loss where Km is finite."""
    return im.Model(
        name="oral",
        states=[
            im.State("depot", "mol", lag="tlag", bioavailability="F", scale=scale),
            im.State("central", "mol", initial=lambda p: p.begin, scale=scale),
        ],
        routes={"sc": "depot", "iv": "central"},
        parameters=[
            im.Parameter("ka", KA, "1/day"),
            im.Parameter("k", K, "1/day"),
            im.Parameter("Km", 1e30, "mol"),
            im.Parameter("tlag", 0.0, "day"),
            im.Parameter("F", 1.0, "1"),
            im.Parameter("begin", initial, "mol"),
        ],
        derivative=lambda t, x, p: {
            "depot": -p.ka * x.depot,
            "central": p.ka * x.depot - p.k * x.central / (1 + x.central / p.Km),
        },
    )


def central(regimen, model=None, **more):
    return im.simulate(model or oral(), regimen, **({"times": DAYS} | more))["central"].values


def dose(amount, into="depot", **more):
    return im.dose(f"{amount!r} mol", into, **more)


def exact(amount):
    return amount * KA / (KA - K) * (np.exp(-K * DAYS) - np.exp(-KA * DAYS))


@methods
@pytest.mark.parametrize("amount", [1e-15, 1e-12, 1e-9, 1e15])
def test_any_amount_is_as_exact_as_one(amount, method):
    got = central(dose(amount), method=method)
    assert_allclose(got, exact(amount), rtol=1e-5, atol=1e-5 * amount)  # 10 rtol of the size; measured below 1 rtol


@methods
def test_an_amount_scaled_by_a_power_of_two_scales_the_bits(method):
    for size in (2.0**-50, 2.0**50):
        regimen = [
            dose(a).repeat(every="1 d", times=3) + dose(a / 4, "iv", times=[1.5], duration="2 h") for a in (1.0, size)
        ]
        one, other = (
            central(r, method=method, parameters={"Km": [0.5 * a], "F": [0.75], "tlag": [0.125]})
            for r, a in zip(regimen, (1.0, size), strict=True)
        )
        assert_array_equal(other, size * one)


def test_tolerances_are_those_of_a_declared_scale_of_the_same_size():
    assert_array_equal(central(dose(8.0)), central(dose(8.0), oral(8.0)))
    half = {"F": 0.5, "tlag": 0.1}  # of what arrives, when it arrives
    assert_array_equal(central(dose(8.0), parameters=half), central(dose(8.0), oral(4.0), parameters=half))
    # an infusion: what comes in within a day
    assert_array_equal(central(dose(8.0, "iv", duration="12 h")), central(dose(8.0, "iv", duration="12 h"), oral(8.0)))
    assert_array_equal(central(dose(8.0, "iv", duration="4 d")), central(dose(8.0, "iv", duration="4 d"), oral(2.0)))


@methods
def test_no_later_dose_changes_a_bit(method):
    early = DAYS[DAYS < 3]
    for begin in (0.0, 1e-12):
        first, more = dose(1e-9, times=[1.0]), dose(1e9, times=[3.0])
        setting = {"model": oral(None, begin), "times": early, "method": method}
        assert_array_equal(central(first + more, **setting), central(first, **setting))
    late = central(first + more, oral(), method=method)
    assert_allclose(late[DAYS >= 3.25], exact(1e9)[1 : 1 + np.sum(DAYS >= 3.25)], rtol=1e-5, atol=1e4)


def test_patients_in_one_batch_are_as_alone():
    regimens = [dose(1e-12), dose(1e12, times=[2.0]), dose(1.0, "iv"), "none"]
    regimens[3] = (
        dose(3.0, times=[0.5]) + im.multiply("central", 1e6, time=2.0) + im.replace("central", "1e-9 mol", time=4.0)
    )
    together = central(regimens, times=[DAYS] * 4).reshape(4, -1)
    for row, regimen in zip(together, regimens, strict=True):
        assert_array_equal(row, central(regimen))


def solved(regimen, model=None, **more):
    model = model or oral()
    setting = {"times": DAYS, "observe": ["central"], "start": 0.0}
    return run(model, np.array([list(model.typical.values())]), [regimen], np.array([0]), **(setting | more))


@methods
def test_a_run_that_resumes_carries_what_was_given(method):
    regimen = dose(1e6) + dose(1e-6, times=[3.0]) + im.reset(time=4.0)
    whole = solved(regimen, stops=[2.0], method=method)
    first = solved(regimen, times=DAYS[DAYS <= 2], end=2.0, method=method)
    second = solved(regimen, times=DAYS[DAYS > 2], start=2.0, resume=first, method=method)
    assert_array_equal(np.hstack([first.values, second.values]), whole.values)
    assert_array_equal(second.received, [[1e6, 0.0]])


def test_what_was_given_is_the_largest_so_far_with_multiplication_and_replacement():
    regimen = (
        dose(2.0) + dose(1.0, "iv") + im.multiply("central", 100.0, time=1e-9) + im.replace("depot", "7 mol", time=2.0)
    )
    got = solved(regimen).received[0]
    assert got[0] == 7.0
    assert got[1] == pytest.approx(100.0, rel=1e-5)  # nothing has happened before the multiplication


def test_a_state_takes_the_smallest_scale_of_what_flows_into_it():
    def slopes(t, x, p):
        bind = p.kon * x.drug * x.receptor
        return {"drug": -bind, "receptor": -bind, "complex": bind - p.koff * x.complex, "gone": p.koff * x.complex}

    states = [im.State("drug", "mol"), im.State("receptor", "mol", initial=1e-12)]
    model = im.Model(
        name="binding",
        states=[*states, im.State("complex", "mol"), im.State("gone", "mol")],
        parameters=[im.Parameter("kon", 1.0, "1/mol/day"), im.Parameter("koff", 0.5, "1/day")],
        derivative=slopes,
    )
    got = im.simulate(model, dose(1.0, "drug"), times=[1.0, 3.0])
    t = got["time"].values
    bound = 1e-12 / (1 - 0.5) * (np.exp(-0.5 * t) - np.exp(-t))  # the drug does not become less
    assert_allclose(got["complex"].values, bound, rtol=1e-5)


def made(unit="mol", **scale):
    """A product that nothing given flows into in its own unit."""
    return im.Model(
        name="made",
        states=[im.State("drug", "mol"), im.State("product", unit, **scale)],
        parameters=[im.Parameter("k", 1.0, "1/day"), im.Parameter("kin", 1e-9, f"{unit}/day")],
        derivative=lambda t, x, p: {"drug": -p.k * x.drug, "product": p.kin - p.k * x.product},
    )


def test_a_warning_names_the_state_whose_scale_nothing_tells_once_a_run():
    with pytest.warns(UserWarning, match=r"how large product \[mg\] will be") as caught:
        im.simulate(made("mg"), dose(1.0, "drug"), times=[1.0], parameters={"k": [1.0, 2.0, 3.0]})
    assert len(caught) == 1
    begin = [run_made(end=1.0)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_made(start=1.0, resume=begin[0], times=np.array([2.0]))  # it has been said
        im.simulate(made("mg", scale=1e-9), dose(1.0, "drug"), times=[1.0])
        im.simulate(oral(), times=[1.0])  # nothing is given, and nothing moves


def run_made(**more):
    with warnings.catch_warnings():
        if "resume" not in more:
            warnings.simplefilter("ignore")
        return solved(dose(1.0, "drug"), made("mg"), **({"observe": ["product"], "times": np.array([1.0])} | more))


@methods
def test_sensitivities_scale_with_the_amounts(method):
    size = 2.0**-40
    names = ["ka", "F", "depot", "Km"]
    one, other = (
        im.simulate(oral(), dose(a), times=[0.5, 3.0], sensitivities=names, method=method,
                    parameters={"Km": 0.5 * a})["central_sensitivity"].values
        for a in (1.0, size)
    )  # fmt: skip
    assert_allclose(other, one * [[size, size, 1.0, 1.0]], rtol=1e-5, atol=1e-9 * size)  # 10 rtol


@pytest.mark.parametrize("amount", [1e-12, 1e12])
def test_a_sensitivity_to_an_initial_value_is_exact_beside_a_dose_of_another_size(amount):
    got = im.simulate(oral(), dose(amount), times=DAYS[1:], sensitivities=["depot"])["central_sensitivity"].values
    assert_allclose(got.ravel(), exact(1.0)[1:], rtol=1e-5)


def test_steady_states_scale_with_the_amounts():
    one, other = (
        central(dose(a, steady_state="replace", every="1 d"), parameters={"Km": 0.5 * a, "k": 6.0}) / a
        for a in (1.0, 1e-12)
    )
    assert one[0] > 0.01
    assert_allclose(other, one, rtol=1e-5)
