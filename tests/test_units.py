"""Units are converted at the edge, and a slip is named."""

import math
import subprocess
import sys

import pytest

from immunode import units
from immunode.errors import BadValue, UnitError


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("MIU/L", "IU/mL", 1000.0),
        ("kIU/L", "IU/mL", 1.0),
        ("cells/µL", "cells/uL", 1.0),
        ("L/h", "L/day", 24.0),
        ("MIU/m2", "MIU/m²", 1.0),
        ("month", "day", 30.4375),
    ],
)
def test_factors(source, target, expected):
    assert units.factor(source, target) == expected


def test_text_pint_quantities_and_numbers_are_read_alike():
    assert units.parse("3 MIU") == units.parse("3MIU") == (3.0, "MIU")
    assert units.parse("1.5e2 IU/mL") == (150.0, "IU/mL")
    assert units.convert(units.registry().Quantity(2, "L/hour"), "L/day") == pytest.approx(48, rel=1e-15)
    assert units.convert(5, "L/day") == units.convert("5", "L/day") == 5.0
    assert units.in_days("8 weeks") == 56.0


def test_mass_is_not_activity():
    with pytest.raises(UnitError, match="'mg' cannot be converted to 'MIU'"):
        units.factor("mg", "MIU")


@pytest.mark.parametrize("text", ["MIU", "three MIU", "", math.nan, "nan MIU", "inf"])
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(BadValue):
        units.parse(text)


def test_an_unknown_unit_is_named():
    with pytest.raises(UnitError, match="'MIUU' is not a unit"):
        units.parse("3 MIUU")


def test_a_pint_that_cannot_be_imported_is_not_a_unit_that_is_unknown():
    """In a process of its own: a registry that is made anew does not know the units of the one before."""
    code = "import sys; sys.modules['pint'] = None; from immunode import units; units.unit('MIU/week')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ModuleNotFoundError: import of pint halted" in run.stderr
    assert "is not a unit" not in run.stderr
