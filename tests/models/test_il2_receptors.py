"""IL-2 and its receptors: nothing is lost, binding obeys thermodynamics, untreated it rests, and it is truly stiff."""

from functools import lru_cache

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from immunode.engine import METHODS, build, one_regimen, solve
from immunode.model.equations import jacobian
from immunode.models import model
from immunode.regimen import prescribe
from immunode.simulation import simulate
from immunode.simulation.engine_input import engine_input
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.ensemble_run import tolerances
from immunode.simulation.ties import PRE
from immunode.simulation.times import OutputTimes
from immunode.steady_state.start import initial_states

MODEL = model("il2_receptors")
TRACE = MODEL.trace()
NAMES = [s.name for s in MODEL.states]
STATES = dict(zip(NAMES, TRACE.states, strict=True))
P = {symbol.name: symbol for symbol in TRACE.parameters}
TYPICAL = np.array(list(MODEL.typical.values()))
BLOOD = P["pmol_per_MIU"] * STATES["central"] / P["V"]  # IL-2, pM
ALPHA_AT_REST = P["treg_cells"] * P["treg_alpha_sites"] / P["per_pmol"]
NO_TURNOVER = {P[name]: 0 for name in ("internalisation", "endocytosis", "degradation", "recycling", "soluble_loss")}


def slope(*names):
    """Return the summed slope of states."""
    return sum(TRACE.derivative[NAMES.index(name)] for name in names)


def is_zero(expression):
    return sp.simplify(sp.expand(expression)) == 0


@lru_cache
def compiled():
    """Return the slopes and their Jacobian as functions of the states, at typical values."""
    at = dict(zip(TRACE.parameters, map(sp.Float, TYPICAL), strict=True))
    slopes = [f.subs(at) for f in TRACE.derivative]
    both = (slopes, jacobian(TRACE).subs(at))
    return [sp.lambdify((TRACE.states,), expression, modules="numpy", cse=True) for expression in both]


def test_all_il2_given_is_in_a_state_or_eliminated():
    carriers = [n for n in NAMES if "il2" in n or "trimer" in n]
    held = P["pmol_per_MIU"] * slope("depot", "central") + slope(*carriers)
    degraded = [n for n in carriers if n.endswith("_in") and n not in ("treg_il2_in", "nk_il2_in")]
    uptake = P["ka"] * STATES["depot"]
    eliminated = (
        P["pmol_per_MIU"] * (1 - P["F"]) * uptake
        + P["pmol_per_MIU"] * (P["CL"] + P["receptor_clearance"]) * STATES["central"] / P["V"]
        + P["degradation"] * sum(STATES[n] for n in degraded)
        + P["soluble_loss"] * STATES["soluble_il2"]
    )
    assert is_zero(held + eliminated)


@pytest.mark.parametrize(
    "forms",
    [
        ("treg_alpha", "treg_alpha_il2", "treg_trimer"),
        ("treg_beta", "treg_beta_il2", "treg_trimer"),
        ("treg_alpha_in", "treg_alpha_il2_in", "treg_trimer_in"),
        ("treg_beta_in", "treg_beta_il2_in", "treg_trimer_in"),
        ("nk_beta", "nk_beta_il2"),
        ("nk_beta_in", "nk_beta_il2_in"),
        ("soluble", "soluble_il2"),
    ],
)
def test_binding_neither_makes_nor_loses_receptors(forms):
    assert is_zero(slope(*forms).subs(NO_TURNOVER))


def test_alpha_that_leaves_the_surface_arrives_inside_or_is_shed():
    """Alpha of all places changes only by production, degradation and the loss of soluble receptor."""
    alpha = [n for n in NAMES if "alpha" in n or "trimer" in n or "soluble" in n]
    beta_at_rest = P["treg_cells"] * P["treg_beta_sites"] / P["per_pmol"]
    at_rest = P["internalisation"] * ALPHA_AT_REST + P["soluble_loss"] * P["soluble_at_rest"] * P["V"]
    made = at_rest * (1 + P["induction"] * STATES["treg_trimer"] / beta_at_rest)
    lost = P["degradation"] * sum(STATES[n] for n in alpha if n.endswith("_in"))
    lost += P["soluble_loss"] * (STATES["soluble"] + STATES["soluble_il2"])
    assert is_zero(slope(*alpha) - made + lost)


