"""What do a located switch and a trigger cost? Problem A with a threshold on a state, beside it as it is.

And what does a switch cost that never happens, and does a model without any pay for those of others? Its equations are
compiled without them (tests/engine/test_no_switches.py): the rows say what is saved so.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from benchmarks.accuracy import quantiles, relative
from benchmarks.measure import RUNS, interleaved
from benchmarks.plot import ranges
from benchmarks.problem import Problem
from benchmarks.problem_a import DOSES, problem_a
from benchmarks.result import Result
from benchmarks.solvers import default_method, immunode
from immunode.model.triggers import TracedTrigger

QUESTION = (
    "Problem A, rtol 1e-6, one thread: with IL-2 acting by half below a threshold, located twice a dose, with a "
    "trigger there, with thresholds that are never reached, and without"
)
RTOL, EXACT, SMOKE = 1e-6, 1e-11, 32


NEVER = "with a threshold of a state that is never reached"
NEVER_BY_TIME = "with a threshold of time that is never reached"


def symbols(problem: Problem) -> dict[str, Any]:
    """Return states and parameters by name."""
    return {symbol.name: symbol for symbol in (*problem.trace.states, *problem.trace.parameters)}


def halved(problem: Problem, full: Any, name: str) -> Problem:
    """Return problem A with half of the activation where the condition `full` does not hold."""
    acting = symbols(problem)["kact"]
    share = sp.Piecewise((1, full), (sp.Rational(1, 2), True))
    slopes = [sp.sympify(slope).xreplace({acting: acting * share}) for slope in problem.trace.derivative]
    return replace(problem, name=name, trace=replace(problem.trace, derivative=tuple(slopes)))


def switched(problem: Problem) -> Problem:
    """Return problem A with half of the activation where IL-2 is below its EC50."""
    at = symbols(problem)
    return halved(problem, at["C"] / at["Vc"] > at["EC50"], "problem_a_switched")


def unreached(problem: Problem) -> Problem:
    """Return problem A with half of the activation where IL-2 is below minus its EC50: nowhere."""
    at = symbols(problem)
    return halved(problem, at["C"] / at["Vc"] > -at["EC50"], "problem_a_unreached")


def not_yet(problem: Problem) -> Problem:
    """Return problem A with half of the activation from a time on that lies far behind the end."""
    late = 1e6 + symbols(problem)["EC50"]
    return halved(problem, problem.trace.time < late, "problem_a_not_yet")


def triggered(problem: Problem) -> Problem:
    """Return problem A with a trigger that takes a tenth of IL-2 away each time it falls below its EC50."""
    trace, at = problem.trace, symbols(problem)
    then = ((trace.states.index(at["C"]), at["C"] * sp.Float(0.9)),)
    one = TracedTrigger(at["C"] / at["Vc"] < at["EC50"], then, sp.S.Zero, sp.S.Zero)
    return replace(problem, name="problem_a_triggered", trace=replace(trace, triggers=(one,)))


def measure(smoke: bool) -> Result:
    """Return times, steps and errors of all; a smoke run solves the first 32 patients."""
    plain, method = problem_a(), default_method()
    n = SMOKE if smoke else len(plain.parameters)
    p, y = plain.parameters[:n], plain.initial[:n]
    problems = {
        "without": plain,
        "with a switch": switched(plain),
        "with a trigger": triggered(plain),
        NEVER: unreached(plain),
        NEVER_BY_TIME: not_yet(plain),
    }
    rows: dict[str, dict[str, Any]] = {}
    for name, problem in problems.items():
        solution, exact = (immunode(problem, method, p[:k], y[:k], r) for k, r in ((n, RTOL), (SMOKE, EXACT)))
        error = quantiles(relative(solution.values[:SMOKE], exact.values, problem.scored))
        failed = int(np.sum(solution.status != 0))
        rows[name] = {"steps": round(float(solution.steps.mean()), 1), "failed": failed, "error": error}
    calls = {name: partial(immunode, problem, method, p, y, RTOL) for name, problem in problems.items()}
    times = interleaved(calls, 1 if smoke else RUNS, "switches")
    for name, row in rows.items():
        row["us_per_patient"] = times[name].per(n)
    return Result(
        question=QUESTION,
        figures={"method": method, "patients": n, "problems": rows, "switches_a_patient": 2 * len(DOSES)},
        times=times,
        headline=[] if smoke else headline(rows),
        draw=ranges(times, f"Problem A, {method}", "µs per patient", dict.fromkeys(times, 1e6 / n)),
        accuracy={name: row["error"]["p99"] for name, row in rows.items()},
    )


def headline(rows: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the row of docs/performance.md."""
    us = {name: row["us_per_patient"]["median"] for name, row in rows.items()}
    each = (us["with a switch"] - us["without"]) / (2 * len(DOSES))
    more = rows["with a switch"]["steps"] - rows["without"]["steps"]
    what = f"problem A with a threshold on a state, located about {2 * len(DOSES)} times a patient, µs a patient"
    steps, error = more / (2 * len(DOSES)), rows["with a switch"]["error"]["p99"]
    beside = f"without {us['without']:,.0f}; {each:.2f} µs and {steps:.0f} steps a place; p99 error {error:.1e}"
    of_trigger = (us["with a trigger"] - us["without"]) / (2 * len(DOSES))
    trigger = f"{of_trigger:.2f} µs a place; p99 error {rows['with a trigger']['error']['p99']:.1e}"
    idle = f"without any {us['without']:,.0f}, compiled without switches; of time alone {us[NEVER_BY_TIME]:,.0f}"
    return [
        (what, f"{us['with a switch']:,.0f}", beside),
        ("the same with a trigger at that threshold, µs a patient", f"{us['with a trigger']:,.0f}", trigger),
        ("the same with a threshold that is never reached, µs a patient", f"{us[NEVER]:,.0f}", idle),
    ]
