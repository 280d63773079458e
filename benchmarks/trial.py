"""What does `immunode trial tincati_2008 --n 10000 --seed 1` cost? Wall time and peak memory, cold and warm cache.

Run `python -m benchmarks.trial`; it writes benchmarks/results/trial.json. Cold: an empty cache folder, so that Numba
compiles everything.
"""

import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.environment import record

RESULTS = Path(__file__).parent / "results" / "trial.json"
COMMAND = [
    sys.executable,
    "-c",
    "from immunode.cli import main; main()",
    "trial",
    "tincati_2008",
    "--n",
    "10000",
    "--seed",
    "1",
    "--json",
]
WARM_RUNS = 5


def _measure(cache: str, threads: int, queue) -> None:
    """Run the command once in this process's child; put seconds, peak MB and a digest of its output on the queue."""
    import hashlib

    environment = os.environ | {"NUMBA_CACHE_DIR": cache, "IMMUNODE_CACHE": cache}
    started = time.perf_counter()
    out = subprocess.run([*COMMAND, "--threads", str(threads)], env=environment, check=True, capture_output=True).stdout
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    queue.put((seconds, peak, hashlib.sha256(out).hexdigest()))


def measure(cache: str, threads: int) -> tuple[float, float, str]:
    """Return seconds, peak resident MB and the digest of the JSON of one run (a fresh child, so that its peak is its
    own).
    """
    queue = multiprocessing.Queue()
    child = multiprocessing.Process(target=_measure, args=(cache, threads, queue))
    child.start()
    found = queue.get()
    child.join()
    return found


def engine_only(n: int = 10_000) -> float:
    """Return seconds that both arms take in this warm process, without start-up, the other readings and printing."""
    from immunode.trial import run_trial

    run_trial("tincati_2008", n=64, seed=1)
    started = time.perf_counter()
    run_trial("tincati_2008", n=n, seed=1)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print and write the result."""
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as cache:
        cold = measure(cache, cores)
        warm = [measure(cache, cores) for _ in range(WARM_RUNS)]
        single = measure(cache, 1)
    result = {
        "question": "time and memory of: immunode trial tincati_2008 --n 10000 --seed 1, other readings included",
        "cold_seconds": round(cold[0], 2),
        "warm_seconds": round(statistics.median(run[0] for run in warm), 2),
        "warm_seconds_all": [round(run[0], 2) for run in warm],
        "warm_seconds_one_thread": round(single[0], 2),
        "peak_mb_cold": round(cold[1]),
        "peak_mb_warm": round(max(run[1] for run in warm)),
        "both_arms_in_process_seconds": round(engine_only(), 2),
        "same_bytes_on_one_thread": single[2] == warm[0][2],
        "threads": cores,
    }
    record(RESULTS, result)


if __name__ == "__main__":
    main()
