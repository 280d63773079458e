"""IL-2 and its receptors in full: binding, shedding, endocytosis and recycling on two kinds of cells; stiff.

For work on receptor dynamics and to try solvers: p55 lets go of IL-2 within seconds, a course of therapy lasts weeks.

Regulatory cells carry many alpha chains (p55, CD25) and few beta-gamma (p70) and join them around IL-2 to the
high-affinity trimer; NK-like cells carry beta-gamma alone. Both meet the IL-2 of `il2_sc` and add to its clearance. Each
on-rate is an off-rate over a dissociation constant and the last constant of the trimer's cycle follows from the others,
so there is detailed balance at all values. Receptors and bound IL-2 are pmol in the body; cells do not multiply.
"""

from immunode.model.declaration import Model, Output, Parameter, State
from immunode.models.il2_sc import MODEL as IL2_SC

FALLON = "Fallon & Lauffenburger 2000, Biotechnol Prog 16:905"
LOWENTHAL = "Lowenthal & Greene 1987, doi:10.1084/jem.166.4.1156"
KIRCHNER = "Kirchner 1998, doi:10.1046/j.1365-2125.1998.00036.x"
AFFINITY = "assumed: the usual figure, its paper not recorded"


def bind(il2, free, bound, koff, K):
    """Return the net binding of IL-2 (pM) to a receptor, pmol per day."""
    return koff * (il2 * free / K - bound)


def trimer_cycle(il2, receptors, p, faster=1, weaker=1):
    """Return the slopes that binding gives IL-2 and free alpha, free beta-gamma, both with IL-2 and the trimer, pmol/day.

    The last two steps close on the membrane with one on-rate. A surface with resting alpha binds IL-2 with K_trimer.
    """
    alpha, beta, alpha_il2, beta_il2, trimer = receptors
    to_alpha = bind(il2, alpha, alpha_il2, faster * p.koff_alpha, weaker * p.K_alpha)
    to_beta = bind(il2, beta, beta_il2, faster * p.koff_beta, weaker * p.K_beta)
    K_membrane = alpha_at_rest(p) * p.K_trimer / p.K_alpha
    take_beta = faster * p.koff_trimer * (alpha_il2 * beta / K_membrane - trimer)
    take_alpha = faster * p.koff_trimer * (beta_il2 * alpha / K_membrane - p.K_alpha / p.K_beta * trimer)
    slopes = (-to_alpha - take_alpha, -to_beta - take_beta, to_alpha - take_beta, to_beta - take_alpha)
    return -to_alpha - to_beta, *slopes, take_beta + take_alpha


