"""Keep between processes what is slow to make: below a folder of the user's, one subfolder for all it depends on.

Not in the package: pip leaves what it did not install behind, and the remains of a removed package hide an editable
one.
"""

import hashlib
import json
import os
import re
import stat
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

T = TypeVar("T")
_PACKAGE = Path(__file__).parent.parent
_KEPT = 8  # subfolders of a kind; an upgrade leaves the one before behind
_SUBFOLDER = re.compile(r"(code|facts)-[0-9a-f]{16}")
_ENTRY = re.compile(r"[0-9a-f]{20}|\w+\.(code|seconds)|model_[0-9a-f]{20}\.py|tmp\w{8}\.tmp")  # all that is written
_COST = "every process then compiles again, a minute or two before the first result"


def subfolder(name: str) -> Path | None:
    """Return the writable subfolder "<kind>-<hash>", or None where nothing can be written.

    It lies below $IMMUNODE_CACHE or the user's cache, else below a temporary folder. What lies there is run as code, so
    that it must be the user's, and nobody else may write into it or move it. A folder that cannot be used is warned of
    once.
    """
    return _below(os.environ.get("IMMUNODE_CACHE") or platformdirs.user_cache_dir("immunode", appauthor=False), name)


@lru_cache
def _below(wanted: str, name: str) -> Path | None:
    first = ""
    for root in _roots(wanted):
        folder, reason = _usable(root / name)
        first = first or reason
        if folder is not None:
            if first:
                _warn(f"the cache folder '{wanted}' cannot be used: {first}; '{root}' is used, which may be emptied")
            _forget(folder.parent, name.partition("-")[0])
            return folder
    _warn(
        f"no cache folder can be used ('{wanted}': {first}): {_COST}; set IMMUNODE_CACHE to a folder that only you can "
        "write to"
    )
    return None


@lru_cache
def _warn(text: str) -> None:
    """Warn once of the same, whatever the filters of warnings say."""
    warnings.warn(text, stacklevel=2)


def _roots(wanted: str) -> Iterator[Path]:
    yield Path(wanted).expanduser()
    with suppress(OSError):  # no temporary folder can be written either
        # getuid is missing on Windows, where the temporary folder is the user's own
        yield Path(tempfile.gettempdir()) / f"immunode-{os.getuid() if hasattr(os, 'getuid') else None}"


def _usable(folder: Path) -> tuple[Path | None, str]:
    """Return the folder, made if need be, or None and why it cannot be used."""
    try:
        for path in reversed((folder, *folder.parents)):
            with suppress(FileExistsError):
                if not path.exists():
                    path.mkdir(mode=0o700)
        if reason := _distrust(folder):
            return None, reason
        tempfile.TemporaryFile(dir=folder).close()
        os.utime(folder)  # used now
    except OSError as error:
        return None, error.strerror or str(error)
    return folder, ""


def _distrust(folder: Path) -> str:
    """Return why others could put code into a folder, or have; "" when they cannot."""
    if not hasattr(os, "getuid"):
        return ""
    trusted = (os.getuid(), 0)  # the administrator can do all in any case
    for path in (folder, *folder.parents, *folder.resolve().parents):
        known = path.lstat()
        shared = known.st_mode & 0o022 and not (known.st_mode & stat.S_ISVTX and path != folder)
        if known.st_uid not in trusted:
            return f"'{path}' belongs to another user"
        if shared and not stat.S_ISLNK(known.st_mode):
            return f"others can write to '{path}'"
    if folder.is_symlink() or folder.lstat().st_uid != trusted[0]:
        return f"'{folder}' is a link, or belongs to another user"
    for path in folder.iterdir():
        try:
            known = path.lstat()
        except FileNotFoundError:  # another process has finished it
            continue
        if not stat.S_ISREG(known.st_mode) or known.st_uid != trusted[0] or known.st_mode & 0o022:
            return f"'{path}' is no file of yours, or others can write to it"
    return ""


def _forget(root: Path, kind: str) -> None:
    """Remove the subfolders used longest ago that hold nothing but what is written here."""
    with suppress(OSError):  # another process forgets at the same time
        ours = [folder for folder in root.glob(f"{kind}-*") if _SUBFOLDER.fullmatch(folder.name)]
        for folder in sorted(ours, key=lambda f: f.stat().st_mtime)[:-_KEPT]:
            entries = [] if folder.is_symlink() else [*folder.iterdir()]
            if folder.is_symlink() or not all(_ENTRY.fullmatch(path.name) and path.is_file() for path in entries):
                continue
            for path in entries:
                path.unlink()
            folder.rmdir()


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

    The key must name all that the result depends on, apart from immunode's own files. It is kept as JSON: numbers,
    texts, lists, tuples and dictionaries.
    """
    folder = subfolder(f"facts-{facts_version()}") if key else None
    if folder is None:
        return make()
    path = folder / hashlib.sha256(key.encode()).hexdigest()[:20]
    with suppress(OSError):
        seal, body = path.read_bytes()[:32], path.read_bytes()[32:]
        if hashlib.sha256(body).digest() == seal:
            kept: T = _decoded(json.loads(body))
            return kept
    made = make()
    body = json.dumps(_encoded(made)).encode()
    with suppress(OSError):
        replace_file(path, hashlib.sha256(body).digest() + body)
    return made


def _encoded(value: Any) -> Any:
    """Return as JSON has it a value of numbers, texts, lists, tuples and dictionaries with any of these as keys."""
    if isinstance(value, dict):
        return {"dict": [[_encoded(key), _encoded(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_encoded(item) for item in value]}
    return [_encoded(item) for item in value] if isinstance(value, list) else value


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(_decoded(item) for item in value["tuple"])
    return {_decoded(key): _decoded(item) for key, item in value["dict"]}


@lru_cache(maxsize=1)
def facts_version() -> str:
    """Return the hash of all that what is remembered of a library model depends on."""
    known = [sys.version, *(version(name) for name in ("numba", "numpy", "pint", "sympy"))]
    digest = hashlib.sha256(repr(known).encode())
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
