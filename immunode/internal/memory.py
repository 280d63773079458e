"""Tell before work begins that its results would not fit into memory."""

import os
from contextlib import suppress
from pathlib import Path

from immunode.errors import BadValue

_SHARE = 0.5  # of the memory for the results: some steps hold two copies


def need(size: float, what: str, cure: str) -> None:
    """Raise BadValue when `size` bytes are more than half of the memory; `what` makes them, `cure` makes fewer."""
    limit = _memory()
    if size > _SHARE * limit:
        raise BadValue(
            f"{what} would take {size / 1e9:,.1f} GB, more than half of the {limit / 1e9:,.1f} GB of memory here; "
            f"{cure}"
        )


def _memory() -> float:
    """Return the bytes that this process may use: of the machine, of its container, of `ulimit -v`."""
    limits = []
    with suppress(OSError, ValueError, AttributeError):  # not on Windows
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # "max" is no number
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    with suppress(ImportError, OSError):
        import resource  # not on Windows

        soft = resource.getrlimit(resource.RLIMIT_AS)[0]
        limits += [soft] if soft != resource.RLIM_INFINITY else []
    return float(min((limit for limit in limits if limit > 0), default=16e9))
