"""Results that would not fit are refused before work begins, with their size and what makes fewer."""

import time

import numpy as np
import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.internal import memory


@pytest.fixture
def gigabyte(monkeypatch):
    monkeypatch.setattr(memory, "_memory", lambda: 1e9)


def test_what_fits_passes_and_what_does_not_is_named(gigabyte):
    memory.need(4e8, "this", "that")
    with pytest.raises(
        BadValue, match=r"^this would take 0\.6 GB, more than half of the 1\.0 GB of memory here; that$"
    ):
        memory.need(6e8, "this", "that")


def test_the_memory_of_this_machine_is_known():
    assert 1e8 < memory._memory() < 1e15


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (lambda: im.simulate("il2_sc", "3 MIU SC", times=im.days(0, 1e6, 0.01), parameters={"CL": [100] * 9}), "times"),
        (lambda: im.simulate("il2_sc", times=[0, 1], parameters={"CL": np.full(10**7, 100.0)}), "fewer patients"),
        (lambda: im.run_trial("tincati_2008", n=10**9), "virtual patients"),
        (lambda: im.run_trial("tincati_2008", n=10**6), "take a smaller n"),
    ],
)
def test_too_much_is_refused_before_it_is_begun(gigabyte, work, says):
    begun = time.process_time()
    with pytest.raises(BadValue, match=says):
        work()
    assert time.process_time() - begun < 5


def test_days_without_end_are_refused():
    for last, every in ((1e9, 1e-3), (1e300, 1.0), (1e9, 1.0)):
        with pytest.raises(BadValue, match=r"times, more than 10,000,000: take a longer step, or an earlier end"):
            im.days(0, last, every)
    assert len(im.days(0, 1e6)) == 1_000_001


def test_steps_without_end_are_refused():
    for step in ("1e-320 d", "1e-12 d", 1e-300):
        with pytest.raises(BadValue, match=r"max_step = .* makes .* steps, more than 1e\+09: take a longer one"):
            im.simulate("il2_sc", times=[0, 2], max_step=step)
