"""Named tests over replicates: how often trials of the published size would find a difference, and which way.

Each is `test(figure, groups)`. It returns p and whether the difference lies in the stated direction, one a replicate; p
is nan where a group is too small.
"""

from collections.abc import Callable, Sequence

import numpy as np

from immunode.evidence.printed import Figure
from immunode.measures.p_values import fisher_exact, of_rank_sums, rank_sums
from immunode.virtual_trials.statistics import Group

Outcome = tuple[np.ndarray, np.ndarray]


def mann_whitney(figure: Figure, groups: Sequence[Group]) -> Outcome:
    """Return p and whether the first group is the higher, per replicate: by the normal approximation, with ties and
    the correction for continuity, of all replicates at once; exact where a group is a single patient."""
    (left, n), (right, m) = _counts(figure, groups[0]), _counts(figure, groups[1])
    u, variance = rank_sums(left, right, n, m)
    p = of_rank_sums(u, variance, n * m)
    higher = (u > 0.5 * n * m).astype(float)
    least = np.minimum(n, m)
    p[least < _least(groups)], higher[least < _least(groups)] = np.nan, 0.0
    for size in np.unique(np.stack([n, m], axis=1)[(least == 1) & (_least(groups) == 1)], axis=0):
        same = (n == size[0]) & (m == size[1])
        p[same], higher[same] = _one_against_many(left[same, : size[0]], right[same, : size[1]])
    return p, higher


def _least(groups: Sequence[Group]) -> int:
    """Return the fewest patients of a group that are tested: two, unless an arm itself has no more than one."""
    return 1 if any(group.arm.size == 1 for group in groups) else 2


def _one_against_many(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact p where one group is a single patient (n = 1), and whether the first is higher, per row.

    That patient's rank is any of all ranks alike: p is the share of ranks as far from the middle as it, ties included.
    """
    from scipy.stats import rankdata

    several = y if x.shape[1] == 1 else x
    ranks = rankdata(np.concatenate([x if x.shape[1] == 1 else y, several], axis=1), axis=1)
    away = np.abs(ranks - ranks.mean(axis=1, keepdims=True))
    above = ranks[:, 0] > ranks.mean(axis=1)
    below = ranks[:, 0] < ranks.mean(axis=1)
    return (away >= away[:, :1] - 1e-9).mean(axis=1), above if x.shape[1] == 1 else below


def _counts(figure: Figure, group: Group) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of a group's members in each replicate, and how many these are."""
    return _in_replicates(group.arm.values[figure.observable][:, group.arm.column[figure.day]], group)


def _in_replicates(values: np.ndarray, group: Group) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of members who have one, first in each row (replicates, size), and how many these are."""
    chosen = np.where(group.member & np.isfinite(values), values, np.nan)[group.picks]
    there = np.isfinite(chosen)
    return np.take_along_axis(chosen, np.argsort(~there, axis=1, kind="stable"), axis=1), there.sum(axis=1)


def wilcoxon(figure: Figure, groups: Sequence[Group]) -> Outcome:
    """Return p and whether `day` is above `from_day` in the group, per replicate (paired)."""
    from scipy.stats import wilcoxon as signed_rank

    assert figure.from_day is not None, "checked when the trial was made"
    counts, column = groups[0].arm.values[figure.observable], groups[0].arm.column
    samples, sizes = _in_replicates(counts[:, column[figure.day]] - counts[:, column[figure.from_day]], groups[0])
    p, higher = np.full(len(samples), np.nan), np.zeros(len(samples))
    for size in np.unique(sizes[sizes >= _least(groups)]):
        same = np.flatnonzero(sizes == size)
        block = samples[same, :size]
        moved = block.any(axis=1)  # where nobody's count changed there is nothing to rank, and no difference
        p[same] = 1.0
        if size > 1 and moved.any():
            p[same[moved]] = signed_rank(block[moved], axis=1, method="asymptotic").pvalue
        higher[same] = np.median(block, axis=1) > 0
    return p, higher


def fisher(figure: Figure, groups: Sequence[Group]) -> Outcome:
    """Return p and whether the first group has the smaller share of events, per replicate."""
    counts = []
    for group in groups[:2]:
        member = group.member[group.picks]
        had = (group.arm.event_day <= figure.day)[group.picks] & member
        counts += [had.sum(axis=1), member.sum(axis=1)]
    a, n, b, m = counts
    p = [fisher_exact(*map(int, row)) if row[1] and row[3] else np.nan for row in zip(a, n, b, m, strict=True)]
    return np.array(p), a * m < b * n


TESTS: dict[str, Callable[[Figure, Sequence[Group]], Outcome]] = {
    "mann_whitney": mann_whitney,
    "wilcoxon": wilcoxon,
    "fisher": fisher,
}
TEST_NAMES = {"mann_whitney": "Mann-Whitney U", "wilcoxon": "Wilcoxon signed-rank", "fisher": "Fisher's exact"}
