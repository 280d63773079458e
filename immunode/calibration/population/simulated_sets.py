"""Trials simulated at an anchor, as they would be printed: what refits are made of."""

import numpy as np

from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import Terms, yes
from immunode.calibration.population.printed_row import Row
from immunode.calibration.population.problem import Anchor


def simulated_sets(here: Anchor, count: int) -> list[Seen]:
    """Return what `count` trials of the published sizes, simulated at the anchor, would print of every trial.

    They are the first replicates: statistics and counts of one are of the same patients.
    """
    values = here.problem.values(here.x)
    out = []
    for one, simulated, seen in zip(here.terms, here.crowd.at(values), here.seen, strict=True):
        weights = [arm.weights(here.problem.population, values) for arm in simulated.arms]
        every = one.anchored.statistics(weights)[:count]
        counts = [_counted(row, one)[:count] for row in one.counts]
        for i, row in enumerate(one.limits):
            beyond = every[:, len(one.normal) + i]
            counts.append((beyond < row.observed if row.kind == "below" else beyond > row.observed).astype(float))
        table = np.stack(counts, axis=1) if counts else np.zeros((len(every), 0))
        out.append(Seen(one.scaled(every[:, : len(one.normal)]), table, seen.size))
    return out


def _counted(row: Row, one: Terms) -> np.ndarray:
    """Return how many patients a row counts in every replicate (replicates,)."""
    sides = [yes(row, one.values[arm, row.variable].values)[one.anchored.picks[arm]] for arm in row.arms]
    pooled = np.concatenate(sides, axis=1)[:, : row.size]
    known = np.maximum((~np.isnan(pooled)).sum(axis=1), 1)
    return np.asarray(np.round(np.nansum(pooled, axis=1) * row.size / known))
