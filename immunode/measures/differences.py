"""The error and the confidence interval of a difference of means of two groups, as papers print them beside it.

Variances are not pooled: the standard error is sqrt(SE1² + SE2²), and degrees of freedom are those of Welch 1947
(doi:10.1093/biomet/34.1-2.28).
"""

from collections.abc import Callable

import numpy as np

from immunode.measures.statistics import mean, se


def difference_se(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the standard error of the difference of means; nan where a group has one patient."""
    return np.hypot(se(first), se(second))


def degrees_of_freedom(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the degrees of freedom of the difference of means."""
    squares = [se(values) ** 2 for values in (first, second)]
    free = [np.maximum((~np.isnan(values)).sum(axis=-1) - 1, 1) for values in (first, second)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sum(squares) ** 2 / (squares[0] ** 2 / free[0] + squares[1] ** 2 / free[1]))


def _half(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    from scipy.special import stdtrit  # slow to import

    return np.asarray(stdtrit(degrees_of_freedom(first, second), 0.975) * difference_se(first, second))


def difference_ci_low(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the lower end of the 95 % confidence interval of the difference of means."""
    return mean(first) - mean(second) - _half(first, second)


def difference_ci_high(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the upper end of the 95 % confidence interval of the difference of means."""
    return mean(first) - mean(second) + _half(first, second)


OF_DIFFERENCES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {  # by what they are called of one group
    "se": difference_se,
    "ci_low": difference_ci_low,
    "ci_high": difference_ci_high,
}
