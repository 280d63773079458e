"""Arguments that hold one value for all patients, or a list of one a patient."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from immunode.errors import BadValue


def one_each(times: Any) -> bool:
    """Return whether `times` holds a list for each patient: lists in a list, or an array of two dimensions."""
    if isinstance(times, np.ndarray):
        return times.ndim == 2
    return isinstance(times, Sequence) and len(times) > 0 and all(_is_row(t) for t in times)


def _is_row(times: Any) -> bool:
    try:
        return bool(np.ndim(getattr(times, "magnitude", times)) == 1)
    except (TypeError, ValueError):  # a list of quantities
        return isinstance(times, list | tuple)


def by_index(parameters: Mapping[str, Any] | None, patients: Sequence[Any] | None) -> dict[str, Any]:
    """Return parameters in which each pandas Series is an array in the order of `patients`, found by its index.

    Without patients their number is that of its values: 0, 1, 2, ... Raise BadValue where the index is another.
    """
    out = {}
    for name, value in (parameters or {}).items():
        if not (hasattr(value, "index") and hasattr(value, "to_numpy")):
            out[name] = value
            continue
        index, known = value.index.tolist(), list(range(len(value))) if patients is None else list(patients)
        place = {who: i for i, who in enumerate(index)}
        if len(place) < len(index) or set(place) != set(known):
            short = [", ".join(map(repr, who[:3])) + (", ..." if len(who) > 3 else "") for who in (index, known)]
            raise BadValue(
                f"parameter '{name}' is a Series of {short[0]}, but the patients are {short[1]}; index it by patient, "
                "each once, or give its values in their order, .to_numpy()"
            )
        out[name] = value.to_numpy()[[place[who] for who in known]]
    return out
