"""The table of estimates: each less its bias, with the interval that holds at the trials' sizes and the raw one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import LOG
from immunode.calibration.population.effects import Effects
from immunode.calibration.population.intervals import (
    ENDS,
    OnSurfaces,
    by_profiles,
    interval,
    off_bounds,
    raw_interval,
    refits,
)
from immunode.calibration.population.neighbourhood import Neighbourhood
from immunode.calibration.population.problem import PopulationProblem
from immunode.calibration.population.refits import refit
from immunode.calibration.population.simulated_sets import simulated_sets
from immunode.calibration.population.tau import tau_draws, tau_posteriors, tau_table
from immunode.calibration.population.uncertainty import parameter_draws
from immunode.calibration.population.values import OMEGA

LEVEL = 0.95
COLUMNS = ["raw", "estimate", "low", "high", "raw_low", "raw_high", "stderr"]
EDGES = 0.05  # share of the refits that may end at the edge of the surfaces without a word
LOWER = 0.1  # of -2 log L that a profile may fall below the minimum without a word
MOST_RISE = 12.0  # of -2 log L, up to which profiles are shown: three standard errors and a half
OTHER_PRIORS = (0.15, 0.6)  # scales of tau's prior under which the estimates are shown again


@dataclass(frozen=True, eq=False)
class JudgedFit:
    """Hold a row a fitted parameter, a row an effect of trials, draws of what is known of parameters and of the SDs of
    these effects, what is to be said of the refits, and profiles: a row a value of a parameter, with the rise of
    -2 log L."""

    frame: pd.DataFrame
    tau: pd.DataFrame
    draws: pd.DataFrame
    tau_draws: pd.DataFrame
    notes: tuple[str, ...]
    profiles: pd.DataFrame


def interval_table(near: Neighbourhood, count: int, told: Callable[[int], Any] = lambda done: None) -> JudgedFit:
    """Return estimates with intervals that hold, from `count` refits of simulated trials; `told` hears how many
    parameters are done."""
    here, effects, problem = near.anchor, near.effects, near.anchor.problem
    one = near.on_surfaces
    truth = off_bounds(one, LEVEL, problem.outer, problem.inner)
    simulated = refits(one, simulated_sets(here, count, truth), truth)
    draw = None if effects.names else lambda x: simulated_sets(here, min(count, ENDS), problem.bounded(x))
    natural, raw = problem.natural(simulated.free.x), problem.natural(one.best.x[0])
    with np.errstate(over="ignore"):
        least, most = (problem.natural(end) for end in problem.bounds)
    rows = {}
    for k, name in enumerate(problem.free):
        told(k)
        ends = interval(one, simulated, k, LEVEL, draw)
        said = [_read(problem, one.best.x[0], k, end) for end in (ends.low, ends.high, ends.raw_low, ends.raw_high)]
        unbiased = _unbiased(name, float(raw[k]), natural[:, k], float(problem.natural(truth)[k]))
        if not np.isfinite([ends.low, ends.high]).all():  # refits that end at the edge have no mean
            unbiased = float(raw[k])
        unbiased = float(np.clip(unbiased, max(least[k], said[0]), min(most[k], said[1])))
        rows[name.removeprefix(LOG)] = [float(raw[k]), unbiased, *said, float(natural[:, k].std(ddof=1))]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    for scale in OTHER_PRIORS if effects.names else ():
        prior = Effects(effects.names, np.full(len(effects.names), scale), effects.unit)
        other = replace(one, effects=prior, best=refit(near.surfaces, near.seen, near.at, prior))
        frame[f"raw_tau_{scale:g}"] = problem.natural(other.best.x[0])
        if by_profiles(one):  # so many profiles more would take as long as the fit
            continue
        ends_there = [raw_interval(other, k, LEVEL) for k in range(len(problem.free))]
        for side, name in enumerate(("raw_low", "raw_high")):
            frame[f"{name}_tau_{scale:g}"] = [
                _read(problem, other.best.x[0], k, ends[side]) for k, ends in enumerate(ends_there)
            ]
    edge = float(simulated.free.edge.mean())
    notes: tuple[str, ...] = (
        (f"{100 * edge:.0f} % of the refits ended at the edge of what was simulated",) if edge > EDGES else ()
    )
    if by_profiles(one):
        notes += ("intervals are those of profiles: of so many parameters they are not calibrated by refits",)
    notes += _lower(problem, one)
    taus = tau_posteriors(near.surfaces, near.seen, near.at, effects, one.best.x)
    draws = parameter_draws(near, one.best, simulated.errors)
    return JudgedFit(
        frame, tau_table(effects, taus), draws, tau_draws(taus, effects, problem.seed, len(draws)), notes,
        profile_table(problem, one),
    )  # fmt: skip


def _lower(problem: PopulationProblem, one: OnSurfaces) -> tuple[str, ...]:
    """Return where the lowest of profiles is, when it is below the minimum, which then is none."""
    k = int(np.argmin([course.excess.min() for course in one.courses]))
    course, name = one.courses[k], problem.free[k].removeprefix(LOG)
    i = int(np.argmin(course.excess))
    if course.excess[i] >= -LOWER:
        return ()
    value = float(problem.natural(course.x[i])[k])
    return (f"-2 log L is {-course.excess[i]:.1f} lower than here at {name} = {value:.3g}: fit again from there",)


def profile_table(problem: PopulationProblem, one: OnSurfaces) -> pd.DataFrame:
    """Return the profile of every parameter (parameter, value, rise of -2 log L), as far as it rises by MOST_RISE."""
    tables = []
    for k, name in enumerate(problem.free):
        course = one.courses[k]
        near = course.roots**2 <= MOST_RISE
        values = problem.natural(course.x)[near, k]
        tables.append(
            pd.DataFrame({"parameter": name.removeprefix(LOG), "value": values, "rise": course.roots[near] ** 2})
        )
    return pd.concat(tables, ignore_index=True)


def _read(problem: PopulationProblem, x: np.ndarray, k: int, end: float) -> float:
    """Return an end of an interval as people read it; infinite where it is open."""
    if not np.isfinite(end):
        return 0.0 if end < 0 and problem.free[k].startswith((LOG, OMEGA)) else end
    moved = x.copy()
    moved[k] = end
    return float(problem.natural(moved)[k])


def _unbiased(name: str, raw: float, refitted: np.ndarray, truth: float) -> float:
    """Return an estimate less the bias that refits have; that of what is above zero is a factor."""
    if name.startswith((LOG, OMEGA)):
        return raw * truth / float(refitted.mean())
    return raw - float(refitted.mean() - truth)
