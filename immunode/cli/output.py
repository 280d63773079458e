"""How all commands print: results for people or machines, on a standard output that may end."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import typer

from immunode.errors import BadValue

_WIDTH = 150  # columns of a table that goes to a file or a pipe, where COLUMNS does not say another number


class Report(Protocol):
    """A result for people, texts and rich tables, and for machines, plain data."""

    def table(self) -> list[Any]:
        """Return what a terminal shows, from top to bottom."""

    def json(self) -> Any:
        """Return plain data with stable keys."""


def show(report: Report, as_json: bool) -> None:
    """Print a result, for machines or for people."""
    if as_json:
        text = json.dumps(report.json(), indent=1, allow_nan=False, default=float)
        with _printing():
            print(text)
        return
    from rich.console import Console

    things = report.table()
    # names in brackets or between colons are text, in tables too
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit() else _WIDTH
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    console.on_broken_pipe = _broken  # type: ignore[method-assign]
    with _printing():
        for thing in things:
            console.print(thing)


def told(out: Path | None) -> None:
    """Say on standard error which files there are now."""
    if out is not None:
        print(f"written into {out}: {', '.join(sorted(path.name for path in out.iterdir()))}", file=sys.stderr)


@contextmanager
def _printing() -> Iterator[None]:
    """Name the standard output where it takes no more; end without a word where nobody reads on, as in `| head -1`."""
    try:
        yield
    except BrokenPipeError:
        no_more_output()
        raise typer.Exit(141) from None  # as when SIGPIPE ends a program
    except OSError as error:
        raise OSError(error.errno, f"cannot write to standard output: {error.strerror}") from error


def _broken() -> None:
    """Raise the BrokenPipeError that rich has caught, and would end the process for."""
    raise


def check_streams() -> None:
    """Let what the console cannot show be a question mark; raise BadValue when there is no standard output."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # as long as the process
    if sys.stdout is None:
        raise BadValue("standard output is closed; leave it open, or send it to a file or to /dev/null")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def written() -> None:
    """Write what is still to be written."""
    with _printing():
        sys.stdout.flush()


def no_more_output() -> None:
    """Drop what could not be written, which Python would try to write once more on exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
