"""Steady states of linear models are exact: closed forms, sums of all earlier doses, overlaps, lags."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue
from tests.steady_state.made_up import LINEAR, VMAX, K, at_steady_state, model


def test_a_linear_steady_state_is_exact_whatever_the_tolerance_of_the_run():
    regimen = im.dose("10 mg", "central", times=[0.0], steady_state="replace", every="12 h")
    for rtol in (1e-3, 1e-6):
        trough = im.simulate(LINEAR, regimen, times=[0.0], rtol=rtol).central.item()
        assert trough == pytest.approx(10 / np.expm1(K / 2), rel=1e-13)


def test_after_absorption_the_steady_state_is_the_sum_of_all_earlier_doses():
    ages = 0.5 * np.arange(1, 2000)
    past = 10 * 2.0 / (2.0 - K) * (np.exp(-K * ages) - np.exp(-2.0 * ages))
    course = at_steady_state(LINEAR, into="depot")
    assert course.central.item() == pytest.approx(past.sum(), rel=1e-12)
    assert course.depot.item() == pytest.approx(10 / np.expm1(1.0), rel=1e-12)


def test_a_lag_beyond_the_interval_is_told_and_the_rhythm_goes_on():
    with pytest.warns(UserWarning, match="a lag is as long as the interval"):
        course = at_steady_state(LINEAR, times=[0.0, 0.5, 1.0], parameters={"lag": 1.2})
    # the doses of -1 and -0.5 still arrive, at 0.2 and 0.7, and the one of the record at 1.2
    assert_allclose(course.central, course.central[0], rtol=1e-8)


def test_doses_that_overlap_beyond_all_measure_are_refused():
    with pytest.raises(BadValue, match="would overlap"):
        at_steady_state(LINEAR, every="1 min", duration="30 d")


def test_a_steady_state_added_to_what_the_model_makes_itself_is_told():
    made = model(lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.Vmax - p.k * x.central})
    regimen = im.dose("10 mg", "central", times=[0.0], steady_state="add", every="12 h")
    with pytest.warns(UserWarning, match="adds what the model makes itself once more"):
        course = im.simulate(made, regimen, times=[0.0], rtol=1e-9)
    assert course.central.item() == pytest.approx(VMAX / K + 10 / np.expm1(K / 2), rel=1e-12)


@pytest.mark.parametrize(("amount", "rate", "every"), [(2.1, 0.3, 7.0), (2.1, 0.7, 3.0), (2.7, 0.3, 9.0)])
@pytest.mark.parametrize("day", [0.0, 24.0, 300.1])
def test_an_infusion_as_long_as_its_interval_but_for_rounding_ends(amount, rate, every, day):
    regimen = im.dose(
        f"{amount} mg", "central", times=[day], rate=f"{rate} mg/day", steady_state="replace", every=every
    )
    course = im.simulate(LINEAR, regimen, times=[day, day + every, day + every + 60 / K], rtol=1e-9)
    assert_allclose(course.central, [rate / K, rate / K, 0.0], rtol=1e-7, atol=1e-6)


def test_a_lag_of_whole_intervals_but_for_rounding_loses_no_dose():
    for day in (0.0, 30.0):
        regimen = im.dose("10 mg", "central", times=[day], steady_state="replace", every=0.3)
        with pytest.warns(UserWarning, match="a lag is as long"):
            course = im.simulate(LINEAR, regimen, times=[day + 0.05], parameters={"lag": 0.9}, rtol=1e-9)
        assert course.central.item() == pytest.approx(10 / -np.expm1(-0.3 * K) * np.exp(-0.05 * K), rel=1e-8)
