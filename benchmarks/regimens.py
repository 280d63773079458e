"""What do regimens and output times of each patient's own cost over a regimen and times that all share?

The patients are the same, but for their lags, and both arms have as many doses and outputs, up to the same day. Both
are solved from arrays (`run`) and from lists of regimens and of times (`simulate`), and their tables are made alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.accuracy import quantiles, relative
from benchmarks.measure import RUNS, Times, interleaved, median, say
from benchmarks.plot import ranges
from benchmarks.result import Result
from immunode import models
from immunode.model.declaration import Model
from immunode.regimen import Dose, Regimen
from immunode.simulation import run, simulate
from immunode.simulation.engine_input import engine_input
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.ties import PRE
from immunode.simulation.times import OutputTimes

QUESTION = "10 000 patients, rtol 1e-6, one thread: regimens and times of their own over common ones, and the errors"
MODELS = ("il2_cd4_hiv", "il2_sc")  # the second is cheap to solve: there the tables weigh most
PATIENTS, CHECKED, SMOKE, ALONE = 10_000, 1000, 64, 17
DAYS = [28.0 * cycle + day for cycle in range(3) for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)]
END, OUTPUTS, RTOL, EXACT = 180.0, 19, 1e-6, 1e-10


@dataclass(frozen=True, eq=False)
class Arm:
    """Hold patients, (n, P), their regimens, one for all or one each, and output times (T,) or (n, T)."""

    model: Model
    parameters: np.ndarray
    regimens: list[Regimen]
    times: np.ndarray

    @property
    def own(self) -> bool:
        """Return whether each patient has a regimen and times of its own."""
        return self.times.ndim == 2

    @property
    def which(self) -> np.ndarray:
        """Return the regimen of each patient."""
        n = len(self.parameters)
        return np.arange(n) if self.own else np.zeros(n, np.int64)

    @property
    def outputs(self) -> OutputTimes:
        """Return the output times as `run` takes them."""
        first = OUTPUTS * np.arange(len(self.times) + 1) if self.own else None
        return OutputTimes(self.times.ravel(), np.full(self.times.size, PRE), first)

    def patients(self, which: slice) -> "Arm":
        """Return some of the patients."""
        chosen = (self.regimens[which], self.times[which]) if self.own else (self.regimens, self.times)
        return Arm(self.model, self.parameters[which], *chosen)

    def solve(self, rtol: float = RTOL) -> np.ndarray:
        """Return the model's outputs, (n, T, outputs), by `run`."""
        names = [output.name for output in self.model.outputs]
        solved = run(
            self.model, self.parameters, self.regimens, self.which, times=self.outputs, observe=names, start=0.0,
            rtol=rtol,
        )  # fmt: skip
        if solved.status.any():
            raise AssertionError(f"{np.count_nonzero(solved.status)} patients of {self.model.name} failed")
        return solved.values.reshape(len(self.parameters), OUTPUTS, len(names))

    def simulation(self) -> Callable[[], Any]:
        """Return the same as a call of `simulate`."""
        return partial(
            simulate, self.model, self.regimens if self.own else self.regimens[0],
            times=self.times.tolist(), outputs=[output.name for output in self.model.outputs],
            parameters=dict(zip(self.model.typical, self.parameters.T, strict=True)), rtol=RTOL,
        )  # fmt: skip

    def tables(self) -> Any:
        """Return the engine's tables, which `run` makes first."""
        start = np.zeros(len(self.parameters))
        ensemble = Ensemble(self.model, self.parameters, self.regimens, self.which, start)
        return engine_input(ensemble, self.outputs, SolveOptions())


def arms(model: Model, n: int) -> dict[str, Arm]:
    """Return the first n patients with a common regimen and with their own."""
    rng = np.random.default_rng(20251125)
    names = list(model.typical)
    common = np.tile(list(model.typical.values()), (PATIENTS, 1)).astype(float)
    for name in ("CL", "V", "ka"):
        common[:, names.index(name)] *= np.exp(0.3 * rng.standard_normal(PATIENTS))
    lagged = common.copy()
    lagged[:, names.index("tlag")] *= np.exp(0.3 * rng.standard_normal(PATIENTS))
    amounts = 3.0 * np.exp(0.2 * rng.standard_normal((PATIENTS, len(DAYS))))
    days = np.array(DAYS) + rng.uniform(0, 0.5, (PATIENTS, len(DAYS)))
    times = np.sort(rng.uniform(0, END, (PATIENTS, OUTPUTS)), axis=1)
    times[:, -1] = END
    say(f"regimens: {n} regimens for {model.name}")
    regimens = [_regimen(*row) for row in zip(amounts[:n].tolist(), days[:n].tolist(), strict=True)]
    return {
        "common": Arm(model, common[:n], [_regimen([3.0] * len(DAYS), DAYS)], np.linspace(0, END, OUTPUTS)),
        "own": Arm(model, lagged[:n], regimens, times[:n]),
    }


