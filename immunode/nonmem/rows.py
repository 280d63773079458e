"""Rows of the text of an event table: which mark separates their cells, as many cells as the header has, or refused."""

import csv
import re
from collections.abc import Iterator, Sequence

from immunode.errors import BadValue
from immunode.nonmem.cells import STANDARD

_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "blanks"}


def separator(header: str) -> str:
    """Return the mark between the cells of a header; a blank stands for blanks and tabs of any number."""
    mark = next((mark for mark in ",;\t" if mark in header), " ")
    mixed = mark == "\t" and any(len(set(name.upper().split()) & set(STANDARD)) > 1 for name in header.split("\t"))
    return " " if mixed else mark


def rows_of(source: str, lines: Sequence[str], first: int) -> Iterator[tuple[int, list[str]]]:
    """Return the line (from 1) and cells of the header, which is lines[first], and of all rows below it.

    Lines of blanks or empty cells, and those that begin with "#", are left out; empty cells behind the last column too.
    Raise BadValue for a row with more cells than the header has, or with another mark between them.
    """
    mark, width = separator(lines[first]), 0
    below = (line.replace("\t", " ").strip() for line in lines[first:]) if mark == " " else iter(lines[first:])
    reader = csv.reader((f"{line}\n" for line in below), delimiter=mark, skipinitialspace=True, strict=True)
    while True:
        line = first + reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise BadValue(f"{source}: line {line}: {error}; close every quote, and remove other ones") from error
        if row is None:
            return
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if not width:
            width = len(cells)
        elif len(cells) != width:
            while len(cells) > width and not cells[-1]:
                cells.pop()
            if len(cells) != width:
                cells = _as_wide(source, line, cells, width, mark)
        yield line, cells


def plain_cells(lines: Sequence[str], first: int) -> list[list[str]] | None:
    """Return the cells of each column, the header's first, of a file in which there is nothing but marks between cells.

    None for any other (quotes, blanks, comments, rows of another width), which `rows_of` reads, twenty times as slowly.
    """
    mark, last = separator(lines[first]), len(lines) - (not lines[-1])
    marks = lines[first].count(mark)
    table = "\n".join(lines[first:last])
    empty = mark * marks
    if mark == " " or any(odd in table for odd in "\"' \t#\r\v\f\x00") or f"\n{empty}\n" in f"\n{table}\n":
        return None
    if (
        not table.isascii()
        or not lines[first].strip(mark)
        or any(line.count(mark) != marks for line in lines[first:last])
    ):
        return None
    cells = table.replace("\n", mark).split(mark)
    return [cells[column :: marks + 1] for column in range(marks + 1)]


def _as_wide(source: str, line: int, cells: list[str], width: int, mark: str) -> list[str]:
    """Return a short row with missing cells at its end, as NONMEM reads it; raise BadValue where that is not meant."""
    other = next((m for m in ",;\t " if m != mark and any(m in cell for cell in cells)), None)
    if len(cells) < width and other is not None:
        there, here = _MARKS[mark], _MARKS[other]
        raise BadValue(f"{source}: line {line} has {here}, the header {there}; separate all cells by {there}")
    if len(cells) > width or mark == " ":
        comma = any(re.fullmatch(r"[+-]?\d+", cell) for cell in cells) and mark == ","
        hint = " (a number takes a decimal point: a comma makes two cells of it)" if comma else ""
        hint = " (write . for a missing one)" if len(cells) < width else hint
        raise BadValue(
            f"{source}: line {line} has {len(cells)} cells, the header {width}; give every row as many cells as the "
            f"header{hint}"
        )
    return cells + [""] * (width - len(cells))
