"""What docs/tolerances.md promises of a result: the benchmark of tolerances and the fuzz measure by it."""

import numpy as np
from numpy.typing import ArrayLike

PROMISED = 10  # tolerances
NEAR_ZERO = 1000  # the part of a scale below which a relative error means nothing


def tolerance(values: ArrayLike, scales: ArrayLike, rtol: float) -> np.ndarray:
    """Return what a step may be wrong by at values of states whose scales are given, in the unit of these."""
    return rtol * (np.abs(values) + np.asarray(scales) / NEAR_ZERO)
