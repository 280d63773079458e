"""The asymptotic law of sample quantiles: how medians and quartiles of many patients scatter, jointly over visits.

It is the check, for large n, of the law by resampling that fits use.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from immunode.errors import BadValue
from immunode.internal.arguments import finite, short

MOST_TIED = 0.02  # share of patients with the value of the quantile: more is an atom, where there is no density
NARROW = 0.9  # Silverman's factor


@dataclass(frozen=True, eq=False)
class QuantileLaw:
    """Hold quantiles (m,) of patients, the covariance (m, m) of those of n of them, the density at each (m,) and the
    bandwidth (m,) of its kernel: on the log scale where `logged` (m,)."""

    quantiles: np.ndarray
    covariance: np.ndarray
    density: np.ndarray
    bandwidth: np.ndarray
    logged: np.ndarray


def quantile_law(
    values: np.ndarray,
    variables: Sequence[int],
    shares: Sequence[float],
    n: float,
    *,
    weights: np.ndarray | None = None,
) -> QuantileLaw:
    """Return the asymptotic joint law of sample quantiles of n patients, from the values of virtual patients.

    Cov(q_p(s), q_r(t)) = [P(Y_s <= q_p, Y_t <= q_r) - p r] / (n f_s(q_p) f_t(q_r))

    The density f is that of a Gaussian kernel of Silverman's bandwidth, 0.9 min(SD, IQR / 1.349) N^(-1/5), N the
    effective number of virtual patients (sum w)^2 / sum w^2; on the log scale for variables above 0, whose skewness it
    would smooth away.

    Main arguments
        values: of virtual patients (patients, variables), any units
        variables: column of each quantile (m,)
        shares: of each quantile (m,), 0.5 for a median, between 0 and 1
        n: patients of the trial

    Other arguments
        weights: of the patients (patients,), 0 or more, default equal

    Returns
        a QuantileLaw

    Raises
        BadValue: for values that are not finite, shares outside 0 to 1, columns that are not there, weights that are
            none, n below 1, and a quantile that many patients share, where there is no density (a floor, a limit of
            detection): the formula does not hold there.

    Source
        Mosteller, Ann Math Stat 17 (1946) 377, doi:10.1214/aoms/1177730881 (one variable); Babu and Rao, J Multivar
        Anal 27 (1988) 15, doi:10.1016/0047-259X(88)90112-1 (several).

    Example
        >>> import numpy as np
        >>> normal = np.random.default_rng(0).standard_normal((20_000, 1))
        >>> law = quantile_law(normal, [0], [0.5], n=100)
        >>> round(float(law.covariance[0, 0] * 100), 1)  # pi / 2
        1.6
    """
    values, weights = _checked(values, weights)
    each, columns = np.asarray(shares, float), np.asarray(variables, int)
    if each.shape != columns.shape or each.ndim != 1 or not each.size or not ((each > 0) & (each < 1)).all():
        raise BadValue(
            f"shares = {short(shares)}: expected one above 0 and below 1 for each of {columns.size} variables"
        )
    if columns.min() < 0 or columns.max() >= values.shape[1]:
        raise BadValue(f"variables = {short(variables)}: expected columns of the values, 0 to {values.shape[1] - 1}")
    if finite(n, "n") < 1:
        raise BadValue(f"n = {n:g}: expected 1 patient or more")
    rows = [_at(values[:, column], share, weights, column) for column, share in zip(columns, each, strict=True)]
    quantiles, density, bandwidth, logged = (np.array(one) for one in zip(*rows, strict=True))
    below = (values[:, columns] <= quantiles).astype(float) - each
    joint = (below * weights[:, None]).T @ below
    return QuantileLaw(quantiles, joint / np.outer(density, density) / n, density, bandwidth, logged.astype(bool))


def _checked(values: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return values and weights that add up to 1; raise BadValue for what is none."""
    values = np.asarray(values, float)
    if values.ndim != 2 or len(values) < 2 or not np.isfinite(values).all():
        raise BadValue("values: expected finite numbers (patients, variables) of 2 patients or more")
    if weights is None:
        return values, np.full(len(values), 1 / len(values))
    weights = np.asarray(weights, float)
    if weights.shape != (len(values),) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise BadValue(f"weights: expected {len(values)} numbers of 0 or more, one a patient")
    return values, weights / weights.sum()


def _at(y: np.ndarray, share: float, weights: np.ndarray, column: int) -> tuple[float, float, float, bool]:
    """Return a quantile, the density there, its bandwidth, and whether both are on the log scale."""
    logged = bool((y > 0).all())
    x = np.log(y) if logged else y
    order = np.argsort(x, kind="stable")
    ranks = np.cumsum(weights[order]) - weights[order] / 2
    low, at, high = np.interp([0.25, share, 0.75], ranks, x[order])
    tied = float(weights[x == x[order][np.argmin(np.abs(ranks - share))]].sum())
    if tied > MOST_TIED:
        raise BadValue(
            f"variable {column}: {100 * tied:.3g} % of the patients have the value of its quantile {share:g}, so there "
            "is no density there; resample instead"
        )
    mean = weights @ x
    sd = np.sqrt(weights @ (x - mean) ** 2)
    size = min(sd, (high - low) / 1.349) if high > low else sd
    bandwidth = NARROW * size * (weights @ weights) ** 0.2
    kernel = np.exp(-0.5 * ((x - at) / bandwidth) ** 2) / (bandwidth * np.sqrt(2 * np.pi))
    density = float(weights @ kernel)
    quantile = float(np.exp(at)) if logged else float(at)
    return quantile, density / quantile if logged else density, float(bandwidth), logged
