"""What a population predicts of a trial's printed numbers: mean and covariance of statistics, and shares of counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrc, ndtr

from immunode.calibration.population.printed_row import Row, Values, of_kind
from immunode.calibration.population.statistic_law import Anchored
from immunode.calibration.population.weights import effective
from immunode.measures.p_values import P_VALUES

SPREADS = ("sd", "se", "iqr")  # above zero, whatever they are spreads of
SURE = 1e-9  # least share that is predicted of a count: what no virtual patient shows is not impossible
DEGENERATE = 1e-7  # of its variance a statistic may have left when the others are known


@dataclass(frozen=True, eq=False)
class Moments:
    """Hold mean (d,) and covariance (d, d) of the statistics that are taken as normal, on the scale of each, and the
    predicted share (e,) of each count; and where patients are of several kinds the statistics of all `replicates`
    (R, d), whose law is then not taken as normal."""

    mean: np.ndarray
    covariance: np.ndarray
    share: np.ndarray
    replicates: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Terms:
    """Hold what a trial brings to the likelihood, at an anchor.

    `normal` rows whose law is taken as normal, of which those in `logs` by their logarithms; `limits`, known only to
    be below or above one, of counts too; `counts`. `dropped` names what follows from the other rows or does not vary;
    `kinds` says whether patients are of several kinds. By the factors `grown` the SDs of normal rows are larger as the
    virtual patients at the anchor are no endless crowd; elsewhere too, or else the likelihood would be highest
    where so few patients weigh something that nothing is predicted.
    """

    anchored: Anchored
    normal: Sequence[Row]
    limits: Sequence[Row]
    counts: Sequence[Row]
    keep: np.ndarray
    logs: np.ndarray
    values: Mapping[tuple[int, int], Values]
    dropped: tuple[str, ...]
    grown: np.ndarray
    kinds: bool = False

    @property
    def kept(self) -> list[Row]:
        """Return the rows of the normal block."""
        return [self.normal[i] for i in self.keep]

    @property
    def binary(self) -> list[Row]:
        """Return the rows that count, and those that are limits, which count one number."""
        return [*self.counts, *self.limits]

    def scaled(self, statistics: np.ndarray) -> np.ndarray:
        """Return the kept statistics (..., rows) on the scale of each."""
        chosen = statistics[..., self.keep]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.logs, np.log(np.where(self.logs, chosen, 1.0)), chosen)

    def moments(self, weights: Sequence[np.ndarray]) -> Moments:
        """Return what patients of these weights predict."""
        every = self.anchored.statistics(weights)
        scaled = self.scaled(every[:, : len(self.normal)])
        grown = self.grown[self.keep]
        covariance = np.atleast_2d(np.cov(scaled, rowvar=False)) * np.outer(grown, grown)
        share = [self._share(row, weights) for row in self.counts]
        beyond = every[:, len(self.normal) :]
        for i, row in enumerate(self.limits):
            counted = row.last is not None
            share.append(_counted_beyond(row, self._share(row, weights)) if counted else _beyond(row, beyond[:, i]))
        shares = np.clip(np.array(share, dtype=float), SURE, 1 - SURE)
        return Moments(scaled.mean(axis=0), covariance, shares, scaled if self.kinds else None)

    def _share(self, row: Row, weights: Sequence[np.ndarray]) -> float:
        return counted_share(row, self.values, weights, self.anchored.sizes)


def _inflation(row: Row, sizes: Sequence[int], weights: Sequence[np.ndarray]) -> float:
    """Return by how much the variance of a statistic grows as the virtual patients are no endless crowd."""
    return 1.0 + max(sizes[arm] / effective(weights[arm]) for arm in (*row.arms, *row.versus))


def counted_share(
    row: Row, values: Mapping[tuple[int, int], Values], weights: Sequence[np.ndarray], sizes: Sequence[int]
) -> float:
    """Return the share of patients that a count counts; arms pooled weigh as their patients."""
    of_arms = row.each or [sizes[arm] for arm in row.arms]
    shares, total = 0.0, sum(of_arms)
    for arm, n in zip(row.arms, of_arms, strict=True):
        each, weight = values[arm, row.variable].values, weights[arm]
        known = ~np.isnan(each)
        shares += n / total * float((weight * yes(row, each))[known].sum() / weight[known].sum())
    return shares


def yes(row: Row, each: np.ndarray) -> np.ndarray:
    """Return of whom a count is so: 1, 0, or nan of whom it is not known; of a quantile who never reaches it."""
    if row.is_ordered:
        so = np.isposinf(each)
    elif row.statistic.endswith("_above"):
        so = each > row.asked.limit
    elif row.statistic.endswith("_below"):
        so = each < row.asked.limit
    else:
        return each
    return np.where(np.isnan(each), np.nan, so)


def _counted_beyond(row: Row, share: float) -> float:
    """Return how probable a count is on the printed side of its limit, by the binomial law, exactly."""
    assert row.last is not None, "asked of counts alone"
    p = min(share, 1.0)  # it may be above by rounding
    return float(bdtr(row.last, row.size, p) if row.kind == "below" else bdtrc(row.last - 1, row.size, p))


def _beyond(row: Row, statistics: np.ndarray) -> float:
    """Return how probable a statistic is on the printed side of its limit, by the normal law of its logarithm where it
    is positive."""
    limit, each = row.observed, statistics[~np.isnan(statistics)]
    if row.compare in P_VALUES:  # far from normal
        return float((each < limit).mean()) if row.kind == "below" else float((each > limit).mean())
    if each.size and each.min() > 0 and limit > 0:
        each, limit = np.log(each), np.log(limit)
    if each.size < 2 or each.std() == 0:
        below = float(each.mean() < limit) if each.size else 0.5
    else:
        below = float(ndtr((limit - each.mean()) / each.std()))
    return below if row.kind == "below" else 1.0 - below


def terms(
    rows: Sequence[Row], values: Mapping[tuple[int, int], Values], anchored_rows: Anchored,
    weights: Sequence[np.ndarray],
) -> Terms:  # fmt: skip
    """Return what a trial brings to the likelihood; `anchored_rows` hold its normal rows, then its limits."""
    normal, limits = of_kind(rows, "normal"), of_kind(rows, "below", "above")
    statistics = anchored_rows.statistics(weights)[:, : len(normal)]
    statistics[:, endless(normal, values, anchored_rows.picks)] = np.nan
    positive = by_logarithm(normal, values)
    logs = np.where(positive, np.log(np.where(positive, statistics, 1.0)), statistics)
    keep, dropped = independent(statistics, logs, normal)
    grown = np.sqrt([_inflation(row, anchored_rows.sizes, weights) for row in normal])
    return Terms(
        anchored_rows, normal, limits, of_kind(rows, "binomial"), keep, positive[keep], values, tuple(dropped), grown
    )  # fmt: skip


def endless(
    rows: Sequence[Row], values: Mapping[tuple[int, int], Values], picks: Sequence[np.ndarray]
) -> np.ndarray:  # fmt: skip
    """Return which rows are of times that some of those picked never reach, and so no numbers; quantiles are."""
    never = {(a, v): bool(np.isposinf(each.values[picks[a]]).any()) for (a, v), each in values.items()}
    return np.array(
        [not row.is_ordered and any(never[arm, row.variable] for arm in (*row.arms, *row.versus)) for row in rows],
        dtype=bool,
    )


def by_logarithm(rows: Sequence[Row], values: Mapping[tuple[int, int], Values]) -> np.ndarray:
    """Return which rows are compared by their logarithms: numbers above zero, of what is so in every sample."""
    seen = np.array([row.observed for row in rows])
    return (seen > 0) & np.array([_is_positive(row, values) for row in rows], dtype=bool)


def _is_positive(row: Row, values: Mapping[tuple[int, int], Values]) -> bool:
    """Return whether a statistic is above zero in every sample, since it is of what is so in everybody, and so compared
    by its logarithm."""
    if row.statistic in SPREADS and (not row.versus or row.statistic == "se"):
        return True
    if row.of_values or row.statistic == "ci_low" or (row.versus and row.compare != "ratio"):
        return False
    return all(float(np.nanmin(values[arm, row.variable].values)) > 0 for arm in (*row.arms, *row.versus))


def independent(plain: np.ndarray, scaled: np.ndarray, rows: Sequence[Row]) -> tuple[np.ndarray, list[str]]:
    """Return which statistics (replicates, rows) vary and do not follow from those before them, and what the others
    are in words.

    A row follows as `plain` numbers (the ends of a confidence interval from the mean, a difference) or on its own scale
    (a CV from mean and SD, a ratio).
    """
    keep: list[int] = []
    dropped = []
    bases = [np.zeros((len(one), 0)) for one in (plain, scaled)]
    for i, row in enumerate(rows):
        columns = [one[:, i] for one in (plain, scaled)]
        if not np.isfinite(columns).all():
            dropped.append(f"{row.label}: there is no such number in some of the samples")
            continue
        if any(one.std() <= 1e-12 * max(1.0, abs(one).max()) for one in columns):
            dropped.append(f"{row.label}: it is {plain[0, i]:.4g} in all samples")
            continue
        left = [_left(one, basis) for one, basis in zip(columns, bases, strict=True)]
        rest = [float(one @ one) for one in left]
        if min(rest) < DEGENERATE:
            if not row.statistic.endswith("ci_high"):  # of an interval around its mean nobody asks for more
                dropped.append(f"{row.label}: it follows from the other rows")
            continue
        keep.append(i)
        bases = [np.column_stack([b, one / np.sqrt(r)]) for b, one, r in zip(bases, left, rest, strict=True)]
    return np.array(keep, dtype=int), dropped


def _left(statistic: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return what is left of a statistic, in units of its spread, where those of the basis are known."""
    spread = statistic - statistic.mean()
    unit = spread / np.sqrt(spread @ spread)
    return np.asarray(unit - basis @ (basis.T @ unit))
