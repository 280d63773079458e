"""Write small models for the engine, as symbols, and solve them with the arguments that most tests share."""

from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import pytest
import sympy as sp

from immunode.engine import build, layout, no_events, one_regimen, program, solve
from immunode.model.trace import Trace

RTOL = 1e-8
KA, CL, V = 1.3, 2.0, 5.0


@lru_cache
def pk():
    """Depot and central with first-order absorption; the concentration is an output; both take infusions."""
    t, depot, central, ka, clearance, volume = sp.symbols("t depot central ka CL V", real=True)
    slopes = (-ka * depot, ka * depot - clearance / volume * central)
    return build(Trace(t, (depot, central), (ka, clearance, volume), slopes, (central / volume,), (0, 1)))


@lru_cache
def scalar(text, parameters="p", method="auto"):
    """One state y with the slope written in `text`, time t."""
    t, y = sp.symbols("t y", real=True)
    names = sp.symbols(parameters + ",", real=True)
    space = {"t": t, "y": y, **{str(s): s for s in names}}
    return build(Trace(t, (y,), names, (sp.sympify(text, space),)), method)


def solve_pk(records=(), times=(), n=1, end=None, **more):
    times = np.asarray(times, float)
    arguments = {"y0": np.zeros((n, 2)), "parameters": np.tile([KA, CL, V], (n, 1)), "columns": [0, 1, 2], "start": 0.0}
    arguments |= {"events": one_regimen(n, list(records)), "rtol": RTOL, "atol": 1e-12, "end": end or times[-1]} | more
    return solve(pk(), arguments.pop("y0"), arguments.pop("parameters"), arguments.pop("events"), times, **arguments)


def solve_scalar(program, y0, parameters, end, times=(), events=None, **more):
    y0 = np.asarray(y0, float).reshape(-1, 1)
    arguments = {"columns": [0], "start": 0.0, "end": end, "rtol": RTOL, "atol": 1e-12} | more
    parameters = np.asarray(parameters, float).reshape(len(y0), -1)
    return solve(program, y0, parameters, events or no_events(len(y0)), times, **arguments)


@contextmanager
def straight_lines_up_to(operations):
    """Emit loops where a step has more operations than that, and forget what was emitted before and afterwards."""
    made = (program.build, program._compile)  # a program keeps its kernels, too
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "STRAIGHT", operations)
        patch.setattr(layout, "STRAIGHT_ALONG", operations)
        for remembered in made:
            remembered.cache_clear()
        yield
    for remembered in made:
        remembered.cache_clear()
