"""Compile a traced model to machine code and solve it for many patients: the only place that knows Numba."""

from immunode.engine.loop import ADD, MULTIPLY, RATE, REPLACE, STOP
from immunode.engine.program import METHODS, Program, build
from immunode.engine.solve import Directions, Events, Solution, no_events, one_regimen, solve

__all__ = [
    "ADD",
    "METHODS",
    "MULTIPLY",
    "RATE",
    "REPLACE",
    "STOP",
    "Directions",
    "Events",
    "Program",
    "Solution",
    "build",
    "no_events",
    "one_regimen",
    "solve",
]
