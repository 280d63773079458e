"""Cells and tables as every report has them."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunode.internal.defaults import ASSAY_LIMIT, ASSAY_UNIT

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table


@dataclass(frozen=True)
class Markdown:
    """Hold a text in Markdown that a terminal shows laid out, and a file as it is."""

    source: str

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator[Any]:
        """Yield what rich prints."""
        if console.is_terminal:
            from rich.markdown import Markdown as LaidOut

            yield LaidOut(self.source)
        else:
            from rich.text import Text

            yield Text(self.source)


def text(value: Any, digits: int = 3) -> str:
    """Return a number or text for a table cell: a few significant digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, (int, float)):
        return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return str(value)


def digits(value: float | None) -> str:
    """Return a number for an answer: whole from 10 on, of three digits at most (zeros follow), below it of two; "-" for
    none."""
    return _of_digits(value, small=2, whole_from=10)


def three_digits(value: float | None) -> str:
    """Return a number for a table of comparisons, where small differences count: three digits, zeros follow; "-" for
    none."""
    return _of_digits(value, small=3, whole_from=100)


def _of_digits(value: float | None, small: int, whole_from: float) -> str:
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never" if value > 0 else "-never"
    number = float(f"{value:.{3 if abs(value) >= whole_from else small}g}")
    if number == 0:
        return "0"
    if abs(number) >= 1e7 or abs(number) < 1e-3:
        return f"{number:.3g}"
    return f"{number:.0f}" if abs(number) >= whole_from else f"{number:.{small}g}"


def under_limit(value: float | None, unit: str) -> bool:
    """Return whether a count of copies/mL is below the limit of the assay; what is negative is a change, and no
    count."""
    return value is not None and unit == ASSAY_UNIT and 0 <= value < ASSAY_LIMIT


def with_limit(value: float | None, unit: str, shown: Callable[[float | None], str] = digits) -> str:
    """Return a number of three digits; one of copies/mL below the limit of the assay as such, "< 50 copies"."""
    return f"< {ASSAY_LIMIT:g} copies" if under_limit(value, unit) else shown(value)


def counted_unit(words: str, unit: str) -> str:
    """Return the unit of an endpoint that is itself a count, which an assay has limits for; "" of a change, an SD."""
    return "" if "change" in words or words.startswith("sd ") else unit


def spanned(
    middle: float | None, low: float | None, high: float | None, unit: str = "", *, signed: bool = False
) -> str:
    """Return the cell of a number and what it lies within, "164 (95 to 239)"; without a number the span alone."""
    between = ""
    if low is not None and high is not None:
        ends = with_limit(low, unit), with_limit(high, unit)
        between = ends[0] if ends[0] == ends[1] and ends[0].startswith("<") else " to ".join(ends)
    if middle is None:
        return between
    plus = "+" if signed and middle > 0 else ""
    return f"{plus}{with_limit(middle, unit)}" + (f" ({between})" if between and not between.startswith("<") else "")


def quartiles(values: Sequence[float], unit: str = "") -> str:
    """Return the cell of a median, a first and a third quartile, of nobody in words; copies/mL below the limit of the
    assay as such."""
    if math.isnan(values[0]):
        return "no data"
    shown = [with_limit(float(value), unit) for value in values[:3]]
    median, q1, q3 = (
        cell if cell.startswith("<") else text(float(value)) for cell, value in zip(shown, values[:3], strict=True)
    )
    return median if median == q3 else f"{median} ({q1} to {q3})"


def compact_table(*columns: str) -> "Table":
    """Return a table without rows that takes little room: no frame, all but the first column set to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="right" if i else "left")
    return table


def new_table(
    title: str,
    *columns: str,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    caption: str | None = None,
    fold: bool = True,
) -> "Table":
    """Return a table without rows; the columns named in `right` are set to the right.

    A word that is wider than its column is folded, or else cut, so that a table of many columns stays low; a cell of
    the columns named in `whole`, such as a name that somebody types, is not broken.
    """
    from rich.table import Table

    table = Table(title=title, caption=caption)
    for column in columns:
        table.add_column(
            column,
            overflow="fold" if fold else "ellipsis",
            justify="right" if column in right else "left",
            no_wrap=column in whole,
        )
    return table
