"""Keep machine code between processes: an entry appears whole, is checked by its hash, and never changes."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from immunode.engine.code_folder import cache_directory
from immunode.engine.machine_code import MachineCode, load
from immunode.internal.disk_cache import replace_file

_SLOW = ("run", "model")  # kinds of what takes seconds to compile
_SEAL = hashlib.sha256().digest_size


def loaded(name: str, make: Callable[[], bytes]) -> MachineCode:
    """Return the code that some process made under this name for this version of the engine, or make it."""
    folder = cache_directory()
    path = folder and folder / f"{name}.code"
    content = _intact(path) if path else None
    code = load(content) if content else None
    if code is None:
        with _announced(name, folder):
            made = make()
        if path:
            with suppress(OSError):  # the disk is full, or somebody removed the folder
                replace_file(path, hashlib.sha256(made).digest() + made)
        code = load(made)
        assert code is not None  # the compiler has just resolved it
    return code


def _intact(path: Path) -> bytes | None:
    """Return what a file holds, or None where it is not what was written."""
    with suppress(OSError):
        content = path.read_bytes()
        if hashlib.sha256(content[_SEAL:]).digest() == content[:_SEAL]:
            return content[_SEAL:]
    return None


@contextmanager
def _announced(name: str, folder: Path | None) -> Iterator[None]:
    """Say on a terminal that something is compiled that takes seconds, and how long the last of its kind took."""
    kind = name.partition("_")[0]
    if kind not in _SLOW or not sys.stderr.isatty():
        yield
        return
    last, started = folder and folder / f"{kind}.seconds", time.perf_counter()
    before = ""
    with suppress(OSError, ValueError):
        before = f"; the last took {last.read_text(encoding='ascii')} s" if last else ""
    what = "for this model, method and kind of call" if kind == "model" else "for all models"
    print(f"immunode compiles, once on this machine {what}{before} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        seconds = f"{time.perf_counter() - started:.0f}"
        print(f" {seconds} s", file=sys.stderr)
    with suppress(OSError):
        if last:
            replace_file(last, seconds.encode())
