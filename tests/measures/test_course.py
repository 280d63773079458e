"""Measures of a course: what every row of the registry has, and values against closed forms."""

import inspect
import math
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.errors import UnknownName
from immunode.measures import MEASURES, measure
from immunode.measures.window import Window, grid, on_grid
from immunode.units import unit

COURSES = [name for name in MEASURES if measure(name).of_course]


def measured(name, course, last, *, first=0.0, doses=(), level=0.5, dose=1.0):
    """Return a measure of one course, a function of days."""
    needs = measure(name).needs
    t = grid(needs, first, last, list(doses))
    known = {"amount": np.array([dose]), "level": np.array([level])}
    (number,) = measure(name).reduce(on_grid(needs, t, course(t)[None], first, **known))
    return float(number)


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_has_a_meaning_and_a_unit(name):
    row = measure(name)
    assert inspect.getdoc(row.reduce)
    assert row.reduce.__name__ == name
    assert unit(row.unit_of("IU/mL", "MIU")) is not None


@pytest.mark.parametrize("name", COURSES)
def test_every_measure_of_a_course_is_of_its_window_its_level_and_its_dose(name):
    row = measure(name)
    days = grid(row.needs, 3.0, 10.0)
    assert days[-1] == 10
    assert ((days >= 3) & (days <= 10)).all()
    assert (np.diff(days) >= 0).all()
    assert row.window == (len(days) > 1)

    def course(t):
        return np.exp(-0.3 * t)

    number = measured(name, course, 10.0, first=3.0, level=0.2)
    assert math.isfinite(number)
    # what a row says of levels and doses is so: the number moves with them, or is the same for all of them
    assert row.per_dose == (number != measured(name, course, 10.0, first=3.0, level=0.2, dose=2.0))
    levels = {measured(name, course, 10.0, first=3.0, level=level) for level in (0.1, 0.2, 0.6)}
    assert row.level == (len(levels) > 1) or name in ("rebound", "time_to_above")  # of a course that only falls


def test_the_documented_measures_are_those_in_force():
    page = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
    rows = page[page.index("| measure |") :].partition("\n\n")[0].splitlines()[2:]
    assert [name for line in rows for name in re.findall(r"`(\w+)`", line.split("|")[1])] == list(MEASURES)


@pytest.mark.parametrize(("word", "meant"), [("min", "cmin"), ("Peak", "cmax"), ("area", "auc")])
def test_the_words_of_every_day_lead_to_the_measure_that_is_meant(word, meant):
    with pytest.raises(UnknownName, match=f"did you mean '{meant}'"):
        measure(word)


def test_an_unknown_measure_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="there is no measure 'halflife'; did you mean 'half_life'"):
        measure("halflife")


def test_units_are_those_of_the_observable_and_of_the_dose():
    assert unit(measure("clearance").unit_of("IU/mL", "mg")) == unit("mg/(IU/mL*day)")
    assert unit(measure("level_per_dose").unit_of("ng/mL", "mg")) == unit("ng/mL/mg")
    assert measure("change").unit_of("cells/uL", "MIU") == "cells/uL"


EXPONENTIAL = {  # 10 exp(-t) from 0 to 2
    "value": 10 * math.exp(-2),
    "change": 10 * math.exp(-2) - 10,
    "percent_change": 100 * (math.exp(-2) - 1),
    "change_per_year": (10 * math.exp(-2) - 10) / 2 * 365.25,
    # least squares: the integral of (t - 1) 10 exp(-t) over that of (t - 1)^2, which is 2/3
    "slope": 10 * -2 * math.exp(-2) * 1.5,
    "time_average": 5 * (1 - math.exp(-2)),
    "time_average_change": 5 * (1 - math.exp(-2)) - 10,
    "cmax": 10.0,
    "tmax": 0.0,
    "cmin": 10 * math.exp(-2),
    "tmin": 2.0,
    "time_above": math.log(10 / 3),
    "time_below": 2 - math.log(10 / 3),
    "time_to_above": 0.0,
    "time_to_below": math.log(10 / 3),
    "half_life": math.log(2),
    "auc": 10 * (1 - math.exp(-2)),
    "auc_change": 10 * (1 - math.exp(-2)) - 20,
    "clearance": 3 / (10 * (1 - math.exp(-2))),
    "level_per_dose": 10 * (1 - math.exp(-2)) / 2 / 3,
}


@pytest.mark.parametrize("name", COURSES)
def test_measures_of_an_exponential(name):
    if measure(name).needs == "visits":
        return  # they are below, as they are of what is seen, not of the course
    number = measured(name, lambda t: 10 * np.exp(-t), 2.0, level=3.0, dose=3.0)
    assert_allclose(number, EXPONENTIAL[name], rtol=1e-9, atol=1e-9)  # polynomials of degree 8 in pieces of a day


def test_measures_of_visits_see_the_visits_alone():
    def course(t):
        return 100 + 50 * np.cos(2 * np.pi * t / 30) * (t > 0)  # 150 on each visit but the first

    assert_allclose(measured("visit_average", course, 90.0), (50 + 2 * 150 + 75) / 3, rtol=1e-12)
    assert_allclose(measured("visit_average_change", course, 90.0), (50 + 2 * 150 + 75) / 3 - 100, rtol=1e-12)
    assert_allclose(measured("visit_mean", course, 90.0), (100 + 3 * 150) / 4, rtol=1e-12)
    assert measured("nadir", course, 90.0) == 100
    assert measured("cmin", course, 90.0) == pytest.approx(50, rel=1e-3)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [((200, 40, 60, 30), 1), ((200, 40, 45, 30), 0), ((40, 60, 40, 40), 1), ((200, 60, 55, 51), 0)],
)
def test_a_rebound_is_a_visit_above_after_the_first_below(seen, expected):
    assert measured("rebound", lambda t: np.array(seen, dtype=float), 90.0, level=50.0) == expected


