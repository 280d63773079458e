"""CD4 cells on therapy: trapped memory cells return in weeks, naive cells regenerate slowly, IL-2 expands both.

Early on HAART memory cells that viraemia traps in tissue come back (Pakker 1998: plateau at 3 weeks); supply then
refills the naive pool towards a set point. IL-2 drives resting cells into cycle, in proportion to how many there are
and to the nadir; each cycling cell leaves `progeny` cells, which is assumed, that live long (Kovacs 2005, Sereti
2004) and decay over years. When the virus comes back it traps memory cells again, at the rate of before therapy, and by `expanded_trapping`
those that IL-2 made. All cells are cells/uL of blood; all but the trapped are counted.

A patient has a past: the count at which he rested before therapy. Of an untreated one it is the count at the start, of
a suppressed one `pretherapy_cd4`. Who says nothing of it means the nadir, and who says nothing of that the count at the
start; the number that stands for nothing said is above all counts.
"""

from immunode.functions import hill, maximum, minimum, where
from immunode.model.declaration import Input, Model, Output, Parameter, State
from immunode.model.patients import Covariate, PatientTerms

FIT = "fitted: fits/il2_cd4"
PAKKER = "Pakker 1998, doi:10.1038/nm0298-208"
SPREAD = "recruitment and supply fitted, the others assumed: fits/il2_cd4"
KOVACS = "Kovacs 2005, doi:10.1172/JCI23196"


def total(t, x, p):
    """Return the CD4 count: every cell in blood, once."""
    return x.memory + x.naive + x.cycling + x.expanded


def nadir(p):
    """Return the lowest count ever, which is never above those that are known."""
    return minimum(p.nadir, minimum(p.cd4_start, p.pretherapy_cd4))


def untreated_count(p):
    """Return the count at which the patient rests without therapy."""
    before = where(p.pretherapy_cd4 < p.unsaid_count, p.pretherapy_cd4, nadir(p))
    return p.suppressed * before + (1 - p.suppressed) * p.cd4_start


def count_without_virus(p):
    """Return the count towards which supply leads without virus; it is always above the untreated one."""
    return maximum(p.setpoint_cd4, p.setpoint_margin * untreated_count(p))


def supply_at_setpoint(p):
    """Return the net supply of CD4 cells in the patient untreated, cells/uL/day."""
    return p.supply * (1 - untreated_count(p) / count_without_virus(p))


def memory_of(count, p):
    """Return the memory cells of a count of resting cells."""
    return (1 - p.naive_fraction) * count


def trapped_of(count, p):
    """Return memory cells that viraemia holds in tissue at an untreated count."""
    return p.trapped_max * count / (count + p.trapped_half)


def viraemia(t, x, p):
    """Return how much HIV-RNA acts, as a share of what it does before therapy."""
    return hill(p.rna, p.rna_half) * (1 + p.rna_half / p.setpoint_rna)


def trapping(t, x, p):
    """Return the rate at which viraemia traps a cell, per day; untreated it balances the return of trapped ones."""
    held = trapped_of(untreated_count(p), p) / memory_of(untreated_count(p), p)
    return p.kr * held * viraemia(t, x, p)


def stimulus(t, x, p):
    """Return the IL-2 that a cell sees: that in serum and, by `lymph_potency`, that on its way from the skin."""
    return p.il2 + p.lymph_potency * p.il2_uptake


def drive(t, x, p):
    """Return the rate at which IL-2 drives a resting cell into cycle, per day."""
    return p.recruitment * (nadir(p) / p.nadir_reference) ** p.nadir_power * hill(stimulus(t, x, p), p.EC50)


def loss(t, x, p):
    """Return the rate at which any cell is lost: crowding, infection, and the slow decline under viraemia, per day."""
    return p.supply / count_without_virus(p) + p.infection_rate + p.decline * viraemia(t, x, p)


def derivative(t, x, p):
    """Return flows between the pools, cells/uL per day; untreated at the starting count they balance but for decline."""
    driven, lost, caught = drive(t, x, p), loss(t, x, p), trapping(t, x, p)
    return {
        "trapped": caught * x.memory - p.kr * x.trapped,
        "trapped_expanded": p.expanded_trapping * caught * x.expanded - p.kr * x.trapped_expanded,
        "memory": memory_of(p.supply, p) + p.kr * x.trapped - (driven + lost + caught) * x.memory,
        "naive": p.naive_fraction * p.supply - (driven + lost) * x.naive,
        "cycling": driven * (x.memory + x.naive) - (p.rho + lost) * x.cycling,
        "expanded": p.progeny * p.rho * x.cycling
        + p.kr * x.trapped_expanded
        - (p.expanded_loss + lost + p.expanded_trapping * caught) * x.expanded,
    }


