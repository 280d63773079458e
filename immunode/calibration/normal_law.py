"""The normal law of a printed mean vector and covariance matrix: -2 log likelihood of n patients from their summary.

It is exact where patients are normal about the predicted mean, and a quasi-likelihood where they are not: admr and
admixr2 fit by it.
"""

import math
from typing import Literal

import numpy as np

from immunode.errors import BadValue
from immunode.internal.arguments import choice, short

Residual = Literal["total", "at_mean"]
RESIDUALS = ("total", "at_mean")
DIVISORS = ("n", "n-1")


def deviance(
    n: int | np.ndarray,
    mean: np.ndarray,
    spread: np.ndarray,
    predicted_mean: np.ndarray,
    predicted_covariance: np.ndarray,
    *,
    divisor: str = "n",
) -> np.ndarray:
    """Return -2 log likelihood of n patients by their printed mean and covariance matrix, or variances.

    With S the covariance matrix by the divisor n, V the predicted one, d the printed less the predicted mean, k visits:

        -2 log L = sum_i -2 log N(y_i; mu, V) = n (log|V| + tr(V^-1 S) + d' V^-1 d + k log(2 pi))

    S by n - 1 is (n - 1) / n times as large when it is divided by n. With variances s_t instead of S (the "variance
    form") visits are read one by one, as if they were independent:

        n_t (log v_t + s_t / v_t + d_t^2 / v_t + log(2 pi)), summed over visits t

    Main arguments
        n: patients; in the variance form it may be an array (k,)
        mean: printed means (k,)
        spread: printed covariance matrix (k, k), or variances (k,)
        predicted_mean: means (..., k), for any number of predictions at once
        predicted_covariance: covariance matrices (..., k, k) with the residual error; the variance form reads its
            diagonal, or takes variances (..., k)

    Other arguments
        divisor: of the printed spread, "n" or "n-1", default "n"

    Returns
        -2 log likelihood (...,) [1]; infinite where a predicted covariance matrix is not positive definite

    Raises
        BadValue: for shapes that do not fit each other, n = 0, another divisor.

    Source
        Välitalo, J Pharmacokinet Pharmacodyn 48 (2021) 623, doi:10.1007/s10928-021-09760-1 (mean and covariance as
        data); the formula is that of n independent normal vectors.

    Example
        >>> import numpy as np
        >>> round(float(deviance(10, np.zeros(1), np.ones(1), np.zeros(1), np.ones((1, 1)))), 3)
        28.379
    """
    mean, spread = np.asarray(mean, float), np.asarray(spread, float)
    sizes = _sizes(n, mean, spread)
    spread = by_n(spread, sizes, divisor)
    centre, predicted = np.asarray(predicted_mean, float), np.asarray(predicted_covariance, float)
    if centre.shape[-1:] != mean.shape or predicted.shape[-1:] != mean.shape:
        raise BadValue(
            f"predicted mean {centre.shape} and covariance {predicted.shape}: expected (..., {mean.size}) "
            f"and (..., {mean.size}, {mean.size}), as there are printed means"
        )
    away = mean - centre
    if spread.ndim == 2:
        return _joint(float(sizes[0]), spread, away, predicted)
    variances = np.diagonal(predicted, axis1=-2, axis2=-1) if predicted.ndim == away.ndim + 1 else predicted
    positive = (variances > 0).all(axis=-1)
    safe = np.where(variances > 0, variances, 1.0)
    each = sizes * (np.log(safe) + (spread + away**2) / safe + math.log(2 * math.pi))
    return np.where(positive, each.sum(axis=-1), np.inf)


def _joint(n: float, spread: np.ndarray, away: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return -2 log likelihood of the matrix form at each prediction; infinite for a matrix that is none."""
    visits = spread.shape[0]
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(predicted).all(axis=(-2, -1))
        levels, vectors = np.linalg.eigh(np.where(usable[..., None, None], predicted, np.eye(visits)))
        usable = usable & (levels[..., 0] > visits * np.finfo(float).eps * np.abs(levels[..., -1]))
        levels = np.where(usable[..., None], levels, 1.0)
    second = spread + away[..., :, None] * away[..., None, :]
    along = np.einsum("...ij,...ik,...kj->...j", vectors, second, vectors)
    value = n * (np.log(levels).sum(axis=-1) + (along / levels).sum(axis=-1) + visits * math.log(2 * math.pi))
    return np.where(usable, value, np.inf)


def by_n(spread: np.ndarray, sizes: np.ndarray, divisor: str) -> np.ndarray:
    """Return a covariance matrix or variances by the divisor n."""
    choice(divisor, "divisor", DIVISORS)
    return spread if divisor == "n" else spread * (sizes - 1) / sizes


def _sizes(n: int | np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return patients by visit (k,); raise BadValue for none, and for shapes that do not fit each other."""
    visits = mean.size
    if mean.ndim != 1 or spread.shape not in ((visits,), (visits, visits)):
        raise BadValue(
            f"mean {mean.shape} and spread {spread.shape}: expected (k,), and a matrix (k, k) or variances (k,)"
        )
    sizes = np.asarray(n, float)
    if sizes.ndim and (sizes.shape != (visits,) or spread.ndim == 2):
        raise BadValue(f"n = {short(n)}: expected one number, or one a visit with variances")
    if not (sizes >= 1).all():
        raise BadValue(f"n = {short(n)}: expected 1 patient or more")
    return np.broadcast_to(sizes, (visits,))


def with_residual(
    mean: np.ndarray, covariance: np.ndarray, cv: float | np.ndarray, sd: float | np.ndarray, residual: str = "total"
) -> np.ndarray:
    """Return the covariance of what is measured (..., k, k): that of true values plus the residual error's variance.

    A measurement has the proportional error `cv` and the additive one `sd`. By the law of total variance ("total") the
    error's variance is averaged over patients, cv^2 (mean^2 + variance) + sd^2; "at_mean" takes it at the mean of the
    population, cv^2 mean^2 + sd^2, which is too small, and what admr does.
    """
    choice(residual, "residual", RESIDUALS)
    squares = mean**2
    if residual == "total":
        squares = squares + np.diagonal(covariance, axis1=-2, axis2=-1)
    return covariance + np.asarray(cv**2 * squares + np.square(sd))[..., None] * np.eye(mean.shape[-1])


def admr_objective(minus_two_log_likelihood: float, values: int) -> float:
    """Return the objective as admr prints it, of so many `values` (n times visits).

    It is the negative log likelihood without its constant: n/2 (log|V| + tr(V^-1 S) + d' V^-1 d).
    """
    return (minus_two_log_likelihood - values * math.log(2 * math.pi)) / 2
