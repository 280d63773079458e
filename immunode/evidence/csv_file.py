"""Read the table of printed numbers (CSV): what spreadsheets add is taken off, what is no such table is refused."""

import csv
import re
from pathlib import Path

from immunode.errors import BadValue
from immunode.evidence.toml_file import read_text
from immunode.internal.csv_cells import unguarded


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the filled cells of each row of printed numbers by column, as `read_table` does."""
    return read_table(path, "arm, observable, ...")[1]


def read_table(path: Path, names: str) -> tuple[list[str], list[dict[str, str]]]:
    """Return the columns, and the filled cells of each row by column, without the spaces around them; names of columns
    in small letters.

    `names` are what a header may be. Raise BadValue with the row (the first below the header is row 1) that is wrong.
    """
    lines = csv.reader(read_text(path).splitlines(keepends=True), skipinitialspace=True)
    try:
        table = [[unguarded(cell.strip()) for cell in row] for row in lines]
    except csv.Error as error:
        raise BadValue(f"'{path}' line {lines.line_num}: {error}; expected a table in CSV") from error
    head = [name.lower() for name in table[0]] if table else []
    if not any(head):
        raise BadValue(f"'{path}' is empty; expected a header ({names}) and rows")
    _check_header(path, head)
    rows = [_row(path, i, head, row) for i, row in enumerate(table[1:], start=1) if any(row)]
    return [name for name in head if name], rows


def _check_header(path: Path, head: list[str]) -> None:
    if len(head) == 1 and (other := re.search(r"[;\t|]", head[0])):
        mark = {";": "semicolons", "\t": "tabs"}.get(other[0], f"'{other[0]}'")
        raise BadValue(
            f"'{path}': the header is '{head[0][:40]}', with {mark}: expected commas; save it as CSV with commas"
        )
    for name in head:
        if name and head.count(name) > 1:
            raise BadValue(f"'{path}': the header names '{name}' twice; rename one of them")


def _row(path: Path, number: int, head: list[str], row: list[str]) -> dict[str, str]:
    if any(row[len(head) :]):
        raise BadValue(
            f"'{path}' row {number}: it has {len(row)} cells, the header {len(head)}; put a text with a comma in quotes"
        )
    for name, cell in zip(head, row):
        if cell and not name:
            raise BadValue(f"'{path}' row {number}: '{cell[:40]}' stands in a column without a name; name it")
    return {name: cell for name, cell in zip(head, row) if cell}
