"""Draw trials from the truth of a cell, fit each in every way, and count which intervals hold it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.coverage_cells import Cell
from benchmarks.coverage_rivals import RIVALS
from immunode.calibration.population.fit import TAU_PRIOR
from immunode.calibration.population.interval_table import interval_table
from immunode.calibration.population.moments import yes
from immunode.calibration.population.printed_row import Row
from immunode.calibration.population.problem import Crowd, PopulationProblem
from immunode.calibration.population.search import around, coordinates_at, search
from immunode.calibration.population.simulated import SimulatedTrial, simulate_trial
from immunode.calibration.population.trial_of_evidence import ReadyTrial
from immunode.calibration.population.values import PopulationValues
from immunode.simulation.measuring import over_members

TRUE_PATIENTS = 20_000  # of the population that trials are drawn from
REFITS = 400


@dataclass(frozen=True)
class Judged:
    """Hold what one way of fitting gave for one set: estimates over the truth, by parameter, whether each interval
    holds it, and seconds."""

    ratio: dict[str, float]
    holds: dict[str, bool]
    seconds: float


def drawn_rows(ready: ReadyTrial, true: SimulatedTrial, seed: Sequence[int], shift: float = 0.0) -> list[Row]:
    """Return the rows of a trial whose patients are drawn without replacement from the truth; a `shift` of the
    logarithms is the trial's own."""
    generator = np.random.default_rng(seed)
    picks = [generator.choice(np.flatnonzero(arm.ok), arm.arm.n, replace=False) for arm in true.arms]
    out = []
    for row in ready.rows:
        sides = []
        for arms in (row.arms, row.versus):
            parts = [
                np.concatenate([np.exp(shift) * getattr(true.values[a, row.variable], part)[picks[a]] for a in arms])
                for part in ("values", "start", "end")
            ] if arms else []  # fmt: skip
            sides.append(parts)
        if row.kind == "binomial":
            out.append(replace(row, observed=float(np.nansum(yes(row, sides[0][0])))))
            continue
        each = [float(over_members(row.asked, *(part[None] for part in side))[0]) for side in sides if side]
        out.append(replace(row, observed=each[0] * row.to_unit if len(each) == 1 else each[0] - each[1]))
    return out


def trial_shifts(cell: Cell, seed: int, trials: int) -> np.ndarray:
    """Return the shift of every trial of a set."""
    if not cell.effects:
        return np.zeros(trials)
    generator = np.random.default_rng([seed, 1])
    drawn = TAU_PRIOR * abs(generator.standard_normal())
    return np.asarray((drawn if cell.tau is None else cell.tau) * generator.standard_normal(trials))


def judge(cell: Cell, seeds: Sequence[int]) -> list[dict[str, Judged]]:
    """Return what every way of fitting gave for the sets of these seeds.

    The patients are simulated once for all sets, around the truth: where a fit needs others it draws its own.
    """
    problem = cell.problem()
    truth, values = problem.start, problem.values(problem.start)
    true = [simulate_trial(one.trial, [values], TRUE_PATIENTS, 99, 1) for one in problem.trials]
    crowd = first_crowd(problem, values)
    out = []
    for seed in seeds:
        shifts = trial_shifts(cell, seed, len(true))
        ready = [
            ReadyTrial(one.trial, drawn_rows(one, sim, [seed, t], shifts[t])) for t, (one, sim) in
            enumerate(zip(problem.trials, true, strict=True))
        ]  # fmt: skip
        here = replace(problem, trials=ready)
        near = Crowd(here, crowd.drawn_from, dict(crowd.again))
        out.append(judged(here, near, truth))
    return out


def first_crowd(problem: PopulationProblem, values: PopulationValues) -> Crowd:
    """Return patients drawn around the truth, as a fit draws them around its estimate."""
    from immunode.calibration.population.problem import anchor, uniforms
    from immunode.calibration.population.search import drawn_from

    wide = Crowd(problem, drawn_from(values))
    at = coordinates_at(anchor(problem, wide, problem.start, uniforms(problem)), problem.start)
    crowd = Crowd(problem, around(problem, at))
    crowd.at(values)
    return crowd


def judged(problem: PopulationProblem, crowd: Crowd, truth: np.ndarray) -> dict[str, Judged]:
    """Return what every way of fitting gave for one set."""
    started = time.perf_counter()
    settled = search(problem, lambda stage, objective: None, crowd)
    searched = time.perf_counter() - started
    frame = interval_table(settled.near, REFITS).frame
    seconds = time.perf_counter() - started
    true = {
        name.removeprefix("log_"): float(np.exp(x) if problem.is_log(name) else x)
        for name, x in zip(problem.free, truth, strict=True)
    }  # fmt: skip
    out = {
        "calibrated": _judged(frame.estimate, frame.low, frame.high, true, seconds),
        "raw": _judged(frame.raw, frame.raw_low, frame.raw_high, true, searched),
    }
    for name, rival in RIVALS.items() if not problem.effects.names else ():
        begun = time.perf_counter()
        estimate, low, high = rival(settled)
        out[name] = _judged(estimate, low, high, true, time.perf_counter() - begun)
    return out


def _judged(estimate, low, high, true: dict[str, float], seconds: float) -> Judged:  # type: ignore[no-untyped-def]
    known = [name for name in true if name in estimate]
    ratio = {n: float(estimate[n] / true[n]) if true[n] > 0 and n != "trend" else float(np.exp(estimate[n] - true[n]))
             for n in known}  # fmt: skip
    return Judged(ratio, {n: bool(low[n] <= true[n] <= high[n]) for n in known if n in low}, seconds)
