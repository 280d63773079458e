"""Cells of an event table as they came: names in upper case, numbers with NaN for missing ones, text as it was seen."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

STANDARD = ("ID", "TIME", "EVID", "AMT", "CMT", "RATE", "DUR", "II", "ADDL", "SS", "DV", "MDV")
DATES = ("DATE", "DAT1", "DAT2", "DAT3")
MISSING = ("", ".", "na", "nan")
OBSERVATION, DOSE, OTHER, RESET, RESET_DOSE, REPLACE, MULTIPLY, WRONG = 0, 1, 2, 3, 4, 5, 6, -1
_FORTRAN = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))[dD]([+-]?\d+)$")  # 1.5D+02 is 150
WORDS = {"replace": REPLACE, "multiply": MULTIPLY}


@dataclass(frozen=True, eq=False)
class Cells:
    """Hold the cells as they came, all names in upper case; `line` is the row of each in its file or frame."""

    frame: "pandas.DataFrame"
    line: np.ndarray
    names: tuple[str, ...]
    source: str

    def shown(self, column: str, rows: np.ndarray) -> list[str]:
        """Return cells as they stand in the file, "" for missing ones."""
        return [text(cell) for cell in self.frame[column].iloc[rows]] if column in self.frame else [""] * len(rows)


def numbers(column: "pandas.Series") -> tuple[np.ndarray, np.ndarray]:
    """Return a column as numbers, NaN where a cell is missing, and where a cell is no finite number."""
    import pandas

    if pandas.api.types.is_numeric_dtype(column.dtype) and not pandas.api.types.is_complex_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        missing = np.isnan(values)
    else:
        cells, place = _different(column)
        shown = cells.astype(str).str.strip()
        empty = (cells.isna() | shown.str.lower().isin(MISSING)).to_numpy()
        plain = shown.str.replace(_FORTRAN, r"\1e\2", regex=True).mask(empty)
        values = pandas.to_numeric(plain, errors="coerce").to_numpy(dtype=float)[place]
        missing = empty[place]
    wrong = ~missing & ~np.isfinite(values)
    return np.where(wrong, np.nan, values), wrong


def _different(column: "pandas.Series") -> tuple["pandas.Series", np.ndarray]:
    """Return the cells of a column that differ, and which of them stands in each row: each is looked at once."""
    import pandas

    cells = column.astype(object)
    if pandas.api.types.infer_dtype(column, skipna=True) != "string":  # True and 1 would be one
        return cells.reset_index(drop=True), np.arange(len(cells))
    place, different = pandas.factorize(cells, use_na_sentinel=False)
    return pandas.Series(different, dtype=object), place


def columns_of_numbers(cells: Cells, names: Iterable[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return `numbers` of each column by name; one that is not there is missing in every row."""
    count = len(cells.line)
    absent = (np.full(count, np.nan), np.zeros(count, dtype=bool))
    both = {name: numbers(cells.frame[name]) if name in cells.frame else absent for name in names}
    return {name: pair[0] for name, pair in both.items()}, {name: pair[1] for name, pair in both.items()}


def texts(column: "pandas.Series") -> np.ndarray:
    """Return `text` of each cell."""
    cells, place = _different(column)
    return np.array([text(cell) for cell in cells], dtype=object)[place]


def text(cell: Any) -> str:
    """Return a cell as it stands in the file, "" when it is missing; whole numbers without a point."""
    import pandas

    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    shown = "" if pandas.api.types.is_scalar(cell) and pandas.isna(cell) else str(cell).strip()
    return "" if shown.lower() in MISSING else shown
