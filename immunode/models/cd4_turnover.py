"""CD4 cells on therapy: trapped memory cells return in weeks, naive cells regenerate slowly, IL-2 expands both.

Early on HAART memory cells that viraemia traps in tissue come back (Pakker 1998: plateau at 3 weeks); supply then
refills the naive pool towards a set point. IL-2 drives resting cells into cycle, in proportion to how many there are
and to the nadir; each cycling cell leaves `progeny` long-lived cells (Kovacs 2005, Sereti 2004), which decay over
years. All cells are cells/uL of blood; all but the trapped are counted.
"""

from immunode.functions import hill
from immunode.model.declaration import Input, Model, Output, Parameter, State
from immunode.model.patients import Covariate, PatientTerms

FIT = "fitted: fits/il2_cd4"
PAKKER = "Pakker 1998, doi:10.1038/nm0298-208"
SPREAD = "assumed: as in trials/tincati_2008, so that quartiles come near Fox 2007 and the Uganda cohort"
KOVACS = "Kovacs 2005, doi:10.1172/JCI23196"


def total(x):
    """Return the CD4 count: every cell in blood, once."""
    return x.memory + x.naive + x.cycling + x.expanded


def viraemia(rna, p):
    """Return the share of full trapping that HIV-RNA causes, 0 to 1."""
    return hill(rna, p.rna_half)


def recruitment(x, p):
    """Return the rate at which IL-2 drives a resting cell into cycle, per day."""
    nadir = p.nadir_ratio * p.cd4_start
    return p.recruitment * (nadir / p.nadir_reference) ** p.nadir_power * hill(p.il2, p.EC50)


def supply_at_start(p):
    """Return the net supply of CD4 cells at the starting count, cells/uL/day."""
    return p.supply * (1 - p.cd4_start / p.setpoint_cd4)


def derivative(t, x, p):
    """Return flows between the pools, cells/uL per day; untreated at the starting count they balance."""
    loss = p.supply / p.setpoint_cd4 + p.infection_rate
    per_memory_cell = trapped_at_start(p) / memory_at_start(p)
    trapping = p.kr * per_memory_cell * viraemia(p.rna, p) / viraemia(p.setpoint_rna, p)
    back = p.kr * x.trapped - trapping * x.memory
    drive = recruitment(x, p)
    return {
        "trapped": -back,
        "memory": (1 - p.naive_fraction) * p.supply + back - (drive + loss) * x.memory,
        "naive": p.naive_fraction * p.supply - (drive + loss) * x.naive,
        "cycling": drive * (x.memory + x.naive) - (p.rho + loss) * x.cycling,
        "expanded": p.progeny * p.rho * x.cycling - (p.expanded_loss + loss) * x.expanded,
    }


def trapped_at_start(p):
    """Return memory cells that viraemia holds in tissue at the start; none when the virus is already suppressed."""
    return (1 - p.suppressed) * p.trapped_max * hill(p.cd4_start, p.trapped_half)


def memory_at_start(p):
    """Return memory cells in blood at the start."""
    return (1 - p.naive_fraction) * p.cd4_start


