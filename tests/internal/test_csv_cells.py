"""A text that a spreadsheet would run is marked in a CSV, and is what it was when it is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunode.internal.csv_cells import guarded, unguarded


@pytest.mark.parametrize("text", ["=1+1", '=HYPERLINK("http://x")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_what_a_spreadsheet_would_run_is_marked(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "IL-2", "a=b", "-1.5", "+3", "-2e-3", "'", "'tis", "1 - 2"])
def test_other_texts_and_numbers_stay(text):
    assert guarded(text) == unguarded(text) == text


@settings(deadline=None)
@given(st.text(alphabet="'=+-@\t\r1e.a "))
def test_a_text_comes_back_as_it_was(text):
    assert unguarded(guarded(text)) == text
