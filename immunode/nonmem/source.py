"""Read the file or DataFrame of an event table into cells; what is no table is refused."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.csv_cells import unguarded
from immunode.internal.memory import need
from immunode.nonmem.cells import STANDARD, Cells
from immunode.nonmem.finding import Finding
from immunode.nonmem.rows import plain_cells, rows_of

if TYPE_CHECKING:
    import pandas

_ENDLESS = ("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_COPIES = 25  # bytes of memory for one of a file: its cells are texts
_ABOVE = 20  # lines that may stand above a header


def load(source: Any) -> tuple[Cells, list[Finding]]:
    """Read a CSV (or tab, semicolon, space separated) file or a DataFrame; raise BadValue when it is not a table."""
    import pandas

    if isinstance(source, pandas.DataFrame):
        _need_no_units(source)
        frame, line = source.reset_index(drop=True), np.arange(len(source))
        names, origin = tuple(str(name).strip("\ufeff \t") for name in source.columns), "the table"
    else:
        frame, line, names = _from_file(source)
        origin = str(source)
    named = [bool(name) and not re.fullmatch(r"Unnamed: \d+", name) for name in names]
    frame, names = frame.loc[:, named], tuple(name for name, has in zip(names, named) if has)
    upper = [name.upper() for name in names]
    twice = sorted({name for name in upper if upper.count(name) > 1})
    frame = frame.loc[:, [name not in upper[:i] for i, name in enumerate(upper)]]
    frame.columns = list(dict.fromkeys(upper))
    if not len(frame):
        raise BadValue(f"{origin} has no records; expected a header (ID, TIME, AMT, ...) and at least one row")
    findings = [
        Finding(None, name, "", "is there more than once (upper and lower case are the same)", "rename one of them")
        for name in twice
    ]
    return Cells(frame, line, names, origin), findings


def _need_no_units(frame: "pandas.DataFrame") -> None:
    """Raise BadValue, naming the column, for a DataFrame that says units: of pint-pandas, or as xarray in its attrs."""
    said = frame.attrs.get("units")
    units = {name: dtype.units for name, dtype in frame.dtypes.items() if hasattr(dtype, "units")}
    units |= said if isinstance(said, Mapping) else {"units of its attrs": said} if said else {}
    for name, unit in units.items():
        raise BadValue(
            f"the table: {name} in {unit}: units of columns are not read; give numbers alone in the units of the model "
            "(of times another with time_unit=), and no attrs['units']"
        )


def _from_file(source: Any) -> tuple["pandas.DataFrame", np.ndarray, tuple[str, ...]]:
    import pandas

    if not isinstance(source, (str, os.PathLike)):
        raise BadValue(f"an event table is the path of a file or a pandas DataFrame, got a {type(source).__name__}")
    content = _content(source)
    lines = content.split("\n")
    skipped = next((i for i, line in enumerate(lines) if line.strip()), None)
    if skipped is None:
        raise BadValue(f"{source} is empty; expected a header (ID, TIME, AMT, ...) and at least one row")
    _need_header(source, lines, skipped)
    plain = plain_cells(lines, skipped)
    if plain is not None:
        columns = {number: column[1:] for number, column in enumerate(plain)}
        frame = pandas.DataFrame(columns, dtype=object)
        return frame, skipped + 2 + np.arange(len(frame)), tuple(column[0] for column in plain)
    (_, names), *rows = rows_of(str(source), lines, skipped)
    if "'" in content:  # of a file that this package or a spreadsheet's guard has written
        rows = [(line, [unguarded(cell) for cell in cells]) for line, cells in rows]
    frame = pandas.DataFrame([cells for _, cells in rows], columns=range(len(names)), dtype=object)
    return frame, np.array([line for line, _ in rows], dtype=int), tuple(names)


def _content(source: Any) -> str:
    """Return the text of a file; raise BadValue for one that is no text, has no end or does not fit into memory."""
    try:
        known = os.stat(source)
        if stat.S_ISBLK(known.st_mode) or (stat.S_ISCHR(known.st_mode) and os.path.realpath(source) in _ENDLESS):
            raise BadValue(f"cannot read '{source}': it is a device, not a file")
        need(_COPIES * known.st_size, f"an event table of {known.st_size / 1e6:,.0f} MB", "read its patients in parts")
        return Path(source).read_text(encoding="utf-8-sig")
    except BadValue:
        raise
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file in UTF-8; save it as CSV UTF-8"
        raise BadValue(f"cannot read '{source}': {reason}") from error


def _need_header(source: Any, lines: list[str], first: int) -> None:
    """Raise BadValue where the first line is no header and one below it is, or where it is written as a comment."""
    shown = lines[first].strip()
    words = _words(shown)
    marked = words[0].startswith("#") if words else False
    if marked and _is_header([word for word in (words[0].lstrip("#"), *words[1:]) if word]):
        raise BadValue(f"{source}: line {first + 1}, the header, begins with '#'; write {shown.lstrip('# ')[:40]}")
    if not marked and _is_header(words):
        return
    for i, line in enumerate(lines[first + 1 : first + 1 + _ABOVE], first + 2):
        if _is_header(_words(line)):
            raise BadValue(
                f"{source}: line {first + 1}, '{shown[:40]}', is not the header; line {i} is: "
                "remove what stands above it"
            )


def _words(line: str) -> list[str]:
    return re.split(r"[\s,;]+", line.replace('"', "").strip())


def _is_header(words: list[str]) -> bool:
    return len({word.upper() for word in words} & set(STANDARD)) > 1
