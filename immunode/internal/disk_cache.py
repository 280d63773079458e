"""Keep between processes what is slow to make: below a folder of the user's, one subfolder for all it depends on.

Not in the package: pip leaves what it did not install behind, and the remains of a removed package hide an editable
one.
"""

import hashlib
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import platformdirs

T = TypeVar("T")
_PACKAGE = Path(__file__).parent.parent
_KEPT = 8  # subfolders of a kind; an upgrade leaves the one before behind


def subfolder(name: str) -> Path | None:
    """Return the writable subfolder "<kind>-<hash>", or None where nothing can be written.

    It lies below $IMMUNODE_CACHE or the user's cache, else below a temporary folder.
    """
    return _below(os.environ.get("IMMUNODE_CACHE") or platformdirs.user_cache_dir("immunode", appauthor=False), name)


@lru_cache
def _below(wanted: str, name: str) -> Path | None:
    for root in _roots(wanted):
        with suppress(OSError):
            folder = root / name
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            tempfile.TemporaryFile(dir=folder).close()
            os.utime(folder)  # used now
            _forget(root, name.partition("-")[0])
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


def _forget(root: Path, kind: str) -> None:
    """Remove the subfolders used longest ago."""
    with suppress(OSError):  # another process forgets at the same time
        for folder in sorted(root.glob(f"{kind}-*"), key=lambda f: f.stat().st_mtime)[:-_KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that no other process sees half written."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:  # a full disk, Ctrl-C
        with suppress(OSError):
            os.unlink(temporary)
        raise


def remembered(key: str, make: Callable[[], T]) -> T:
    """Return what `make` returned in an earlier process of the same immunode and packages, or call it; "" is no key.

    The key must name all that the result depends on, apart from immunode's own files.
    """
    folder = subfolder(f"facts-{facts_version()}") if key else None
    if folder is None:
        return make()
    path = folder / hashlib.sha256(key.encode()).hexdigest()[:20]
    with suppress(OSError):
        seal, body = path.read_bytes()[:32], path.read_bytes()[32:]
        if hashlib.sha256(body).digest() == seal:
            kept: T = pickle.loads(body)
            return kept
    made = make()
    with suppress(OSError):
        body = pickle.dumps(made)
        replace_file(path, hashlib.sha256(body).digest() + body)
    return made


@lru_cache(maxsize=1)
def facts_version() -> str:
    """Return the hash of all that what is remembered of a library model depends on."""
    known = [sys.version, str(_PACKAGE), *(version(name) for name in ("numba", "numpy", "pint", "sympy"))]
    digest = hashlib.sha256(repr(known).encode())
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
