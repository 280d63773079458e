"""Output times: days, lists of them, and their place among events."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import immunode as im
from immunode.errors import BadValue
from immunode.evidence.visit_words import visit_days
from immunode.simulation.ties import POST, PRE, TROUGH
from immunode.simulation.times import OutputTimes, as_listed, at_events, distinct
from immunode.units import registry


def clocked(time):
    return im.Model(
        "decay", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y}, [im.Parameter("k", 1.0, f"1/{time}")],
        routes={"iv": "y"}, time=time,
    )  # fmt: skip


DAILY, HOURLY, PURE = clocked("day"), clocked("hour"), clocked("1")
DOSE = im.dose("1 mg", "iv")


def test_days_hold_both_ends():
    assert_array_equal(im.days(0, 1, 0.4), [0, 0.4, 0.8, 1])
    assert len(im.days(0, 0.3, 0.1)) == 4
    with pytest.raises(BadValue):
        im.days(5, 1)


def test_steps_of_months_are_on_whole_days_as_visits_are():
    months = [0, 30, 61, 91, 122, 152, 183, 213, 244, 274, 304, 335, 365]
    assert im.days(0, "12 mo", every="1 mo").tolist() == list(visit_days("every month to 12 mo")) == months
    assert im.days(0, 364, every="1 mo").tolist() == [*months[:-1], 364]
    assert im.days(0, "10 y", every="1 y").tolist() == [round(365.25 * k) for k in range(11)]


def test_times_of_all_patients_can_be_made_each_patients_own():
    ragged = OutputTimes(np.array([1.0, 2.0]), np.array([PRE, POST])).ragged(3)
    assert_array_equal(ragged.patient, [0, 0, 1, 1, 2, 2])
    assert_array_equal(ragged.time, [1, 2, 1, 2, 1, 2])
    assert ragged.ragged(3) is ragged


def test_a_shared_list_is_sorted_and_each_time_once_but_samples_stay_as_they_are():
    time, count = distinct([im.days(1, 2)[[1, 0, 0]]], HOURLY)
    assert_array_equal(time, [24, 48])
    assert_array_equal(count, [2])
    time, count = as_listed([[1, 1, 2], ["12 h"]], DAILY)
    assert_array_equal(time, [1, 1, 2, 0.5])
    with pytest.raises(BadValue, match="times of patient 1 are not sorted: 1 follows 2"):
        as_listed([[0], [2, 1]], DAILY)


def test_an_output_before_a_dose_with_a_steady_state_shows_its_trough():
    outputs = OutputTimes(np.array([1.0, 1.0, 2.0]), np.array([PRE, POST, PRE]), np.array([0, 3]))
    steady = np.array([0]), np.array([1.0]), np.array([4])
    moved = at_events(outputs, np.zeros(1), np.array([1.0]), steady)
    assert_array_equal(moved.order, [4 + TROUGH, POST, PRE])


@pytest.mark.parametrize("times", [["1 h"], [["1 h"]], im.days(0, 1)[-1:] / 24, registry().Quantity([1.0], "hour")])
def test_in_a_model_of_hours_a_time_with_a_unit_is_that_time(times):
    assert im.simulate(HOURLY, DOSE, times=times)["y"].item() == pytest.approx(np.exp(-1), rel=1e-5)


@pytest.mark.parametrize(
    "asked",
    [
        {"times": [1.0, 24.0]},
        {"times": 1},
        {"times": [[1.0], [2.0]]},
        {"times": ["0", "2"]},
        {"times": np.array([0, 2])},
        {"times": ["1 h"], "start": -1},
        {"times": ["1 h"], "max_step": 0.5},
    ],
)
def test_in_a_model_of_hours_a_time_without_a_unit_is_refused(asked):
    with pytest.raises(BadValue, match=r"= -?[0-9.]+: a number alone is days, and decay counts hours; write"):
        im.simulate(HOURLY, DOSE, **asked)


@pytest.mark.parametrize(
    "regimen",
    [
        im.dose("1 mg", "iv", times=[0, 2]),
        im.dose("1 mg", "iv", duration=0.5),
        im.dose("1 mg", "iv", rate=3),
        im.dose("1 mg", "iv", steady_state="replace", every=1),
        im.dose("1 mg", "iv").repeat(every=1, times=2),
        im.dose("1 mg", "iv").shift(1).shift("1 h"),
        im.dose("1 mg", "iv").at(1),
        im.replace("y", "1 mg", time=1) + DOSE,
        im.multiply("y", 2, time=1),
        im.reset(time=1),
        im.Regimen((im.Dose(1, "mg", "iv", 2),)),
        im.Regimen((im.Dose(1, "mg", "iv", 0, duration=0.5),)),
        im.Regimen((im.Dose(1, "mg", "iv", 0, rate=3),)),
    ],
)
def test_in_a_model_of_hours_a_regimen_timed_without_units_is_refused(regimen):
    with pytest.raises(BadValue, match="without a unit: a number alone is days, and decay counts hours"):
        im.simulate(HOURLY, regimen, times=["30 h"])
    assert np.isfinite(im.simulate(PURE, regimen, times=[30])["y"].item())  # which has no other unit


def test_in_a_model_of_hours_days_by_name_sentences_and_units_are_taken():
    for regimen in (
        "1 mg IV every 24 h x2",
        im.dose("1 mg", "iv", days=[1, 2]),
        im.dose("1 mg", "iv", times=[0, "24 h"]),
        DOSE.repeat(every="1 d", times=2),
        DOSE + DOSE.shift("24 h"),
        im.dose("1 mg", "iv") + im.multiply("y", 1, day=2) + DOSE.at("24 h"),
        im.Regimen((im.Dose(1, "mg", "iv", 0), im.Dose(1, "mg", "iv", 1, bare=False))),
    ):
        level = im.simulate(HOURLY, regimen, times=["25 h"])["y"].item()
        assert level == pytest.approx(np.exp(-1) + np.exp(-25), rel=1e-5)


@pytest.mark.parametrize("value", [True, "x", {1: 2}, [None], [1 + 2j], np.timedelta64(1, "D")])
def test_what_is_no_time_is_refused_by_name(value):
    with pytest.raises(BadValue, match="times"):
        im.simulate(DAILY, DOSE, times=value)


def test_a_start_may_have_a_unit():
    course = im.simulate(DAILY, DOSE, times=[0], start="-12 h")
    assert course["y"].item() == 0
    with pytest.raises(BadValue, match="start = 'yesterday': expected a time"):
        im.simulate(DAILY, DOSE, times=[0], start="yesterday")


def test_times_of_a_course_are_in_its_unit_in_any_model():
    """They say their unit; read as days, those of a model of hours were 24 times as late."""
    hours, in_days = (im.simulate(model, DOSE, times=["12 h", "1 d"]).time for model in (HOURLY, PURE))
    daily = replace(HOURLY, time="day", derivative=lambda t, x, p: {"y": -24 * p.k * x.y},
                    parameters=[im.Parameter("k", 1.0, "1/day")])  # fmt: skip
    for model in (HOURLY, daily):
        expected = im.simulate(model, DOSE, times=["12 h", "1 d"]).y.values
        assert im.simulate(model, DOSE, times=hours).y.values == pytest.approx(expected, rel=1e-9)
        quantities = [im.units.registry().Quantity(12.0, "hour"), im.units.registry().Quantity(1.0, "day")]
        assert im.simulate(model, DOSE, times=quantities).y.values == pytest.approx(expected, rel=1e-9)
        assert im.simulate(model, DOSE, times=list(hours)).y.values == pytest.approx(expected, rel=1e-9)
        assert [dose.time for dose in im.dose("1 mg", "iv", times=hours)] == [0.5, 1.0]
        each = im.simulate(model, [DOSE, DOSE], times=[[quantities[0]], [quantities[1]]]).y.values
        assert each == pytest.approx(expected, rel=1e-9)
    assert in_days.attrs["units"] == "1"
    assert im.simulate(daily, DOSE, times=in_days).y.values == pytest.approx(expected, rel=1e-9)
