"""IL-2 that induces its own clearance: receptor mass rises over a cycle and gap days restore it.

For teaching and hypotheses.

The receptor mass (CD25+ cells and soluble IL-2R, relative to rest) turns over, and IL-2 raises its production; it
clears IL-2 on top of the kidneys. sIL-2R was up 72 h after the start of SC IL-2 (Kirchner 1998), and one CD25+ cell
clears 2.3e-12 L/min (derived from the rates of Fallon & Lauffenburger 2000). No published number fixes the induction
itself.
"""

from immunode.functions import hill
from immunode.model.composition import compose
from immunode.model.declaration import Input, Model, Output, Parameter, State
from immunode.models.il2_sc import MODEL as IL2_SC

FALLON = "Fallon & Lauffenburger 2000, Biotechnol Prog 16:905"


def derivative(t, x, p):
    """Return the turnover of receptor mass relative to rest, per day."""
    production = p.receptor_turnover * (1 + p.induction * hill(p.il2, p.induction_EC50))
    return {"receptor_mass": production - p.receptor_turnover * x.receptor_mass}


RECEPTORS = Model(
    name="il2_receptors",
    states=[State("receptor_mass", "1", "CD25+ mass and sIL-2R relative to rest", initial="steady_state", scale=1.0)],
    inputs=[Input("il2", "IU/mL", default=0.0, meaning="IL-2 in serum")],
    parameters=[
        Parameter("receptor_turnover", 0.5, "1/day", "turnover of receptor mass", low=0.01, high=10,
                  source="assumed: sIL-2R is up at 72 h (Kirchner 1998) and back within gap weeks"),
        Parameter("induction", 8.0, "1", "rise of production at saturating IL-2", low=0, high=100,
                  source="assumed: serum IL-2 falls by about half over five days (recalled, Piscitelli 1996)"),
        Parameter("induction_EC50", 2.8, "IU/mL", "IL-2 of half-maximal induction", low=0.01, high=1000,
                  source=f"{FALLON}: Kd 11.1 pM, at 3.99 pM per IU/mL"),
        Parameter("CL_receptor", 33.0, "L/day", "clearance by the receptor mass at rest", low=0, high=1000,
                  source=f"derived from {FALLON}: 1e10 CD25+ cells clear 23 mL/min; the number of cells is assumed"),
    ],
    outputs=[Output("receptor_clearance", "L/day", lambda t, x, p: p.CL_receptor * x.receptor_mass, "clearance by receptors")],
    derivative=derivative,
    reference=f"{FALLON}; Kirchner 1998, doi:10.1046/j.1365-2125.1998.00036.x",
)  # fmt: skip

MODEL = compose("il2_autoinduction", IL2_SC, RECEPTORS, meaning="IL-2 that induces its own clearance by receptors")
