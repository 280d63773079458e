"""Load NONMEM-style records from a file or a DataFrame: names in upper case, cells as numbers, NaN for missing ones."""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue

if TYPE_CHECKING:
    import pandas

STANDARD = ("ID", "TIME", "EVID", "AMT", "CMT", "RATE", "DUR", "II", "ADDL", "SS", "DV", "MDV")
DATES = ("DATE", "DAT1", "DAT2", "DAT3")
MISSING = ("", ".", "na", "nan")
_ABOVE = 20  # lines that may stand above a header
OBSERVATION, DOSE, OTHER, RESET, RESET_DOSE, REPLACE, MULTIPLY, WRONG = 0, 1, 2, 3, 4, 5, 6, -1
WORDS = {"replace": REPLACE, "multiply": MULTIPLY}


@dataclass(frozen=True)
class Problem:
    """Name what is wrong with a cell: its row (None: the whole table), column and value, what was expected, the cure.

    With an `error` the table cannot be simulated; the others are warnings.
    """

    row: int | None
    column: str
    value: str
    message: str
    cure: str
    error: bool = True

    def __str__(self) -> str:
        where = self.column if self.row is None else f"row {self.row}, {self.column}"
        value = f" = {self.value}" if self.value else ""
        return f"{where.rstrip(', ')}{value}: {self.message}; {self.cure}"


@dataclass(frozen=True, eq=False)
class Cells:
    """Hold the cells as they came, all names in upper case; `line` is the row of each as its owner counts it."""

    frame: "pandas.DataFrame"
    line: np.ndarray
    names: tuple[str, ...]
    source: str

    def shown(self, column: str, rows: np.ndarray) -> list[str]:
        """Return cells as their owner sees them, "" for missing ones."""
        return [text(cell) for cell in self.frame[column].iloc[rows]] if column in self.frame else [""] * len(rows)

    def problems(
        self, where: np.ndarray, column: str, message: str, cure: str, *, error: bool = True
    ) -> Iterator[Problem]:
        """Yield a problem of `column` in every row where `where` holds."""
        rows = np.flatnonzero(where)
        for line, value in zip(self.line[rows].tolist(), self.shown(column, rows)):
            yield Problem(line, column, value, message, cure, error)


def load(source: Any) -> tuple[Cells, list[Problem]]:
    """Read a CSV (or tab, semicolon, space separated) file or a DataFrame; raise BadValue when it is not a table."""
    import pandas

    if isinstance(source, pandas.DataFrame):
        frame, line = source.reset_index(drop=True), np.arange(len(source))
        names, origin = tuple(str(name).strip() for name in source.columns), "the table"
    else:
        frame, line, names = _from_file(source)
        origin = str(source)
    upper = [name.upper() for name in names]
    twice = sorted({name for name in upper if upper.count(name) > 1})
    frame = frame.loc[:, [name not in upper[:i] for i, name in enumerate(upper)]]
    frame.columns = list(dict.fromkeys(upper))
    if not len(frame):
        raise BadValue(f"{origin} has no records; expected a header (ID, TIME, AMT, ...) and at least one row")
    found = [
        Problem(None, name, "", "is there more than once (upper and lower case are the same)", "rename one of them")
        for name in twice
    ]
    return Cells(frame, line, names, origin), found


def _from_file(source: Any) -> tuple["pandas.DataFrame", np.ndarray, tuple[str, ...]]:
    import pandas

    if not isinstance(source, (str, os.PathLike)):
        raise BadValue(f"an event table is the path of a file or a pandas DataFrame, got a {type(source).__name__}")
    try:
        content = Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file in UTF-8"
        raise BadValue(f"cannot read '{source}': {reason}") from error
    lines = content.split("\n")
    skipped = next((i for i, line in enumerate(lines) if line.strip()), None)
    if skipped is None:
        raise BadValue(f"{source} is empty; expected a header (ID, TIME, AMT, ...) and at least one row")
    _need_header(source, lines, skipped)
    separator = next((mark for mark in ",;\t" if mark in lines[skipped]), r"\s+")
    try:  # the header is read as a row: pandas would give two columns of one name new names
        frame = pandas.read_csv(
            io.StringIO(content),
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            skiprows=skipped,
        )
    except pandas.errors.ParserError as error:
        raise BadValue(
            f"{source}: {' '.join(str(error).split())}; give every row as many cells as the header"
        ) from error
    names = tuple(str(name).strip() for name in frame.iloc[0])
    line = np.arange(len(frame)) + skipped + 1
    filled = (frame != "").any(axis=1).to_numpy() & (np.arange(len(frame)) > 0)
    return frame[filled].reset_index(drop=True), line[filled], names


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


def numbers(column: "pandas.Series") -> tuple[np.ndarray, np.ndarray]:
    """Return a column as numbers, NaN where a cell is missing, and where a cell is no finite number."""
    import pandas

    if pandas.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        missing = np.isnan(values)
    else:
        cells = column.astype(object).astype(str).str.strip()
        missing = (column.isna() | cells.str.lower().isin(MISSING)).to_numpy()
        values = pandas.to_numeric(cells.mask(missing), errors="coerce").to_numpy(dtype=float)
    wrong = ~missing & ~np.isfinite(values)
    return np.where(wrong, np.nan, values), wrong


def text(cell: Any) -> str:
    """Return a cell as its owner sees it, "" when it is missing; whole numbers without a point."""
    import pandas

    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    shown = "" if pandas.api.types.is_scalar(cell) and pandas.isna(cell) else str(cell).strip()
    return "" if shown.lower() in MISSING else shown
