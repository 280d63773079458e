"""Who is efficient: of points with a benefit and burdens, those that no other beats."""

import numpy as np


def undominated(benefit: np.ndarray, *burdens: np.ndarray) -> np.ndarray:
    """Return which points (n,) no other dominates: none has as much benefit for as little of each burden, and is better
    in one of them. A point with a number that is not finite is none."""
    finite = np.isfinite(np.stack([benefit, *burdens])).all(axis=0)
    at_least, better = benefit[None] >= benefit[:, None], benefit[None] > benefit[:, None]
    for burden in burdens:
        at_least = at_least & (burden[None] <= burden[:, None])
        better = better | (burden[None] < burden[:, None])
    return np.asarray(finite & ~(at_least & better & finite[None]).any(axis=1))
