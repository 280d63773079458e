"""State a population problem once, so that every solver gets the same one."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from immunode.model.trace import Trace


@dataclass(frozen=True, eq=False)
class Problem:
    """Hold equations, doses (time, state, amount), output times, and each patient's parameters and initial states.

    An output at the time of a dose is the state before it. The error counts the states `scored`.
    """

    name: str
    trace: Trace
    doses: tuple[tuple[float, int, float], ...]
    times: np.ndarray
    end: float
    parameters: np.ndarray  # [patients, parameters]
    initial: np.ndarray  # [patients, states]
    scored: tuple[int, ...]
    atol_per_rtol: float  # one number for all states, since numbalsoda takes no more
    stiff: bool = False

    def atol(self, rtol: float) -> float:
        """Return the absolute tolerance that goes with `rtol`, the same for every solver."""
        return self.atol_per_rtol * rtol


@dataclass(frozen=True, eq=False)
class Segment:
    """Hold the stretch between two doses: what is added at its begin, and where it is looked at.

    `grid` begins with `begin` and ends with `end`; the first of `rows` outputs after the begin are grid[1:1 + rows].
    """

    begin: float
    end: float
    jump: np.ndarray
    grid: np.ndarray
    first: int  # row of the output at grid[1]
    rows: int


def segments(problem: Problem) -> list[Segment]:
    """Return the stretches between doses, for solvers that must be restarted at each."""
    stops = sorted({0.0, *(time for time, _, _ in problem.doses), problem.end})
    parts = []
    for begin, end in pairwise(stops):
        jump = np.zeros(len(problem.trace.states))
        for time, state, amount in problem.doses:
            jump[state] += amount * (time == begin)
        first, last = np.searchsorted(problem.times, [begin, end], side="right")
        grid = np.unique([begin, *problem.times[first:last], end])
        parts.append(Segment(begin, end, jump, grid, int(first), int(last - first)))
    return parts


def right_hand_side(trace: Trace, modules: Any = "math") -> Callable[[Any, Any, Any], tuple[Any, ...]]:
    """Return f(t, y, p) -> tuple with shared sub-expressions computed once, which Numba and JAX can compile."""
    y, p = sp.DeferredVector("y"), sp.DeferredVector("p")
    swap = {symbol: y[i] for i, symbol in enumerate(trace.states)}
    swap |= {symbol: p[i] for i, symbol in enumerate(trace.parameters)}
    slopes = tuple(sp.sympify(slope).xreplace(swap) for slope in trace.derivative)
    function: Callable[..., Any] = sp.lambdify((trace.time, y, p), slopes, modules=modules, cse=True)
    return function


def log_normal(nominal: dict[str, float], cv: dict[str, float], patients: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Return each parameter of each patient: nominal * exp(cv z - cv^2/2), z standard normal."""
    rng = np.random.default_rng(seed)
    drawn = {name: np.full(patients, value) for name, value in nominal.items()}
    for name, spread in cv.items():
        drawn[name] *= np.exp(spread * rng.standard_normal(patients) - spread**2 / 2)
    return drawn
