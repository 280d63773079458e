"""Show a progress bar for long work: on a terminal and in a notebook, silent anywhere else."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

Progress = Callable[[int, int], None]

PATIENCE = 1.0  # seconds without a bar: what ends before needs none, and pays nothing for one


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """Give a function `(done, total)` that moves a bar with the time so far and the time left on standard error, from a
    second on; it draws nothing where nobody watches."""
    with told_bar() as step:
        yield lambda done, total: step(label, done, total)


@contextmanager
def told_bar() -> Iterator[Callable[[str, float, float], None]]:
    """Give a function `(label, done, total)` that moves a bar as `bar` does, and changes what it is called."""
    begin = time.monotonic()
    move: Callable[[str, float, float], None] | None = None
    with ExitStack() as stack:

        def step(label: str, done: float, total: float) -> None:
            nonlocal move
            if move is None and time.monotonic() - begin >= PATIENCE:
                move = _drawn(label, stack)
            if move is not None:
                move(label, done, total)

        yield step


def _drawn(label: str, stack: ExitStack) -> Callable[[str, float, float], None]:
    """Return what moves a bar, which goes when the stack is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):  # a bar that is only disabled writes newlines in rich 13
        return lambda label, done, total: None
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
    shown = stack.enter_context(Bar(*columns, console=console, transient=True))
    task = shown.add_task(label, total=None)
    return lambda label, done, total: shown.update(task, description=label, completed=done, total=total)
