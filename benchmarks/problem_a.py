"""Problem A: six states of IL-2, CD4 cells and virus; 30 doses, 541 daily outputs, 1 000 varied patients.

Its parameters are invented for benchmarking, not fitted.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from benchmarks.problem import Problem, log_normal
from immunode.model.trace import Trace

NOMINAL = {
    "ka": 6.0, "F": 0.35, "kel": 24 * math.log(2) / 3.3, "Vc": 10.0, "ind": 1.0, "Vmax": 500.0, "Km": 20.0, "kr": 0.6,
    "kdr": 0.25, "EC50R": 2.0, "s": 0.9, "dT0": 0.01, "kact": 0.3, "EC50": 10.0, "r2": 0.7, "rp": 0.4, "dp": 0.1,
    "beta": 1e-4, "pbe": 0.025, "cV": 23.0, "sV": 2000.0, "T0": 61.0,
}  # fmt: skip
SPREAD = {
    "ka": 0.3, "kel": 0.3, "Vc": 0.3, "ind": 0.3, "Vmax": 0.3, "kr": 0.2, "EC50R": 0.3, "s": 0.2, "kact": 0.25,
    "EC50": 0.3, "r2": 0.1, "T0": 0.3, "beta": 0.3, "pbe": 0.2, "sV": 0.3,
}  # fmt: skip
DOSES = tuple((28.0 * cycle + day, 0, 3000.0) for cycle in range(3) for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11))
PATIENTS, END = 1000, 540.0


def slopes(y: Any, p: dict[str, Any]) -> tuple[Any, ...]:
    """Return the right-hand side: dose D, IL-2 C, receptors R, resting T and cycling P cells, virus V."""
    d, c, r, t, cycling, v = y
    level = c / p["Vc"]
    act = p["kact"] * level / (level + p["EC50"])
    return (
        -p["ka"] * d,
        p["F"] * p["ka"] * d - p["kel"] * (1 + p["ind"] * r) * c - p["Vmax"] * level / (p["Km"] + level),
        p["kr"] * (level / (level + p["EC50R"])) - p["kdr"] * r,
        p["s"] - p["dT0"] * t - act * t + p["r2"] * cycling - p["beta"] * t * v,
        act * t + (p["rp"] - p["r2"] - p["dp"]) * cycling,
        p["sV"] + p["pbe"] * t * v - p["cV"] * v,
    )


def trace(copies: int = 1, salt: str = "") -> Trace:
    """Return the equations, or `copies` of them with the virus of each fed by the cells of the one before.

    A `salt` in the names of the states makes a model that no cache has.
    """
    states: list[sp.Symbol] = []
    parameters: list[sp.Symbol] = []
    derivative: list[sp.Expr] = []
    for k in range(copies):
        y = [sp.Symbol(f"{name}{k or ''}{salt}", real=True) for name in "DCRTPV"]
        p = {name: sp.Symbol(f"{name}{k or ''}", real=True) for name in NOMINAL}
        f = list(slopes(y, p))
        if k:
            f[5] += states[-3] / 1000
        states += y
        parameters += p.values()
        derivative += f
    return Trace(
        time=sp.Symbol("t", real=True),
        states=tuple(states),
        parameters=tuple(parameters),
        derivative=tuple(derivative),
        infused=tuple(range(0, 6 * copies, 6)),
    )


def population(patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters[patients, 22] and initial states[patients, 6]."""
    p = log_normal(NOMINAL, SPREAD, patients)
    initial = np.zeros((patients, 6))
    initial[:, 3], initial[:, 5] = p["T0"], p["sV"] / p["cV"]
    return np.column_stack(list(p.values())), initial


@lru_cache
def problem_a() -> Problem:
    """Return the problem with its 1 000 patients."""
    parameters, initial = population(PATIENTS)
    return Problem(
        name="problem_a",
        trace=trace(),
        doses=DOSES,
        times=np.arange(END + 1),
        end=END,
        parameters=parameters,
        initial=initial,
        scored=(1, 2, 3, 4, 5),
        atol_per_rtol=1e-3,
    )
