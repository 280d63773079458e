"""Steady states: exact where there is a formula, else where the regimen itself arrives, and an error where none is."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue, SolveError, Status
from immunode.model.declaration import Model, Parameter, State

VMAX, KM, K = 30.0, 20.0, 0.2


def model(slopes, **more):
    return Model(
        name="tested",
        states=[State("depot", "mg"), State("central", "mg", lag="lag")],
        parameters=[
            Parameter("ka", 2.0, "1/day"), Parameter("k", K, "1/day"), Parameter("Vmax", VMAX, "mg/day"),
            Parameter("Km", KM, "mg"), Parameter("lag", 0.0, "day"), Parameter("fall", 1.0, "1/day"),
        ],
        derivative=slopes,
        **more,
    )  # fmt: skip


LINEAR = model(lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.k * x.central})
SATURABLE = model(
    lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.Vmax * x.central / (p.Km + x.central)}
)
KEPT = model(lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot})
CLOSED = model(lambda t, x, p: {"depot": p.k * x.central - p.ka * x.depot, "central": p.ka * x.depot - p.k * x.central})
TIMED = model(lambda t, x, p: {"depot": -p.ka * x.depot, "central": -p.k * x.central * (1 + p.fall * t)})


def at_steady_state(of, times=(0.0,), into="central", amount="10 mg", at_dose="pre", parameters=None, **how):
    regimen = im.dose(amount, into, times=[0.0], steady_state="replace", **{"every": "12 h"} | how)
    return im.simulate(of, regimen, times=times, at_dose=at_dose, parameters=parameters, rtol=1e-9)


def test_a_linear_steady_state_is_exact_whatever_the_tolerance_of_the_run():
    regimen = im.dose("10 mg", "central", times=[0.0], steady_state="replace", every="12 h")
    for rtol in (1e-3, 1e-6):
        trough = im.simulate(LINEAR, regimen, times=[0.0], rtol=rtol).central.item()
        assert trough == pytest.approx(10 / np.expm1(K / 2), rel=1e-13)


def test_after_absorption_the_steady_state_is_the_sum_of_all_earlier_doses():
    ages = 0.5 * np.arange(1, 2000)
    past = 10 * 2.0 / (2.0 - K) * (np.exp(-K * ages) - np.exp(-2.0 * ages))
    found = at_steady_state(LINEAR, into="depot")
    assert found.central.item() == pytest.approx(past.sum(), rel=1e-12)
    assert found.depot.item() == pytest.approx(10 / np.expm1(1.0), rel=1e-12)


@pytest.mark.parametrize(
    "how", [{}, {"duration": "3 h"}, {"duration": "30 h"}, {"rate": "25 mg/day"}, {"parameters": {"lag": 0.2}}]
)
def test_a_saturable_steady_state_is_where_the_regimen_itself_arrives(how):
    parameters = how.get("parameters")
    infused = {key: value for key, value in how.items() if key != "parameters"}
    many = im.dose("10 mg", "central", **infused).repeat(every="12 h", times=400)
    times = 199.5 + np.array([0.0, 0.1, 0.3, 0.45])
    arrived = im.simulate(SATURABLE, many, times=times, parameters=parameters, rtol=1e-10)
    found = at_steady_state(SATURABLE, times=times - 199.5, **how)
    assert_allclose(found.central, arrived.central, rtol=1e-7)


def test_at_a_steady_state_every_further_dose_finds_what_the_last_one_found():
    first = im.dose("10 mg", "central", times=[0.0], steady_state="replace", every="12 h", duration="20 h")
    more = im.dose("10 mg", "central", times=[0.5, 1.0, 1.5], duration="20 h")
    found = im.simulate(SATURABLE, first + more, times=[0.0, 0.5, 1.0, 1.5, 2.0], rtol=1e-9)
    assert_allclose(found.central, found.central[0], rtol=1e-7)


def test_each_patient_has_the_steady_state_that_it_has_alone_near_the_limit_of_what_can_be_cleared():
    clearing = np.linspace(20.5, 200.0, 64)  # 20 mg are given a day
    found = at_steady_state(SATURABLE, times=[0.0, 0.5], parameters={"Vmax": clearing})
    assert_allclose(found.central[:, 1], found.central[:, 0], rtol=1e-6)
    alone = at_steady_state(SATURABLE, times=[0.0, 0.5], parameters={"Vmax": clearing[7:8]})
    assert np.array_equal(alone.central[0], found.central[7])


def test_an_infusion_without_end_is_at_its_steady_state_and_ends_at_its_record():
    regimen = im.dose("0 mg", "central", times=[1.0], rate="15 mg/day", steady_state="replace")
    found = im.simulate(SATURABLE, regimen, times=[1.0, 2.0], rtol=1e-9)
    assert found.central[0] == pytest.approx(15 * KM / (VMAX - 15), rel=1e-12)
    free = im.simulate(SATURABLE, im.replace("central", "20 mg", time=1.0), times=[2.0], rtol=1e-9)
    assert found.central[1] == pytest.approx(free.central[0].item(), rel=1e-8)


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


def test_a_lag_beyond_the_interval_is_told_and_the_rhythm_goes_on():
    with pytest.warns(UserWarning, match="a lag is as long as the interval"):
        found = at_steady_state(LINEAR, times=[0.0, 0.5, 1.0], parameters={"lag": 1.2})
    # the doses of -1 and -0.5 still arrive, at 0.2 and 0.7, and the one of the record at 1.2
    assert_allclose(found.central, found.central[0], rtol=1e-8)


def test_doses_that_overlap_beyond_all_measure_are_refused():
    with pytest.raises(BadValue, match="would overlap"):
        at_steady_state(LINEAR, every="1 min", duration="30 d")


def test_a_steady_state_added_to_what_the_model_makes_itself_is_told():
    made = model(lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.Vmax - p.k * x.central})
    regimen = im.dose("10 mg", "central", times=[0.0], steady_state="add", every="12 h")
    with pytest.warns(UserWarning, match="adds what the model makes itself once more"):
        found = im.simulate(made, regimen, times=[0.0], rtol=1e-9)
    assert found.central.item() == pytest.approx(VMAX / K + 10 / np.expm1(K / 2), rel=1e-12)


@pytest.mark.parametrize("given", [5.9, 5.999, 5.9999])
def test_near_the_most_that_can_be_cleared_the_steady_state_is_that_of_the_formula(given):
    # Km log(peak / trough) + peak - trough = Vmax over a day, and the dose is what lies between them
    # at 5.9999 a rounding error of the period map grows by 6e8
    found = at_steady_state(SATURABLE, amount=f"{given} mg", every="1 d", parameters={"Vmax": 6.0, "Km": 1.0})
    assert found.central.item() == pytest.approx(given / np.expm1(6.0 - given), rel=1e-6)


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
        found = im.simulate(counted, regimen, times=[1.0], rtol=1e-9, sensitivities=["k"])
        assert found.exposure.item() == pytest.approx(7.0)
        assert found.switch.item() == 1.0
        assert found.central.item() == pytest.approx(10 / np.expm1(K / 2), rel=1e-9)
        slope = -10 * np.exp(K / 2) / 2 / np.expm1(K / 2) ** 2
        assert found.central_sensitivity.item() == pytest.approx(slope, rel=1e-7)


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
    found = im.simulate(switched, regimen, times=[1.0], rtol=1e-9)
    assert found.central.item() == pytest.approx(10 / np.expm1(K / 4), rel=1e-9)
    assert found.blocked.item() == 0.5


@pytest.mark.parametrize("rate", [1.0, 1000.0])
def test_an_infusion_without_end_has_its_steady_state_whatever_the_clearance(rate):
    rates = np.geomspace(0.01, 10.0, 100)
    regimen = im.dose("0 mg", "central", times=[0.0], rate=f"{rate} mg/day", steady_state="replace")
    found = im.simulate(LINEAR, regimen, times=[0.0], parameters={"k": rates})
    assert_allclose(found.central[:, 0], rate / rates, rtol=1e-12)


def test_a_patient_without_a_steady_state_is_named_and_the_others_go_on():
    regimen = im.dose("10 mg", "central", times=[0.0], steady_state="replace", every="12 h")
    clearing = [30.0, 19.0, 40.0]  # 20 mg are given a day
    with pytest.raises(SolveError, match=r"in 1 of 3 patients; patient 1: .*more is given than can be cleared"):
        im.simulate(SATURABLE, regimen, times=[0.0], parameters={"Vmax": clearing})
    found = im.simulate(SATURABLE, regimen, times=[0.0], parameters={"Vmax": clearing}, throw=False)
    assert found.status.values.tolist() == [Status.ok, Status.no_steady_state, Status.ok]
    alone = im.simulate(SATURABLE, regimen, times=[0.0], parameters={"Vmax": clearing[2:]})
    assert found.central[2, 0] == alone.central[0, 0]
    assert np.isnan(found.central[1]).all()


@pytest.mark.parametrize(("amount", "rate", "every"), [(2.1, 0.3, 7.0), (2.1, 0.7, 3.0), (2.7, 0.3, 9.0)])
@pytest.mark.parametrize("day", [0.0, 24.0, 300.1])
def test_an_infusion_as_long_as_its_interval_but_for_rounding_ends(amount, rate, every, day):
    regimen = im.dose(
        f"{amount} mg", "central", times=[day], rate=f"{rate} mg/day", steady_state="replace", every=every
    )
    found = im.simulate(LINEAR, regimen, times=[day, day + every, day + every + 60 / K], rtol=1e-9)
    assert_allclose(found.central, [rate / K, rate / K, 0.0], rtol=1e-7, atol=1e-6)


def test_a_lag_of_whole_intervals_but_for_rounding_loses_no_dose():
    for day in (0.0, 30.0):
        regimen = im.dose("10 mg", "central", times=[day], steady_state="replace", every=0.3)
        with pytest.warns(UserWarning, match="a lag is as long"):
            found = im.simulate(LINEAR, regimen, times=[day + 0.05], parameters={"lag": 0.9}, rtol=1e-9)
        assert found.central.item() == pytest.approx(10 / -np.expm1(-0.3 * K) * np.exp(-0.05 * K), rel=1e-8)
