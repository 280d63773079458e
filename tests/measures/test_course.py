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
from immunode.units import unit


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_has_a_grid_a_meaning_and_a_unit(name):
    row = measure(name)
    days = row.grid(3.0, 10.0)
    assert days[-1] == 10
    assert ((days >= 3) & (days <= 10)).all()
    assert (np.diff(days) >= 0).all()
    assert row.window == (len(days) > 1)
    course = np.exp(-0.3 * days)
    assert math.isfinite(row.reduce(days, course, 2.0))
    assert inspect.getdoc(row.reduce)
    assert row.reduce.__name__ == name
    assert unit(row.unit_of("IU/mL", "MIU")) is not None
    # what a measure says of doses is so: the number moves with the dose, or is the same for every dose
    assert row.per_dose == (row.reduce(days, course, 2.0) != row.reduce(days, course, 4.0))


def test_the_documented_measures_are_those_in_force():
    page = (Path(__file__).parents[2] / "docs" / "trial-files.md").read_text(encoding="utf-8")
    rows = page[page.index("| measure |") :].partition("\n\n")[0].splitlines()[2:]
    assert [name for line in rows for name in re.findall(r"`(\w+)`", line.split("|")[1])] == list(MEASURES)


def test_an_unknown_measure_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="there is no measure 'halflife'; did you mean 'half_life'"):
        measure("halflife")


def test_units_are_those_of_the_observable_and_of_the_dose():
    assert unit(measure("clearance").unit_of("IU/mL", "mg")) == unit("mg/(IU/mL*day)")
    assert unit(measure("level_per_dose").unit_of("ng/mL", "mg")) == unit("ng/mL/mg")
    assert measure("change").unit_of("cells/uL", "MIU") == "cells/uL"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("value", 10 * math.exp(-2)),
        ("change", 10 * math.exp(-2) - 10),
        ("percent_change", 100 * (math.exp(-2) - 1)),
        ("change_per_year", (10 * math.exp(-2) - 10) / 2 * 365.25),
        ("half_life", math.log(2)),
        ("auc", 10 * (1 - math.exp(-2))),
        ("clearance", 3 / (10 * (1 - math.exp(-2)))),
        ("level_per_dose", 10 * (1 - math.exp(-2)) / 2 / 3),
    ],
)
def test_measures_of_an_exponential(name, expected):
    m = measure(name)
    t = m.grid(0.0, 2.0)
    assert_allclose(m.reduce(t, 10 * np.exp(-t), 3.0), expected, rtol=1e-9)  # Simpson on 400 steps of 0.005


def test_peak_of_a_course_with_absorption():
    m = measure("tmax")
    t = m.grid(0.0, 1.0)
    y = np.exp(-5 * t) - np.exp(-12 * t)
    when = math.log(12 / 5) / 7
    # the polynomial errs by 1e-12 here, and where a peak is flat its time by the root of that
    assert_allclose(m.reduce(t, y, 1.0), when, rtol=1e-6)
    assert_allclose(measure("cmax").reduce(t, y, 1.0), math.exp(-5 * when) - math.exp(-12 * when), rtol=1e-10)


@pytest.mark.parametrize("days", [0.2, 1.0, 28.0, 365.0, 2740.0])
@pytest.mark.parametrize("k", [0.5, 2.0, 50.0])
def test_a_bolus_is_measured_from_the_dose_on_however_long_the_window(days, k):
    def measured(name):
        t = measure(name).grid(0.0, days, [0.0])
        return measure(name).reduce(t, 200 * np.where(t > 0, np.exp(-k * t), 0.0), 1.0)

    area = 200 / k * -math.expm1(-k * days)
    expected = {
        "cmax": 200.0,
        "tmax": 0.0,
        "half_life": math.log(2) / k,
        "auc": area,
        "time_average": area / days,
        "clearance": 1 / area,
        "percent_change": 100 * math.expm1(-k * days),
    }
    for name, number in expected.items():  # 50/day for 1e-10 of a day; long windows begin with coarser intervals
        assert_allclose(measured(name), number, rtol=1e-7, atol=1e-7, err_msg=name)


def test_averages_and_peaks_of_daily_doses_are_those_between_the_doses():
    doses = np.arange(28.0)

    def course(t):
        since = t[:, None] - doses
        return 200 * np.where(since > 0, np.exp(-0.3 * np.maximum(since, 0)), 0).sum(axis=1)

    def measured(name, first, last):
        t = measure(name).grid(first, last, list(doses))
        return measure(name).reduce(t, course(t), 1.0)

    area = 200 / 0.3 * -np.expm1(-0.3 * (28 - doses)).sum()
    assert_allclose(measured("time_average", 0.0, 28.0), area / 28, rtol=1e-8)
    top = 200 * math.expm1(-0.3 * 28) / math.expm1(-0.3)
    assert_allclose(measured("cmax", 0.3, 28.0), top, rtol=1e-8)
    assert_allclose(measured("tmax", 0.3, 28.0), 26.7, rtol=1e-9)  # the last dose, on day 27


def test_a_half_life_is_read_where_the_course_is_more_than_the_solvers_tolerance():
    t = measure("half_life").grid(0.0, 28.0, [0.0])
    noise = 1e-9 * np.sin(1e3 * t)  # of a course that has died out
    assert_allclose(measure("half_life").reduce(t, 200 * np.exp(-2 * t) + noise, 1.0), math.log(2) / 2, rtol=1e-6)
    assert math.isnan(measure("half_life").reduce(t, 0 * t, 1.0))


def test_time_averages_of_a_straight_line():
    t = measure("time_average").grid(0.0, 365.0)
    assert t[0] == 0
    assert t[-1] == 365
    assert_allclose(measure("time_average").reduce(t, 3 + 2 * t, 1.0), 3 + 365, rtol=1e-12)
    assert_allclose(measure("time_average_change").reduce(t, 3 + 2 * t, 1.0), 365, rtol=1e-12)
