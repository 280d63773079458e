"""Say in words which combinations of parameters the evidence cannot tell apart."""

from collections.abc import Mapping

import numpy as np

from immunode.calibration.free_parameters import LOG

WEAK = 0.5  # a combination known to less than a factor exp(0.5) is named
SMALL = 0.15  # parts of a combination smaller than this are left out


def weakest(slopes: np.ndarray, values: Mapping[str, float]) -> list[str]:
    """Say in words which combinations move chi-square least: eigenvectors of J'J on the log scale, weakest first.

    Each is one standard deviation along the direction; those known to better than a factor exp(0.5) are left out.
    """
    names = list(values)
    scaled = slopes * sizes(values)
    levels, vectors = np.linalg.eigh(scaled.T @ scaled)
    out = []
    for level, vector in zip(levels, vectors.T, strict=True):
        sd = 1 / np.sqrt(max(level, np.finfo(float).tiny))
        if sd < WEAK:
            break
        order = np.argsort(-np.abs(vector))
        sign = np.sign(vector[order[0]])
        moves = [
            f"{names[i].removeprefix(LOG)} {times(sign * vector[i] * sd)}" for i in order if abs(vector[i]) > SMALL
        ]
        together = "together" if len(moves) > 1 else "alone"
        out.append(f"{', '.join(moves)} {together}: one standard deviation (chi-square + 1)")
    return out


def sizes(values: Mapping[str, float]) -> np.ndarray:
    """Return what each varied parameter moves by as its logarithm moves by 1; one that is zero moves by 1."""
    return np.array([1.0 if name.startswith(LOG) else abs(value) or 1.0 for name, value in values.items()])


def times(log: float) -> str:
    """Write a move of a logarithm as a factor."""
    return f"x {np.exp(log):.2g}" if abs(log) < 5 else "without limit"
