"""The hazard of an AIDS-defining event from the current CD4 count and HIV-RNA, accumulated.

ln h = ln h0 - sqrt(CD4 / c) + e ln(max(RNA, 3000) / 3000): least squares on the 50 six-month risks of the CASCADE table
at age 35 (Phillips 2004), h = -ln(1 - risk) / 0.5 year; largest residual 0.085 in ln h. Cells that IL-2 made count only
by the protective fraction: ESPRIT and SILCAAT saw more cells and no fewer events.
"""

from immunode.functions import exp, maximum, sqrt
from immunode.model.declaration import Input, Model, Output, Parameter, State
from immunode.model.patients import PatientTerms

CASCADE = "derived: least squares on the CASCADE table at age 35, Phillips 2004, AIDS 18:51"


def hazard(t, x, p):
    """Return the hazard of an AIDS-defining event, per day."""
    protecting = p.cd4 - (1 - p.protective_fraction) * p.il2_made
    viraemic = maximum(p.rna, p.hazard_rna) / p.hazard_rna
    return p.hazard_zero * exp(-sqrt(protecting / p.hazard_cd4)) * viraemic**p.hazard_rna_power


MODEL = Model(
    name="aids_hazard",
    meaning="the hazard of an AIDS-defining event from CD4 count and HIV-RNA",
    states=[State("cumulative_hazard", "1", "expected AIDS-defining events so far", scale=0.1)],
    inputs=[
        Input("cd4", "cells/uL", default=200.0, meaning="CD4 count"),
        Input("il2_made", "cells/uL", default=0.0, meaning="CD4 cells that IL-2 made"),
        Input("rna", "copies/mL", default=50.0, meaning="HIV-RNA"),
    ],
    parameters=[
        Parameter("hazard_zero", 0.0021375, "1/day", "hazard at a count of zero", low=0, high=1, source=f"{CASCADE}: 78.07 per 100 years"),
        Parameter("hazard_cd4", 22.987, "cells/uL", "count scale of the hazard", low=1, high=1000, source=f"{CASCADE}: 1 / 0.20858^2"),
        Parameter("hazard_rna", 3000.0, "copies/mL", "HIV-RNA below which the hazard falls no further", low=50, high=1e6,
                  source="Phillips 2004, AIDS 18:51: the lowest HIV-RNA of the table"),
        Parameter("hazard_rna_power", 0.30406, "1", "exponent of HIV-RNA", low=0, high=2, source=f"{CASCADE}: 0.70012 per log10"),
        Parameter("protective_fraction", 0.0, "1", "protection by a CD4 cell that IL-2 made", low=0, high=1,
                  source="assumed 0, range 0-1: ESPRIT and SILCAAT, doi:10.1056/NEJMoa0903175"),
    ],
    outputs=[Output("aids_hazard", "1/day", hazard, "hazard of an AIDS-defining event")],
    patients=PatientTerms(events="cumulative_hazard"),
    derivative=lambda t, x, p: {"cumulative_hazard": hazard(t, x, p)},
    reference="Phillips 2004, AIDS 18:51; ESPRIT and SILCAAT, doi:10.1056/NEJMoa0903175",
)  # fmt: skip
