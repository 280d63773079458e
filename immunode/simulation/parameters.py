"""Make an array of the parameters of n patients from what is said of them by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.memory import need
from immunode.model.declaration import Model


def matrix(model: Model, changes: Mapping[str, Any] | None, n: int | None = None) -> np.ndarray:
    """Return parameters (n, parameters) from values or arrays of n values by name.

    Numbers are taken in the declared unit. Without `n` the arrays say how many patients there are.
    """
    single = {k: v for k, v in (changes or {}).items() if np.ndim(v) == 0}
    many = {k: np.asarray(v, dtype=float) for k, v in (changes or {}).items() if np.ndim(v) > 0}
    lengths = {v.shape for v in many.values()} | ({(n,)} if n is not None else set())
    if len(lengths) > 1 or any(len(shape) > 1 or shape == (0,) for shape in lengths):
        raise BadValue(
            f"parameters given as arrays differ in length, or are no rows of numbers: shapes {sorted(lengths)}"
            + (f"; there are {n} patients" if n is not None else "")
        )
    count = lengths.pop()[0] if lengths else 1
    need(8 * count * len(model.typical), f"{count} patients of {model.name}", "simulate fewer patients at a time")
    out = np.tile(list(model.values(single).values()), (count, 1))
    for name, values in many.items():
        for extreme in (values.min(), values.max()):
            model.values({name: extreme})
        out[:, list(model.typical).index(name)] = values
    return out
