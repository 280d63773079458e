"""Solve a problem with immunode; a solver is a function (parameters, initial, rtol) -> values[n, times, states]."""

from collections.abc import Callable

import numpy as np

from benchmarks.problem import Problem
from immunode.engine import ADD, METHODS, Directions, Solution, build, one_regimen, solve

Solver = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def immunode(
    problem: Problem, method: str, parameters: np.ndarray, initial: np.ndarray, rtol: float, threads: int = 1,
    directions: Directions | None = None,
) -> Solution:  # fmt: skip
    """Return the engine's solution for these patients, with sensitivities along `directions` if there are any."""
    events = one_regimen(len(parameters), [(time, ADD, state, amount) for time, state, amount in problem.doses])
    return solve(
        build(problem.trace, method, sensitivities=directions is not None), initial, parameters, events, problem.times,
        columns=range(len(problem.trace.states)), start=0.0, end=problem.end, rtol=rtol, atol=problem.atol(rtol),
        threads=threads, directions=directions,
    )  # fmt: skip


def ours(problem: Problem, method: str) -> Solver:
    """Return immunode's solver by `method`, on one thread."""
    return lambda parameters, initial, rtol: immunode(problem, method, parameters, initial, rtol).values


def default_method() -> str:
    """Return the method that a user gets: auto, once there is one."""
    return "auto" if "auto" in METHODS else next(iter(METHODS))
