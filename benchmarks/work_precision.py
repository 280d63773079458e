"""How much time does each solver need for a given error, and is it as exact between steps as at their ends?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks import between, field
from benchmarks.accuracy import quantiles, relative
from benchmarks.measure import RUNS, say
from benchmarks.peers import PEERS
from benchmarks.plot import work_precision
from benchmarks.problem_a import problem_a
from benchmarks.reference import reference
from benchmarks.result import Result
from benchmarks.solvers import default_method, ours
from immunode.engine import METHODS

QUESTION = "Problem A, one thread: time at equal p99 error over the population; error between steps"
RTOLS = [float(f"1e-{k}") for k in range(3, 11)]
SMOKE, SMOKE_RTOLS, TIMES = 64, (1e-4, 1e-8), 48
LEVELS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


def measure(smoke: bool) -> Result:
    """Return the curves, the ratios at equal error, and the error between steps; a smoke run has no peers."""
    problem, methods = problem_a(), list(METHODS)
    patients = SMOKE if smoke else 1000
    exact = reference(problem, patients, checked=not smoke)
    entries = field.gather(problem, patients, methods, () if smoke else list(PEERS))
    measured = field.curves(problem, exact, entries, SMOKE_RTOLS if smoke else RTOLS, 1 if smoke else RUNS)
    inner = {}
    for method in methods:
        say(f"work_precision: {method} between steps")
        inner[method] = between.errors(problem, method, RTOLS[:-1] if not smoke else [1e-6], SMOKE, TIMES)
    figures = field.figures(measured, exact) | {"between_steps": inner, "missing_peers": field.missing()}
    accuracy = {}
    for method in methods:
        for rtol in SMOKE_RTOLS:
            values = ours(problem, method)(problem.parameters[:SMOKE], problem.initial[:SMOKE], rtol)
            error = quantiles(relative(values, exact.values[:SMOKE], problem.scored))
            accuracy[f"{method} {rtol:g}"] = error["p99"]
    if not smoke:
        figures["times_longer_at_equal_error"] = equal_error(measured, methods)
        figures["at_equal_error"] = side_by_side(measured, methods)
    return Result(
        question=QUESTION,
        figures=figures,
        times=measured.times,
        headline=[] if smoke else headline(figures, inner),
        draw=work_precision({"Problem A": measured.drawn()}),
        accuracy=accuracy,
    )


def equal_error(measured: field.Curves, methods: list[str]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return for each peer, at its own error at rtol 1e-6 and at round errors, how many times longer it takes."""
    result = {}
    for peer in [name for name in measured.us if name in PEERS]:
        its_error = measured.p99(peer)[list(measured.rtols).index(1e-6)]
        levels = {f"own error at rtol 1e-6 ({its_error:.2g})": its_error} | {f"{level:g}": level for level in LEVELS}
        result[peer] = {
            name: field.ratios(measured, methods, peer, level) for name, level in levels.items() if np.isfinite(level)
        }
    return result


def side_by_side(measured: field.Curves, methods: list[str]) -> dict[str, dict[str, Any]]:
    """Return time, median and largest error of each peer and of ours at the p99 error of the peer at rtol 1e-6."""
    result = {}
    for peer in [name for name in measured.us if name in PEERS]:
        error = measured.p99(peer)[list(measured.rtols).index(1e-6)]
        if np.isfinite(error):
            result[peer] = {name: measured.beside(name, error) for name in [peer, *methods]}
    return result


def headline(figures: dict, inner: dict) -> list[tuple[str, str, str]]:
    """Return the rows of docs/performance.md."""
    method, rows = default_method(), []
    for peer, levels in figures["times_longer_at_equal_error"].items():
        level, ratio = next(iter(levels.items()))
        others = ", ".join(f"{name} {value}" for name, value in ratio.items() if name != method)
        what = f"times faster than {peer} at equal p99 error: its {level}"
        rows.append((what, f"{method} **{ratio[method]}**", others or "-"))
    for peer, both in figures["at_equal_error"].items():
        if both[method]["us"] is None:
            continue
        text, its = (
            f"{name} {row['us']:,.0f}; {row['p50']:.1e} / {row['p99']:.1e} / {row['max']:.1e}"
            for name, row in ((method, both[method]), (peer, both[peer]))
        )
        rows.append((f"beside {peer}, at equal p99 error: µs a patient; p50 / p99 / max error", text, its))
    worst = {name: max(point["ratio"] for point in points) for name, points in inner.items()}
    text = ", ".join(f"{name} {value}" for name, value in worst.items())
    what = "p99 error between steps over that at their ends, worst of rtol 1e-3 to 1e-9"
    return [*rows, (what, text, "at most 5 wanted")]


def plain(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the README's row."""
    ratios = {
        peer: next(iter(levels.values()))[default_method()]
        for peer, levels in figures["times_longer_at_equal_error"].items()
    }
    text = ", ".join(f"{ratio:.0f} times as fast as {peer}" for peer, ratio in ratios.items() if ratio is not None)
    return [("beside others, each at the other's own error", text, "error: what 1 % of values exceed")]
