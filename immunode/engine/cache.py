"""Keep compiled code in one folder of the user's, not in the package.

pip leaves what it did not install behind, and the remains of a removed package hide an editable one.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
from numba import njit
from numba.core import config

from immunode.engine.signatures import OPTIONS


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
