"""How long until the first result: import, help, the first solve with warm and empty cache, a new model's compilation?

Each figure is the median of fresh processes.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import RUNS, Times, median, say
from benchmarks.plot import ranges
from benchmarks.result import Result
from immunode.engine import METHODS

QUESTION = "Fresh processes: import, help, first solve of il2_cd4_hiv warm and cold, compilation of new models"
SOLVE = "import immunode as im; im.simulate('il2_cd4_hiv', '3 MIU SC QD days 1-5', times=im.days(0, 28))"
COMMANDS = {
    "python": "pass",
    "import immunode": "import immunode",
    "immunode --help": "import sys; sys.argv[1:] = ['--help']; from immunode.cli.entry import main; main()",
    "first solve, warm cache": SOLVE,
}
COLD = "first solve, empty cache"
# a process that has the loop and has compiled something before, as when a user changes a model
COMPILE = """
import sys, time
from numba import njit
from benchmarks.problem_a import population, trace
from immunode.engine import build, no_events, solve
njit("void(f8[::1])")(lambda s: None)
for method in sys.argv[2:]:
    for copies in (1, 2):
        clock = time.perf_counter()
        program = build(trace(copies, sys.argv[1] + method), method=method)
        p, y = (array.repeat(copies, axis=0).reshape(1, -1) for array in population(1))
        solve(program, y, p, no_events(1), [1.0], columns=[0], start=0.0, end=1.0, atol=1e-9)
        print(time.perf_counter() - clock)
"""


def run(code: str, cache: str, *arguments: str) -> tuple[float, float, str]:
    """Return seconds on the clock, of processor time, and what a fresh process prints."""
    env = os.environ | {"IMMUNODE_CACHE": cache, "NUMBA_CACHE_DIR": cache}
    clock, used = time.perf_counter(), os.times()
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=env, check=True, capture_output=True, text=True)
    now = os.times()
    processor = now.children_user - used.children_user + now.children_system - used.children_system
    return time.perf_counter() - clock, processor, done.stdout


def add(times: dict[str, Times], label: str, clock: float, processor: float) -> None:
    """Add a run to `times`."""
    runs = times.setdefault(label, Times([], []))
    runs.clock.append(clock)
    runs.processor.append(processor)


def compilation(times: dict[str, Times], cache: str, salt: str) -> None:
    """Add seconds to build and first solve a model that no cache has, of 6 and 12 states, by each method."""
    lines = iter(run(COMPILE, cache, salt, *METHODS)[2].split())
    for method in METHODS:
        for states in (6, 12):
            seconds = float(next(lines))
            add(times, f"{states} new states, {method}", seconds, seconds)


def measure(smoke: bool) -> Result:
    """Return the times of fresh processes; a smoke run compiles no new models."""
    times: dict[str, Times] = {}
    with tempfile.TemporaryDirectory() as folder:
        for k in range(1 if smoke else RUNS):
            say(f"startup: round {k + 1}")
            cache = str(Path(folder) / str(k))
            os.mkdir(cache)
            add(times, COLD, *run(SOLVE, cache)[:2])
            for label, code in COMMANDS.items():
                add(times, label, *run(code, cache)[:2])
            if not smoke:
                compilation(times, cache, f"_{k}_")
    seconds = {label: median(runs.clock) for label, runs in times.items()}
    return Result(
        question=QUESTION,
        figures={"seconds": seconds},
        times=times,
        headline=[] if smoke else headline(seconds),
        draw=ranges(times, "Fresh processes", "s", dict.fromkeys(times, 1.0)),
    )


def headline(seconds: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the rows of docs/performance.md."""
    bare = f"python alone {seconds['python']:.2f} s"
    rows = [(f"fresh process: {label}", f"{seconds[label]:.2f} s", bare) for label in list(COMMANDS)[1:]]
    rows.append(("the same with an empty cache", f"{seconds[COLD]:.1f} s", "once per machine"))
    new = ", ".join(f"{m} {seconds[f'6 new states, {m}']:.1f} s" for m in METHODS)
    more = ", ".join(f"{m} {seconds[f'12 new states, {m}']:.1f} s" for m in METHODS)
    return [*rows, ("compiling a new model of 6 states", new, f"12 states: {more}")]


def plain(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the README's row."""
    warm, cold = (figures["seconds"][label] for label in ("first solve, warm cache", COLD))
    return [("first result of a new Python process", f"{warm:.1f} s", f"{cold:.0f} s the first time on a machine")]
