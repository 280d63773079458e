"""Is the solution as exact between the ends of steps as at them?

The same patient is asked at the same random time twice: in a whole run, where the time falls somewhere inside a step,
and in a run that ends there, so that it is the end of a step. Both have the same steps before. The steps that follow
doses and those of the long gap are asked alike: half of the times lie within a day of a dose.
"""

from dataclasses import replace

import numpy as np

from benchmarks.accuracy import quantiles, relative
from benchmarks.problem import Problem
from benchmarks.reference import reference
from benchmarks.solvers import ours


def asked(problem: Problem, count: int) -> np.ndarray:
    """Return `count` random times, half of them within a day after a dose."""
    rng = np.random.default_rng(7)
    doses = np.array([time for time, _, _ in problem.doses])
    near = rng.choice(doses, count // 2) + rng.random(count // 2)
    return np.unique([*near, *(rng.random(count - count // 2) * problem.end)])


def errors(problem: Problem, method: str, rtols: list[float], patients: int, count: int) -> list[dict[str, float]]:
    """Return the p99 error between steps and at the end of steps, and their ratio, for each rtol."""
    times = asked(problem, count)
    whole = replace(problem, name=f"{problem.name}_between", times=times)
    exact = reference(whole, patients, checked=False).values
    p, y = problem.parameters[:patients], problem.initial[:patients]
    worst = []
    for rtol in rtols:
        inside = ours(whole, method)(p, y, rtol)
        ends = np.concatenate([ours(until(problem, time), method)(p, y, rtol) for time in times], axis=1)
        between, at_end = (quantiles(relative(v, exact, problem.scored))["p99"] for v in (inside, ends))
        worst.append({"rtol": rtol, "between": between, "at_end": at_end, "ratio": round(between / at_end, 2)})
    return worst


def until(problem: Problem, time: float) -> Problem:
    """Return the problem that ends at `time`, its only output."""
    doses = tuple(dose for dose in problem.doses if dose[0] < time)
    return replace(problem, times=np.array([time]), end=time, doses=doses)
