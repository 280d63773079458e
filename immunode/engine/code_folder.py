"""Name the folder of compiled code by all that machine code depends on: nothing in it can be stale."""

import hashlib
import os
import sys
from functools import lru_cache
from pathlib import Path

import llvmlite
import numba
import numpy as np
from numba.core.registry import cpu_target

from immunode.internal.disk_cache import subfolder

_ENGINE = Path(__file__).parent


def cache_directory() -> Path | None:
    """Return a writable folder for this version's compiled code, or None where nothing can be written."""
    return subfolder(f"code-{version()}")


@lru_cache(maxsize=1)
def version() -> str:
    """Return the hash of all that machine code depends on; Numba looks at the file of a function and no further."""
    target = cpu_target.target_context.codegen().magic_tuple()  # system, CPU and its features
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    known = [sys.version, np.__version__, numba.__version__, llvmlite.__version__, target, settings, str(_ENGINE)]
    digest = hashlib.sha256(repr(known).encode())
    for file in sorted(_ENGINE.rglob("*.py")):
        digest.update(f"{file.relative_to(_ENGINE)} {file.stat().st_size}".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
