"""Trials simulated at an anchor, as they would be printed: what refits are made of."""

from collections.abc import Sequence

import numpy as np

from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import yes
from immunode.calibration.population.printed_row import Row
from immunode.calibration.population.problem import Anchor
from immunode.calibration.population.simulated import SimulatedTrial
from immunode.calibration.population.statistic_law import anchored, scattered
from immunode.calibration.population.values import shifted

TOGETHER = 200  # replicates that tell the mean of statistics, of which not all patients are picked
STEPS, MORE = 40, 4  # shifts of a trial that are simulated, and so many times more for each further effect


def simulated_sets(here: Anchor, count: int, x: np.ndarray) -> list[Seen]:
    """Return what `count` trials of the published sizes, simulated at parameters x, would print of every trial.

    They are the first replicates: statistics and counts of one are of the same patients. Where trials have effects, the
    shifts of each are drawn: tau from its prior, then the shifts, STEPS of which are simulated, each for several sets.
    Where parameters have priors, these stand behind the trials.
    """
    problem = here.problem
    behind = [problem.priors.drawn(x, count, problem.seed)] if problem.priors else []
    if not problem.effects.names:
        return [*(_sets(here, t, np.arange(count), np.zeros(0), x) for t in range(len(here.terms))), *behind]
    generator = np.random.default_rng([problem.seed, 11])
    scales = problem.effects.scales
    tau = np.abs(generator.standard_normal((count, len(scales)))) * scales
    out = []
    for t in range(len(here.terms)):
        shift = generator.standard_normal((count, len(scales))) * tau
        groups = _alike(shift, STEPS * MORE ** (len(scales) - 1))
        parts = [_sets(here, t, rows, shift[rows].mean(axis=0), x) for rows in groups]
        back = np.argsort(np.concatenate(groups))
        out.append(Seen(
            np.concatenate([part.statistics for part in parts])[back],
            np.concatenate([part.counts for part in parts])[back], parts[0].size,
        ))  # fmt: skip
    return [*out, *behind]


def _alike(shifts: np.ndarray, most: int) -> list[np.ndarray]:
    """Return which sets have shifts (sets, effects) that are alike, in at most so many groups: by halves, each time of
    the widest group along its widest effect."""
    if shifts.shape[1] == 1:
        return np.array_split(np.argsort(shifts[:, 0], kind="stable"), most)
    out, waiting = [], [np.arange(len(shifts))]
    least = max(len(shifts) // most, 1)
    while waiting:
        rows = waiting.pop()
        if len(rows) <= max(least, 1):
            out.append(rows)
            continue
        widest = int(np.argmax(np.ptp(shifts[rows], axis=0)))
        waiting += np.array_split(rows[np.argsort(shifts[rows, widest], kind="stable")], 2)
    return out


def _sets(here: Anchor, t: int, rows: np.ndarray, shift: np.ndarray, x: np.ndarray) -> Seen:
    """Return what trial t would print in some of the replicates, at parameters x shifted by its effects.

    Patients are picked anew there, so that statistics and counts are of the same ones.
    """
    problem, one = here.problem, here.terms[t]
    effects = dict(zip(problem.effects.names, map(float, shift)))
    values = shifted(problem.population.of, problem.values(x), effects)
    simulated = here.crowd.at(values)[t]
    weights = [arm.weights(problem.population, values) for arm in simulated.arms]
    uniforms = [part[rows] for part in here.picks[t]]
    there = anchored(one.anchored.rows, simulated.values, weights, uniforms)
    every = there.statistics(weights)
    if one.anchored.thinned != 1.0:
        some = [part[:TOGETHER] for part in here.picks[t]]
        mean = np.nanmean(anchored(one.anchored.rows, simulated.values, weights, some).statistics(weights), axis=0)
        every = scattered(every, mean, one.anchored.thinned)
    counts = [_counted(row, simulated, there.picks) for row in one.counts]
    for i, row in enumerate(one.limits):
        seen = every[:, len(one.normal) + i] if row.last is None else _counted(row, simulated, there.picks)
        counts.append(_is_beyond(row, seen).astype(float))
    table = np.stack(counts, axis=1) if counts else np.zeros((len(every), 0))
    return Seen(one.scaled(every[:, : len(one.normal)]), table, here.seen[t].size)


def _is_beyond(row: Row, seen: np.ndarray) -> np.ndarray:
    """Return in which replicates a number lies on the printed side of its limit."""
    if row.kind == "below":
        return np.asarray(seen < row.observed if row.last is None else seen <= row.last)
    return np.asarray(seen > row.observed if row.last is None else seen >= row.last)


def _counted(row: Row, simulated: SimulatedTrial, picks: Sequence[np.ndarray]) -> np.ndarray:
    """Return how many patients a row counts in every replicate (replicates,)."""
    sizes = row.each or (None,) * len(row.arms)
    sides = [yes(row, simulated.values[arm, row.variable].values)[picks[arm][:, :n]] for arm, n in zip(row.arms, sizes)]
    pooled = np.concatenate(sides, axis=1)
    known = np.maximum((~np.isnan(pooled)).sum(axis=1), 1)
    return np.asarray(np.round(np.nansum(pooled, axis=1) * row.size / known))
