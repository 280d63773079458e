"""Stiff problems with varied patients: Robertson, HIRES, and IL-2 with all its receptors.

Hairer & Wanner 1996, Solving Ordinary Differential Equations II, IV.10, doi:10.1007/978-3-642-05221-7, have the first
two, after Robertson 1966 and Schäfer 1975, J Math Biol 2:41. Each patient's rates are drawn around the usual ones.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from benchmarks.problem import Problem, log_normal
from immunode.model.trace import Trace
from immunode.models import model
from immunode.steady_state.start import initial_states

# absolute tolerances: of several powers of ten the one with which numbalsoda does best at equal error, or near it
PATIENTS, CV = 256, 0.2
ROBERTSON = {"k1": 0.04, "k2": 3e7, "k3": 1e4}
HIRES = {
    "k1": 1.71, "k2": 0.43, "k3": 8.32, "k4": 0.69, "k5": 0.035, "k6": 8.32, "k_plus": 280.0, "k_minus": 0.69,
    "k_star": 0.69, "oks": 0.0007,
}  # fmt: skip
CONSTANTS = ("per_pmol", "pmol_per_MIU")


def robertson_slopes(y: Any, p: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the right-hand side of an autocatalytic reaction."""
    a, b, c = y
    slow, fast, back = p["k1"] * a, p["k2"] * b * b, p["k3"] * b * c
    return -slow + back, slow - back - fast, fast


def hires_slopes(y: Any, p: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the right-hand side of a plant's high irradiance response."""
    a, b, c, d, e, f, g, h = y
    bound, freed = p["k_plus"] * f * h, (p["k2"] + p["k_minus"] + p["k_star"]) * g
    return (
        -p["k1"] * a + p["k2"] * b + p["k6"] * c + p["oks"],
        p["k1"] * a - (p["k2"] + p["k3"]) * b,
        -(p["k6"] + p["k1"]) * c + p["k2"] * d + p["k5"] * e,
        p["k3"] * b + p["k1"] * c - (p["k4"] + p["k2"]) * d,
        -(p["k5"] + p["k1"]) * e + p["k2"] * (f + g),
        -bound + p["k4"] * d + p["k1"] * e - p["k2"] * f + p["k_minus"] * g,
        bound - freed,
        -bound + freed,
    )


def classic(
    name: str, slopes: Any, nominal: dict[str, float], start: list[float], times: np.ndarray, atol_per_rtol: float
) -> Problem:
    """Return the problem of plain equations without doses, all states from `start`."""
    states = tuple(sp.Symbol(f"y{i + 1}", real=True) for i in range(len(start)))
    p = {key: sp.Symbol(key, real=True) for key in nominal}
    return Problem(
        name=name,
        trace=Trace(sp.Symbol("t", real=True), states, tuple(p.values()), slopes(states, p)),
        doses=(),
        times=times,
        end=float(times[-1]),
        parameters=np.column_stack(list(log_normal(nominal, dict.fromkeys(nominal, CV), PATIENTS).values())),
        initial=np.tile(start, (PATIENTS, 1)),
        scored=tuple(range(len(start))),
        atol_per_rtol=atol_per_rtol,
        stiff=True,
    )


@lru_cache
def robertson() -> Problem:
    """Return Robertson's problem until 1e11; y2 is small, and LSODA fails when it turns negative."""
    return classic("robertson", robertson_slopes, ROBERTSON, [1.0, 0.0, 0.0], np.logspace(-1, 11, 37), 1e-8)


@lru_cache
def hires() -> Problem:
    """Return HIRES with outputs from 0.01 to its usual end."""
    start = [1.0, 0, 0, 0, 0, 0, 0, 0.0057]
    return classic("hires", hires_slopes, HIRES, start, np.geomspace(0.01, 321.8122, 40), 1e-3)


@lru_cache
def receptors() -> Problem:
    """Return il2_receptors under 4.5 MIU twice a day for five days, every two weeks, outputs every six hours."""
    declared = model("il2_receptors")
    typical = dict(declared.typical)
    spread = {name: CV for name, value in typical.items() if value and name not in CONSTANTS}
    parameters = np.column_stack(list(log_normal(typical, spread, PATIENTS).values()))
    names = [state.name for state in declared.states]
    return Problem(
        name="il2_receptors",
        trace=declared.trace(),
        doses=tuple((14.0 * cycle + k / 2, names.index("depot"), 4.5) for cycle in range(2) for k in range(10)),
        times=np.arange(0, 28.25, 0.25),
        end=28.0,
        parameters=parameters,
        initial=initial_states(declared, parameters),
        scored=tuple(i for i, name in enumerate(names) if name != "depot"),
        atol_per_rtol=1e-5,
        stiff=True,
    )
