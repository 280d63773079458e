"""Compile a traced model to machine code and solve it for many patients: the only place that knows Numba."""

from immunode.engine.constants import ADD, DRIP, MULTIPLY, NEVER, OUTPUT, PARAMETER, PUT, RATE, REPLACE, RESET, STOP
from immunode.engine.inputs import Directions, Events, Grid, Scales, no_events, one_grid, one_regimen
from immunode.engine.methods import METHODS
from immunode.engine.program import Program, build
from immunode.engine.solve import Solution, solve

__all__ = [
    "ADD",
    "DRIP",
    "METHODS",
    "MULTIPLY",
    "NEVER",
    "OUTPUT",
    "PARAMETER",
    "PUT",
    "RATE",
    "REPLACE",
    "RESET",
    "STOP",
    "Directions",
    "Events",
    "Grid",
    "Program",
    "Scales",
    "Solution",
    "build",
    "no_events",
    "one_grid",
    "one_regimen",
    "solve",
]
