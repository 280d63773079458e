"""A DataFrame that is printed whole at any width, long texts in several lines; what is made of it is a plain one."""

import io
import shutil
from typing import Any

import pandas

_NARROW = 24  # letters: a wider column may be folded


class WholeFrame(pandas.DataFrame):
    """Hold a table of few rows, such as a listing, which pandas would print with "..." for columns and texts."""

    @property
    def _constructor(self) -> Any:
        return pandas.DataFrame

    def __repr__(self) -> str:
        """Return tables as wide as the terminal, one below the other, of which no cell is left out."""
        from rich.console import Console

        width = shutil.get_terminal_size().columns
        file = io.StringIO()
        console = Console(width=width, file=file, color_system=None, legacy_windows=False)
        for columns in self._blocks(width):
            console.print(self._table(columns))
        return "\n".join(line.rstrip() for line in file.getvalue().rstrip("\n").splitlines())

    def _blocks(self, width: int) -> list[list[str]]:
        """Return the columns that stand beside each other, behind the names of the rows."""
        index = max(map(len, map(str, [self.index.name or "", *self.index])), default=0)
        blocks: list[list[str]] = [[]]
        taken = index
        for name in self.columns:
            wide = 2 + min(_NARROW, max(map(len, map(str, [name, *self[name]]))))
            if taken + wide > width and blocks[-1]:
                blocks.append([])
                taken = index
            blocks[-1].append(name)
            taken += wide
        return blocks

    def _table(self, columns: list[str]) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
        table.add_column(Text(str(self.index.name or "")), no_wrap=True)
        for name in columns:
            narrow = max(map(len, map(str, [name, *self[name]]))) <= _NARROW
            table.add_column(Text(str(name)), overflow="fold", no_wrap=narrow)
        for name, row in self[columns].iterrows():
            table.add_row(*(Text(str(cell)) for cell in (name, *row)))
        return table

    def _repr_html_(self) -> str:
        with pandas.option_context("display.max_colwidth", None):
            return str(self.to_html(notebook=True))
