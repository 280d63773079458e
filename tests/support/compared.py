"""What comparisons are tried on: a drug that makes cells, all in closed form, and schedules of it."""

import immunode as im

P = im.Parameter
DOSES = ["10 mg IV bolus days 1-5", "20 mg IV bolus days 1-5", "20 mg IV bolus day 1"]


def effect(**terms):
    """Return a drug with first-order loss that makes cells: all in closed form."""
    return im.Model(
        "effect",
        [im.State("drug", "mg", scale=1e-2), im.State("cells", "cells/uL", initial="base", scale=1.0)],
        lambda t, x, p: {"drug": -p.k * x.drug, "cells": p.gain * x.drug},
        [
            P("k", 2.0, "1/day", low=0.1, high=10),
            P("gain", 3.0, "cells/uL/mg/day", low=0, high=10),
            P("base", 100.0, "cells/uL", low=1, high=1e4),
        ],
        routes={"iv": "drug"},
        outputs=[
            im.Output("level", "mg", lambda t, x, p: x.drug),
            im.Output("count", "cells/uL", lambda t, x, p: x.cells),
        ],
        patients=im.PatientTerms(
            covariates=[im.Covariate("count", "base", "cells", observable="count", log_sd=0.3)],
            levels={"level": 5.0, "count": 150.0},
            **({"omega": {"k": 0.3, "gain": 0.4, "base": 0.2}} | terms),
        ),
    )


MORE = {
    "regimen": "5 mg IV bolus",
    "label": "enough",
    "rules": [
        im.RecurringRule(
            name="more", when="count < 110", days=[7], then=im.RuleAction(add="10 mg IV bolus", label="needed more")
        )
    ],
}


def figure(label="f", **said):
    """Return a figure of the kind "endpoint", of a count gain where nothing else is said."""
    said = {"endpoint": {"signal": "count", "measure": "change"}} | said
    return im.Figure(label=label, kind="endpoint", **said)


def row(result, endpoint, name="estimate"):
    return result[name].sel(endpoint=endpoint).values
