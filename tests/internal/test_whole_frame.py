"""A listing is printed whole, whatever the width of the terminal."""

import pickle

import pandas
import pytest

import immunode as im
from immunode.internal.whole_frame import WholeFrame


@pytest.mark.parametrize("width", [60, 80, 120, 300])
def test_every_cell_of_a_listing_is_printed_and_names_stay_whole(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    table = im.models()
    text = repr(table)
    assert "..." not in text
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for name, row in table.iterrows():
        assert name in words
        assert all(word in words for cell in row for word in str(cell).split())
    assert all(column in words for column in ["name", *table.columns])


def test_html_has_every_letter_of_long_texts():
    assert im.models().meaning.iloc[-1] in im.models()._repr_html_()


def test_what_is_made_of_it_is_a_plain_frame_and_none_of_it_is_empty():
    table = im.models()
    assert type(table.loc[["il2_sc"]]) is type(table[["meaning"]]) is pandas.DataFrame
    pandas.testing.assert_frame_equal(pickle.loads(pickle.dumps(table)), table)
    assert repr(WholeFrame({"a": []})).split()[0] == "a"
