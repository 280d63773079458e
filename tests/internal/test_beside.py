"""Independent work beside each other."""

import time
from threading import Event, get_ident

import pytest

from immunode.internal.beside import side_by_side


def test_results_come_in_the_order_of_the_jobs_and_progress_from_the_calling_thread():
    told, second = [], Event()

    def first_job(step):
        assert second.wait(10)  # so they do run beside each other
        step(5, 10)
        return 1

    def second_job(step):
        step(1, 2)
        second.set()
        time.sleep(0.25)
        return 2

    moved = side_by_side([first_job, second_job], 10, lambda *at: told.append((get_ident(), *at)), threads=2)
    assert moved == [1, 2]
    assert {thread for thread, _, _ in told} == {get_ident()}
    assert [at for _, at, _ in told] == sorted(at for _, at, _ in told)
    assert told[-1][1:] == (20, 20)
    assert any(0 < at < 20 for _, at, _ in told)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_fails_ends_the_others(threads):
    ended = []

    def fails(step):
        raise ValueError("no")

    def works(step):
        try:
            for done in range(1000):
                step(done, 1000)
                time.sleep(0.01)
        except KeyboardInterrupt:
            ended.append("stopped")
            raise

    with pytest.raises(ValueError, match="no"):
        side_by_side([fails, works], 10, lambda done, total: None, threads=threads)
    assert ended in ([], ["stopped"])


def test_a_progress_that_raises_ends_all():
    def works(step):
        for done in range(1000):
            step(done, 1000)
            time.sleep(0.01)

    def enough(done, total):
        raise KeyboardInterrupt

    begun = time.process_time()
    with pytest.raises(KeyboardInterrupt):
        side_by_side([works, works], 10, enough, threads=2)
    assert time.process_time() - begun < 5
