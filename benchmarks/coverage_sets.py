"""Draw trials from the truth of a cell, fit each in every way, and count which intervals hold it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.coverage_cells import Cell
from benchmarks.coverage_rivals import RIVALS
from immunode.calibration.population.fit import REFITS, TAU_PRIOR, settle
from immunode.calibration.population.interval_table import interval_table
from immunode.calibration.population.likelihood import Seen, seen_of
from immunode.calibration.population.moments import yes
from immunode.calibration.population.neighbourhood import Neighbourhood, neighbourhood
from immunode.calibration.population.printed_row import Row, of_kind
from immunode.calibration.population.problem import Crowd, PopulationProblem, anchor, uniforms
from immunode.calibration.population.refits import refit
from immunode.calibration.population.search import around, coordinates_at, drawn_from
from immunode.calibration.population.simulated import SimulatedTrial, simulate_trial
from immunode.calibration.population.trial_of_evidence import ReadyTrial
from immunode.calibration.population.values import PopulationValues
from immunode.simulation.measuring import over_members

TRUE_PATIENTS = 20_000  # of the population that trials are drawn from


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

    The patients are simulated once for all sets, around the truth: where a fit needs others it draws its own. Searches
    begin where a surface around the truth says.
    """
    problem = cell.problem()
    values = problem.values(problem.start)
    true = [simulate_trial(one.trial, [values], TRUE_PATIENTS, 99, 1) for one in problem.trials]
    around_truth = neighbourhood_of_truth(problem, values)
    out = []
    for seed in seeds:
        shifts = trial_shifts(cell, seed, len(true))
        ready = [
            ReadyTrial(one.trial, drawn_rows(one, sim, [seed, t], shifts[t])) for t, (one, sim) in
            enumerate(zip(problem.trials, true, strict=True))
        ]  # fmt: skip
        begin = problem.with_free(first_guess(around_truth, ready))
        crowd = around_truth.anchor.crowd
        here = replace(problem, trials=ready, params=begin)
        near = Crowd(here, crowd.drawn_from, dict(crowd.again))
        out.append(judged(here, near, problem.start))
    return out


def neighbourhood_of_truth(problem: PopulationProblem, values: PopulationValues) -> Neighbourhood:
    """Return the neighbourhood of the truth, with patients drawn around it, as a fit draws them around its estimate."""
    wide, picks = Crowd(problem, drawn_from(values)), uniforms(problem)
    at = coordinates_at(anchor(problem, wide, problem.start, picks), problem.start)
    here = anchor(problem, Crowd(problem, around(problem, at)), problem.start, picks)
    return neighbourhood(here, coordinates_at(here, problem.start))


def first_guess(near: Neighbourhood, trials: Sequence[ReadyTrial]) -> np.ndarray:
    """Return where the search for a set begins: the minimum on surfaces around the truth."""
    seen = []
    for one, ready in zip(near.anchor.terms, trials, strict=True):
        normal = of_kind(ready.fitted, "normal")
        binary = of_kind(ready.fitted, "binomial") + of_kind(ready.fitted, "below", "above")
        each = seen_of([normal[i] for i in one.keep], one.logs, binary)
        seen.append(Seen(each.statistics[None], each.counts[None], each.size))
    x = refit(near.surfaces, seen, near.at, near.effects).x[0]
    return near.anchor.problem.bounded(x)


def judged(problem: PopulationProblem, crowd: Crowd, truth: np.ndarray) -> dict[str, Judged]:
    """Return what every way of fitting gave for one set."""
    started = time.perf_counter()
    settled = settle(problem, lambda stage, objective: None, {}, crowd)
    searched = time.perf_counter() - started
    frame = interval_table(settled.near, REFITS).frame
    seconds = time.perf_counter() - started
    true = {n.removeprefix("log_"): float(x) for n, x in zip(problem.free, problem.natural(truth), strict=True)}
    out = {
        "calibrated": _judged(frame.estimate, frame.low, frame.high, true, seconds),
        "raw": _judged(frame.raw, frame.raw_low, frame.raw_high, true, searched),
    }
    for name, rival in RIVALS.items() if not problem.effects.names else ():
        begun = time.perf_counter()
        try:
            estimate, low, high = rival(settled)
        except (ArithmeticError, np.linalg.LinAlgError):  # such a set has no number of this way, and is counted
            estimate, low, high = {}, {}, {}
        out[name] = _judged(estimate, low, high, true, time.perf_counter() - begun)
    return out


def _judged(estimate, low, high, true: dict[str, float], seconds: float) -> Judged:  # type: ignore[no-untyped-def]
    known = [name for name in true if name in estimate]
    ratio = {n: float(estimate[n] / true[n]) if true[n] > 0 and n != "trend" else float(np.exp(estimate[n] - true[n]))
             for n in known}  # fmt: skip
    return Judged(ratio, {n: bool(low[n] <= true[n] <= high[n]) for n in known if n in low}, seconds)