MODEL = Model(
    name="cd4_turnover",
    meaning="CD4 cells on therapy: redistribution, regeneration, and expansion by IL-2",
    states=[
        State("trapped", "cells/uL", "memory cells held in tissue by viraemia; none where the virus is suppressed at the start",
              initial=lambda p: (1 - p.suppressed) * trapped_of(p.cd4_start, p), scale=1.0),
        State("trapped_expanded", "cells/uL", "cells that IL-2 made, held in tissue by viraemia", scale=1.0),
        State("memory", "cells/uL", "resting memory cells", initial=lambda p: memory_of(p.cd4_start, p), scale=1.0),
        State("naive", "cells/uL", "resting naive cells", initial=lambda p: p.naive_fraction * p.cd4_start, scale=1.0),
        State("cycling", "cells/uL", "cells that IL-2 drove into cycle", scale=1.0),
        State("expanded", "cells/uL", "long-lived cells that IL-2 made", scale=1.0),
    ],
    inputs=[
        Input("il2", "IU/mL", default=0.0, meaning="IL-2 in serum"),
        Input("il2_uptake", "IU/mL", default=0.0, meaning="uptake of IL-2 from the skin over its clearance"),
        Input("rna", "copies/mL", default=0.0, meaning="HIV-RNA"),
        Input("setpoint_rna", "copies/mL", default=1e5, meaning="HIV-RNA before therapy"),
        Input("infection_rate", "1/day", default=0.0, meaning="infection rate of a CD4 cell"),
        Input("suppressed", "1", default=0.0, meaning="1 when therapy has already suppressed the virus at the start"),
    ],
    parameters=[
        Parameter("cd4_start", 61.0, "cells/uL", "CD4 count at the start", low=0.1, high=2000,
                  source="a covariate; Tincati 2008, doi:10.1186/1758-2652-11-S1-P1: median 61 at randomisation"),
        Parameter("nadir", 2000.0, "cells/uL", "lowest CD4 count ever, at most the count at the start", low=0.1, high=2000,
                  source="a covariate; 2000: nobody says it, and it is assumed to be the count at the start"),
        Parameter("pretherapy_cd4", 2000.0, "cells/uL", "CD4 count of a suppressed patient before therapy", low=0.1, high=2000,
                  source="a covariate; 2000: nobody says it, and it is assumed to be the nadir"),
        Parameter("unsaid_count", 2000.0, "cells/uL", "what stands for a nadir, or a count before therapy, of which nobody says anything", low=2000,
                  high=2000, source="a convention"),
        Parameter("supply", 0.185, "cells/uL/day", "new CD4 cells a day, net of self-renewal", low=0.001, high=10, source=FIT),
        Parameter("setpoint_cd4", 1030.0, "cells/uL", "count at which supply and loss balance without virus", low=300, high=5000, source=FIT),
        Parameter("setpoint_margin", 1.2, "1", "count without virus over the untreated one, at least", low=1.01, high=5,
                  source="assumed, 1.1-1.5: virus takes cells at any count, so that who has 900 untreated has more without"),
        Parameter("naive_fraction", 0.5, "1", "share of naive cells in the resting pool and in the supply", low=0.05, high=0.95,
                  source="assumed, 0.2-0.7: no resting count depends on it; the fall after therapy stops does, by 15-25 %"),
        Parameter("trapped_max", 160.0, "cells/uL", "memory cells that come back on therapy, at a high starting count", low=0, high=1000, source=FIT),
        Parameter("trapped_half", 100.0, "cells/uL", "starting count of half that many", low=1, high=1000,
                  source="assumed, 30-300: few cells cannot trap many; with a constant pool no count below 50 two weeks into HAART exists"),
        Parameter("expanded_trapping", 0.0, "1", "rate at which viraemia traps a cell that IL-2 made over that of a memory cell", low=0, high=1,
                  source="assumed 0; 1, as memory cells are, is among the readings of fits/il2_cd4"),
        Parameter("kr", 0.15, "1/day", "return rate of trapped cells", low=0.005, high=1,
                  source=f"assumed, 0.05-0.3: two thirds are back after three weeks ({PAKKER}: plateau at 3 weeks)"),
        Parameter("rna_half", 1e4, "copies/mL", "HIV-RNA of half-maximal trapping", low=10, high=1e6,
                  source=f"assumed, 1e3-1e5: at 1e3 only a tenth would be back after three weeks ({PAKKER})"),
        Parameter("decline", 0.000379, "1/day", "further loss of any cell at the viraemia before therapy", low=0, high=0.01,
                  source=f"{FIT} (Cori 2015, AIDS 29:2435, saw 500 cells fall to 350 in 2.7 years)"),
        Parameter("recruitment", 0.0339, "1/day", "largest rate into cycle at a nadir of 200", low=1e-5, high=10, source=FIT),
        Parameter("EC50", 45.3, "IU/mL", "stimulus of half-maximal recruitment", low=0.5, high=1e5,
                  source=f"{FIT}: hardly known, 13 to 340 with its prior; with lymph_potency in its place the evidence is described as well (fits/il2_cd4_lymph)"),
        Parameter("lymph_potency", 0.0, "1", "potency of IL-2 on its way from the skin over that in serum", low=0, high=20,
                  source="assumed 0; about 0.6 in place of EC50 describes the evidence as well: fits/il2_cd4_lymph (Supersaxo 1990, Pharm Res 7:167: proteins leave the skin by lymph)"),
        Parameter("nadir_power", 0.639, "1", "exponent of the nadir", low=0, high=6, source=f"{FIT} (Fox 2007: nadir slope)"),
        Parameter("nadir_reference", 200.0, "cells/uL", "nadir at which recruitment is stated", low=1, high=1000, source="a convention"),
        Parameter("rho", 0.5, "1/day", "rate out of cycle", low=0.05, high=3, source="assumed: two days in cycle"),
        Parameter("progeny", 4.0, "1", "cells that one cycling cell leaves", low=1, high=32, source="assumed: two divisions"),
        Parameter("expanded_loss", 0.000358, "1/day", "loss of expanded cells beyond that of resting ones", low=0, high=0.1,
                  source=f"{FIT} ({KOVACS}: half-life 28.7 weeks to over 3 years)"),
    ],
    outputs=[
        Output("cd4", "cells/uL", total, "CD4 count"),
        Output("untreated_cd4", "cells/uL", lambda t, x, p: untreated_count(p), "count at which the patient rests without therapy", part=True),
        Output("cd4_without_virus", "cells/uL", lambda t, x, p: count_without_virus(p), "count towards which supply leads without virus", part=True),
        Output("net_supply", "cells/uL/day", lambda t, x, p: supply_at_setpoint(p), "supply less what crowding takes, untreated", part=True),
        Output("viraemia", "1", viraemia, "how much HIV-RNA acts, as a share of what it does before therapy", part=True),
        Output("trapping", "1/day", trapping, "rate at which viraemia traps a cell", part=True),
        Output("stimulus", "IU/mL", stimulus, "IL-2 that a cell sees", part=True),
        Output("drive", "1/day", drive, "rate at which IL-2 drives a resting cell into cycle", part=True),
        Output("loss", "1/day", loss, "rate at which any cell is lost", part=True),
    ],
    patients=PatientTerms(
        covariates=[
            Covariate("cd4", "cd4_start", "CD4 count on the day that is said, else on day 0", observable="cd4", log_sd=0.8,
                      also=["cd4 count", "cd4+", "cd4+ count", "baseline cd4"], source="log_sd assumed: as in trials/tincati_2008, 0.6-1.0"),
            Covariate("nadir", "nadir", "lowest CD4 count ever, never above the one at the start", at_most="cd4_start", log_sd=0.8,
                      also=["cd4 nadir", "nadir cd4"], source="log_sd assumed: as that of the count"),
            Covariate("pretherapy cd4", "pretherapy_cd4", "CD4 count of a suppressed patient before therapy, never below the nadir",
                      at_least="nadir", log_sd=0.8, also=["pre-therapy cd4", "cd4 before therapy"], source="log_sd assumed: as that of the count"),
        ],
        omega={"recruitment": 0.963, "supply": 1.05, "trapped_max": 0.4, "setpoint_cd4": 0.25, "EC50": 0.7, "nadir_power": 0.4, "expanded_loss": 0.6, "decline": 0.6},
        noise={"cd4": 0.18},
        levels={"cd4": 500.0},
        source=f"{SPREAD}; cd4 > 500: a convention",
    ),
    derivative=derivative,
    reference=f"{PAKKER}; {KOVACS}; Sereti 2004, doi:10.1182/blood-2003-12-4355",
)  # fmt: skip