def derivative(t, x, p):
    """Return MIU per day of IL-2 under the skin and in blood, pmol per day of receptors and bound IL-2."""
    il2 = p.pmol_per_MIU * x.central / p.V
    il2_in = x.treg_il2_in / (p.treg_cells * p.endosome_volume)
    nk_il2_in = x.nk_il2_in / (p.nk_cells * p.endosome_volume)
    surface = (x.treg_alpha, x.treg_beta, x.treg_alpha_il2, x.treg_beta_il2, x.treg_trimer)
    endosome = (x.treg_alpha_in, x.treg_beta_in, x.treg_alpha_il2_in, x.treg_beta_il2_in, x.treg_trimer_in)
    outer, alpha, beta, alpha_il2, beta_il2, trimer = trimer_cycle(il2, surface, p)
    inner, alpha_in, beta_in, alpha_il2_in, beta_il2_in, trimer_in = trimer_cycle(
        il2_in, endosome, p, p.acid_koff, p.acid_K
    )
    nk = bind(il2, x.nk_beta, x.nk_beta_il2, p.koff_beta, p.K_beta)
    nk_in = bind(nk_il2_in, x.nk_beta_in, x.nk_beta_il2_in, p.acid_koff * p.koff_beta, p.acid_K * p.K_beta)
    soluble = bind(il2, x.soluble, x.soluble_il2, p.koff_alpha, p.K_alpha)
    kt, ke, kh, kx = p.internalisation, p.endocytosis, p.degradation, p.recycling
    shed = shedding(p)
    made = (kt + shed) * alpha_at_rest(p) * (1 + p.induction * x.treg_trimer / beta_at_rest(p))
    pk = IL2_SC.derivative(t, x, p)
    back = kx * (x.treg_il2_in + x.nk_il2_in)
    return {
        "depot": pk["depot"],
        "central": pk["central"] + (outer - nk - soluble + back) / p.pmol_per_MIU,
        "treg_alpha": alpha + made - (kt + shed) * x.treg_alpha,
        "treg_beta": beta + kt * (beta_at_rest(p) - x.treg_beta),
        "treg_alpha_il2": alpha_il2 - (kt + shed) * x.treg_alpha_il2,
        "treg_beta_il2": beta_il2 - ke * x.treg_beta_il2,
        "treg_trimer": trimer - ke * x.treg_trimer,
        "treg_il2_in": inner - kx * x.treg_il2_in,
        "treg_alpha_in": alpha_in + kt * x.treg_alpha - kh * x.treg_alpha_in,
        "treg_beta_in": beta_in + kt * x.treg_beta - kh * x.treg_beta_in,
        "treg_alpha_il2_in": alpha_il2_in + kt * x.treg_alpha_il2 - kh * x.treg_alpha_il2_in,
        "treg_beta_il2_in": beta_il2_in + ke * x.treg_beta_il2 - kh * x.treg_beta_il2_in,
        "treg_trimer_in": trimer_in + ke * x.treg_trimer - kh * x.treg_trimer_in,
        "nk_beta": -nk + kt * (nk_beta_at_rest(p) - x.nk_beta),
        "nk_beta_il2": nk - ke * x.nk_beta_il2,
        "nk_il2_in": -nk_in - kx * x.nk_il2_in,
        "nk_beta_in": -nk_in + kt * x.nk_beta - kh * x.nk_beta_in,
        "nk_beta_il2_in": nk_in + ke * x.nk_beta_il2 - kh * x.nk_beta_il2_in,
        "soluble": -soluble + shed * x.treg_alpha - p.soluble_loss * x.soluble,
        "soluble_il2": soluble + shed * x.treg_alpha_il2 - p.soluble_loss * x.soluble_il2,
    }


def alpha_at_rest(p):
    """Return alpha on regulatory cells without IL-2, pmol."""
    return p.treg_cells * p.treg_alpha_sites / p.per_pmol


def beta_at_rest(p):
    """Return beta-gamma on regulatory cells without IL-2, pmol."""
    return p.treg_cells * p.treg_beta_sites / p.per_pmol


def nk_beta_at_rest(p):
    """Return beta-gamma on NK-like cells without IL-2, pmol."""
    return p.nk_cells * p.nk_beta_sites / p.per_pmol


def shedding(p):
    """Return the rate at which alpha leaves the surface whole: what keeps soluble receptor at its resting level."""
    return p.soluble_loss * p.soluble_at_rest * p.V / alpha_at_rest(p)


def inside(at_rest):
    """Return the initial value of a receptor in endosomes: constitutive internalisation against degradation."""
    return lambda p: at_rest(p) * p.internalisation / p.degradation


