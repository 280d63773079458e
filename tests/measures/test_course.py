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
    assert (np.diff(days) > 0).all()
    course = np.exp(-0.3 * days)
    assert math.isfinite(row.reduce(days, course, 2.0))
    assert inspect.getdoc(row.reduce)
    assert row.reduce.__name__ == name
    assert unit(row.unit_of("IU/mL", "MIU")) is not None
    # what a measure says of doses is so: the number moves with the dose, or is the same for every dose
    assert row.per_dose == (row.reduce(days, course, 2.0) != row.reduce(days, course, 4.0))


def test_the_documented_measures_are_those_in_force():
    page = (Path(__file__).parents[2] / "docs" / "trial-files.md").read_text(encoding="utf-8")
    rows = page[page.index("| measure |") :].splitlines()[2:]
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
    assert_allclose(
        m.reduce(t, y, 1.0), when, rtol=1e-3
    )  # a parabola through points 0.0025 apart, cubic terms left out
    assert_allclose(measure("cmax").reduce(t, y, 1.0), math.exp(-5 * when) - math.exp(-12 * when), rtol=1e-6)


def test_time_averages_of_a_straight_line():
    t = measure("time_average").grid(0.0, 365.0)
    assert t[0] == 0
    assert t[-1] == 365
    assert_allclose(measure("time_average").reduce(t, 3 + 2 * t, 1.0), 3 + 365, rtol=1e-12)
    assert_allclose(measure("time_average_change").reduce(t, 3 + 2 * t, 1.0), 365, rtol=1e-12)
