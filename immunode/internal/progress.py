"""Show a progress bar for long work: on a terminal and in a notebook, silent anywhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """Give a function `(done, total)` that moves a bar on standard error; it draws nothing where nobody watches."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):  # a bar that is only disabled writes newlines in rich 13
        yield lambda done, total: None
        return
    with Bar(console=console, transient=True) as shown:
        task = shown.add_task(label, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
