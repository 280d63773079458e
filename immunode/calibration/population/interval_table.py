"""The table of estimates: each less its bias, with the interval that holds at the trials' sizes and the raw one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import LOG
from immunode.calibration.population.effects import Effects, tau_posteriors, tau_table
from immunode.calibration.population.intervals import interval, refits
from immunode.calibration.population.neighbourhood import Neighbourhood
from immunode.calibration.population.refits import refit
from immunode.calibration.population.simulated_sets import simulated_sets
from immunode.calibration.population.uncertainty import parameter_draws, tau_draws

LEVEL = 0.95
EDGES = 0.05  # share of the refits that may end at the edge of the surfaces without a word
OTHER_PRIORS = (0.15, 0.6)  # scales of tau's prior under which the estimates are shown again


@dataclass(frozen=True, eq=False)
class JudgedFit:
    """Hold a row a fitted parameter, a row an effect of trials, draws of what is known of parameters and of the SDs of
    these effects, and what is to be said of the refits."""

    frame: pd.DataFrame
    tau: pd.DataFrame
    draws: pd.DataFrame
    tau_draws: pd.DataFrame
    notes: tuple[str, ...]


def interval_table(near: Neighbourhood, count: int) -> JudgedFit:
    """Return estimates with intervals that hold, from `count` refits of simulated trials."""
    here, at, effects = near.anchor, near.at, near.effects
    best = near.best()
    sets = simulated_sets(here, count)
    truth = np.repeat(here.x[None], len(sets[0].statistics), axis=0)
    simulated = refits(near.surfaces, sets, at, effects, truth)
    rows, problem = {}, here.problem
    for k, name in enumerate(problem.free):
        log = problem.is_log(name)
        one = interval(near.surfaces, near.seen, at, effects, best, simulated, k, LEVEL, log)
        ends = problem.params[name].min, problem.params[name].max
        numbers = [float(best.x[0, k]), one.unbiased, one.low, one.high, one.raw_low, one.raw_high]
        numbers = [float(np.clip(v, *ends)) if np.isfinite(v) else v for v in numbers]  # surfaces know no bounds
        rows[name.removeprefix(LOG)] = [float(_natural(v, log)) for v in numbers] + [one.stderr]
    columns = ["raw", "estimate", "low", "high", "raw_low", "raw_high", "stderr"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    for scale in OTHER_PRIORS if effects.names else ():
        prior = Effects(effects.names, np.full(len(effects.names), scale), effects.unit)
        other = refit(near.surfaces, near.seen, at, prior)
        frame[f"raw_tau_{scale:g}"] = [
            float(_natural(v, problem.is_log(n))) for n, v in zip(problem.free, other.x[0], strict=True)
        ]
    edge = float(simulated.free.edge.mean())
    notes = (f"{100 * edge:.0f} % of the refits ended at the edge of what was simulated",) if edge > EDGES else ()
    taus = tau_posteriors(near.surfaces, near.seen, at, effects, best.x)
    draws = parameter_draws(near, best, simulated.free)
    return JudgedFit(
        frame, tau_table(effects, taus), draws, tau_draws(taus, effects, problem.seed, len(draws)), notes
    )  # fmt: skip


def _natural(value: np.ndarray | float, log: bool) -> np.ndarray | float:
    return np.exp(value) if log else value
