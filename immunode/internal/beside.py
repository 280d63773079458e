"""Run what is independent beside each other, so that one is set up while another is solved."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

T = TypeVar("T")
_AT_ONCE = 2  # each takes all threads while it is solved: more would only take memory
_LOOK = 0.1  # seconds between two moves of a bar


def side_by_side(
    jobs: Sequence[Callable[[Callable[[int, int], None]], T]],
    size: int,
    progress: Callable[[int, int], None],
    *,
    threads: int,
) -> list[T]:
    """Return what jobs return that do `size` things each, two at a time where there are as many threads.

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

    pool = ThreadPoolExecutor(min(threads, _AT_ONCE))
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
