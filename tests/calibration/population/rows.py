"""Rows of printed numbers whose values are drawn here, without any simulation: their laws have a closed form."""

import numpy as np

from immunode.calibration.population.printed_row import Row, Values
from immunode.calibration.population.statistic_law import anchored
from immunode.evidence.endpoint import Endpoint
from immunode.measures import statistic
from immunode.simulation.measuring import Asked


def row(name="median", observed=1.0, kind="normal", **changes):
    """Return a row; `limit`, `variable`, `arms`, `n`, ... as fields of it."""
    limit = changes.pop("limit", np.nan)
    measure = "change" if statistic(name).of_values else "event" if name in ("percent", "count") else "value"
    limit_of = None if np.isnan(limit) else float(limit)
    signal = "" if measure == "event" else "cd4"
    endpoint = Endpoint(signal=signal, measure=measure, day=1, statistic=name, limit=limit_of)
    one = Asked(endpoint, 0.0, 1.0, np.nan, limit, "cells/uL", "")
    fields = {"arms": (0,), "versus": (), "compare": "difference", "variable": 0, "asked": one, "label": name}
    return Row(**fields | {"observed": observed, "kind": kind, "of_values": statistic(name).of_values} | changes)


def values_of(*columns):
    """Return the values of arm 0, a variable each."""
    return {(0, v): Values(*[np.asarray(column, dtype=float)] * 3) for v, column in enumerate(columns)}


def spread(count, n, seed=1):
    """Return uniforms of replicates, all together evenly spread."""
    generator = np.random.default_rng(seed)
    return ((generator.permutation(count * n) + generator.random(count * n)) / (count * n)).reshape(count, n)


def of_one_arm(rows, values, n, count=4000, seed=1, weight=None):
    """Return rows anchored at (equal) weights of one arm of size n, and those weights."""
    patients = len(next(iter(values.values())).values)
    weight = np.full(patients, 1 / patients) if weight is None else weight
    return anchored(rows, values, [weight], [spread(count, n, seed)]), weight