@pytest.mark.parametrize(("place", "weaker"), [("", 1), ("_in", P["acid_K"])])
def test_each_reaction_of_the_trimers_cycle_stands_still_at_one_equilibrium(place, weaker):
    """Detailed balance (Wegscheider) at the constants declared, for all off-rates: no flux runs round the cycle."""
    il2 = STATES["treg_il2_in"] / (P["treg_cells"] * P["endosome_volume"]) if place else BLOOD
    alpha, beta = STATES["treg_alpha" + place], STATES["treg_beta" + place]
    equilibrium = NO_TURNOVER | {
        STATES["treg_alpha_il2" + place]: il2 * alpha / (weaker * P["K_alpha"]),
        STATES["treg_beta_il2" + place]: il2 * beta / (weaker * P["K_beta"]),
        STATES["treg_trimer" + place]: il2 * beta * (alpha / ALPHA_AT_REST) / (weaker * P["K_trimer"]),
    }
    for name in ("treg_alpha", "treg_beta", "treg_alpha_il2", "treg_beta_il2", "treg_trimer"):
        assert is_zero(slope(name + place).subs(equilibrium)), name


@pytest.mark.parametrize(
    ("free", "bound", "il2", "K"),
    [
        ("soluble", "soluble_il2", BLOOD, P["K_alpha"]),
        ("nk_beta", "nk_beta_il2", BLOOD, P["K_beta"]),
        ("nk_beta_in", "nk_beta_il2_in", STATES["nk_il2_in"] / (P["nk_cells"] * P["endosome_volume"]),
         P["acid_K"] * P["K_beta"]),
    ],
)  # fmt: skip
def test_a_single_bond_is_half_occupied_at_its_dissociation_constant(free, bound, il2, K):
    assert is_zero(slope(bound).subs(NO_TURNOVER).subs(STATES[bound], il2 * STATES[free] / K))


def test_constants_are_those_of_the_sources():
    values = MODEL.typical
    assert [values[k] for k in ("K_alpha", "K_beta", "K_trimer")] == pytest.approx([1e4, 1e3, 10])  # pM
    assert 4 <= np.log(2) / values["koff_alpha"] * 86400 <= 10  # s, Lowenthal & Greene 1987
    assert 200 <= np.log(2) / values["koff_beta"] * 1440 <= 400  # min
    fallon = {
        "koff_trimer": 0.0138,
        "internalisation": 0.007,
        "endocytosis": 0.04,
        "recycling": 0.15,
        "degradation": 0.035,
    }
    assert [values[k] / 1440 for k in fallon] == pytest.approx(list(fallon.values()), rel=2e-3)  # per minute


def test_untreated_it_rests():
    rest = initial_states(MODEL, TYPICAL[None, :])[0]
    assert np.abs(compiled()[0](rest)).max() < 1e-10
    inside = rest[NAMES.index("treg_beta_in")] / rest[NAMES.index("treg_beta")] * MODEL.typical["treg_beta_sites"]
    assert inside == pytest.approx(300)  # receptors inside a cell, Fallon & Lauffenburger 2000


