"""Time calls in turn, so that a shared machine's drift meets all of them alike."""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RUNS = 5


@dataclass(frozen=True)
class Times:
    """Hold the seconds of each timed run, on the clock and of processor time.

    Processor time leaves out what a shared machine gave to others; it counts all threads.
    """

    clock: list[float]
    processor: list[float]

    def per(self, n: int) -> dict[str, float]:
        """Return microseconds for each of `n` patients: median, fastest and slowest run, median of processor time."""
        return {
            "median": round(statistics.median(self.clock) / n * 1e6, 2),
            "min": round(min(self.clock) / n * 1e6, 2),
            "max": round(max(self.clock) / n * 1e6, 2),
            "processor": round(statistics.median(self.processor) / n * 1e6, 2),
        }


def say(text: str) -> None:
    """Print progress, apart from results."""
    print(text, file=sys.stderr, flush=True)


def interleaved(calls: Mapping[str, Callable[[], Any]], runs: int = RUNS, title: str = "") -> dict[str, Times]:
    """Return the times of each call; all were called before (compiled), then once in turn to settle, then `runs` times.

    The first round of a mixture is slower, by a half in one call: it would lie in its median.
    """
    times = {label: Times([], []) for label in calls}
    for call in calls.values():
        call()
    for run in range(runs):
        say(f"{title}: run {run + 1} of {runs}")
        for label, call in calls.items():
            clock, processor = time.perf_counter(), time.process_time()
            call()
            times[label].clock.append(time.perf_counter() - clock)
            times[label].processor.append(time.process_time() - processor)
    return times


def median(values: Sequence[float]) -> float:
    """Return the median to four digits."""
    return float(f"{statistics.median(values):.4g}")
