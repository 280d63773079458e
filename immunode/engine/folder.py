"""Find the folder of the user's in which compiled code is kept, one subfolder for all that machine code depends on.

A change of the engine, of Numba, NumPy or Python, of the CPU or of a setting is another subfolder: nothing in it can be
stale. Not in the package: pip leaves what it did not install behind, and the remains of a removed package hide an
editable one.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import llvmlite
import numba
import numpy as np
import platformdirs
from numba.core.registry import cpu_target

_ENGINE = Path(__file__).parent
_KEPT = 8  # versions; an upgrade leaves the machine code of the one before behind


def cache_directory() -> Path | None:
    """Return a writable folder for this version's compiled code, or None where nothing can be written.

    Below $IMMUNODE_CACHE or the user's cache, else below a temporary folder.
    """
    return _below(os.environ.get("IMMUNODE_CACHE") or platformdirs.user_cache_dir("immunode", appauthor=False))


@lru_cache
def _below(wanted: str) -> Path | None:
    for root in _roots(wanted):
        with suppress(OSError):
            folder = root / f"v-{version()}"
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            tempfile.TemporaryFile(dir=folder).close()
            os.utime(folder)  # used now
            _forget(root)
            return folder
    return None


def _roots(wanted: str) -> Iterator[Path]:
    yield Path(wanted)
    with suppress(OSError):  # no temporary folder can be written either
        # getuid is missing on Windows, where the temporary folder is the user's own
        user = os.getuid() if hasattr(os, "getuid") else None
        private = Path(tempfile.gettempdir()) / f"immunode-{user}"
        private.mkdir(exist_ok=True, mode=0o700)
        if user is None or private.stat().st_uid == user:  # what another user put there would be run as code
            yield private


def _forget(root: Path) -> None:
    """Remove the versions used longest ago."""
    with suppress(OSError):  # another process forgets at the same time
        for folder in sorted(root.glob("v-*"), key=lambda f: f.stat().st_mtime)[:-_KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def version() -> str:
    """Return the hash of all that machine code depends on; Numba looks at the file of a function and no further."""
    target = cpu_target.target_context.codegen().magic_tuple()  # system, CPU and its features
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    known = [sys.version, np.__version__, numba.__version__, llvmlite.__version__, target, settings, str(_ENGINE)]
    digest = hashlib.sha256(repr(known).encode())
    for file in sorted(_ENGINE.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
