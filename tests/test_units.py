"""Units are converted at the edge, and a slip is named."""

import math
import re
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import immunode as im
from immunode import units
from immunode.errors import BadValue, UnitError, UnknownName


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("MIU/L", "IU/mL", 1000.0),
        ("kIU/L", "IU/mL", 1.0),
        ("cells/µL", "cells/uL", 1.0),
        ("L/h", "L/day", 24.0),
        ("MIU/m2", "MIU/m²", 1.0),
        ("month", "day", 30.4375),
        ("mo", "day", 30.4375),
        ("wk", "day", 7.0),
        ("y", "day", 365.25),
        ("1/y", "1/day", 1 / 365.25),
        ("cells/mm3", "cells/uL", 1.0),
        ("cells/mm³", "cells/uL", 1.0),
        ("cells/cm3", "cells/mL", 1.0),
        ("MU", "MIU", 1.0),
        ("U/mL", "IU/mL", 1.0),
        ("kU/L", "IU/mL", 1.0),
        ("mU/mL", "MIU/L", 1e-6),
        ("IU/mL", "U/mL", 1.0),
        ("U", "IU", 1.0),
    ],
)
def test_factors(source, target, expected):
    assert units.factor(source, target) == pytest.approx(expected, rel=3e-16)  # the last digit is pint's


def test_text_pint_quantities_and_numbers_are_read_alike():
    assert units.parse("3 MIU") == units.parse("3MIU") == (3.0, "MIU")
    assert units.parse("1.5e2 IU/mL") == (150.0, "IU/mL")
    assert units.convert(units.registry().Quantity(2, "L/hour"), "L/day") == pytest.approx(48, rel=1e-15)
    assert units.convert(5, "L/day") == units.convert("5", "L/day") == 5.0
    assert units.in_days("8 weeks") == 56.0


def test_times_in_months_and_years_are_whole_days_and_other_units_exact():
    assert [units.in_days(text) for text in ("1 mo", "2 months", "6 mo", "12 mo", "1 y", "2 years")] == [
        30, 61, 183, 365, 365, 730
    ]  # fmt: skip
    assert units.in_days("36 h") == 1.5
    assert units.in_days(units.registry().Quantity(6, "month")) == units.convert("6 mo", "day") == 182.625


def test_a_month_is_the_same_day_wherever_it_is_a_time():
    day = 183
    assert im.replace("art", 0, time="6 mo").doses[0].time == day
    assert im.dose("3 MIU", "sc", times=["6 mo"]).doses[0].time == day
    assert im.dose("3 MIU", "sc").shift("6 mo").doses[0].time == day
    assert im.dose("3 MIU", "sc").at("6 mo").doses[0].time == day
    assert im.prescribe("3 MIU SC every 6 months x2").doses[1].time == day
    assert im.dose("3 MIU", "sc").repeat(every="6 mo", times=2).doses[1].time == day
    assert im.Endpoint(signal="cd4", day="6 mo").day == day
    assert im.SetState(state="art", value=1, day="6 mo").day == day
    assert im.days(0, "6 mo")[-1] == day
    assert im.days(0, "1 y", every="6 mo").tolist() == [0, day, 365]
    assert im.simulate("il2_sc", "3 MIU SC", times=["6 mo"]).time.values.tolist() == [day]


@pytest.mark.parametrize("text", ["2 1/day", "2 1/(day*mL)", "100 1/day", "5 1/h", "12 1/mo"])
def test_a_number_may_stand_before_one_over_a_unit(text):
    number, unit = text.split(maxsplit=1)
    assert units.parse(text) == (float(number), unit)


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


@pytest.mark.parametrize("text", ["U", "MU/L", "U/mL", "uU/mL", "enzyme_unit"])
def test_u_is_refused_where_nothing_says_which_unit_it_is(text):
    with pytest.raises(UnitError, match=r"may mean international or enzyme units; write .*IU.* or umol/min"):
        units.unit(text)
    with pytest.raises(UnitError):
        units.factor(text, "umol/min")
    assert units.parse(f"3 {text}") == (3.0, text)  # what it is given for says


@pytest.mark.parametrize("text", ["kat", "umol/min", "mol/s", "Hz*mol"])
def test_an_amount_in_time_is_no_international_unit(text):
    with pytest.raises(UnitError, match="a different kind of quantity"):
        units.factor(text, "IU")


def test_a_dose_in_mu_is_one_in_miu():
    one, other = (im.simulate("il2_sc", f"3 {unit} SC", times=[0.5])["il2"].item() for unit in ("MU", "MIU"))
    assert one == other > 0


@pytest.mark.parametrize("text", ["dy", "1/dy", "my", "dwk", "cmo"])
def test_short_names_of_times_take_no_prefix(text):
    with pytest.raises(UnitError, match="is not a unit"):
        units.unit(text)


@pytest.mark.parametrize(("text", "target"), [("degC", "K"), ("dB", "1")])
def test_a_unit_with_another_zero_is_no_factor(text, target):
    with pytest.raises(UnitError, match="their zeros differ"):
        units.factor(text, target)


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("<50", "a bound is no value"),
        ("≤ 50 copies/mL", "a bound is no value"),
        (">1e5", "a bound is no value"),
        ("50-60", "a range is no value"),
        ("50 to 60", "a range is no value"),
        ("1,000", "without a comma or blank"),
        ("1 000 cells/uL", "without a comma or blank"),
        ("1_000", "without a comma or blank"),
    ],
)
def test_what_papers_print_beside_numbers_is_refused_with_the_cure(text, cure):
    with pytest.raises(BadValue, match=cure):
        units.parse(text)


