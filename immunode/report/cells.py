"""Cells and tables as every report has them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


def quartiles(values: Sequence[float]) -> str:
    """Return the cell of a median, a first and a third quartile, of nobody in words."""
    if math.isnan(values[0]):
        return "no data"
    median, q1, q3 = (text(float(value)) for value in values[:3])
    return f"{median} ({q1} to {q3})"


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
