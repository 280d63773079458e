"""What do exact sensitivities cost beside as many plain runs, and how exact are they?

Of problem A, to k of its varied parameters. The errors are those of the first five, one of which is an initial value
(T0) and one acts through the initial value as well (sV).
"""

from functools import partial
from typing import Any

import numpy as np

from benchmarks import field
from benchmarks.accuracy import quantiles, relative
from benchmarks.measure import RUNS, Times, interleaved, say
from benchmarks.peers import PEERS
from benchmarks.plot import ranges
from benchmarks.problem import Problem
from benchmarks.problem_a import SPREAD, problem_a
from benchmarks.reference import Reference, reference
from benchmarks.result import Result
from benchmarks.solvers import default_method, immunode
from benchmarks.variational import starts, variational
from immunode.engine import METHODS, Directions

QUESTION = "Problem A, one thread: time of k sensitivities over that of k + 1 plain runs, and their error"
FIRST, INITIAL = ("kel", "T0", "EC50", "sV", "Vmax"), {"T0": "T", "sV": "V"}
NAMES = (*FIRST, *(name for name in SPREAD if name not in FIRST))
COUNTS, PATIENTS, CHECKED, SMOKE, RTOL = (1, 5, 15), 256, 64, 8, 1e-6
RTOLS = (1e-6, 1e-8, 1e-10)
PEER = "numbalsoda"


def directions(problem: Problem, count: int, patients: int) -> Directions:
    """Return the first `count` directions of the first patients; doses do not depend on parameters."""
    names = [str(parameter) for parameter in problem.trace.parameters]
    columns = [names.index(name) for name in NAMES[:count]]
    change = starts(problem, NAMES[:count], INITIAL)[:patients]
    return Directions(np.array(columns), problem.parameters[:patients, columns], change)


def measure(smoke: bool) -> Result:
    """Return times and errors; a smoke run solves the first eight patients, without the peer."""
    problem, checked = problem_a(), SMOKE if smoke else CHECKED
    exact = reference(variational(problem, FIRST, INITIAL), checked, checked=not smoke)
    errors = {m: {f"{rtol:g}": error(problem, m, exact, rtol, checked) for rtol in RTOLS} for m in METHODS}
    times, patients = timed(problem, smoke)
    us = {label: t.per(patients[label]) for label, t in times.items()}
    over = {m: {str(k): cost(us, m, k) for k in COUNTS} for m in METHODS}
    figures = {
        "us_per_patient": us,
        "over_k_plus_1_plain_runs": over,
        "error": errors,
        "reference": {"route": exact.route, "difference": exact.check},
        "missing_peers": field.missing(),
    }
    return Result(
        question=QUESTION,
        figures=figures,
        times=times,
        headline=[] if smoke else headline(figures),
        draw=ranges(times, "Problem A with sensitivities", "µs per patient", {n: 1e6 / k for n, k in patients.items()}),
        accuracy={method: error(problem, method, exact, RTOL, SMOKE)["p99"] for method in METHODS},
    )


def cost(us: dict[str, dict[str, float]], method: str, count: int) -> float:
    """Return the time of `count` sensitivities over that of one plain run more."""
    return round(us[f"{method}, {count}"]["median"] / us[f"{method}, plain"]["median"] / (count + 1), 2)


def error(problem: Problem, method: str, exact: Reference, rtol: float, patients: int) -> dict[str, float]:
    """Return the error of all sensitivities that are not zero throughout, those of the dose left out."""
    say(f"sensitivities: error of {method} at rtol {rtol:g}")
    p, y = problem.parameters[:patients], problem.initial[:patients]
    along = immunode(problem, method, p, y, rtol, directions=directions(problem, len(FIRST), patients)).along
    states = problem.initial.shape[1]
    values = exact.values[:patients, :, states:]
    scored = [i for i in range(values.shape[2]) if i % states in problem.scored and np.any(values[:, :, i])]
    return quantiles(relative(along.reshape(values.shape), values, scored))


def timed(problem: Problem, smoke: bool) -> tuple[dict[str, Times], dict[str, int]]:
    """Return the times of plain runs and of k directions by each method, and of how many patients."""
    n = SMOKE if smoke else PATIENTS
    p, y = problem.parameters[:n], problem.initial[:n]
    calls: dict[str, Any] = {}
    for method in METHODS:
        calls[f"{method}, plain"] = partial(immunode, problem, method, p, y, RTOL)
        for k in COUNTS:
            calls[f"{method}, {k}"] = partial(
                immunode, problem, method, p, y, RTOL, directions=directions(problem, k, n)
            )
    patients = dict.fromkeys(calls, n)
    if not smoke and not PEERS[PEER].missing:
        larger, few = variational(problem, FIRST, INITIAL), n // 4
        label = f"{PEER}, {len(FIRST)}, variational equations"
        calls[label] = partial(PEERS[PEER].prepare(larger), larger.parameters[:few], larger.initial[:few], RTOL)
        patients[label] = few
    for label, call in calls.items():
        say(f"sensitivities: {label}")
        call()
    return interleaved(calls, 1 if smoke else RUNS, "sensitivities"), patients


def headline(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the rows of docs/performance.md."""
    rows, method, us = [], default_method(), figures["us_per_patient"]
    peer = [f"{label}: {value['median']:,.0f} µs" for label, value in us.items() if label.startswith(PEER)]
    for k in COUNTS:
        ratio = figures["over_k_plus_1_plain_runs"][method][str(k)]
        ours = f"{us[f'{method}, {k}']['median']:,.0f} µs"
        beside = "; ".join(["at most 0.6 wanted", *(peer if k == len(FIRST) else [])])
        rows.append((f"{k} sensitivities over {k + 1} plain runs, {method}", f"{ratio} ({ours})", beside))
    text = ", ".join(f"{error['p99']:.1e} at rtol {rtol}" for rtol, error in figures["error"][method].items())
    what, beside = "p99 error of the sensitivities to five parameters", "against the variational equations at 1e-13"
    return [*rows, (what, text, beside)]
