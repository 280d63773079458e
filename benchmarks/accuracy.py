"""Errors over a population, time at equal error, and what counts as a regression of accuracy."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# A smoke run may differ from the committed results by another processor's last bits, not by twice the error.
FACTOR = 2.0


def relative(values: np.ndarray, exact: np.ndarray, scored: Sequence[int]) -> np.ndarray:
    """Return |y - ref| / (|ref| + 1e-3 max|ref|) of the scored states; `values` holds the first patients of `exact`.

    The maximum is over all patients and times of `exact`.
    """
    scale = np.abs(exact).max(axis=(0, 1))[list(scored)]
    solved, exact = values[..., scored], exact[: len(values), :, scored]
    return np.abs(solved - exact) / (np.abs(exact) + 1e-3 * scale)


def quantiles(error: np.ndarray) -> dict[str, float]:
    """Return median, 99th percentile and maximum over all of `error`; nan (a failed patient) counts as infinite."""
    error = np.where(np.isnan(error), np.inf, error)
    return {
        "p50": float(np.quantile(error, 0.5, method="lower")),
        "p99": float(np.quantile(error, 0.99, method="lower")),
        "max": float(error.max()),
    }


def time_at(error: float, errors: Sequence[float], times: Sequence[float]) -> float | None:
    """Return the time a solver needs for `error`, log-log between the points of its curve; None if it never gets there.

    Points that another beats in both error and time are left out, for every solver. An error above the largest costs
    the least time on the curve: nobody is asked to be worse than that.
    """
    front: list[tuple[float, float]] = []
    for e, t in sorted(zip(errors, times, strict=True)):
        if math.isfinite(e) and (not front or t < front[-1][1]):
            front.append((e, t))
    if not front or error < front[0][0]:
        return None
    x, y = np.log([point[0] for point in front]), np.log([point[1] for point in front])
    return float(np.exp(np.interp(math.log(error), x, y)))


def at_error(error: float, errors: Sequence[float], values: Sequence[float]) -> float:
    """Return what another quantile of the error is where this one is `error`, log-log between the points of a curve."""
    points = sorted((e, v) for e, v in zip(errors, values, strict=True) if math.isfinite(e) and math.isfinite(v))
    x, y = np.log([e for e, _ in points]), np.log([v for _, v in points])
    return float(np.exp(np.interp(math.log(error), x, y)))


def regressions(now: Mapping[str, Any], committed: Mapping[str, Any], factor: float = FACTOR) -> list[str]:
    """Return a line for each error that is more than `factor` times the committed one of the same patients.

    None stands for infinite: a failed patient.
    """
    return [
        f"{label}: p99 error {error}, committed {committed[label]}"
        for label, error in now.items()
        if committed.get(label) is not None and (error is None or error > factor * committed[label])
    ]
