"""Name the folder of compiled code by all that machine code depends on: nothing in it can be stale."""

import hashlib
import os
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from llvmlite import binding

from immunode.errors import Status
from immunode.internal.disk_cache import subfolder

_ENGINE = Path(__file__).parent
PLAIN = ("checks", "inputs", "program", "scratch", "solve")  # modules above all that is compiled


def cache_directory() -> Path | None:
    """Return a writable folder for this version's compiled code, or None where nothing can be written."""
    return subfolder(f"code-{version()}")


@lru_cache(maxsize=1)
def version() -> str:
    """Return the hash of all that machine code depends on."""
    target = binding.get_process_triple(), binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    versions = sys.version, *(metadata.version(name) for name in ("numpy", "numba", "llvmlite"))
    known = [*versions, target, settings, [(status.name, int(status)) for status in Status]]
    digest = hashlib.sha256(repr(known).encode())
    for file in sorted(_ENGINE.rglob("*.py")):
        if file.parent == _ENGINE and file.stem in PLAIN:
            continue
        digest.update(f"{file.relative_to(_ENGINE)} {file.stat().st_size}".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
