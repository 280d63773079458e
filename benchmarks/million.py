"""What do a million patients at five visits cost in one call: seconds and peak memory?

One run, in a process of its own, so that the peak is its own: it holds the inputs and the results, too.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.measure import Times, say
from benchmarks.plot import ranges
from benchmarks.problem_a import population, problem_a
from benchmarks.result import Result
from benchmarks.solvers import default_method, immunode

QUESTION = "Problem A, rtol 1e-6, a million patients at five visits in one call on two threads"
VISITS, THREADS, RTOL = (0.0, 28.0, 56.0, 84.0, 540.0), 2, 1e-6


def child(patients: int) -> None:
    """Solve so many patients and print what it took."""
    import resource

    problem, method = replace(problem_a(), times=np.array(VISITS)), default_method()
    p, y = population(patients)
    immunode(problem, method, p[:64], y[:64], RTOL, THREADS)
    inputs = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock, processor = time.perf_counter(), time.process_time()
    solution = immunode(problem, method, p, y, RTOL, THREADS)
    taken = {
        "seconds": time.perf_counter() - clock,
        "processor": time.process_time() - processor,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_mb_of_the_inputs": round(inputs / 1024),
        "failed": int((solution.status != 0).sum()),
    }
    print(json.dumps(taken))


def measure(smoke: bool) -> Result:
    """Return seconds and peak memory of the call."""
    n = 10_000 if smoke else 1_000_000
    say(f"million: {n} patients")
    command = [sys.executable, "-c", f"from benchmarks.million import child; child({n})"]
    taken = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if taken["failed"]:
        raise AssertionError(f"{taken['failed']} of {n} patients failed")
    times = {f"{n:,} patients": Times([taken.pop("seconds")], [taken.pop("processor")])}
    seconds = round(next(iter(times.values())).clock[0], 1)
    memory = f"{taken['peak_mb'] / 1000:.2f} GB at the peak, inputs and results included"
    return Result(
        question=QUESTION,
        figures=taken | {"patients": n, "seconds": seconds, "method": default_method(), "threads": THREADS},
        times=times,
        headline=[(f"{n:,} patients at five visits, one call, two threads", f"{seconds} s", memory)],
        draw=ranges(times, "Five visits, two threads", "s", dict.fromkeys(times, 1.0)),
    )


def plain(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the README's row."""
    what = f"{figures['patients']:,} patients at five visits, on {figures['threads']} threads"
    return [(what, f"{figures['seconds']:.0f} s", f"{figures['peak_mb'] / 1000:.1f} GB of memory")]
