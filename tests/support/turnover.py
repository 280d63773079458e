"""A model whose states declare no scale, in amounts of any size, and how it is run."""

import numpy as np

import immunode as im
from immunode.simulation.ensemble_run import run

DAYS = np.arange(0.0, 8.01, 0.5)
BESIDE = [1e-12, 1e-6, 1e6, 1e12]

# absorption, a saturable loss, and cells that hold themselves and that the drug raises
MODEL = im.Model(
    name="turnover",
    states=[
        im.State("depot", "mol", lag="tlag", bioavailability="F"),
        im.State("central", "mol"),
        im.State("cells", "mol", initial="steady_state"),
    ],
    routes={"sc": "depot", "iv": "central"},
    parameters=[
        im.Parameter("ka", 5.0, "1/day"),
        im.Parameter("k", 1.0, "1/day"),
        im.Parameter("F", 0.75, "1", low=0, high=1),
        im.Parameter("tlag", 0.125, "day"),
        im.Parameter("Vmax", 2.0, "mol/day"),
        im.Parameter("Km", 0.5, "mol"),
        im.Parameter("made", 8.0, "mol/day"),
        im.Parameter("half", 2.0, "mol"),
        im.Parameter("lost", 1.0, "1/day"),
        im.Parameter("EC", 0.25, "mol"),
    ],
    derivative=lambda t, x, p: {
        "depot": -p.ka * x.depot,
        "central": p.ka * x.depot - p.k * x.central - p.Vmax * x.central / (p.Km + x.central),
        "cells": p.made / (1 + x.cells / p.half) * (1 + x.central / (p.EC + x.central)) - p.lost * x.cells,
    },
)
AMOUNTS = {"Vmax": 2.0, "Km": 0.5, "made": 8.0, "half": 2.0, "EC": 0.25}
UNTREATED = -1.0 + np.sqrt(1.0 + 16.0)  # cells^2 / half + cells = made / lost


def sized(size, **more):
    """Return the parameters of the model in which all amounts are so many times as large."""
    return {name: size * value for name, value in AMOUNTS.items()} | more


def dose(amount, into="sc", **more):
    return im.dose(f"{amount!r} mol", into, **more)


def course(regimen, size=1.0, names=("central", "cells"), times=DAYS, changed=None, **more):
    """Return the states (times, names), and their sensitivities where some are asked for."""
    got = im.simulate(MODEL, regimen, times=times, parameters=sized(size, **changed or {}), **more)
    suffix = "_sensitivity" if more.get("sensitivities") else ""
    return np.stack([got[name + suffix].values for name in names], axis=1)


def plain(size=1.0, **changed):
    return list((MODEL.typical | sized(size, **changed)).values())


def solved(regimens, rows, **more):
    setting = {"times": DAYS, "observe": ["central", "cells"], "start": 0.0} | more
    return run(MODEL, np.array(rows), regimens, np.arange(len(regimens)), **setting)
