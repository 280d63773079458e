"""Compile for one signature and keep the machine code: an entry appears whole, is checked by its hash, never changes.

Numba's own cache is not safe enough alone: it runs a damaged file, and mixes what processes write at the same time.
"""

import hashlib
import linecache
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit
from numba.core import config
from numba.core.compiler_lock import global_compiler_lock

from immunode.engine.code_folder import cache_directory
from immunode.engine.signatures import OPTIONS
from immunode.internal.disk_cache import replace_file

_SEAL = "seal"
_SLOW = ("run", "step")  # what takes seconds to compile
_LOCK = threading.Lock()  # Numba is told where to keep machine code by a global


def cached(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for its one signature, or load what an earlier process compiled."""

    def wrap(function: Callable[..., Any]) -> Any:
        folder = cache_directory()
        # suppress: the disk is full, or somebody removed the folder
        with suppress(OSError):
            if folder is not None and os.path.exists(function.__code__.co_filename):
                return _kept(function, signature, folder / f"{function.__module__}.{function.__qualname__}")
        return njit(signature, **OPTIONS | {"cache": False})(function)

    return wrap


def _kept(function: Callable[..., Any], signature: Any, entry: Path) -> Any:
    if _intact(entry):
        return _loaded(function, signature, entry)
    building = Path(tempfile.mkdtemp(prefix="building-", dir=entry.parent))
    try:
        with _announced(function.__name__, entry.parent):
            made = _compiled(function, signature, building)
        (building / _SEAL).write_text(_sums(building), encoding="utf-8")
        with suppress(OSError):  # another process was first: its entry is as good
            if not _intact(entry):
                shutil.rmtree(entry, ignore_errors=True)
                building.rename(entry)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return made


@contextmanager
def _announced(name: str, folder: Path) -> Iterator[None]:
    """Say on a terminal that a function is compiled that takes seconds, and how long the last of its name took."""
    if name not in _SLOW or not sys.stderr.isatty():
        yield
        return
    last, started = folder / f"{name}.seconds", time.perf_counter()
    before = ""
    with suppress(OSError, ValueError):
        before = f"; the last took {last.read_text(encoding='ascii')} s"
    what = "for this model, method and kind of call" if name == "step" else "for all models"
    print(f"immunode compiles, once on this machine {what}{before} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        seconds = f"{time.perf_counter() - started:.0f}"
        print(f" {seconds} s", file=sys.stderr)
    with suppress(OSError):
        replace_file(last, seconds.encode())


def _loaded(function: Callable[..., Any], signature: Any, entry: Path) -> Any:
    """Return a function with the machine code of an entry.

    To have Numba compile it would find the same, but only after Numba has made ready to compile anything: half a
    second, which a process that compiles nothing is spared.
    """
    dispatcher = _dispatcher(function, entry)
    with global_compiler_lock:
        code = dispatcher._cache._load_overload(signature, dispatcher.targetctx)
        if code is not None:
            dispatcher.targetctx.insert_user_function(code.entry_point, code.fndesc, [code.library])
            dispatcher.add_overload(code)
            dispatcher._cache_hits[signature] += 1
    if code is None:
        dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


def _compiled(function: Callable[..., Any], signature: Any, folder: Path) -> Any:
    dispatcher = _dispatcher(function, folder)
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


def _dispatcher(function: Callable[..., Any], folder: Path) -> Any:
    """Return a function that keeps its machine code in a folder, and has none yet."""
    with _LOCK:
        before = config.CACHE_DIR  # type: ignore[attr-defined]
        config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        try:
            return njit(**OPTIONS)(function)  # reads it, once
        finally:
            config.CACHE_DIR = before  # type: ignore[attr-defined]


def _sums(entry: Path) -> str:
    files = sorted(path for path in entry.rglob("*") if path.is_file() and path.name != _SEAL)
    return "".join(f"{hashlib.sha256(f.read_bytes()).hexdigest()} {f.relative_to(entry).as_posix()}\n" for f in files)


def _intact(entry: Path) -> bool:
    try:
        return (entry / _SEAL).read_bytes() == _sums(entry).encode()
    except OSError:
        return False


def write_module(source: str) -> Path:
    """Write generated source to the cache under the hash of its text; keep it in memory where nothing is writable."""
    name = f"model_{hashlib.sha256(source.encode()).hexdigest()[:20]}.py"
    folder = cache_directory()
    if folder is not None:
        path = folder / name
        with suppress(OSError):
            if not path.exists() or path.read_bytes() != source.encode():
                replace_file(path, source.encode())
            return path
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return Path(name)


def load_module(path: Path) -> ModuleType:
    """Run a generated module, once a process: its functions are compiled, or loaded if they have been before."""
    name = f"immunode_generated_{path.stem}"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__file__ = str(path)
        sys.modules[name] = module
        try:
            # not through importlib, whose byte code files may be damaged too
            exec(compile("".join(linecache.getlines(str(path))), str(path), "exec"), vars(module))
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