@pytest.mark.parametrize("value", [True, None, b"3", [1], {}, (1,), np.array([1.0]), np.datetime64("2026-01-01"), 1j])
def test_what_is_no_number_is_no_quantity(value):
    with pytest.raises(BadValue, match="is not a number"):
        units.parse(value)


@pytest.mark.parametrize("value", [3, 3.0, np.int32(3), np.float32(3), np.array(3.0), Fraction(3), Decimal(3)])
def test_a_number_of_any_kind_is_one(value):
    assert units.parse(value) == (3.0, "1")


def test_a_unit_in_the_wrong_case_is_told():
    with pytest.raises(UnitError, match="did you mean 'IU/mL'"):
        units.unit("iu/ml")


@pytest.mark.parametrize(
    "text", ["G/L", "1e9/L", "10^9/L", "x10^9/L", "10**9 / L", "Giga/L", "K/uL", "K/µL", "10^3/uL"]
)
def test_what_laboratories_write_for_a_count_is_no_gauss_and_no_kelvin(text):
    with pytest.raises(UnitError, match="write cells/nL"):
        units.unit(text)


@pytest.mark.parametrize("text", ["g/L", "g / L", " g/l", "mg/L", "kg/L", "G", "K", "cells/nL"])
def test_what_only_looks_like_such_a_count_is_a_unit(text):
    assert units.unit(text)


@pytest.mark.parametrize("text", ["2/day", "2 /day", "2 per day"])
def test_a_unit_that_is_divided_by_is_shown_with_its_one(text):
    with pytest.raises(UnitError, match="did you mean '1/day'"):
        units.convert(text, "1/day")


def test_thousands_with_points_are_refused_with_what_to_write():
    with pytest.raises(BadValue, match=r"'3.000.000 IU' is not a number.*thousands without a comma"):
        units.parse("3.000.000 IU")
    with pytest.raises(BadValue, match=r"^'' is not a number with a unit, such as '3 MIU'$"):
        units.parse("")


def test_a_dose_without_a_unit_is_shown_one():
    with pytest.raises(UnitError, match="a dose into depot of il2_sc has no unit: write it, such as '3 MIU'"):
        im.simulate("il2_sc", im.dose(3, "sc"), times=[1])


@pytest.mark.parametrize("name", ["il2_sc\n", "il2\tsc"])
def test_a_name_with_a_break_is_refused_in_one_line(name):
    with pytest.raises(UnknownName) as caught:
        im.simulate(name, times=[1])
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["1 MIU", "1.0 MIU", "1e0 MIU", "IU/1 mL", "MIU 1/day", "1/1 day", "2 MIU"])
def test_a_number_in_a_unit_is_refused(text):
    with pytest.raises(UnitError, match=f"^'{re.escape(text)}' has a number in it; write units alone"):
        units.unit(text)


@pytest.mark.parametrize(("text", "cure"), [("MIU MIU", "MIU*MIU"), ("mg mg/L", "mg*mg"), ("day hour", "day*hour")])
def test_two_units_of_one_kind_side_by_side_are_refused(text, cure):
    with pytest.raises(UnitError, match=f"side by side; write one, or {re.escape(cure)} for a product$"):
        units.unit(text)


@pytest.mark.parametrize(
    "text",
    [
        "1",
        " 1 ",
        "(1/day)",
        "1 / d",
        "MIU^-1",
        "cell ** 0.5",
        "mg h/L",
        "m**(1/2)",
        "MIU*MIU",
        "1*day",
        "mg/(1/day)",
        "1/1",
        "mg / 1",
    ],
)
def test_powers_and_one_over_a_unit_are_no_numbers_in_it(text):
    assert units.unit(text) is not None


def test_a_state_with_a_number_in_its_unit_is_refused():
    with pytest.raises(UnitError, match=r"^state y of m: '1 MIU' has a number in it"):
        im.Model("m", [im.State("y", "1 MIU")], lambda t, x, p: {"y": -x.y}, time="1")


def test_a_series_of_pint_pandas_has_its_unit():
    """Its array has the quantity; pint-pandas itself is no part of the tests."""
    quantity = units.registry().Quantity(np.array([1.0, 2.0]), "1/hour")
    values, unit = units.with_unit(SimpleNamespace(array=SimpleNamespace(quantity=quantity)))
    assert (values.tolist(), unit) == ([1.0, 2.0], "1 / h")


@pytest.mark.parametrize(
    ("text", "plain"),
    [("mg kg^-1 day^-1", "mg/kg/day"), ("mg kg⁻¹", "mg/kg"), ("mL L^-1", "mL/L"), ("mL/min/kg^.75", "mL/min/kg^0.75"),
     ("kg**-.25", "1/kg^0.25"), ("cells/mm³", "cells/mm^3")],
)  # fmt: skip
def test_powers_are_read_in_all_their_forms(text, plain):
    assert units.factor(text, plain) == pytest.approx(1.0, rel=1e-15)