MODEL = Model(
    name="il2_receptors",
    meaning="IL-2 with binding, endocytosis and shedding of its receptors in full (stiff)",
    states=[
        *IL2_SC.states,
        State("treg_alpha", "pmol", "free alpha on regulatory cells", initial=alpha_at_rest, scale=1.0),
        State("treg_beta", "pmol", "free beta-gamma on regulatory cells", initial=beta_at_rest, scale=1.0),
        State("treg_alpha_il2", "pmol", "alpha with IL-2 on regulatory cells", scale=1.0),
        State("treg_beta_il2", "pmol", "beta-gamma with IL-2 on regulatory cells", scale=1.0),
        State("treg_trimer", "pmol", "alpha-beta-gamma with IL-2 on regulatory cells", scale=1.0),
        State("treg_il2_in", "pmol", "free IL-2 in endosomes of regulatory cells", scale=1.0),
        State("treg_alpha_in", "pmol", "free alpha in endosomes of regulatory cells", initial=inside(alpha_at_rest), scale=1.0),
        State("treg_beta_in", "pmol", "free beta-gamma in endosomes of regulatory cells", initial=inside(beta_at_rest), scale=1.0),
        State("treg_alpha_il2_in", "pmol", "alpha with IL-2 in endosomes of regulatory cells", scale=1.0),
        State("treg_beta_il2_in", "pmol", "beta-gamma with IL-2 in endosomes of regulatory cells", scale=1.0),
        State("treg_trimer_in", "pmol", "alpha-beta-gamma with IL-2 in endosomes of regulatory cells", scale=1.0),
        State("nk_beta", "pmol", "free beta-gamma on NK-like cells", initial=nk_beta_at_rest, scale=1.0),
        State("nk_beta_il2", "pmol", "beta-gamma with IL-2 on NK-like cells", scale=1.0),
        State("nk_il2_in", "pmol", "free IL-2 in endosomes of NK-like cells", scale=1.0),
        State("nk_beta_in", "pmol", "free beta-gamma in endosomes of NK-like cells", initial=inside(nk_beta_at_rest), scale=1.0),
        State("nk_beta_il2_in", "pmol", "beta-gamma with IL-2 in endosomes of NK-like cells", scale=1.0),
        State("soluble", "pmol", "free soluble alpha (sIL-2R)", initial=lambda p: p.soluble_at_rest * p.V, scale=1.0),
        State("soluble_il2", "pmol", "soluble alpha with IL-2", scale=1.0),
    ],
    routes=IL2_SC.routes,
    inputs=IL2_SC.inputs,
    parameters=[
        *IL2_SC.parameters,
        Parameter("pmol_per_MIU", 3994.0, "pmol/MIU", "IL-2 in a million units", low=3000, high=5000,
                  source="derived: 18 MIU = 1.1 mg of 15 300 g/mol (Proleukin label, Clinigen 2024)"),
        Parameter("per_pmol", 6.02214076e11, "1/pmol", "molecules in a pmol", low=6.02214076e11, high=6.02214076e11, source="a convention: SI 2019"),
        Parameter("koff_alpha", 9470.0, "1/day", "release of IL-2 by alpha", low=5900, high=15000,
                  source=f"derived: ln 2 over 6.32 s, the geometric mean of the half-life 4-10 s ({LOWENTHAL})"),
        Parameter("K_alpha", 1e4, "pM", "dissociation constant of alpha", low=1e3, high=1e5, source=f"{AFFINITY}, 1e-8 M"),
        Parameter("koff_beta", 3.53, "1/day", "release of IL-2 by beta-gamma", low=2.4, high=50,
                  source=f"derived: ln 2 over 283 min, the geometric mean of the half-life 200-400 min ({LOWENTHAL}); warm cells may be faster"),
        Parameter("K_beta", 1e3, "pM", "dissociation constant of beta-gamma", low=100, high=1e4, source=f"{AFFINITY}, 1e-9 M"),
        Parameter("koff_trimer", 19.9, "1/day", "release of beta-gamma by the trimer", low=2, high=100,
                  source=f"derived: 0.0138/min ({FALLON}), for the whole receptor; cold cells 3.3-3.7/day ({LOWENTHAL})"),
        Parameter("K_trimer", 10.0, "pM", "dissociation constant of the trimer on a resting cell", low=1, high=100,
                  source=f"{AFFINITY}, 1e-11 M ({FALLON}: 11.1 pM)"),
        Parameter("acid_koff", 8.0, "1", "off-rates in endosomes over those on the surface", low=1, high=20,
                  source=f"{FALLON}: kre = 8 kr; assumed for every bond, on membranes as dense as the surface"),
        Parameter("acid_K", 90.1, "1", "dissociation constants from IL-2 in endosomes over those on the surface", low=1, high=1000,
                  source=f"derived: 1000 pM over 11.1 pM ({FALLON}: kfe = kre/1000); assumed for every receptor"),
        Parameter("internalisation", 10.08, "1/day", "constitutive internalisation of receptors", low=1, high=50,
                  source=f"derived: 0.007/min ({FALLON}); assumed for alpha with IL-2 too"),
        Parameter("endocytosis", 57.6, "1/day", "endocytosis of beta-gamma with IL-2", low=5, high=300,
                  source=f"derived: 0.04/min ({FALLON}), of the trimer; assumed for beta-gamma without alpha"),
        Parameter("recycling", 216.0, "1/day", "return of free IL-2 from endosomes", low=10, high=1000, source=f"derived: 0.15/min ({FALLON})"),
        Parameter("degradation", 50.4, "1/day", "degradation in endosomes, of receptors and what they hold", low=5, high=300,
                  source=f"derived: 0.035/min ({FALLON})"),
        Parameter("endosome_volume", 1e-14, "L/cells", "endosomes of a cell", low=1e-15, high=1e-13, source=FALLON),
        Parameter("treg_cells", 1e10, "cells", "CD25-high cells in the body", low=1e8, high=1e12, source="assumed, 3e9-3e10: as il2_autoinduction"),
        Parameter("treg_alpha_sites", 15000.0, "1/cells", "alpha on such a cell at rest", low=1000, high=1e5,
                  source=f"assumed: ten for each high-affinity site of {FALLON}"),
        Parameter("treg_beta_sites", 1500.0, "1/cells", "beta-gamma on such a cell at rest", low=100, high=1e4,
                  source=f"{FALLON}: 1500 high-affinity receptors a cell"),
        Parameter("nk_cells", 5e10, "cells", "cells with beta-gamma alone", low=1e8, high=1e12, source="assumed: NK and some memory CD8 cells"),
        Parameter("nk_beta_sites", 1500.0, "1/cells", "beta-gamma on such a cell at rest", low=100, high=1e4, source="assumed: as on regulatory cells"),
        Parameter("soluble_at_rest", 60.0, "pM", "sIL-2R at rest", low=1, high=2000,
                  source=f"assumed: well below 1200 pM, above which it seemed to lower exposure ({KIRCHNER})"),
        Parameter("soluble_loss", 1.0, "1/day", "loss of sIL-2R", low=0.1, high=20, source=f"assumed: it is up at 72 h ({KIRCHNER})"),
        Parameter("induction", 8.0, "1", "rise of the production of alpha when all resting beta-gamma is in trimers", low=0, high=100,
                  source="assumed: as il2_autoinduction"),
    ],
    outputs=[
        *IL2_SC.outputs,
        Output("trimer_occupancy", "1", lambda t, x, p: x.treg_trimer / (x.treg_trimer + x.treg_beta_il2 + x.treg_beta),
               "share of beta-gamma on regulatory cells in trimers"),
        Output("nk_occupancy", "1", lambda t, x, p: x.nk_beta_il2 / (x.nk_beta_il2 + x.nk_beta), "share of beta-gamma on NK-like cells with IL-2"),
        Output("surface_cd25", "1/cells", lambda t, x, p: (x.treg_alpha + x.treg_alpha_il2 + x.treg_trimer) * p.per_pmol / p.treg_cells,
               "CD25 on a regulatory cell, free and bound"),
        Output("surface_cd122", "1/cells", lambda t, x, p: (x.treg_beta + x.treg_beta_il2 + x.treg_trimer) * p.per_pmol / p.treg_cells,
               "CD122 (beta-gamma) on a regulatory cell, free and bound"),
        Output("sil2r", "pM", lambda t, x, p: (x.soluble + x.soluble_il2) / p.V, "sIL-2R in blood, free and bound"),
    ],
    derivative=derivative,
    reference=f"{FALLON}; {LOWENTHAL}; {KIRCHNER}",
)  # fmt: skip
