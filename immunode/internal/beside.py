"""Run what is independent beside each other, so that one is set up while another is solved."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

T = TypeVar("T")
_LOOK = 0.1  # seconds between two moves of a bar


def side_by_side(
    jobs: Sequence[Callable[[Callable[[int, int], None]], T]],
    size: int,
    progress: Callable[[int, int], None],
    *,
    at_once: int,
) -> list[T]:
    """Return what jobs return that do `size` things each, `at_once` of them at a time.

    Each is called with a function `(done, total)` for its progress; `progress` of all is called from this thread. What
    fails, or is interrupted, ends the others, too.
    """
    stop, shares = Event(), [0.0] * len(jobs)

    def told(place: int) -> Callable[[int, int], None]:
        def step(done: int, total: int) -> None:
            if stop.is_set():
                raise KeyboardInterrupt
            shares[place] = done / max(total, 1)

        return step

    pool = ThreadPoolExecutor(at_once)
    try:
        running = [pool.submit(job, told(place)) for place, job in enumerate(jobs)]
        waiting = set(running)
        while waiting:
            ended, waiting = wait(waiting, timeout=_LOOK, return_when=FIRST_EXCEPTION)
            for one in ended:
                one.result()
            progress(int(size * sum(shares)), size * len(jobs))
    except BaseException:
        stop.set()  # they hear of it at their next step; nobody waits for that, who may have to take back files
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    progress(size * len(jobs), size * len(jobs))
    return [one.result() for one in running]
