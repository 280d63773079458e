"""Words of pictures: meanings and units as they are printed, and texts that matplotlib shows as they stand."""

import pytest
import xarray

from immunode.plot.words import capital, of_time, safe, title, typeset, with_unit, wrapped


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("cells/uL", "cells/µL"), ("mm^3", "mm³"), ("mm**3", "mm³"), ("mm3", "mm³"), ("mg/L", "mg/L"),
        ("ug/mL", "µg/mL"),
        ("L^-1", "L⁻¹"), ("m2", "m²"), ("mL/min/m**2", "mL/min/m²"), ("cells/uL/day", "cells/µL/day"), ("1", ""),
        ("umol*h/L", "µmol·h/L"), ("IU/mL", "IU/mL"), ("percent", "%"), ("copies/mL", "copies/mL"), ("pM", "pM"),
        ("MIU", "MIU"), ("cells/nL", "cells/nL"), ("mm ^ (3)", "mm³"), ("um^2", "µm²"),
    ],
)  # fmt: skip
def test_units_are_typeset(unit, shown):
    assert typeset(unit) == shown


def test_a_title_is_what_the_model_says_else_the_name_as_it_stands():
    said = xarray.DataArray(0.0, attrs={"long_name": "cells that IL-2 drove into cycle"})
    assert title("cycling", said) == "Cells that IL-2 drove into cycle"
    assert title("il2", xarray.DataArray(0.0)) == "il2"
    assert title("free_drug") == "free drug"


@pytest.mark.parametrize("text", ["sIL-2R in blood", "p24 antigen", "mRNA", "IL-2", "", "x of it"])
def test_symbols_keep_their_letters(text):
    assert capital(text) == text


def test_labels_times_and_lines():
    assert with_unit("x", "1") == "x (no unit)"
    assert with_unit("x", "copies/mL", "log scale") == "x (copies/mL, log scale)"
    assert (of_time("day"), of_time("h"), of_time("1")) == ("days", "hours", "")
    assert wrapped("one two three", 8) == "one two\nthree"
    assert (safe("a $b$"), safe("_a")[1:]) == (r"a \$b\$", "_a")


def test_a_number_stays_in_the_line_of_what_it_is_of():
    assert wrapped("3 MIU sc days 1-5 (n = 10, total 30 MIU)", 22) == "3 MIU sc days 1-5\n(n = 10, total 30 MIU)"
    assert wrapped("art = 1 then (n = 1)", 16) == "art = 1 then\n(n = 1)"
