"""How much faster are two threads than one, and are the results the same bits?"""

from functools import partial

import numpy as np

from benchmarks.measure import RUNS, interleaved
from benchmarks.plot import ranges
from benchmarks.problem_a import population, problem_a
from benchmarks.result import Result
from benchmarks.solvers import default_method, immunode

QUESTION = "Problem A, rtol 1e-6, 4 000 patients: one thread against two"
RTOL = 1e-6


def measure(smoke: bool) -> Result:
    """Return times of one and two threads in turn."""
    problem, method = problem_a(), default_method()
    n = 256 if smoke else 4000
    p, y = population(n)
    values = {threads: immunode(problem, method, p, y, RTOL, threads).values for threads in (1, 2)}
    if not np.array_equal(values[1], values[2]):
        raise AssertionError("two threads gave other bits than one")
    calls = {f"{k} thread{'s' * (k > 1)}": partial(immunode, problem, method, p, y, RTOL, k) for k in (1, 2)}
    times = interleaved(calls, 1 if smoke else RUNS, "threads")
    us = {label: t.per(n) for label, t in times.items()}
    speedup = round(us["1 thread"]["median"] / us["2 threads"]["median"], 2)
    return Result(
        question=QUESTION,
        figures={"method": method, "patients": n, "us_per_patient": us, "speedup": speedup},
        times=times,
        headline=[("two threads over one", f"{speedup} times as fast", "same bits")],
        draw=ranges(times, f"Problem A, {method}", "µs per patient", dict.fromkeys(times, 1e6 / n)),
    )
