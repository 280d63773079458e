"""HIV under therapy: productively infected and long-lived infected cells, virus; target cells are an input.

Untreated and with the targets of the set point the model is at rest. New infections take targets at the rate that the
supply of cells balances there; infected cells die faster when there are many (0.5/day at the set point, 0.3/day as they
vanish), so that the virus follows a change of its targets in proportion instead of undoing it. Therapy is the state
`art`, which is set: 1 is full therapy, 0 none.
"""

from immunode.model.declaration import Input, Model, Output, Parameter, State
from immunode.model.patients import Covariate, PatientGroup, PatientTerms

SPREAD = "assumed: as in trials/tincati_2008"
KTKOOL = "KTkool/DTC-OSTI-InfectiousDisease-F params.m"


def infection_rate(t, x, p):
    """Return the rate at which a target cell is infected, per day."""
    relative = x.virus / p.setpoint_rna
    crowding = (1 + p.target_saturation) / (p.targets / p.setpoint_targets + p.target_saturation)
    return (1 - p.efficacy * x.art) * relative * crowding * p.supply_at_setpoint / p.setpoint_targets


def productive_at_setpoint(p):
    """Return productively infected cells per uL at the set point."""
    return (1 - p.long_lived_fraction) * p.supply_at_setpoint / p.delta


def long_lived_at_setpoint(p):
    """Return long-lived infected cells per uL at the set point."""
    return p.long_lived_fraction * p.supply_at_setpoint / p.mu_long_lived


def relative_infected(t, x, p):
    """Return productively infected cells over those of the set point."""
    return x.infected / productive_at_setpoint(p)


def derivative(t, x, p):
    """Return infection, loss and virus production per day."""
    infections = infection_rate(t, x, p) * p.targets
    relative = relative_infected(t, x, p)
    death = p.delta * (p.delta_low_ratio + (1 - p.delta_low_ratio) * relative)
    from_cells = (1 - p.long_lived_share) * relative + p.long_lived_share * x.long_lived / long_lived_at_setpoint(p)
    return {
        "art": 0,
        "infected": (1 - p.long_lived_fraction) * infections - death * x.infected,
        "long_lived": p.long_lived_fraction * infections - p.mu_long_lived * x.long_lived,
        "virus": p.c * ((p.setpoint_rna - p.residual_rna) * from_cells + p.residual_rna - x.virus),
    }


def untreated(value):
    """Return an initial value: `value(p)`, or nothing in a patient whose virus is already suppressed."""
    return lambda p: (1 - p.suppressed) * value(p)


MODEL = Model(
    name="hiv_art",
    meaning="HIV-1 before, under and after antiretroviral therapy",
    states=[
        State("art", "1", "share of full therapy: 1 on, 0 off", initial="suppressed", scale=1.0, high=1.0),
        State("infected", "cells/uL", "productively infected cells", initial=untreated(productive_at_setpoint), scale=0.01),
        State("long_lived", "cells/uL", "long-lived infected cells", initial=untreated(long_lived_at_setpoint), scale=0.01),
        State("virus", "copies/mL", "HIV-RNA", initial=lambda p: untreated(lambda q: q.setpoint_rna)(p) + p.suppressed * p.residual_rna, scale=1.0),
    ],
    inputs=[
        Input("targets", "cells/uL", default=61.0, meaning="cells that the virus can infect"),
        Input("setpoint_targets", "cells/uL", default=61.0, meaning="targets at the untreated set point"),
        Input("supply_at_setpoint", "cells/uL/day", default=0.26, meaning="new targets a day at the untreated set point"),
    ],
    parameters=[
        Parameter("setpoint_rna", 1e5, "copies/mL", "HIV-RNA before therapy", low=50, high=1e8, source="assumed: advanced untreated infection"),
        Parameter("efficacy", 0.996, "1", "share of infections that therapy prevents", low=0, high=1,
                  source=f"derived, 0.992-0.996: two RTI at 0.8 and a PI at 0.8-0.9 ({KTKOOL}), taken as independent"),
        Parameter("target_saturation", 20.0, "1", "targets over those of the set point beyond which infections hardly rise", low=1, high=1e6,
                  source="assumed: few of the cells that therapy gives back are activated; without it a count of 1 that rises to 200 rebounds on therapy"),
        Parameter("delta", 0.5, "1/day", "death rate of infected cells at the set point", low=0.1, high=3, source=KTKOOL),
        Parameter("delta_low_ratio", 0.6, "1", "death rate when few infected cells are left, over delta", low=0.1, high=1,
                  source="derived: phase-1 decay on therapy 0.3/day (Little 1999, J Exp Med 190:841) over delta"),
        Parameter("mu_long_lived", 0.05, "1/day", "death rate of long-lived infected cells", low=0.005, high=0.5,
                  source="assumed: half-life 14 days (recalled, Perelson 1997)"),
        Parameter("long_lived_fraction", 0.01, "1", "share of infections that end in long-lived cells", low=1e-6, high=0.5,
                  source="assumed: scales a pool that is not seen; only long_lived_share shows"),
        Parameter("long_lived_share", 0.02, "1", "share of set-point virus from long-lived cells", low=0, high=0.5,
                  source="assumed: HIV-RNA below 50 copies/mL about three months into therapy"),
        Parameter("c", 3.0, "1/day", "clearance of virus", low=0.5, high=50, source=KTKOOL),
        Parameter("residual_rna", 1.0, "copies/mL", "virus from the reservoir that therapy does not touch", low=0, high=50,
                  source="assumed: well below 50 copies/mL"),
        Parameter("suppressed", 0.0, "1", "1 for a patient whose virus therapy has already suppressed at the start", low=0, high=1,
                  source="a covariate"),
    ],
    outputs=[
        Output("rna", "copies/mL", lambda t, x, p: x.virus, "HIV-RNA in plasma"),
        Output("infection_rate", "1/day", infection_rate, "infection rate of a target cell"),
        Output("relative_infected", "1", relative_infected, "productively infected cells over those of the untreated set point", part=True),
    ],
    patients=PatientTerms(
        groups=[
            PatientGroup("untreated", "therapy", "no therapy at any time: art = 0 throughout", values={"suppressed": 0}, set={"art": 0},
                         also=["no therapy", "therapy-naive", "ART-naive", "HAART-naive"], default=True, source="a convention"),
            PatientGroup("suppressed", "therapy", "therapy has suppressed the virus by the start and goes on: art = 1", values={"suppressed": 1},
                         also=["virologically suppressed", "on suppressive therapy"], source="a convention"),
            PatientGroup("on HAART", "therapy", "viraemic until therapy begins, when art is set to 1", values={"suppressed": 0}, set={"art": 1},
                         also=["on ART", "on cART", "on therapy", "starting HAART", "starting ART", "HAART", "ART"], source="a convention"),
        ],
        covariates=[
            Covariate("rna", "setpoint_rna", "HIV-RNA on the day that is said, else on day 0, before therapy has suppressed it", observable="rna",
                      log_sd=1.0, also=["HIV-RNA", "viral load"], source="log_sd assumed: as the spread of setpoint_rna"),
        ],
        omega={"setpoint_rna": 1.0},
        source=SPREAD,
    ),
    derivative=derivative,
    reference=f"{KTKOOL}; Little 1999, J Exp Med 190:841; Perelson 1996, Science 271:1582",
)  # fmt: skip