def _regimen(amounts: list[float], days: list[float]) -> Regimen:
    return Regimen(tuple(Dose(amount, "MIU", "sc", day) for amount, day in zip(amounts, days, strict=True)))


def measure(smoke: bool) -> Result:
    """Return times and errors; a smoke run solves the first 64 patients."""
    n, checked = (SMOKE, SMOKE) if smoke else (PATIENTS, CHECKED)
    calls: dict[str, Callable[[], Any]] = {}
    errors, accuracy = {}, {}
    for name in MODELS:
        for which, arm in arms(models.model(name), n).items():
            label = f"{name}, {which}"
            values = arm.solve()
            check_alone(arm, values)
            say(f"regimens: error of {label}")
            exact = arm.patients(slice(checked)).solve(EXACT)
            scored = range(values.shape[2])
            errors[label] = quantiles(relative(values[:checked], exact, scored))
            accuracy[label] = quantiles(relative(values[:SMOKE], exact[:SMOKE], scored))["p99"]
            simulation = arm.simulation()
            simulation()
            calls |= {f"{label}: run": arm.solve, f"{label}: simulate": simulation, f"{label}: tables": arm.tables}
    times = interleaved(calls, 1 if smoke else RUNS, "regimens")
    ratios = {f"{name}: {how}": over(times, name, how) for name in MODELS for how in ("run", "simulate")}
    figures = {"patients": n, "doses": len(DAYS), "outputs": OUTPUTS, "own_over_common": ratios, "error": errors}
    figures |= {"checked": checked, "us_per_patient": {label: t.per(n) for label, t in times.items()}}
    return Result(
        question=QUESTION,
        figures=figures,
        times=times,
        headline=[] if smoke else [row(times, ratios, errors, name) for name in MODELS],
        draw=ranges(times, "Regimens and times, common and own", "µs per patient", dict.fromkeys(times, 1e6 / n)),
        accuracy=accuracy,
    )


def check_alone(arm: Arm, values: np.ndarray) -> None:
    """Raise AssertionError unless a patient alone has the same bits as among all, from arrays and from lists."""
    alone = arm.patients(slice(ALONE, ALONE + 1))
    listed = alone.simulation()()
    again = np.stack([listed[output.name].values.ravel() for output in arm.model.outputs], axis=1)
    for solved in (alone.solve()[0], again):
        if not np.array_equal(solved, values[ALONE]):
            raise AssertionError(f"patient {ALONE} of {arm.model.name} alone has other bits than among all")


def over(times: dict[str, Times], name: str, how: str) -> dict[str, float]:
    """Return the time with own regimens and times over that with common ones, on the clock and of processor time."""
    apart, common = times[f"{name}, own: {how}"], times[f"{name}, common: {how}"]
    return {
        kind: round(median(getattr(apart, kind)) / median(getattr(common, kind)), 2) for kind in ("clock", "processor")
    }


def row(times: dict[str, Times], ratios: dict[str, Any], errors: dict[str, Any], name: str) -> tuple[str, str, str]:
    """Return the README's row of a model."""
    seconds = {label: median(t.clock) for label, t in times.items()}
    what = f"{name}: {PATIENTS:,} patients with regimens and times of their own over the same with common ones"
    value = " and ".join(f"{ratios[f'{name}: {how}']['clock']} ({how})" for how in ("run", "simulate"))
    tables = f"{seconds[f'{name}, own: tables']:.2g} s of {seconds[f'{name}, own: run']:.2g} s make tables"
    p99 = f"p99 error {errors[f'{name}, own']['p99']:.1e} and {errors[f'{name}, common']['p99']:.1e}"
    return what, value, f"at most 1.3 wanted; {tables}; {p99}"
