"""The models that steady states are tested on, and a regimen that begins at one."""

import immunode as im
from immunode.model.declaration import Model, Parameter, State

VMAX, KM, K = 30.0, 20.0, 0.2


def model(slopes, **more):
    return Model(
        name="tested",
        states=[State("depot", "mg"), State("central", "mg", lag="lag")],
        parameters=[
            Parameter("ka", 2.0, "1/day"), Parameter("k", K, "1/day"), Parameter("Vmax", VMAX, "mg/day"),
            Parameter("Km", KM, "mg"), Parameter("lag", 0.0, "day"), Parameter("fall", 1.0, "1/day"),
        ],
        derivative=slopes,
        **more,
    )  # fmt: skip


LINEAR = model(lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.k * x.central})
SATURABLE = model(
    lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.Vmax * x.central / (p.Km + x.central)}
)
KEPT = model(lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot})
CLOSED = model(lambda t, x, p: {"depot": p.k * x.central - p.ka * x.depot, "central": p.ka * x.depot - p.k * x.central})
TIMED = model(lambda t, x, p: {"depot": -p.ka * x.depot, "central": -p.k * x.central * (1 + p.fall * t)})


def at_steady_state(of, times=(0.0,), into="central", amount="10 mg", at_dose="pre", parameters=None, **how):
    regimen = im.dose(amount, into, times=[0.0], steady_state="replace", **{"every": "12 h"} | how)
    return im.simulate(of, regimen, times=times, at_dose=at_dose, parameters=parameters, rtol=1e-9)
