"""IL-2, CD4 cells and HIV together: the CD4 cells are the virus's targets and are counted once.

AIDS-defining events follow from both.
"""

from immunode.functions import convert
from immunode.model.composition import compose
from immunode.models.aids_hazard import MODEL as AIDS_HAZARD
from immunode.models.cd4_turnover import MODEL as CD4_TURNOVER
from immunode.models.cd4_turnover import supply_at_setpoint
from immunode.models.hiv_art import MODEL as HIV_ART
from immunode.models.il2_sc import MODEL as IL2_SC
from immunode.models.il2_sc import uptake

MODEL = compose(
    "il2_cd4_hiv",
    IL2_SC,
    HIV_ART,
    CD4_TURNOVER,
    AIDS_HAZARD,
    connect={
        "il2_uptake": lambda t, x, p: convert(uptake(t, x, p) / p.CL, "MIU/L", "IU/mL"),
        "targets": "cd4",
        "setpoint_targets": "untreated_cd4",
        "supply_at_setpoint": lambda t, x, p: supply_at_setpoint(p),
        "il2_made": lambda t, x, p: x.cycling + x.expanded,
    },
    meaning="IL-2 pharmacokinetics, HIV under therapy, CD4 turnover and the hazard of AIDS-defining events",
)
