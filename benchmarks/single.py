"""How long does one patient alone take, beside numbalsoda, and what does `simulate` add to the solver's own time?"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import immunode as im
from benchmarks.field import gather, missing
from benchmarks.measure import RUNS, interleaved
from benchmarks.plot import ranges
from benchmarks.problem_a import problem_a
from benchmarks.result import Result
from benchmarks.solvers import default_method
from immunode.engine import METHODS, entries

QUESTION = "Problem A, rtol 1e-6: patients solved one by one; simulate's own overhead on il2_sc"
RTOL = 1e-6
MODEL, REGIMEN = "il2_sc", "3 MIU SC QD days 1-5"


@contextmanager
def inside() -> Iterator[list[float]]:
    """Give the seconds that each call of the compiled loop takes."""
    seconds: list[float] = []
    compiled = entries.run

    def timed(*arguments: Any) -> None:
        started = time.perf_counter()
        compiled(*arguments)
        seconds.append(time.perf_counter() - started)

    with patch.object(entries, "run", timed):
        yield seconds


def apart(call: Callable[[], Any], runs: int) -> tuple[float, float]:
    """Return median seconds within the compiled loop, and around it, of one call."""
    call()
    kernel, around = [], []
    for _ in range(runs):
        with inside() as seconds:
            started = time.perf_counter()
            call()
            whole = time.perf_counter() - started
        if not seconds:
            raise RuntimeError("the compiled loop is not called where this benchmark times it")
        kernel.append(sum(seconds))
        around.append(whole - kernel[-1])
    return statistics.median(kernel), statistics.median(around)


def measure(smoke: bool) -> Result:
    """Return times of patients alone, within the compiled loop and around it."""
    problem, n = problem_a(), 4 if smoke else 50
    solvers = gather(problem, 1, list(METHODS), () if smoke else ["numbalsoda"])
    pairs = [(problem.parameters[i : i + 1], problem.initial[i : i + 1]) for i in range(n)]

    def each(name: str) -> None:
        for p, y in pairs:
            solvers[name].solve(p, y, RTOL)

    for name in solvers:
        each(name)
    times = interleaved({name: partial(each, name) for name in solvers}, 1 if smoke else RUNS, "single")
    us = {name: t.per(n) for name, t in times.items()}
    kernel = {name: round(apart(partial(each, name), RUNS)[0] / n * 1e6, 1) for name in METHODS}
    course = im.days(0, 28)
    inner, around = apart(lambda: im.simulate(MODEL, REGIMEN, times=course), 5 if smoke else 50)
    figures = {
        "us_per_patient": us,
        "kernel_us_per_patient": kernel,
        "simulate": {"model": MODEL, "kernel_ms": round(inner * 1e3, 3), "overhead_ms": round(around * 1e3, 3)},
        "missing_peers": missing(),
    }
    return Result(
        question=QUESTION,
        figures=figures,
        times=times,
        headline=[] if smoke else headline(figures),
        draw=ranges(times, "Problem A, one patient at a time", "µs per patient", dict.fromkeys(times, 1e6 / n)),
    )


def headline(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the rows of docs/performance.md."""
    kernel, us, simulate = figures["kernel_us_per_patient"], figures["us_per_patient"], figures["simulate"]
    peer = f"numbalsoda {us['numbalsoda']['median']:,.0f}" if "numbalsoda" in us else "numbalsoda missing"
    ours = ", ".join(f"{name} {value:,.0f}" for name, value in kernel.items())
    whole = f"{simulate['overhead_ms']:.1f} ms"
    alone = ", ".join(f"{name} {us[name]['median']:,.0f}" for name in kernel)
    if "numbalsoda" in us:
        share = us[default_method()]["median"] / us["numbalsoda"]["median"]
        peer += f"; {default_method()} takes {share:.2f} of its time, at most 0.7 wanted"
    return [
        (f"one patient alone, whole call, µs (default: {default_method()})", alone, peer),
        ("the same within the compiled loop, µs", ours, ""),
        (f"what simulate adds to the compiled loop ({simulate['model']})", whole, "at most 1.5 ms wanted"),
    ]


def plain(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the README's row."""
    alone = figures["us_per_patient"][default_method()]["median"] / 1e3
    peer = figures["us_per_patient"].get("numbalsoda")
    beside = f"numbalsoda {peer['median'] / 1e3:.1f} ms" if peer else "numbalsoda missing"
    labels = f"`simulate` adds {figures['simulate']['overhead_ms']:.1f} ms for units and labels"
    return [("one patient alone", f"{alone:.1f} ms; {labels}", beside)]
