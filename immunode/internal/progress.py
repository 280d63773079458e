"""Show a progress bar for long work: on a terminal and in a notebook, silent anywhere else."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

Progress = Callable[..., None]  # how many are done, of how many, and in a word what it stands at

PATIENCE = 1.0  # seconds without a bar: what ends before needs none, and pays nothing for one


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """Give a function `(done, total, words)` that moves a bar with the time so far, and left, on standard error, from a
    second on; `words`, such as the best so far, may be left out. It draws nothing where nobody watches."""
    begin = time.monotonic()
    move: Progress | None = None
    with ExitStack() as stack:

        def step(done: int, total: int, words: str = "") -> None:
            nonlocal move
            if move is None and time.monotonic() - begin >= PATIENCE:
                move = _drawn(label, stack)
            if move is not None:
                move(done, total, words)

        yield step


def _drawn(label: str, stack: ExitStack) -> Progress:
    """Return what moves a bar, which goes when the stack is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):  # a bar that is only disabled writes newlines in rich 13
        return lambda done, total, words: None
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[words]}")]
    shown = stack.enter_context(Bar(*columns, console=console, transient=True))
    task = shown.add_task(label, total=None, words="")
    return lambda done, total, words: shown.update(task, completed=done, total=total, words=words)