MODEL = Model(
    name="cd4_turnover",
    meaning="CD4 cells on therapy: redistribution, regeneration, and expansion by IL-2",
    states=[
        State("trapped", "cells/uL", "memory cells held in tissue by viraemia", initial=trapped_at_start, scale=1.0),
        State("memory", "cells/uL", "resting memory cells", initial=memory_at_start, scale=1.0),
        State("naive", "cells/uL", "resting naive cells", initial=lambda p: p.naive_fraction * p.cd4_start, scale=1.0),
        State("cycling", "cells/uL", "cells that IL-2 drove into cycle", scale=1.0),
        State("expanded", "cells/uL", "long-lived cells that IL-2 made", scale=1.0),
    ],
    inputs=[
        Input("il2", "IU/mL", default=0.0, meaning="IL-2 in serum"),
        Input("rna", "copies/mL", default=0.0, meaning="HIV-RNA"),
        Input("setpoint_rna", "copies/mL", default=1e5, meaning="HIV-RNA before therapy"),
        Input("infection_rate", "1/day", default=0.0, meaning="infection rate of a CD4 cell"),
        Input("suppressed", "1", default=0.0, meaning="1 when therapy has already suppressed the virus at the start"),
    ],
    parameters=[
        Parameter("cd4_start", 61.0, "cells/uL", "CD4 count at the start", low=0.1, high=2000,
                  source="a covariate; Tincati 2008, doi:10.1186/1758-2652-11-S1-P1: median 61 at randomisation"),
        Parameter("supply", 0.323, "cells/uL/day", "new CD4 cells a day", low=0.001, high=10, source=FIT),
        Parameter("setpoint_cd4", 757.0, "cells/uL", "count at which supply and loss balance without virus", low=300, high=5000, source=FIT),
        Parameter("naive_fraction", 0.5, "1", "share of naive cells in the resting pool and in the supply", low=0.05, high=0.95,
                  source="assumed, 0.2-0.7: does not change the count"),
        Parameter("trapped_max", 159.0, "cells/uL", "memory cells that come back on therapy, at a high starting count", low=0, high=1000, source=FIT),
        Parameter("trapped_half", 100.0, "cells/uL", "starting count of half that many", low=1, high=1000,
                  source="assumed, 30-300: few cells cannot trap many; with a constant pool no count below 50 two weeks into HAART exists"),
        Parameter("kr", 0.15, "1/day", "return rate of trapped cells", low=0.005, high=1,
                  source=f"assumed, 0.05-0.3: two thirds are back after three weeks ({PAKKER}: plateau at 3 weeks)"),
        Parameter("rna_half", 1e4, "copies/mL", "HIV-RNA of half-maximal trapping", low=10, high=1e6,
                  source=f"assumed, 1e3-1e5: at 1e3 only a tenth would be back after three weeks ({PAKKER})"),
        Parameter("recruitment", 0.0192, "1/day", "largest rate into cycle at a nadir of 200", low=1e-5, high=10, source=FIT),
        Parameter("EC50", 18.2, "IU/mL", "IL-2 of half-maximal recruitment", low=0.5, high=1e5,
                  source=f"{FIT}: below about 120; some saturation is wanted, its place is known to a factor of 2-3"),
        Parameter("nadir_ratio", 1.0, "1", "nadir over starting count", low=0.01, high=1, source="a covariate; assumed 1: naive to therapy"),
        Parameter("nadir_power", 0.385, "1", "exponent of the nadir", low=0, high=2, source=f"{FIT} (Fox 2007: nadir slope)"),
        Parameter("nadir_reference", 200.0, "cells/uL", "nadir at which recruitment is stated", low=1, high=1000, source="a convention"),
        Parameter("rho", 0.5, "1/day", "rate out of cycle", low=0.05, high=3, source="assumed: two days in cycle"),
        Parameter("progeny", 4.0, "1", "cells that one cycling cell leaves", low=1, high=32, source="assumed: two divisions"),
        Parameter("expanded_loss", 0.000643, "1/day", "loss of expanded cells beyond that of resting ones", low=0, high=0.1,
                  source=f"{FIT} ({KOVACS}: half-life 28.7 weeks to over 3 years)"),
    ],
    outputs=[Output("cd4", "cells/uL", lambda t, x, p: total(x), "CD4 count")],
    patients=PatientTerms(
        covariates=[
            Covariate("cd4", "cd4_start", "CD4 count on the day that is said, else on day 0", observable="cd4", log_sd=0.8,
                      also=["cd4 count", "cd4+", "cd4+ count", "baseline cd4"], source="log_sd assumed: as in trials/tincati_2008, 0.6-1.0"),
            Covariate("nadir", "nadir_ratio", "lowest CD4 count ever, never above the one at the start", over="cd4_start", log_sd=0.8,
                      also=["cd4 nadir", "nadir cd4"], source="log_sd assumed: as that of the count"),
        ],
        omega={"recruitment": 0.9, "supply": 0.6, "trapped_max": 0.6},
        noise={"cd4": 0.18},
        levels={"cd4": 500.0},
        source=f"{SPREAD}; cd4 > 500: a convention",
    ),
    derivative=derivative,
    reference=f"{PAKKER}; {KOVACS}; Sereti 2004, doi:10.1182/blood-2003-12-4355",
)  # fmt: skip
