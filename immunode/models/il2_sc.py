"""IL-2 after an injection: saturable uptake from the skin, one compartment, first-order elimination.

Uptake saturates with the amount under the skin (Kirchner 1998: less than dose-proportional exposure) and competes with
first-order loss there; with `D50` infinite the bioavailability is `F`. An intravenous dose enters the blood directly.
Clearance by receptors is an input that other parts may fill.
"""

from immunode.model.declaration import Input, Model, Output, Parameter, State
from immunode.model.patients import PatientTerms

KONRAD = "Konrad 1990, Cancer Res 50:2009"
KIRCHNER = "Kirchner 1998, doi:10.1046/j.1365-2125.1998.00036.x"
PISCITELLI = "Piscitelli 1996, Pharmacotherapy 16:754"
FIT = "fitted: fits/piscitelli_1996"


def uptake(t, x, p):
    """Return MIU per day from the depot into the blood."""
    return p.F * p.ka * x.depot / (1 + x.depot / p.D50)


def derivative(t, x, p):
    """Return MIU per day: depot to blood, blood to renal clearance and to receptors."""
    taken_up = uptake(t, x, p)
    return {
        "depot": -taken_up - (1 - p.F) * p.ka * x.depot,
        "central": taken_up - (p.CL + p.receptor_clearance) * x.central / p.V,
    }


MODEL = Model(
    name="il2_sc",
    meaning="IL-2 after a subcutaneous or intravenous dose",
    states=[
        State("depot", "MIU", "IL-2 under the skin", lag="tlag", scale=1.0),
        State("central", "MIU", "IL-2 in blood and what exchanges with it", scale=0.01),
    ],
    routes={"sc": "depot", "iv": "central", "civ": "central"},
    inputs=[
        Input("receptor_clearance", "L/day", default=0.0, meaning="clearance by IL-2 receptors beyond the renal one")
    ],
    parameters=[
        Parameter("CL", 162.0, "L/day", "clearance", low=10, high=1000, source=f"{FIT} ({KONRAD}: 173 L/day)"),
        Parameter("V", 13.4, "L", "apparent volume", low=1, high=200, source=FIT),
        Parameter("ka", 6.95, "1/day", "loss rate from the depot at low dose", low=0.5, high=50, source=FIT),
        Parameter("F", 0.388, "1", "fraction of a small dose that reaches the blood", low=0.01, high=1, source=FIT),
        Parameter(
            "D50",
            4.94,
            "MIU",
            "amount in the depot that halves the uptake",
            low=0.1,
            high=1e6,
            source=f"{FIT} ({KIRCHNER})",
        ),
        Parameter("tlag", 0.01868, "day", "lag before uptake", low=0, high=1, source=f"{PISCITELLI}: 26.9 min"),
    ],
    outputs=[
        Output("il2", "IU/mL", lambda t, x, p: x.central / p.V, "IL-2 in serum"),
        Output("uptake", "MIU/day", uptake, "IL-2 on its way from the skin into the blood", part=True),
    ],
    patients=PatientTerms(
        omega={"ka": 0.27, "CL": 0.3, "F": 0.3},
        levels={"il2": 1.0},
        source="assumed: as in trials/tincati_2008; ka from Piscitelli 1996, half-life 3.3 +- 0.9 h; il2 > 1: a convention",
    ),
    derivative=derivative,
    reference=f"{KONRAD}; {KIRCHNER}; {PISCITELLI}",
)
