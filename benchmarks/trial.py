"""What does `immunode trial tincati_2008 --n 10000 --seed 1` cost? Wall time and peak memory, cold and warm cache.

Cold: an empty cache folder, so that Numba compiles everything.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Times, median, say
from benchmarks.plot import ranges
from benchmarks.result import Result

QUESTION = "time and memory of: immunode trial tincati_2008 --n 10000 --seed 1, other readings included"
# a child between us and the command, so that the peak of its children is the command's own
CHILD = """
import json, resource, subprocess, sys
out = subprocess.run(sys.argv[1:], check=True, capture_output=True).stdout
print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))
sys.stderr.buffer.write(out)
"""
MAIN = "from immunode.cli.entry import main; main()"


@dataclass(frozen=True)
class Run:
    """Hold seconds, of processor time too, peak resident MB and the digest of the JSON of one run."""

    seconds: float
    processor: float
    peak: float
    digest: str


def command(n: int, cache: str, threads: int) -> Run:
    """Run the command once."""
    say(f"trial: {n} patients per arm, {threads} threads")
    environment = os.environ | {"NUMBA_CACHE_DIR": cache, "IMMUNODE_CACHE": cache}
    trial = ["trial", "tincati_2008", "--n", str(n), "--seed", "1", "--json", "--threads", str(threads)]
    started, used = time.perf_counter(), os.times()
    child = [sys.executable, "-c", CHILD, sys.executable, "-c", MAIN, *trial]
    done = subprocess.run(child, env=environment, check=True, capture_output=True)
    seconds, now = time.perf_counter() - started, os.times()
    processor = now.children_user - used.children_user + now.children_system - used.children_system
    return Run(seconds, processor, json.loads(done.stdout)["peak"], hashlib.sha256(done.stderr).hexdigest())


def engine_only(n: int) -> float:
    """Return seconds that both arms take in this warm process, without start-up, the other readings and printing."""
    from immunode.virtual_trials.trial_run import run_trial

    run_trial("tincati_2008", n=64, seed=1)
    started = time.perf_counter()
    run_trial("tincati_2008", n=n, seed=1)
    return time.perf_counter() - started


def as_times(runs: Sequence[Run]) -> Times:
    """Return the times of the runs."""
    return Times([run.seconds for run in runs], [run.processor for run in runs])


def measure(smoke: bool) -> Result:
    """Return seconds and memory of the command, cold, warm and on one thread."""
    n, cores = 50 if smoke else 10_000, os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as cache:
        cold = command(n, cache, cores)
        warm = [command(n, cache, cores) for _ in range(1 if smoke else 3)]
        single = command(n, cache, 1)
    times = {"cold": as_times([cold]), "warm": as_times(warm), "warm, one thread": as_times([single])}
    seconds = {label: median(t.clock) for label, t in times.items()}
    figures = {
        "seconds": seconds,
        "peak_mb_cold": round(cold.peak),
        "peak_mb_warm": round(max(run.peak for run in warm)),
        "both_arms_in_process_seconds": round(engine_only(n), 2),
        "same_bytes_on_one_thread": single.digest == warm[0].digest,
        "threads": cores,
    }
    what = f"immunode trial tincati_2008 --n {n}, all other readings included, {cores} threads"
    return Result(
        question=QUESTION,
        figures=figures,
        times=times,
        headline=[(what, f"{seconds['warm']:.0f} s", f"{figures['peak_mb_warm']} MB at the peak")],
        draw=ranges(times, "The trial of Tincati et al., 10 000 patients per arm", "s", dict.fromkeys(times, 1.0)),
    )


def plain(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the README's row."""
    what = "`immunode trial tincati_2008` with 10 000 patients an arm and all other readings"
    return [(what, f"{figures['seconds']['warm']:.0f} s", f"{figures['peak_mb_warm'] / 1000:.1f} GB of memory")]
