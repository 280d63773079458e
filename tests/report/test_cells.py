"""Cells show a few significant digits."""

import pytest

from immunode.report.cells import new_table, quartiles, text


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (True, "yes"), (False, "NO"), (0.123456, "0.123"), (1234.5, "1234"), (999.9, "1e+03"), ("1/2", "1/2")],
)
def test_a_cell_has_three_digits_and_whole_large_numbers(value, cell):
    assert text(value) == cell


def test_quartiles_stand_in_brackets():
    assert quartiles([48.0, 20.04, 101.5, 7.0]) == "48 (20 to 102)"


def test_a_table_sets_the_named_columns_to_the_right():
    table = new_table("a", "name", "value", right=["value"])
    assert [column.justify for column in table.columns] == ["left", "right"]
