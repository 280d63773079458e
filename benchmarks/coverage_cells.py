"""The populations on which intervals are judged: closed form (like, skewed, mixed), an ODE, an ODE through a rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import immunode as im
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.problem import PopulationProblem

VISITS = 3
SIZES = (12, 33, 100)
QUARTILES = ("q1", "median", "q3")
TRIALS = (12, 20, 33, 33, 60, 100)  # patients of trials that differ


@dataclass(frozen=True, eq=False)
class Cell:
    """Hold a cell: a population whose values are the truth, what is fitted, and evidence with the statistics that are
    printed, whose numbers are replaced by simulated ones."""

    name: str
    n: int
    sets: int
    population: im.Population
    vary: Mapping[str, Any]
    derived: Mapping[str, str]
    evidence: Callable[[], im.Evidence | list[im.Evidence]]
    effects: tuple[str, ...] = ()
    tau: float | None = None  # of the trials' effects; None draws it from its prior for each set

    def problem(self) -> PopulationProblem:
        """Return the problem of the cell."""
        return population_problem(
            self.evidence(), self.population, self.vary, derived=self.derived, trial_effects=self.effects, seed=1,
            threads=1,
        )  # fmt: skip


def value_of(k: str) -> Callable[[Any, Any, Any], Any]:
    """Return an output that is a parameter."""
    return lambda t, x, p: getattr(p, k)


def closed_form(label: str, n: int, rho: float, omega: float, sets: int, *, mixed: bool = False) -> Cell:
    """Return a cell whose values at visits are log-normal and correlated, or a mixture of two such classes."""
    names = [f"y{v}" for v in range(VISITS)]
    model = im.Model(
        "visits", [im.State("s", "1")], lambda t, x, p: {"s": -p.k * x.s},
        [im.Parameter(k, 100.0, "mg", low=1, high=1e5) for k in names] + [im.Parameter("k", 1.0, "1/day")],
        outputs=[im.Output(f"v{v}", "mg", value_of(k)) for v, k in enumerate(names)],
    )  # fmt: skip
    groups = [im.Subgroup(name="high", share=0.3, scale=dict.fromkeys(names, 3.0), source="assumed")] if mixed else []
    typical = {k: 100 * np.exp(0.2 * v) for v, k in enumerate(names)}
    pairs = {(a, b): rho for i, a in enumerate(names) for b in names[i + 1 :]}
    population = im.Population(
        model, omega=dict.fromkeys(names, omega), correlation=pairs, typical=typical, subgroups=groups
    )  # fmt: skip
    derived = {k: f"y0 * exp({v} * trend)" for v, k in enumerate(names) if v}
    derived |= {f"omega_{k}": "omega_y0" for k in names[1:]}
    rows = [
        {"arm": "a", "observable": f"v{v}", "day": 1, "statistic": statistic, "value": 100.0 + i}
        for v in range(VISITS) for i, statistic in enumerate(("q1", "median", "q3"))
    ]  # fmt: skip
    vary = {"y0": {}, "trend": {"value": 0.2, "min": -2, "max": 2}, "omega_y0": {}}
    return Cell(
        label, n, sets, population, vary, derived,
        lambda: im.Evidence(name="closed_form", arms=[{"name": "a", "n": n}], rows=rows),
    )  # fmt: skip


def ode(n: int, sets: int) -> Cell:
    """Return a cell of IL-2 after one injection at two doses: peaks, areas, and a share above a level."""
    population = im.Population("il2_sc", omega={"CL": 0.35, "V": 0.25, "ka": 0.35})
    rows = []
    for arm in ("low", "high"):
        of = {"arm": arm, "observable": "il2", "day": 1}
        rows += [{**of, "measure": "cmax", "statistic": s, "value": 20.0 + i} for i, s in enumerate(QUARTILES)]
        rows += [{**of, "measure": "auc", "statistic": s, "value": v} for s, v in (("mean", 10.0), ("sd", 3.0))]
    rows.append({"arm": "low", "observable": "il2", "day": 0.5, "statistic": "percent_above", "limit": 5, "value": 50})
    arms = [{"name": "low", "regimen": "3 MIU SC", "n": n}, {"name": "high", "regimen": "9 MIU SC", "n": n}]
    return Cell(
        f"ODE, n {n}", n, sets, population, {"CL": {}, "ka": {}, "omega_CL": {}}, {},
        lambda: im.Evidence(name="ode", arms=arms, rows=rows),
    )  # fmt: skip


def through_a_rule(n: int, sets: int) -> Cell:
    """Return a cell of cells that a drug recruits, whose patients get a second course by a rule of day 28."""
    model = im.Model(
        "recruited",
        [im.State("drug", "mg"), im.State("cells", "cells/uL", initial=lambda p: p.base)],
        lambda t, x, p: {
            "drug": -p.ke * x.drug,
            "cells": p.kout * (p.base * (1 + p.gain * x.drug / (x.drug + p.ED50)) - x.cells),
        },
        [
            im.Parameter("ke", 0.2, "1/day"), im.Parameter("kout", 0.1, "1/day", low=0.001, high=10),
            im.Parameter("base", 200.0, "cells/uL"), im.Parameter("gain", 2.0, "1", low=0.01, high=100),
            im.Parameter("ED50", 10.0, "mg"),
        ],
        routes={"iv": "drug"},
    )  # fmt: skip
    population = im.Population(model, omega={"gain": 0.5, "kout": 0.3, "base": 0.25})
    rule = {
        "name": "day 28", "day": 28, "when": {"signal": "cells", "days": [14, 28], "above": 1.5},
        "then": {"label": "responder"}, "otherwise": {"label": "other", "regimen": "10 mg IV QD days 1-5"},
    }  # fmt: skip
    arm = {"name": "a", "n": n, "regimen": "10 mg IV QD days 1-5", "rules": [rule]}
    rows = [
        {"arm": "a", "observable": "cells", "day": day, "statistic": s, "value": 100.0 + i}
        for day in (14, 28, 42) for i, s in enumerate(QUARTILES)
    ]  # fmt: skip
    rows.append({"arm": "a", "measure": "doses", "day": 43, "statistic": "percent_above", "limit": 6, "value": 50})
    return Cell(
        f"rule, n {n}", n, sets, population, {"gain": {}, "kout": {}, "omega_gain": {}}, {},
        lambda: im.Evidence(name="rule", arms=[arm], rows=rows, noise={"cells": 0.1}),
    )  # fmt: skip


def trials_differ(tau: float | None, sets: int) -> Cell:
    """Return a cell of six trials, each with its own shift of the median, of SD tau."""
    model = im.Model(
        "one", [im.State("s", "1")], lambda t, x, p: {"s": -p.k * x.s},
        [im.Parameter("y0", 100.0, "mg", low=1, high=1e5), im.Parameter("k", 1.0, "1/day")],
        outputs=[im.Output("v0", "mg", value_of("y0"))],
    )  # fmt: skip
    of = {"arm": "a", "observable": "v0", "day": 1}

    def evidence() -> list[im.Evidence]:
        return [
            im.Evidence(
                name=f"trial_{i}", arms=[{"name": "a", "n": n}],
                rows=[{**of, "statistic": s, "value": 100.0 + k} for k, s in enumerate(QUARTILES)],
            )
            for i, n in enumerate(TRIALS)
        ]  # fmt: skip

    name = "tau from its prior" if tau is None else f"tau {tau:g}"
    return Cell(
        f"six trials, {name}", sum(TRIALS), sets, im.Population(model, omega={"y0": 0.5}), {"y0": {}, "omega_y0": {}},
        {}, evidence, ("y0",), tau,
    )  # fmt: skip


def cells(closed: int = 500, simulated: int = 200, trials: int = 100) -> list[Cell]:
    """Return every cell, with how many sets are drawn in those of closed form and in the others."""
    out = [closed_form(f"log-normal, correlation {r:g}, n {n}", n, r, 0.5, closed) for n in SIZES for r in (0.5, 0.8)]
    out += [closed_form(f"skewed, n {n}", n, 0.5, 1.0, closed) for n in SIZES]
    out += [closed_form(f"mixture, n {n}", n, 0.5, 0.4, closed, mixed=True) for n in SIZES]
    out += [ode(n, simulated) for n in SIZES] + [through_a_rule(n, simulated) for n in SIZES]
    return [*out, trials_differ(None, 2 * trials), *(trials_differ(tau, trials) for tau in (0.0, 0.15, 0.3, 0.6))]
