"""The collector is as it was after a pause, and what was made is not lost to it."""

import gc
import weakref

import pytest

from immunode.internal.gc_pause import paused


class Ring:
    def __init__(self):
        self.itself = self


@pytest.mark.parametrize("enabled", [True, False])
def test_a_pause_ends_as_it_began_and_garbage_is_still_found(enabled):
    (gc.enable if enabled else gc.disable)()
    try:
        with paused():
            assert not gc.isenabled()
            ring = weakref.ref(Ring())
        assert gc.isenabled() == enabled
        gc.collect()
        assert ring() is None
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()
