"""Pause the garbage collector: it looks at all that a large import makes over and over, a quarter of the time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Collect no garbage inside, unless another thread asks for it."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            if not gc.get_freeze_count():
                # what was made goes straight to the oldest generation, unseen
                gc.freeze()
                gc.unfreeze()
            gc.enable()
