"""How long does each solver take per patient of a population at rtol 1e-6, and how exact is it?"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from benchmarks.accuracy import quantiles, relative
from benchmarks.field import gather, missing
from benchmarks.measure import RUNS, Times, interleaved, say
from benchmarks.peers import PEERS
from benchmarks.plot import ranges
from benchmarks.problem import Problem
from benchmarks.problem_a import problem_a
from benchmarks.reference import Reference, reference
from benchmarks.result import Result
from benchmarks.solvers import default_method, immunode
from immunode.engine import METHODS

QUESTION = "Problem A, rtol 1e-6, one thread: microseconds per patient and error of each method and peer"
RTOL, SMOKE = 1e-6, 64


def measure(smoke: bool) -> Result:
    """Return times and errors; a smoke run leaves the peers out and solves the first 64 patients."""
    problem = problem_a()
    patients = SMOKE if smoke else len(problem.parameters)
    exact = reference(problem, patients, checked=not smoke)
    solvers = gather(problem, patients, list(METHODS), () if smoke else list(PEERS))

    def call(name: str) -> Any:
        n = solvers[name].patients
        return solvers[name].solve(problem.parameters[:n], problem.initial[:n], RTOL)

    values = {}
    for name in solvers:
        say(f"population: {name}")
        values[name] = call(name)
    times = interleaved({name: partial(call, name) for name in solvers}, 1 if smoke else RUNS, "population")
    first = exact.values[:SMOKE]
    return Result(
        question=QUESTION,
        figures=figures(problem, exact, values, times, patients) | {"missing_peers": missing()},
        times=times,
        headline=[] if smoke else headline(times, {name: entry.patients for name, entry in solvers.items()}),
        draw=ranges(times, "Problem A, rtol 1e-6", "µs per patient", {n: 1e6 / len(v) for n, v in values.items()}),
        accuracy={m: quantiles(relative(values[m][:SMOKE], first, problem.scored))["p99"] for m in METHODS},
    )


def figures(
    problem: Problem, exact: Reference, values: dict[str, Any], times: dict[str, Times], patients: int
) -> dict[str, Any]:
    """Return what each solver took, how exact it was, and of ours the steps."""
    rows = {}
    for name, value in values.items():
        error = quantiles(relative(value, exact.values, problem.scored))
        rows[name] = {"us_per_patient": times[name].per(len(value)), "patients": len(value), "error": error}
    for method in METHODS:
        solution = immunode(problem, method, problem.parameters[:patients], problem.initial[:patients], RTOL)
        rows[method] |= {
            "steps": round(float(solution.steps.mean()), 1),
            "rejected": round(float(solution.rejected.mean()), 1),
            "failed": int((solution.status != 0).sum()),
        }
    return {"solvers": rows, "reference": {"route": exact.route, "difference": exact.check}}


def headline(times: dict[str, Times], patients: dict[str, int]) -> list[tuple[str, str, str]]:
    """Return the row of docs/performance.md: us per patient of the default method, and of the peers."""
    us = {name: t.per(patients[name])["median"] for name, t in times.items()}
    beside = ", ".join(f"{name} {us[name]:,.0f}" for name in us if name not in METHODS)
    ours = ", ".join(f"{name} {us[name]:,.0f}" for name in METHODS)
    what = f"one patient of 1 000, rtol 1e-6, one thread, µs (default: {default_method()})"
    return [(what, ours, beside or "no peer installed")]


def plain(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the README's row."""
    us = {name: solver["us_per_patient"]["median"] / 1e3 for name, solver in figures["solvers"].items()}
    beside = ", ".join(f"{name} {us[name]:.1f} ms" for name in us if name not in METHODS)
    what = "a patient of a thousand, on one thread"
    return [(what, f"{us[default_method()]:.3f} ms", beside or "no peer installed")]
