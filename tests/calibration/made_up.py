"""A made-up study of boluses into one compartment, whose numbers have a closed form."""

import math

from immunode.evidence.printed import Evidence
from immunode.model.declaration import Model, Output, Parameter, State

BOLUS = Model(
    name="bolus",
    states=[State("central", "MIU")],
    routes={"iv": "central"},
    parameters=[Parameter("CL", 10.0, "L/day", low=0.1, high=1000), Parameter("V", 5.0, "L", low=0.1, high=100)],
    outputs=[Output("level", "IU/mL", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"central": -p.CL * x.central / p.V},
)
DAYS = (0.1, 0.3, 0.6, 1.0, 1.5)


def level(day, dose, CL, V):
    return 1000 * dose / V * math.exp(-CL / V * day)  # MIU/L = 1000 IU/mL


def study(CL=14.0, V=7.0, **changes):
    rows = [
        {
            "arm": arm,
            "observable": "level",
            "day": day,
            "value": level(day, dose, CL, V),
            "sigma": 0.05 * level(day, dose, CL, V),
        }
        | changes
        for arm, dose in (("low", 1.5), ("high", 7.5))
        for day in DAYS
    ]
    return Evidence(name="study", arms={"low": "1.5 MIU IV bolus", "high": "7.5 MIU IV bolus"}, rows=rows)


def evidence(rows, dose="1 MIU IV bolus", **changes):
    return Evidence(name="e", arms=[{"name": "a", "regimen": dose}], rows=rows, **changes)


def row(**changes):
    return {"arm": "a", "observable": "level", "day": 1, "value": 1, "sigma": 1} | changes
