"""Write a problem's sensitivities as a larger problem, for solvers that know nothing of sensitivities.

The direction of a parameter p is p dy/dp, so that it is as large as the states.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp

from benchmarks.problem import Problem
from immunode.model.trace import Trace


def starts(problem: Problem, names: Sequence[str], initial: Mapping[str, str]) -> np.ndarray:
    """Return the change of the initial states along each direction, [patients, directions, states].

    `initial` names the state whose initial value is proportional to a parameter; no other depends on it.
    """
    states = [str(state) for state in problem.trace.states]
    change = np.zeros((len(problem.parameters), len(names), len(states)))
    for k, name in enumerate(names):
        if name in initial:
            column = states.index(initial[name])
            change[:, k, column] = problem.initial[:, column]
    return change


def variational(problem: Problem, names: Sequence[str], initial: Mapping[str, str]) -> Problem:
    """Return the problem of the states and of one block of states for each direction: dS/dt = J S + p df/dp."""
    trace = problem.trace
    symbols = {str(parameter): parameter for parameter in trace.parameters}
    states, slopes = list(trace.states), list(trace.derivative)
    for name in names:
        block = [sp.Symbol(f"{state}_by_{name}", real=True) for state in trace.states]
        states += block
        for slope in trace.derivative:
            through = sum(slope.diff(state) * s for state, s in zip(trace.states, block, strict=True))
            slopes.append(through + symbols[name] * slope.diff(symbols[name]))
    change = starts(problem, names, initial).reshape(len(problem.parameters), -1)
    return replace(
        problem,
        name=f"{problem.name}_by_{len(names)}",
        trace=Trace(trace.time, tuple(states), trace.parameters, tuple(slopes)),
        initial=np.hstack([problem.initial, change]),
    )
