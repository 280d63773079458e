"""The sampling law of what a trial prints of its arms: all statistics jointly, by resampling the patients of each arm.

The patients of a replicate are picked once, at an anchor. Elsewhere each keeps his *rank* in every variable and gets
the value that has this rank there. At the anchor this is plain resampling; between parameters nothing jumps, since
quantile functions of reweighted patients do not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from immunode.calibration.population.printed_row import Row, Values, reached
from immunode.measures.statistics import quantile_share
from immunode.simulation.measuring import over_members, over_sides

LEAST_REPLICATES, EACH = 2000, 50  # and so many more for each statistic
PARTS = ("values", "start", "end")
_Kept = dict[tuple[int, int, str], np.ndarray]  # what was picked of an arm, a variable and a part
MANY = 200  # patients of the smallest arm, from which on not all are picked


@dataclass(frozen=True, eq=False)
class Ranked:
    """Hold a variable of an arm: its sorted values `y`, whose they are, and ranks (replicates, n) of those picked,
    0 to 1, nan of whom it is not known."""

    y: np.ndarray
    order: np.ndarray
    ranks: np.ndarray

    @cached_property
    def complete(self) -> bool:
        """Return whether it is known of all who were picked."""
        return not np.isnan(self.ranks).any()

    @cached_property
    def sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the ranks of all who were picked, sorted, and where each is among them (replicates, n): so looked up
        they take a tenth of the time."""
        flat = np.nan_to_num(self.ranks).ravel()
        order = np.argsort(flat)
        place = np.empty(len(flat), dtype=np.int64)
        place[order] = np.arange(len(flat))
        return flat[order], place.reshape(self.ranks.shape)

    def at(self, weight: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """Return the values that have these ranks among patients of these weights."""
        return np.interp(ranks, _middles(weight[self.order]), self.y)

    def of_picked(self, weight: np.ndarray) -> np.ndarray:
        """Return the values of all who were picked (replicates, n), nan where they are not known."""
        ranks, place = self.sorted
        values = self.at(weight, ranks)[place]
        return values if self.complete else np.where(np.isnan(self.ranks), np.nan, values)


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Hold quantiles of a complete variable: which of the replicates' ranks they lie between, and how far.

    The ranks are sorted over all replicates, `place` says where each is: so looked up, they take a third of the time.
    """

    rows: tuple[int, ...]
    columns: tuple[tuple[int, int, float], ...]
    ranks: np.ndarray
    place: np.ndarray

    def at(self, variable: Ranked, weight: np.ndarray) -> np.ndarray:
        """Return the quantiles in every replicate, shape (quantiles, replicates)."""
        values = variable.at(weight, self.ranks)[self.place]
        low, up = (np.stack([values[one[side]] for one in self.columns]) for side in (0, 1))
        part = np.array([one[2] for one in self.columns])[:, None]
        return np.asarray(low + part * (up - low))


def quantiles(variable: Ranked, wanted: Sequence[tuple[int, float]]) -> Quantiles:
    """Return the quantiles of a variable that rows, by their number, are: (row, share)."""
    in_order = np.sort(variable.ranks, axis=1)
    last = in_order.shape[1] - 1
    between = [(int(np.floor(share * last)), int(np.ceil(share * last)), share * last) for _, share in wanted]
    needed = sorted({column for low, up, _ in between for column in (low, up)})
    flat = in_order[:, needed].T.ravel()
    order = np.argsort(flat)
    place = np.empty(len(flat), dtype=np.int64)
    place[order] = np.arange(len(flat))
    columns = [(needed.index(low), needed.index(up), at - low) for low, up, at in between]
    return Quantiles(tuple(row for row, _ in wanted), tuple(columns), flat[order], place.reshape(len(needed), -1))


def _middles(sorted_weights: np.ndarray) -> np.ndarray:
    """Return the ranks of sorted patients: that of each is the middle of his share."""
    up_to = np.cumsum(sorted_weights)
    return (up_to - 0.5 * sorted_weights) / up_to[-1]


def ranked(values: np.ndarray, weight: np.ndarray, picks: np.ndarray, within: np.ndarray | float = 0.5) -> Ranked:
    """Return a variable (patients,) ranked at the anchor's weights, for picked patients (replicates, n).

    `within` says where in his share each is, 0 to 1: ranks that all lay on patients would make bends of what is smooth.
    """
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    rank, share = np.full(len(values), np.nan), np.zeros(len(values))
    rank[order] = _middles(weight[order])
    share[order] = weight[order] / weight[order].sum()
    return Ranked(values[order], order, rank[picks] + (within - 0.5) * share[picks])


def replicate_count(rows: int) -> int:
    """Return how many replicates tell the covariance of so many statistics."""
    return LEAST_REPLICATES + EACH * rows


@dataclass(frozen=True, eq=False)
class Anchored:
    """Hold the rows of a trial at an anchor: `ranks` by arm, variable and part, from which every row is made, and the
    patients that were picked (replicates, n) of each arm."""

    rows: Sequence[Row]
    ranks: Mapping[tuple[int, int, str], Ranked]
    picks: Sequence[np.ndarray]
    thinned: float = 1.0  # how many times as many patients the trial has as are picked

    @property
    def sizes(self) -> list[int]:
        """Return how many patients each arm has."""
        return [round(one.shape[1] * self.thinned) for one in self.picks]

    @cached_property
    def quantiles(self) -> dict[tuple[int, int], Quantiles]:
        """Return the rows that are quantiles of one arm whose variable is complete, by arm and variable."""
        wanted: dict[tuple[int, int], list[tuple[int, float]]] = {}
        for i, row in enumerate(self.rows):
            share = quantile_share(row.statistic)
            if share is None or len(row.arms) > 1 or row.versus or row.each:
                continue
            if self.ranks[row.arms[0], row.variable, "values"].complete:
                wanted.setdefault((row.arms[0], row.variable), []).append((i, share))
        return {key: quantiles(self.ranks[*key, "values"], rows) for key, rows in wanted.items()}

    def statistics(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return every row in every replicate, shape (replicates, rows), for patients of these weights an arm."""
        out = np.empty((len(self.picks[0]), len(self.rows)))
        for (arm, variable), some in self.quantiles.items():
            each = some.at(self.ranks[arm, variable, "values"], weights[arm])
            for i, one in zip(some.rows, each, strict=True):
                out[:, i] = one * self.rows[i].to_unit
        done = {i for some in self.quantiles.values() for i in some.rows}
        kept: _Kept = {}  # several rows are of the same patients
        with np.errstate(divide="ignore", invalid="ignore"):
            for i, row in enumerate(self.rows):
                if i not in done:
                    out[:, i] = self._row(row, weights, kept)
        if self.thinned == 1.0:
            return out
        return scattered(out, np.nanmean(out, axis=0), self.thinned)

    def _row(self, row: Row, weights: Sequence[np.ndarray], kept: _Kept) -> np.ndarray:
        first, *other = [self._side(row, arms, weights, kept) for arms in (row.arms, row.versus) if arms]
        each = over_sides(row.asked, row.compare, first, other[0]) if other else over_members(row.asked, *first)
        return each * row.to_unit

    def _side(self, row: Row, arms: Sequence[int], weights: Sequence[np.ndarray], kept: _Kept) -> list[np.ndarray]:
        sizes, out = row.each or (None,) * len(arms), []
        for part in PARTS:
            each = [self._picked((arm, row.variable, part), weights, kept) for arm in arms]
            out.append(np.concatenate([one[:, :n] for one, n in zip(each, sizes)], axis=1))
        return out

    def _picked(self, key: tuple[int, int, str], weights: Sequence[np.ndarray], kept: _Kept) -> np.ndarray:
        if key not in kept:
            kept[key] = self._of_picked(key, weights)
        return kept[key]

    def _of_picked(self, key: tuple[int, int, str], weights: Sequence[np.ndarray]) -> np.ndarray:
        arm, variable, _ = key
        one = self.ranks.get(key)
        if one is None:  # nothing is made of it
            return np.full((self.ranks[arm, variable, "values"].ranks.shape[0], 1), np.nan)
        return one.of_picked(weights[arm])


def scattered(each: np.ndarray, mean: np.ndarray, thinned: float) -> np.ndarray:
    """Return statistics of picked patients (replicates, rows) as they scatter in a trial of `thinned` times as many."""
    return np.asarray(mean + (each - mean) / np.sqrt(thinned))


def picked(weight: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Return the patients that uniform numbers pick, each as often as he weighs."""
    up_to = np.cumsum(weight)
    return np.minimum(np.searchsorted(up_to, uniforms * up_to[-1], side="right"), np.flatnonzero(weight)[-1])


def _within(weight: np.ndarray, uniforms: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """Return where in the share of the patient that it picks each number lies, 0 to 1."""
    up_to = np.cumsum(weight)
    share = weight[picks] / up_to[-1]
    begin = up_to[picks] / up_to[-1] - share
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.nan_to_num((uniforms - begin) / share, nan=0.5), 0.0, 1.0)


def picked_sizes(rows: Sequence[Row], sizes: Sequence[int]) -> tuple[list[int], float]:
    """Return how many patients a replicate picks of each arm of a trial of these sizes, and how many times as many the
    trial has: 1 but in trials so large that their statistics are normal."""
    needed = list(sizes)
    for a, size in enumerate(sizes):
        of_arm = [dict(zip(row.arms, row.each)).get(a, size) for row in rows if a in (*row.arms, *row.versus)]
        needed[a] = max(of_arm, default=size)
    times = min(needed, default=0) / MANY
    if times <= 1 or needed != list(sizes) or any(row.kind != "normal" or row.each for row in rows):
        return needed, 1.0
    return [round(size / times) for size in needed], times


def anchored(
    rows: Sequence[Row], values: Mapping[tuple[int, int], Values], weights: Sequence[np.ndarray],
    uniforms: Sequence[np.ndarray], thinned: float = 1.0,
) -> Anchored:  # fmt: skip
    """Return the rows of a trial, its replicates picked at the weights of each arm by `uniforms` (replicates, n).

    `values` are those of each arm and variable; a time that is never reached is taken as the end of its window.
    """
    picks = [picked(weight, uniform) for weight, uniform in zip(weights, uniforms, strict=True)]
    places = [_within(*one) for one in zip(weights, uniforms, picks, strict=True)]
    ranks = {}
    for row in rows:
        for arm in (*row.arms, *row.versus):
            of_arm = values[arm, row.variable]
            for part in PARTS if row.of_values else PARTS[:1]:
                if (arm, row.variable, part) not in ranks:
                    ranks[arm, row.variable, part] = ranked(
                        reached(row, getattr(of_arm, part)), weights[arm], picks[arm], places[arm]
                    )
    return Anchored(rows, ranks, picks, thinned)


def moved(one: Anchored, values: Mapping[tuple[int, int], Values]) -> Anchored:
    """Return the rows of a trial whose patients were simulated again: those picked keep their ranks."""
    ranks, of_variable = {}, {row.variable: row for row in one.rows}
    for (arm, variable, part), then in one.ranks.items():
        now = reached(of_variable[variable], getattr(values[arm, variable], part))
        known = np.flatnonzero(~np.isnan(now))
        order = known[np.argsort(now[known], kind="stable")]
        ranks[arm, variable, part] = replace(then, y=now[order], order=order)
    return replace(one, ranks=ranks)
