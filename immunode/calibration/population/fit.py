"""Fit a population to printed numbers: evidence + population + what varies -> estimates with intervals that hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.cohorts import check_cohorts, data_hash, sources_of
from immunode.calibration.free_parameters import LOG, Options
from immunode.calibration.population.intervals import interval, refits
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.parameters import population_parameters
from immunode.calibration.population.problem import Anchor, PopulationProblem
from immunode.calibration.population.refits import refit
from immunode.calibration.population.search import Settled, search
from immunode.calibration.population.simulated_sets import simulated_sets
from immunode.calibration.population.surface import Surface, design, surface
from immunode.calibration.population.trial_of_evidence import ready_trial
from immunode.errors import BadValue
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import by_name
from immunode.virtual_trials.population import Population

PATIENTS = 4000  # virtual patients an arm
REFITS = 500  # simulated trials behind the intervals
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class PopulationFit:
    """Hold a finished fit of a population.

    `params`, lmfit's; `intervals`, a DataFrame with a row a fitted parameter: estimate (less its bias), interval that
    holds at the trials' sizes, the raw ones beside; `table`, a row a printed number.
    """

    params: lmfit.Parameters
    intervals: pd.DataFrame
    table: pd.DataFrame
    result: Any
    minimiser: lmfit.Minimizer
    deviance: float
    effective: float
    notes: tuple[str, ...]
    seed: int
    data_hash: str


def fit_population(
    evidence: Any, population: Population, vary: Any, *, derived: Mapping[str, str] | None, seed: int, patients: int,
    threads: int, progress: Callable[[str, float], Any], refit_count: int = REFITS,
) -> PopulationFit:  # fmt: skip
    """Return the fit of a population; see im.calibrate."""
    problem = population_problem(evidence, population, vary, derived=derived, seed=seed, patients=patients,
                                 threads=threads)  # fmt: skip
    settled = search(problem, progress)
    surfaces = surfaces_at(settled)
    frame, notes = intervals(settled, surfaces, refit_count)
    x = settled.at.centre
    table = printed_table(settled)
    dropped = tuple(line for one in settled.anchor.terms for line in one.dropped)
    return PopulationFit(
        settled.result.params, frame, table, settled.result, settled.minimiser, settled.anchor.deviance(x),
        min(settled.anchor.effective(x)), (*dropped, *notes), seed, data_hash(sources_of(evidence)),
    )  # fmt: skip


def population_problem(
    evidence: Any, population: Population, vary: Any, *, derived: Mapping[str, str] | None, seed: int, patients: int,
    threads: int,
) -> PopulationProblem:  # fmt: skip
    """Return everything that does not change during a fit of a population."""
    sources = sources_of(evidence)
    check_cohorts(sources)
    options: dict[str, Options] = dict(vary) if isinstance(vary, Mapping) else {name: {} for name in vary}
    params = population_parameters(population, options, by_name(derived, "derived", "{'Vmax': 'slope * Km'}"))
    trials = [ready_trial(one, population, [row for row in one.rows if not row.is_p_value]) for one in sources]
    numbers = sum(len(ready.fitted) for ready in trials)
    free = sum(p.vary for p in params.values())
    if numbers < free:
        raise BadValue(f"{numbers} printed numbers cannot fix {free} parameters; fit fewer, or add evidence")
    return PopulationProblem(population, trials, params, patients, seed, threads)


def surfaces_at(settled: Settled) -> list[Surface]:
    """Return the surfaces of every trial around the estimate."""
    here, at = settled.anchor, settled.at
    points, degree = design(len(at.centre))
    inside = [here.problem.bounded(at.centre + at.axes @ v) for v in points]
    moments = [here.moments(x) for x in inside]
    at_points = at.inner(np.array(inside))
    return [surface(at_points, degree, [one[t] for one in moments]) for t in range(len(here.terms))]


def intervals(settled: Settled, surfaces: Sequence[Surface], count: int) -> tuple[pd.DataFrame, list[str]]:
    """Return a row a fitted parameter, and what is to be said of the refits."""
    here, at = settled.anchor, settled.at
    seen = [Seen(one.statistics[None], one.counts[None], one.size) for one in here.seen]
    best = refit(surfaces, seen, at)
    sets = simulated_sets(here, count)
    truth = np.repeat(here.x[None], len(sets[0].statistics), axis=0)
    simulated = refits(surfaces, sets, at, truth)
    rows = {}
    for k, name in enumerate(here.problem.free):
        log = here.problem.is_log(name)
        one = interval(surfaces, seen, at, best, simulated, k, LEVEL, log)
        back = np.exp if log else lambda value: value
        numbers = (best.x[0, k], one.unbiased, one.low, one.high, one.raw_low, one.raw_high)
        rows[name.removeprefix(LOG)] = [float(back(value)) for value in numbers] + [one.stderr]
    columns = ["raw", "estimate", "low", "high", "raw_low", "raw_high", "stderr"]
    edge = float(simulated.free.edge.mean())
    notes = [f"{100 * edge:.0f} % of the refits ended at the edge of the surface"] if edge > 0.02 else []
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns), notes


def printed_table(settled: Settled) -> pd.DataFrame:
    """Return a row a printed number: seen, predicted at the estimates, its sampling SD, how many SDs it is off."""
    here, x = settled.anchor, settled.at.centre
    rows = []
    for one, seen, moments in zip(here.terms, here.seen, here.moments(x), strict=True):
        for i, row in enumerate(one.kept):
            sd = float(np.sqrt(moments.covariance[i, i]))
            residual = float(moments.mean[i] - seen.statistics[i]) / sd
            mean = float(np.exp(moments.mean[i]) if one.logs[i] else moments.mean[i])
            rows.append((row.label, row.use, row.observed, mean, sd * (mean if one.logs[i] else 1.0), residual))
        for i, row in enumerate(one.binary):
            expected = float(moments.share[i] * seen.size[i])
            sd = float(np.sqrt(expected * (1 - moments.share[i])))
            rows.append((row.label, row.use, float(seen.counts[i]), expected, sd, (expected - seen.counts[i]) / sd))
    return pd.DataFrame(rows, columns=["label", "use", "observed", "predicted", "sd", "residual"])