def test_times_to_a_level_that_is_never_reached_are_endless_and_oscillations_are_counted():
    assert measured("time_to_above", np.sin, 10.0, level=2.0) == math.inf
    assert measured("time_above", np.sin, 10.0, level=2.0) == 0
    assert_allclose(measured("time_to_below", np.sin, 10.0, level=-0.5), 7 * np.pi / 6, rtol=1e-9)
    # above 1/2 for a third of each period, and in a part of the second one
    assert_allclose(measured("time_above", np.sin, 3 * np.pi, level=0.5), 4 * np.pi / 3, rtol=1e-9)
    assert_allclose(measured("time_above", np.sin, 10.0, level=0.999999), 2 * 2 * math.acos(0.999999), rtol=1e-5)


def test_peak_of_a_course_with_absorption():
    def course(t):
        return np.exp(-5 * t) - np.exp(-12 * t)

    when = math.log(12 / 5) / 7
    # the polynomial errs by 1e-12 here, and where a peak is flat its time by the root of that
    assert_allclose(measured("tmax", course, 1.0), when, rtol=1e-6)
    assert_allclose(measured("cmax", course, 1.0), course(when), rtol=1e-10)


@pytest.mark.parametrize("days", [0.2, 1.0, 28.0, 365.0, 2740.0])
@pytest.mark.parametrize("k", [0.5, 2.0, 50.0])
def test_a_bolus_is_measured_from_the_dose_on_however_long_the_window(days, k):
    area = 200 / k * -math.expm1(-k * days)
    expected = {
        "cmax": 200.0,
        "tmax": 0.0,
        "half_life": math.log(2) / k,
        "auc": area,
        "time_average": area / days,
        "clearance": 1 / area,
        "percent_change": 100 * math.expm1(-k * days),
        "time_above": min(math.log(2) / k, days),
    }
    for name, number in expected.items():  # 50/day for 1e-10 of a day; long windows begin with coarser intervals
        result = measured(name, lambda t: 200 * np.where(t > 0, np.exp(-k * t), 0.0), days, doses=[0.0], level=100.0)
        assert_allclose(result, number, rtol=1e-7, atol=1e-7, err_msg=name)


def test_averages_and_peaks_of_daily_doses_are_those_between_the_doses():
    doses = np.arange(28.0)

    def course(t):
        since = t[:, None] - doses
        return 200 * np.where(since > 0, np.exp(-0.3 * np.maximum(since, 0)), 0).sum(axis=1)

    area = 200 / 0.3 * -np.expm1(-0.3 * (28 - doses)).sum()
    assert_allclose(measured("time_average", course, 28.0, doses=doses), area / 28, rtol=1e-8)
    top = 200 * math.expm1(-0.3 * 28) / math.expm1(-0.3)
    assert_allclose(measured("cmax", course, 28.0, first=0.3, doses=doses), top, rtol=1e-8)
    assert_allclose(measured("tmax", course, 28.0, first=0.3, doses=doses), 26.7, rtol=1e-9)  # the last dose, on day 27
    assert_allclose(measured("cmin", course, 28.0, first=0.3, doses=doses), 200 * math.exp(-0.3), rtol=1e-8)


def test_a_half_life_is_read_where_the_course_is_more_than_the_solvers_tolerance():
    def course(t):
        return 200 * np.exp(-2 * t) + 1e-9 * np.sin(1e3 * t)  # noise of a course that has died out

    assert_allclose(measured("half_life", course, 28.0, doses=[0.0]), math.log(2) / 2, rtol=1e-6)
    assert math.isnan(measured("half_life", np.zeros_like, 28.0))


def test_averages_and_slopes_of_a_straight_line():
    def line(t):
        return 3 + 2 * t

    assert_allclose(measured("time_average", line, 365.0), 3 + 365, rtol=1e-12)
    assert_allclose(measured("time_average_change", line, 365.0), 365, rtol=1e-12)
    assert_allclose(measured("slope", line, 365.0, doses=[20.0, 90.0]), 2, rtol=1e-9)


def test_many_patients_are_measured_as_each_alone():
    rates = np.array([0.1, 0.7, 3.0, np.nan])
    for name in COURSES:
        row = measure(name)
        t = grid(row.needs, 0.0, 20.0, [0.0, 5.0])
        y, ones = np.exp(-rates[:, None] * t) + 0.3 * np.sin(t), np.ones(len(rates))
        together = row.reduce(on_grid(row.needs, t, y, 0.0, amount=ones, level=0.2 * ones))
        alone = [
            row.reduce(on_grid(row.needs, t, one[None], 0.0, amount=ones[:1], level=0.2 * ones[:1]))[0] for one in y
        ]
        assert_allclose(together, alone, rtol=0, atol=0, err_msg=name)
        assert np.isnan(together[3]), name


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("start", "end", "percent"), [(4.0, 2.0, -50.0), (0.0, 2.0, math.nan), (0.0, 0.0, math.nan)])
def test_of_0_there_is_no_percent_change(start, end, percent):
    window = Window(0.0, 28.0, np.array([start]), np.array([end]))
    assert_allclose(measure("percent_change").reduce(window), [percent])


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_without_an_area_there_is_no_clearance():
    assert math.isnan(measured("clearance", np.zeros_like, 28.0))
