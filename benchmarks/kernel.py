"""How long does the solver take per patient, how exact is it, and what does a new model cost to compile?

Run `python -m benchmarks.kernel [--prototype lanes.py] [--runs 15] [--reference 40]`; it writes
benchmarks/results/kernel.json. The problem is six states of IL-2, CD4 cells and virus: 30 doses, 541 daily outputs,
1 000 varied patients, rtol 1e-6, one thread. Its parameters are invented for benchmarking. With --prototype the runs
of another solver of the same problem are interleaved, since a shared machine drifts.
"""

import argparse
import importlib.util
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from benchmarks.environment import record
from immunode.engine import ADD, Solution, build, one_regimen, solve
from immunode.symbolic import Trace

RESULTS = Path(__file__).parent / "results" / "kernel.json"
NOMINAL = {
    "ka": 6.0, "F": 0.35, "kel": 24 * math.log(2) / 3.3, "Vc": 10.0, "ind": 1.0, "Vmax": 500.0, "Km": 20.0, "kr": 0.6,
    "kdr": 0.25, "EC50R": 2.0, "s": 0.9, "dT0": 0.01, "kact": 0.3, "EC50": 10.0, "r2": 0.7, "rp": 0.4, "dp": 0.1,
    "beta": 1e-4, "pbe": 0.025, "cV": 23.0, "sV": 2000.0, "T0": 61.0,
}  # fmt: skip
SPREAD = {
    "ka": 0.3, "kel": 0.3, "Vc": 0.3, "ind": 0.3, "Vmax": 0.3, "kr": 0.2, "EC50R": 0.3, "s": 0.2, "kact": 0.25,
    "EC50": 0.3, "r2": 0.1, "T0": 0.3, "beta": 0.3, "pbe": 0.2, "sV": 0.3,
}  # fmt: skip
DOSES = [28.0 * cycle + day for cycle in range(3) for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)]
AMOUNT, TIMES, RTOL, ATOL = 3000.0, np.arange(541.0), 1e-6, 1e-9


def slopes(y: Any, p: dict[str, Any]) -> tuple[Any, ...]:
    """Return the right-hand side for symbols or numbers: dose, IL-2, receptors, resting and cycling cells, virus."""
    d, c, r, t, cycling, v = y
    level = c / p["Vc"]
    act = p["kact"] * level / (level + p["EC50"])
    return (
        -p["ka"] * d,
        p["F"] * p["ka"] * d - p["kel"] * (1 + p["ind"] * r) * c - p["Vmax"] * level / (p["Km"] + level),
        p["kr"] * (level / (level + p["EC50R"])) - p["kdr"] * r,
        p["s"] - p["dT0"] * t - act * t + p["r2"] * cycling - p["beta"] * t * v,
        act * t + (p["rp"] - p["r2"] - p["dp"]) * cycling,
        p["sV"] + p["pbe"] * t * v - p["cV"] * v,
    )


def trace(copies: int = 1, salt: str = "") -> Trace:
    """Return the problem, or `copies` of it with the virus of each fed by the cells of the one before."""
    states, parameters, derivative = [], [], []
    for k in range(copies):
        y = [sp.Symbol(f"{name}{k or ''}{salt}", real=True) for name in "DCRTPV"]
        p = {name: sp.Symbol(f"{name}{k or ''}", real=True) for name in NOMINAL}
        f = list(slopes(y, p))
        if k:
            f[5] += states[-3] / 1000
        states += y
        parameters += p.values()
        derivative += f
    infused = tuple(range(0, 6 * copies, 6))
    return Trace(sp.Symbol("t", real=True), tuple(states), tuple(parameters), tuple(derivative), (), infused)


