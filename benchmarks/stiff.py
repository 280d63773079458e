"""How much time do stiff problems take at equal error, and how many steps does a stiff method save?"""

from collections.abc import Mapping
from typing import Any

from benchmarks import field
from benchmarks.accuracy import quantiles, relative
from benchmarks.measure import RUNS, say
from benchmarks.plot import work_precision
from benchmarks.problem import Problem
from benchmarks.reference import Reference, reference
from benchmarks.result import Result
from benchmarks.solvers import default_method, immunode, ours
from benchmarks.stiff_problems import PATIENTS, hires, receptors, robertson
from immunode.engine import METHODS

QUESTION = "Robertson, HIRES and il2_receptors, 256 varied patients, one thread: time at equal p99 error"
PROBLEMS = (robertson, hires, receptors)
RTOLS = [float(f"1e-{k}") for k in range(3, 10)]
SMOKE, SMOKE_RTOLS, PEER = 16, (1e-4, 1e-7), "numbalsoda"
STIFF = [method for method in METHODS if method != "tsit5"]  # which would take hours for Robertson


def measure(smoke: bool) -> Result:
    """Return the curves of each problem, the ratios at equal error, and steps; a smoke run has no peers."""
    measured: dict[str, field.Curves] = {}
    figures: dict[str, Any] = {}
    accuracy: dict[str, float] = {}
    for make in PROBLEMS:
        problem = make()
        patients = SMOKE if smoke else PATIENTS
        exact = reference(problem, patients, checked=not smoke)
        entries = field.gather(problem, patients, STIFF, () if smoke else [PEER])
        rtols, runs = (SMOKE_RTOLS, 1) if smoke else (RTOLS, RUNS)
        curves = field.curves(problem, exact, entries, rtols, runs)
        figures[problem.name] = field.figures(curves, exact)
        accuracy |= smoke_errors(problem, exact)
        measured[problem.name] = curves
        if PEER in entries:
            figures[problem.name]["times_longer_at_equal_error"] = equal_error(curves)
    steps = count(receptors(), 2 if smoke else 16)
    return Result(
        question=QUESTION,
        figures=figures | {"steps_of_il2_receptors": steps, "missing_peers": field.missing()},
        times={f"{name} {label}": t for name, curves in measured.items() for label, t in curves.times.items()},
        headline=[] if smoke else headline(figures, steps),
        draw=work_precision({name: curves.drawn() for name, curves in measured.items()}),
        accuracy=accuracy,
    )


def smoke_errors(problem: Problem, exact: Reference) -> dict[str, float]:
    """Return the p99 errors of the patients of a smoke run."""
    measured = {}
    for method in STIFF:
        for rtol in SMOKE_RTOLS:
            values = ours(problem, method)(problem.parameters[:SMOKE], problem.initial[:SMOKE], rtol)
            error = quantiles(relative(values, exact.values[:SMOKE], problem.scored))
            measured[f"{problem.name} {method} {rtol:g}"] = error["p99"]
    return measured


def equal_error(curves: field.Curves) -> dict[str, dict[str, float | None]]:
    """Return how many times longer the peer takes at its own error at rtol 1e-6, and at round ones."""
    its_error = curves.p99(PEER)[list(curves.rtols).index(1e-6)]
    levels = {f"own error at rtol 1e-6 ({its_error:.2g})": its_error} | {
        f"{level:g}": level for level in (1e-3, 1e-4, 1e-5, 1e-6)
    }
    return {name: field.ratios(curves, STIFF, PEER, level) for name, level in levels.items() if level < float("inf")}


def count(problem: Problem, patients: int) -> dict[str, float]:
    """Return mean steps per patient of each method at rtol 1e-6."""
    say(f"stiff: steps of {problem.name}")
    p, y = problem.parameters[:patients], problem.initial[:patients]
    return {m: round(float(immunode(problem, m, p, y, 1e-6).steps.mean()), 1) for m in METHODS}


def headline(figures: Mapping[str, Any], steps: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """Return the rows of docs/performance.md."""
    rows = []
    for make in PROBLEMS:
        name = make().name
        levels = figures[name].get("times_longer_at_equal_error", {})
        for level, ratio in list(levels.items())[:1]:
            text = ", ".join(f"{method} **{value}**" for method, value in ratio.items())
            rows.append((f"{name}: times faster than {PEER} at equal p99 error", text, f"its {level}"))
    text = ", ".join(f"{method} {value:,.0f}" for method, value in steps.items())
    return [*rows, ("il2_receptors: steps per patient at rtol 1e-6", text, "")]


def plain(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the README's row."""
    ratios = {
        name: next(iter(solved["times_longer_at_equal_error"].values()))[default_method()]
        for name, solved in figures.items()
        if "times_longer_at_equal_error" in solved
    }
    text = ", ".join(f"{ratio:.0f} times as fast ({name})" for name, ratio in ratios.items() if ratio is not None)
    return [(f"the same for stiff models, beside {PEER}", text, "one thread")]
