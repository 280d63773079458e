"""A printed number made ready: whose it is, of which variable, which statistic, and how the likelihood takes it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from immunode.measures.statistics import quantile_share
from immunode.simulation.measuring import Asked

ORDERED = ("iqr", "median_ci_low", "median_ci_high")  # made of quantiles, beside these themselves


@dataclass(frozen=True, eq=False)
class Values:
    """Hold what a measure is in each patient of an arm (patients,), and what is on both days of a change."""

    values: np.ndarray
    start: np.ndarray
    end: np.ndarray


@dataclass(frozen=True, eq=False)
class Row:
    """Hold a printed number: the arms pooled, those that they are compared with, and its place among the variables.

    `compare` is "difference", "ratio", or a test of which the number is the p-value.

    `kind` is "normal" for what has a mean and a covariance, "binomial" for a count of `size` patients, and "below" or
    "above" for a number of which only a limit is printed; of a count `last` is the greatest, or least, that it may be,
    and of a quantile beyond its window how many never reach it.

    `each` says how many patients of every arm it is of, in order, where they are not all.
    """

    label: str
    observed: float
    kind: str
    arms: tuple[int, ...]
    versus: tuple[int, ...]
    compare: str
    variable: int
    asked: Asked
    each: tuple[int, ...] = ()
    size: int = 0
    to_unit: float = 1.0
    of_values: bool = False
    use: str = "fit"
    last: int | None = None

    @property
    def statistic(self) -> str:
        """Return the statistic's name."""
        return self.asked.endpoint.statistic

    @property
    def is_ordered(self) -> bool:
        """Return whether it is made of quantiles alone, which are numbers where a few patients have none."""
        return quantile_share(self.statistic) is not None or self.statistic in ORDERED


def reached(row: Row, values: np.ndarray) -> np.ndarray:
    """Return values in which a time that is never reached (inf) is the end of its window: as a parameter moves, times
    go there without a jump."""
    return np.where(np.isposinf(values), row.asked.last - row.asked.first, values)


def split_up(n: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """Return how many of n patients are of each arm: as the arms are large, by the largest remainders."""
    total = sum(sizes)
    out = [n * size // total for size in sizes]
    for i in sorted(range(len(sizes)), key=lambda i: -(n * sizes[i] % total))[: n - sum(out)]:
        out[i] += 1
    return tuple(out)


def of_kind(rows: Sequence[Row], *kinds: str) -> list[Row]:
    """Return the rows of these kinds, in order."""
    return [row for row in rows if row.kind in kinds]
