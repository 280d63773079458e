"""Arguments that hold one value for all patients, or a list of one a patient."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def one_each(times: Any) -> bool:
    """Return whether `times` holds a list for each patient: lists in a list, or an array of two dimensions."""
    if isinstance(times, np.ndarray):
        return times.ndim == 2
    return isinstance(times, Sequence) and len(times) > 0 and all(np.ndim(t) == 1 for t in times)
