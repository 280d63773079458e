"""How wrong are results, in units of the tolerance? Varied patients of four models that declare no scale.

The unit is what docs/tolerances.md allows a step (benchmarks/promise.py), the scale that of what the patient has
been given. Problem A and the three other models are solved by each method that suits them and compared with rodas5p at
1e-12, in every state at every output.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

import immunode as im
from benchmarks.accuracy import quantiles
from benchmarks.measure import Times, interleaved, say
from benchmarks.plot import work_precision
from benchmarks.problem import log_normal
from benchmarks.problem_a import DOSES, END, NOMINAL, SPREAD, slopes
from benchmarks.promise import PROMISED, tolerance
from benchmarks.result import Result
from immunode import models
from immunode.engine import METHODS, Solution
from immunode.functions import mod, where
from immunode.model.scales import scales_or_one
from immunode.simulation import run

QUESTION = "1 000 varied patients of four models without declared scales: errors in units of the tolerance"
PATIENTS, SMOKE, CV = 1000, 16, 0.3
RTOLS, EXACT = (1e-4, 1e-6, 1e-8), 1e-12
Errors = dict[str, dict[str, float]]  # by method and rtol


@dataclass(frozen=True, eq=False)
class Case:
    """Hold patients (n, P) of a model, what they are given, when they are looked at, and the methods that suit them."""

    model: im.Model
    parameters: np.ndarray
    regimen: im.Regimen
    times: np.ndarray
    methods: tuple[str, ...] = tuple(METHODS)

    def solve(self, n: int, method: str, rtol: float) -> Solution:
        """Return the solution of the first n patients, values (n, T, S)."""
        names = [state.name for state in self.model.states]
        solution = run(
            self.model, self.parameters[:n], [self.regimen], np.zeros(n, np.int64),
            times=self.times, observe=names, start=0.0, method=method, rtol=rtol,
        )  # fmt: skip
        if solution.status.any():
            raise AssertionError(f"{np.count_nonzero(solution.status)} patients of {self.model.name} failed")
        return solution


def varied(model: im.Model, cv: Mapping[str, float]) -> np.ndarray:
    """Return the parameters of the patients."""
    return np.column_stack(list(log_normal(dict(model.typical), dict(cv), PATIENTS).values()))


def problem_a() -> Case:
    """Return problem A as a model whose states declare no scale."""
    names = ("D", "C", "R", "T", "P", "V")

    def derivative(t: Any, x: Any, p: Any) -> dict[str, Any]:
        values = slopes([getattr(x, n) for n in names], {n: getattr(p, n) for n in NOMINAL})
        return {name: p.per_day * slope for name, slope in zip(names, values, strict=True)}

    initial = {"T": lambda p: p.T0, "V": lambda p: p.sV / p.cV}
    model = im.Model(
        "problem_a",
        [im.State(name, "1", initial=initial.get(name, 0.0)) for name in names],
        derivative,
        [*(im.Parameter(name, value, "1") for name, value in NOMINAL.items()), im.Parameter("per_day", 1.0, "1/day")],
    )
    plan = im.Regimen([dose for time, _, amount in DOSES for dose in im.dose(f"{amount} 1", "D", times=[time])])
    return Case(model, varied(model, SPREAD), plan, np.arange(END + 1))


def receptors() -> Case:
    """Return il2_receptors under 4.5 MIU twice a day for five days, every two weeks, outputs every six hours."""
    declared = models.model("il2_receptors")
    model = replace(declared, states=[replace(state, scale=None) for state in declared.states])
    fixed = ("per_pmol", "pmol_per_MIU")
    spread = {name: 0.2 for name, value in model.typical.items() if value and name not in fixed}
    plan = im.dose("4.5 MIU", "sc", times=[14.0 * cycle + k / 2 for cycle in range(2) for k in range(10)])
    stiff = tuple(method for method in METHODS if method != "tsit5")  # which would take an hour
    return Case(model, varied(model, spread), plan, np.arange(0, 28.25, 0.25), stiff)


def oral() -> Case:
    """Return il2_sc, absorbed with a lag and saturably, under 18 MIU a day for five days, thrice; every six hours."""
    declared = models.model("il2_sc")
    model = replace(declared, states=[replace(state, scale=None) for state in declared.states])
    spread = {name: CV for name in ("CL", "V", "ka", "D50", "tlag")}
    plan = im.dose("18 MIU", "sc", days=[1, 2, 3, 4, 5]).repeat(every="7 d", times=3)
    return Case(model, varied(model, spread), plan, np.arange(0, 22.0, 0.25))


def meals() -> Case:
    """Return a drug that bile keeps and gives back at meals, and a feedback that a level switches on."""
    model = im.Model(
        "meals",
        [im.State("gut", "mg"), im.State("blood", "mg"), im.State("bile", "mg"), im.State("enzyme", "1", initial=1.0)],
        lambda t, x, p: {
            "gut": emptied(t, x, p) - p.ka * x.gut,
            "blood": p.ka * x.gut - (p.k * x.enzyme + p.into_bile) * x.blood,
            "bile": p.into_bile * x.blood - emptied(t, x, p),
            "enzyme": p.turnover * (where(x.blood > p.level, p.induced, 1.0) - x.enzyme),
        },
        [
            im.Parameter("ka", 12.0, "1/day"), im.Parameter("k", 2.0, "1/day"), im.Parameter("into_bile", 3.0, "1/day"),
            im.Parameter("empties", 40.0, "1/day"), im.Parameter("between", 1 / 3, "day"),
            im.Parameter("meal", 1 / 24, "day"), im.Parameter("level", 20.0, "mg"), im.Parameter("induced", 4.0, "1"),
            im.Parameter("turnover", 1.5, "1/day"),
        ],
    )  # fmt: skip
    spread = dict.fromkeys(("ka", "k", "into_bile", "empties", "meal", "level", "induced", "turnover"), CV)
    return Case(model, varied(model, spread), im.dose("100 mg", "gut", days=range(1, 15)), np.arange(0, 21.0, 0.25))


def emptied(t: Any, x: Any, p: Any) -> Any:
    """Return what bile loses at meals."""
    return where(mod(t, p.between) < p.meal, p.empties * x.bile, 0 * p.empties * x.bile)


CASES = (problem_a, receptors, oral, meals)


def measure(smoke: bool) -> Result:
    """Return the errors of each model, method and rtol; a smoke run has few patients."""
    n = SMOKE if smoke else PATIENTS
    figures: dict[str, Errors] = {}
    accuracy: dict[str, float] = {}
    calls: dict[str, Any] = {}
    for make in CASES:
        case, name = make(), make.__name__
        say(f"tolerances: {name}")
        each = {f"{method} {rtol:g}": error for method, rtol, error in errors(case, n)}
        figures[name] = {label: described(error) for label, error in each.items()}
        accuracy |= {f"{name} {label}": quantiles(error[:SMOKE])["p99"] for label, error in each.items()}
        calls |= {f"{name} {m} {r:g}": partial(case.solve, n, m, r) for m in case.methods for r in RTOLS}
    times = interleaved(calls, 1, "tolerances")
    return Result(
        question=QUESTION,
        figures={"patients": n, "errors_in_units_of_the_tolerance": figures},
        times=times,
        headline=[] if smoke else headline(figures),
        draw=work_precision({name: drawn(name, some, times, n) for name, some in figures.items()}),
        accuracy=accuracy,
    )


def errors(case: Case, n: int) -> Iterator[tuple[str, float, np.ndarray]]:
    """Yield each method and rtol with the errors (n, T, S) in units of the tolerance."""
    exact = case.solve(n, "rodas5p", EXACT)
    scales = scales_or_one(case.model, exact.received)[:, None]
    for method in case.methods:
        for rtol in RTOLS:
            wrong = np.abs(case.solve(n, method, rtol).values - exact.values)
            yield method, rtol, wrong / tolerance(exact.values, scales, rtol)


def described(error: np.ndarray) -> dict[str, float]:
    """Return median, p99 and largest error, and in how many patients one is more than PROMISED."""
    return quantiles(error) | {"patients_beyond": int(np.sum(error.max(axis=(1, 2)) > PROMISED))}


def drawn(name: str, figures: Errors, times: Mapping[str, Times], n: int) -> dict[str, Any]:
    """Return the curves of a model: p99 errors and microseconds a patient of each method."""
    curves: dict[str, Any] = {}
    for label, error in figures.items():
        method, rtol = label.split()
        x, y = curves.setdefault(method, ([], []))
        x.append(float(rtol) * error["p99"])
        y.append(times[f"{name} {label}"].per(n)["median"])
    return curves


def headline(figures: Mapping[str, Errors]) -> list[tuple[str, str, str]]:
    """Return the rows of docs/performance.md."""
    rows = []
    for name, some in figures.items():
        text: dict[str, list[str]] = {}
        for label, error in some.items():
            text.setdefault(label.split()[0], []).append(f"{error['p99']:.2g} / {error['max']:.2g}")
        most = max(error["patients_beyond"] for error in some.values())
        rows.append((
            f"{name} without scales: p99 / largest error in units of the tolerance",
            "; ".join(f"{method} {', '.join(each)}" for method, each in text.items()),
            f"rtol 1e-4, 1e-6, 1e-8; beyond {PROMISED}: {most} of {PATIENTS} patients",
        ))  # fmt: skip
    return rows
