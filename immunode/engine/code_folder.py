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
# settings of Numba that change no machine code: threads, folders, and how it tells what went wrong
HARMLESS = (
    "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_CACHE_", "NUMBA_COLOR_SCHEME", "NUMBA_FULL_TRACEBACKS",
    "NUMBA_DEVELOPER_MODE", "NUMBA_SHOW_HELP", "NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "NUMBA_HIGHLIGHT_DUMPS",
    "NUMBA_CUDA", "NUMBA_ENABLE_CUDASIM", "NUMBA_WARNINGS", "NUMBA_DISABLE_PERFORMANCE_WARNINGS",
)  # fmt: skip
PLAIN = ("checks", "inputs", "program", "scratch", "solve")  # modules above all that is compiled


def cache_directory() -> Path | None:
    """Return a writable folder for this version's compiled code, or None where nothing can be written."""
    return subfolder(f"code-{version()}")


@lru_cache(maxsize=1)
def version() -> str:
    """Return the hash of all that machine code depends on."""
    target = binding.get_process_triple(), binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    settings = sorted((k, v) for k, v in os.environ.items() if k.startswith("NUMBA_") and not k.startswith(HARMLESS))
    # of Python what reads bytecode: a patch release (3.11.8 after 3.11.7) compiles the same
    versions = sys.implementation.cache_tag, *(metadata.version(name) for name in ("numpy", "numba", "llvmlite"))
    known = [*versions, target, settings, [(status.name, int(status)) for status in Status]]
    digest = hashlib.sha256(repr(known).encode())
    for file in sorted(_ENGINE.rglob("*.py")):
        if file.parent == _ENGINE and file.stem in PLAIN:
            continue
        digest.update(f"{file.relative_to(_ENGINE)} {file.stat().st_size}".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