def population(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters[n, 22] and initial states[n, 6] of n patients with log-normal variability."""
    rng = np.random.default_rng(seed)
    p = {name: np.full(n, value) for name, value in NOMINAL.items()}
    for name, cv in SPREAD.items():
        p[name] = p[name] * np.exp(cv * rng.standard_normal(n) - cv**2 / 2)
    y0 = np.zeros((n, 6))
    y0[:, 3], y0[:, 5] = p["T0"], p["sV"] / p["cV"]
    return np.column_stack(list(p.values())), y0


def simulate(n: int) -> Solution:
    """Solve n patients on one thread."""
    p, y0 = population(n)
    events = one_regimen(n, [(t, ADD, 0, AMOUNT) for t in DOSES])
    return solve(build(trace()), y0, p, events, TIMES, columns=range(6), start=0, end=540, rtol=RTOL, atol=ATOL)


def reference(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return one patient's outputs[541, 6] by DOP853 at 1e-12, each dose a restart and each output before its dose."""
    named, out = dict(zip(NOMINAL, p, strict=True)), np.empty((TIMES.size, 6))
    out[0], stops = y, [*DOSES, 540.0]
    for begin, end in pairwise(stops):
        y = y + np.array([AMOUNT, 0, 0, 0, 0, 0])
        wanted = TIMES[(begin < TIMES) & (end >= TIMES)]
        done = solve_ivp(
            lambda t, y: slopes(y, named), (begin, end), y, method="DOP853", t_eval=wanted, rtol=1e-12, atol=1e-13
        )
        out[wanted.astype(int)], y = done.y.T, done.y[:, -1]
    return out


def errors(values: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """Return quantiles of |y - ref| / (|ref| + 1e-3 max|ref|), the dose left out, over states, times and patients."""
    found, exact = values[:, :, 1:], exact[:, :, 1:]
    error = np.abs(found - exact) / (np.abs(exact) + 1e-3 * np.abs(exact).max(axis=(0, 1)))
    worst = error.max(axis=(1, 2))
    return {
        "p50": float(np.median(error)),
        "p99": float(np.quantile(error, 0.99)),
        "max": float(error.max()),
        "median_patient_max": float(np.median(worst)),
        "patients": len(values),
    }


def prototype(path: str, n: int) -> Callable[[], np.ndarray]:
    """Return a function that runs the prototype on its own copy of the problem."""
    from numba import njit, types

    sys.argv = [path, "16"]  # it reads its number of lanes from there
    spec = importlib.util.spec_from_file_location("prototype", path)
    lanes: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lanes)
    f8, i8 = types.float64, types.int64
    step = njit(types.void(f8[::1], f8, f8), **lanes.OPT)(lanes.generate_step())
    arrays = (f8[:, ::1], f8[:, ::1], f8[::1], f8[::1], f8[::1], f8, f8, f8, f8[:, :, ::1], i8[::1], i8, i8)
    run = njit(types.void(lanes.STEP, *arrays), **lanes.OPT)(lanes.loop)
    g = lanes.population(n)
    p, y0 = lanes.hoist(g), np.zeros((n, 6))
    y0[:, 3], y0[:, 5] = g["T0"], g["sV"] / g["cV"]

    def call() -> np.ndarray:
        out = np.zeros((n, 541, 6))
        doses = np.array(DOSES), np.full(30, AMOUNT)
        run(step, y0, p, *doses, TIMES, 540.0, RTOL, ATOL, out, np.zeros(3, np.int64), 0, n)
        return out

    return call


def timed(calls: list[Callable[[], Any]], runs: int, n: int) -> list[dict[str, dict[str, float]]]:
    """Return microseconds per patient of each call, run in turn: on the clock, and of processor time.

    Processor time leaves out what a shared machine gave to others; it still feels their use of caches and clock rate.
    """
    found: list[list[tuple[float, float]]] = [[] for _ in calls]
    for _ in range(runs):
        for call, times in zip(calls, found, strict=True):
            started, used = time.perf_counter(), time.process_time()
            call()
            times.append(((time.perf_counter() - started) / n * 1e6, (time.process_time() - used) / n * 1e6))
    result = []
    for times in found:
        clocks = dict(zip(("clock", "processor"), zip(*times, strict=True), strict=True))
        result.append(
            {k: {"median": round(statistics.median(v), 1), "min": round(min(v), 1)} for k, v in clocks.items()}
        )
    return result


# a process that has the loop and has compiled something before, as when a user changes a model
COMPILE = """
import time, sys
from numba import njit
from benchmarks.kernel import build, trace
from immunode.engine import loop
njit("void(f8[::1])")(lambda s: None)
for copies in (1, 2):
    used = time.process_time()
    program = build(trace(copies, sys.argv[1]))
    used = time.process_time() - used
    misses = sum(sum(k.stats.cache_misses.values()) for k in program.kernels)
    print(program.seconds, used, misses, sum(loop.run.stats.cache_misses.values()))
"""


def compile_times(runs: int = 5) -> dict[str, Any]:
    """Return seconds to generate, compile and save the module of 6 and of 12 states, and what a second process does."""
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {"IMMUNODE_CACHE": cache, "NUMBA_CACHE_DIR": cache}

        def call(salt: str) -> list[list[str]]:
            done = subprocess.run(
                [sys.executable, "-c", COMPILE, salt], env=env, capture_output=True, text=True, check=True
            )
            return [line.split() for line in done.stdout.splitlines()]

        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import immunode.engine"], env=env, check=True)
        first = time.perf_counter() - started
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import immunode.engine"], env=env, check=True)
        imported = time.perf_counter() - started
        new = [call(f"_{k}") for k in range(runs)]
        again = call("_0")
    found = {
        f"{states}_states_{clock}_seconds": {
            "median": round(statistics.median(values := [float(r[row][column]) for r in new]), 2),
            "all": [round(v, 2) for v in values],
        }
        for row, states in enumerate((6, 12))
        for column, clock in enumerate(("clock", "processor"))
    }
    return found | {
        "loop_once_per_machine_seconds": round(first - imported, 2),
        "import_seconds": round(imported, 2),
        "second_process_functions_compiled": sum(int(x) for line in again for x in line[2:]),
        "second_process_load_seconds": [round(float(line[0]), 3) for line in again],
    }


def main() -> None:
    """Measure, print and write the result."""

    options = argparse.ArgumentParser()
    options.add_argument("--prototype", help="path of a solver with the form of the prototype's lanes.py")
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--patients", type=int, default=1000)
    options.add_argument("--reference", type=int, default=40, help="patients compared with DOP853")
    given = options.parse_args()
    n, load = given.patients, [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None
    solution = simulate(n)
    calls: list[Callable[[], Any]] = [lambda: simulate(n)]
    if given.prototype:
        calls.append(prototype(given.prototype, n))
        calls[1]()
    speed = timed(calls, given.runs, n)
    p, y0 = population(n)
    exact = np.array([reference(p[i], y0[i]) for i in range(given.reference)])
    result = {
        "question": "time per patient, error against DOP853 at 1e-12, compile time; Tsit5, rtol 1e-6, one thread",
        "us_per_patient": speed[0],
        "prototype_us_per_patient": speed[1] if given.prototype else None,
        "patients": n,
        "lanes": build(trace()).lanes,
        "steps": round(float(solution.steps.mean()), 1),
        "rejected": round(float(solution.rejected.mean()), 1),
        "failed": int((solution.status != 0).sum()),
        "error": errors(solution.values[: given.reference], exact),
        "prototype_error": errors(calls[1]()[: given.reference], exact) if given.prototype else None,
        "compile": compile_times(),
        "load_average_before": load,
    }
    record(RESULTS, result)


if __name__ == "__main__":
    main()