def test_a_cell_takes_up_il2_as_fast_as_the_receptor_of_fallon_and_lauffenburger():
    """At low IL-2, before recycling: 1500 sites * kf * ke / (kr + ke), 33 L/day for 1e10 cells."""
    values = MODEL.typical
    matrix = np.array(compiled()[1](initial_states(MODEL, TYPICAL[None, :])[0]))
    bound = [NAMES.index(n) for n in ("treg_alpha_il2", "treg_beta_il2", "treg_trimer")]
    per_pM = matrix[bound, NAMES.index("central")] * values["V"] / values["pmol_per_MIU"]
    trimers = np.linalg.solve(-matrix[np.ix_(bound, bound)], per_pM)[2]
    published = 1500 * (0.0138 / 11.1) * 0.04 / (0.0138 + 0.04) / 6.022e11 * 1440 * 1e10
    assert values["endocytosis"] * trimers == pytest.approx(published, rel=0.1)


def test_receptors_lower_il2_hold_it_at_low_levels_and_are_shed_under_it():
    plan, times = "3 MIU SC QD days 1-3", [0, 0.2, 0.5, 1.0, 3.0]
    course = simulate("il2_receptors", plan, times=times)
    plain = simulate("il2_sc", plan, times=times)["il2"].values
    il2 = course["il2"].values
    assert (il2[1:] < plain[1:]).all()
    assert il2[1] > 0.8 * plain[1]  # a peak is above what receptors can carry
    assert (course["trimer_occupancy"] > course["nk_occupancy"])[1:].all()
    assert course["trimer_occupancy"][1] > 0.5
    assert course["surface_cd25"][1] > 1.5 * course["surface_cd25"][0]
    assert course["surface_cd122"][1] < 0.5 * course["surface_cd122"][0]
    assert course["sil2r"][4] > 1.3 * course["sil2r"][0]  # Kirchner 1998: up at 72 h


def dosed(amount):
    """Return the state at rest with a dose under the skin."""
    y0 = initial_states(MODEL, TYPICAL[None, :])[0]
    y0[NAMES.index("depot")] = amount
    return y0


def reference(y0, times):
    slopes, jac = compiled()
    atol = np.minimum(1e-12, tolerances(MODEL, 1e-10))
    solution = solve_ivp(
        lambda t, y: slopes(y), (0, times[-1]), y0, "Radau", times, jac=lambda t, y: jac(y), rtol=1e-10, atol=atol
    )
    return solution.y.T


def solved(method, y0, times, rtol, events=None):
    events = events or one_regimen(1, [])
    return solve(
        build(TRACE, method), y0[None, :], TYPICAL[None, :], events, times, columns=range(len(NAMES)),
        start=0.0, end=times[-1], rtol=rtol, atol=tolerances(MODEL, rtol), max_steps=2_000_000,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_one_day_agrees_with_scipy_radau(method):
    times, y0 = np.array([0.01, 0.1, 0.3, 1.0]), dosed(3.0)
    solution = solved(method, y0, times, 1e-9)
    assert solution.values[0] == pytest.approx(reference(y0, times), rel=1e-7, abs=1e-9)


def test_under_treatment_it_is_stiff_and_damped():
    """Time scales from half a second to a day; without oscillation that grows, so a stiff method takes long steps."""
    for state in reference(dosed(3.0), np.array([0.1, 0.3, 1.0])):
        rates = np.linalg.eigvals(np.array(compiled()[1](state)))
        assert rates.real.max() < 0
        assert rates.real.min() < -1e5
        assert rates.real.min() / rates.real.max() > 1e5


def test_over_two_weeks_an_explicit_method_needs_fifty_times_the_steps():
    plan = prescribe("3 MIU SC QD days 1-5,8-12")
    values = np.array([list(MODEL.typical.values())])
    ensemble = Ensemble(MODEL, values, [plan], np.zeros(1, int), np.zeros(1))
    events = engine_input(ensemble, OutputTimes(np.array([14.0]), np.array([PRE])), SolveOptions()).events
    steps = {}
    for method in ("tsit5", "rodas5p"):
        solution = solved(method, dosed(0.0), np.array([14.0]), 1e-6, events)
        assert solution.status[0] == 0
        steps[method] = solution.steps[0]
    assert steps["tsit5"] > 50 * steps["rodas5p"]
