"""Draw patients: one random stream a purpose and block of patients, and log-normal values made patient by patient.

NumPy's vectorised exp may differ in its last bit with the position in a batch; a scalar kernel does not.
"""

import hashlib
import math
from typing import Any

import numpy as np

from immunode.engine.entries import Entry

BLOCK = 1024


def _generator(seed: int, purpose: str, block: int) -> np.random.Generator:
    key = int.from_bytes(hashlib.blake2b(f"{seed}:{purpose}".encode(), digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, block]))


def draws(seed: int, purpose: str, n: int, *, first: int = 0, kind: str = "normal") -> np.ndarray:
    """Return n draws, "normal" or "uniform", for patients `first` to `first + n - 1`.

    A patient's draw depends on nothing but seed, purpose and its index.
    """
    blocks = range(first // BLOCK, (first + max(n, 1) - 1) // BLOCK + 1)
    rows = [_generator(seed, purpose, b) for b in blocks]
    drawn = np.concatenate([g.standard_normal(BLOCK) if kind == "normal" else g.random(BLOCK) for g in rows])
    offset = first - blocks.start * BLOCK
    return drawn[offset : offset + n]


def vary(typical: np.ndarray, fraction: np.ndarray, factor: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return typical values times exp(factor @ z) for each patient (row of `z`), shape (n, k).

    `factor` is the Cholesky factor of the covariance. Where `fraction` is set the odds are multiplied instead of the
    value, which is logit-normal and stays between 0 and 1.
    """
    out = np.empty(z.shape)
    Entry(__name__, "_vary")(typical, fraction, factor, z, out)
    return out


def _vary(typical: Any, fraction: Any, factor: Any, z: Any, out: Any) -> None:
    n, k = z.shape
    for i in range(n):
        for j in range(k):
            eta = 0.0
            for m in range(j + 1):
                eta += factor[j, m] * z[i, m]
            times = math.exp(eta)
            out[i, j] = typical[j] * times / (1.0 - typical[j] + typical[j] * times if fraction[j] else 1.0)


def lognormal(median: float, sd: float, z: np.ndarray) -> np.ndarray:
    """Return log-normal values with the given median and SD of the log from standard normal draws, shape (n,)."""
    one = np.array([False])
    return vary(np.array([median]), one, np.array([[sd]]), np.ascontiguousarray(z[:, None]))[:, 0]


def exponential(uniform: np.ndarray) -> np.ndarray:
    """Return standard exponential draws from uniform ones in [0, 1), shape (n,)."""
    out = np.empty(len(uniform))
    Entry(__name__, "_exponential")(uniform, out)
    return out


def _exponential(uniform: Any, out: Any) -> None:
    for i in range(len(uniform)):
        out[i] = -math.log(1.0 - uniform[i])
