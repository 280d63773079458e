"""What all commands share: how results are printed, and the options that several of them take."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys, for machines.")]
Out = Annotated[Path | None, typer.Option(help="Write tables (CSV, NetCDF, JSON) and pictures (PNG) into this folder.")]
Seed = Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Seed of every random draw.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads; all cores by default. Changes no result.")]

_WIDTH = 150  # columns of a table that goes to a file or a pipe


class Report(Protocol):
    """A result for people, texts and rich tables, and for machines, plain data."""

    def table(self) -> list[Any]:
        """Return what a terminal shows, from top to bottom."""

    def json(self) -> Any:
        """Return plain data with stable keys."""


def show(report: Report, as_json: bool) -> None:
    """Print a result, for machines or for people."""
    if as_json:
        print(json.dumps(report.json(), indent=1, allow_nan=False, default=float))
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    for thing in report.table():
        console.print(thing, markup=False) if isinstance(thing, str) else console.print(thing)
