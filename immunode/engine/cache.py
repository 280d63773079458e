"""Keep compiled code in one folder of the user's, not in the package.

pip leaves what it did not install behind, and the remains of a removed package hide an editable one.
"""

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
from numba import njit
from numba.core import config

from immunode.engine.signatures import OPTIONS
from immunode.errors import ModelError


def cache_directory() -> Path:
    """Return a writable folder for compiled code: $IMMUNODE_CACHE, the user's cache, else a temporary one."""
    wanted = os.environ.get("IMMUNODE_CACHE") or platformdirs.user_cache_dir("immunode", appauthor=False)
    # getuid is missing on Windows, where the temporary folder is the user's own
    private = Path(tempfile.gettempdir()) / f"immunode-{getattr(os, 'getuid', lambda: 'user')()}"
    for folder in (Path(wanted), private):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder is private and hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
                continue  # another user made it: what it holds would be run as code
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="immunode-"))


def cached(*signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function of the package with Numba, its cache beside the generated modules (or in NUMBA_CACHE_DIR)."""

    def wrap(function: Callable[..., Any]) -> Any:
        before = config.CACHE_DIR  # type: ignore[attr-defined]
        # read once, when the decorator meets the function
        config.CACHE_DIR = before or str(cache_directory())  # type: ignore[attr-defined]
        try:
            return njit(*signature, **OPTIONS)(function)
        finally:
            config.CACHE_DIR = before  # type: ignore[attr-defined]

    return wrap


def write_module(source: str) -> Path:
    """Write generated source to the cache under the hash of its text, unless it is there already."""
    path = cache_directory() / f"model_{hashlib.sha256(source.encode()).hexdigest()[:20]}.py"
    # an unchanged file keeps its modification time, by which Numba recognises its cache
    if not path.exists() or path.read_text(encoding="utf-8") != source:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        os.replace(temporary, path)
    return path


def load_module(path: Path) -> Any:
    """Import a generated module, once a process: Numba compiles its functions or loads them from its cache."""
    name = f"immunode_generated_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ModelError(f"cannot load the generated module {path}; delete it and try again")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
