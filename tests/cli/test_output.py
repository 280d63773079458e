"""A result is shown as its JSON, or as its texts and tables from top to bottom."""

import json
from dataclasses import dataclass

import pytest
from rich.table import Table

from immunode.cli.output import show


@dataclass(frozen=True)
class Made:
    data: object

    def table(self):
        return ["[bold] is no markup", Table("column", title="a table"), "1 at the end"]

    def json(self):
        return self.data


def test_texts_and_tables_are_printed_in_their_order_and_texts_as_they_are(capsys):
    show(Made({}), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("[bold] is no markup", "1 at the end")
    assert "a table" in lines[1]
    assert "column" in lines[3]


def test_json_is_plain_and_holds_no_nan(capsys):
    show(Made({"b": 1, "a": None}), as_json=True)
    assert capsys.readouterr().out == json.dumps({"b": 1, "a": None}, indent=1) + "\n"
    with pytest.raises(ValueError, match="JSON"):
        show(Made(float("nan")), as_json=True)
