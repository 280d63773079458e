"""Check dosing against NONMEM itself, where the outside reference cases are present (see their README)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.engine import METHODS
from immunode.model.declaration import Model, Output, Parameter, State

SUITES = Path(__file__).resolve().parents[3] / "shared" / "data" / "suites"
pytestmark = pytest.mark.skipif(not SUITES.exists(), reason="the outside reference cases are not here")
MANIFEST = (
    {} if not SUITES.exists() else pd.read_csv(SUITES / "nonmem_dosing/manifest.csv").set_index("case").to_dict("index")
)
UNITS = {"CL": "L/hour", "Q": "L/hour", "KA": "1/hour", "VM": "mg/hour", "KM": "mg/L"}


def pk(*, oral=False, second="", saturable=False, volume="V", **more):
    """Return one or two compartments, with first-order absorption if oral: states depot, central, peripheral."""
    names = [
        *(["KA"] if oral else []),
        *(["VM", "KM"] if saturable else ["CL"]),
        volume,
        *(["Q", second] if second else []),
    ]

    def slopes(t, x, p):
        v = getattr(p, volume)
        level = x.central / v
        out = {"central": -p.VM * level / (p.KM + level) if saturable else -p.CL * level}
        if oral:
            out |= {"depot": -p.KA * x.depot, "central": out["central"] + p.KA * x.depot}
        if second:
            flow = p.Q * level - p.Q * x.peripheral / getattr(p, second)
            out |= {"central": out["central"] - flow, "peripheral": flow}
        return out

    return Model(
        name="pk",
        time="hour",
        states=[State(n, "mg") for n in (*(["depot"] if oral else []), "central", *(["peripheral"] if second else []))],
        parameters=[Parameter(n, 1.0, UNITS.get(n, "L")) for n in names],
        outputs=[Output("level", "mg/L", lambda t, x, p: x.central / getattr(p, volume))],
        derivative=slopes,
        **more,
    )


# NONMEM's scenarios of dosing

SCENARIOS = Model(
    name="nonmem",
    time="hour",
    states=[
        State("depot", "mg"),
        State("central", "mg", lag="lagt", bioavailability="bioav", duration="dur2", rate="rat2"),
    ],
    parameters=[
        Parameter("KA", 1.5, "1/hour"), Parameter("CL", 1.1, "L/hour"), Parameter("V", 20.0, "L"),
        Parameter("lagt", 0.0, "hour"), Parameter("bioav", 1.0, "1"), Parameter("dur2", 2.0, "hour"),
        Parameter("rat2", 10.0, "mg/hour"),
    ],
    outputs=[Output("cp", "ug/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"depot": -p.KA * x.depot, "central": p.KA * x.depot - p.CL / p.V * x.central},
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", MANIFEST)
@pytest.mark.filterwarnings("ignore:a lag is as long as the interval")
def test_dosing_is_nonmems(case, method):
    records = pd.read_csv(SUITES / "nonmem_dosing/records.csv").query("case == @case")
    fixed = {name: float(records[name].iloc[0]) for name in ("lagt", "bioav", "dur2", "rat2")}
    columns = ["time", "evid", "cmt", "amt", "rate", "ii", "addl", "ss"]
    events = im.read_events(records[columns].assign(ID=1), SCENARIOS)
    course = im.simulate(SCENARIOS, events, parameters=fixed, outputs="cp", rtol=1e-8, method=method)
    seen = records[records.evid == 0]
    compared = seen.time.to_numpy() >= MANIFEST[case]["ideal_semantics_valid_from_time"]
    assert len(seen) == len(course.cp) == MANIFEST[case]["n_obs"]
    # the reference has five digits; it is zero where nothing has been given yet
    assert_allclose(course.cp.values[compared], seen.cp_nonmem.to_numpy()[compared], rtol=2e-4, atol=1e-9)


# predictions that NONMEM printed, each with the individual parameters that it printed beside them


def half_digit(values, digits):
    """Return by how much numbers printed with so many digits may be off."""
    size = np.floor(np.log10(np.where(values == 0, 1.0, np.abs(values))))
    return np.where(values == 0, 0.0, 0.5 * 10.0 ** (size - digits + 1))


def predicted(name, model, names=(), **parameters):
    """Return the printed records that are observations, our level there, and what rounding of parameters may change."""
    data = pd.read_csv(SUITES / "nonmem_runs" / f"{name}.csv")
    events = im.read_events(data.drop(columns=[*names, *parameters, "DV"], errors="ignore"), model)
    covariates = data.groupby("ID", sort=False)[list(names)].first()
    parameters |= {n: covariates[n].to_numpy() for n in names}
    digits = json.loads((SUITES / "nonmem_runs/models.json").read_text())[name]["digits"]
    course = im.simulate(model, events, parameters=parameters, outputs="level", rtol=1e-9, sensitivities=list(names))
    seen = data.iloc[course.row.values]
    off = np.zeros(len(seen))
    for n in names:
        off += np.abs(course.level_sensitivity.sel(by=n).values) * half_digit(seen[n].to_numpy(), digits)
    return seen, course.level.values, off


@pytest.mark.parametrize(
    ("name", "model", "names", "digits"),
    [
        ("bauer504_1cpt_infusion_covariates", pk(), ["CL", "V"], 7),
        ("warfarin_run000_1cpt_oral", pk(oral=True), ["KA", "CL", "V"], 5),
        ("acop_runODE032_iv2cpt_ode", pk(second="V2"), ["CL", "V", "Q", "V2"], 5),
        ("bauer_ad3tr4_iv2cpt_bolus", pk(second="V2", volume="V1"), ["CL", "V1", "Q", "V2"], None),
    ],
)
def test_individual_predictions_are_nonmems_to_what_it_printed(name, model, names, digits):
    seen, level, off = predicted(name, model, names)
    assert len(seen) == (pd.read_csv(SUITES / "nonmem_runs" / f"{name}.csv").get("AMT") == 0).sum()
    if digits is None:  # logarithms were printed, with five digits, and the parameters rebuilt: see models.json
        assert_allclose(np.log(level), np.log(seen.IPRED_NM), rtol=0, atol=1e-3)
        return
    solver = 2e-4 if "acop" in name else 0.0  # NONMEM solved that one itself, at TOL = 6
    allowed = off + half_digit(seen.IPRED_NM.to_numpy(), digits) + solver * seen.IPRED_NM.to_numpy()
    assert np.all(np.abs(level - seen.IPRED_NM) <= 1.05 * allowed + 1e-9)


def test_population_predictions_are_nonmems():
    known = json.loads((SUITES / "nonmem_runs/models.json").read_text())["bauer_ad3tr4_iv2cpt_bolus"]["population"]
    seen, level, _ = predicted("bauer_ad3tr4_iv2cpt_bolus", pk(second="V2", volume="V1"), **known)
    assert_allclose(np.log(level), np.log(seen.PRED_NM), rtol=0, atol=2e-4)


def test_an_indirect_response_is_nonmems():
    known = json.loads((SUITES / "nonmem_runs/models.json").read_text())["bauer_warfarin_pkpd_turnover"]["parameters"]
    units = {"KA": "1/hour", "CL": "L/hour", "V": "L", "RIN": "1/hour", "IC50": "mg/L", "KOUT": "1/hour", "IMAX": "1"}

    def slopes(t, x, p):
        level = x.central / p.V
        made = p.RIN * (1 - p.IMAX * level / (level + p.IC50))
        return {
            "depot": -p.KA * x.depot,
            "central": p.KA * x.depot - p.CL * level,
            "response": made - p.KOUT * x.response,
        }

    states = [State("depot", "mg"), State("central", "mg"), State("response", "1", initial=lambda p: p.RIN / p.KOUT)]
    model = Model(
        name="warfarin",
        time="hour",
        states=states,
        parameters=[Parameter(name, known[name], unit) for name, unit in units.items()],
        outputs=[Output("level", "mg/L", lambda t, x, p: x.central / p.V)],
        derivative=slopes,
    )
    data = pd.read_csv(SUITES / "nonmem_runs/bauer_warfarin_pkpd_turnover.csv")
    course = im.simulate(model, im.read_events(data, model), rtol=1e-9)
    seen = data.iloc[course.row.values]
    predictions = np.where(seen.CMT == 2, course.level.values, course.response.values)
    assert len(seen) == 8
    assert np.all(np.abs(predictions - seen.PRED_NM) <= 1.01 * half_digit(seen.PRED_NM.to_numpy(), 5))


def test_a_covariate_that_changes_in_time_is_carried_backward_as_in_nonmem():
    model = Model(
        name="growing",
        time="hour",
        states=[State("depot", "mg"), State("central", "mg")],
        parameters=[Parameter("WT", 70.0, "kg"), Parameter("CL", 1.1, "L/hour"), Parameter("V", 20.0, "L"),
                    Parameter("KA", 1.5, "1/hour"), Parameter("reference", 70.0, "kg")],
        outputs=[Output("cp", "ug/L", lambda t, x, p: x.central / p.V)],
        derivative=lambda t, x, p: {
            "depot": -p.KA * x.depot,
            "central": p.KA * x.depot - p.CL * (p.WT / p.reference) ** 0.75 / p.V * x.central,
        },
    )  # fmt: skip
    data = pd.read_csv(SUITES / "nonmem_runs/mrg2001_timevarying_covariate.csv")
    course = im.simulate(model, im.read_events(data.drop(columns="CL_NM"), model), outputs="cp", rtol=1e-9)
    printed = data.PRED_NM.to_numpy()[course.row.values]
    assert len(printed) == 33
    assert np.all(np.abs(course.cp.values - printed) <= 1.01 * half_digit(printed, 5) + 1e-9)


# data sets that were simulated from individual parameters which they contain

RESIDUALS = (
    {} if not SUITES.exists() else pd.read_csv(SUITES / "pk_datasets/acop_residual_check.csv").set_index("dataset")
)
SETS = {
    "Bolus_1CPT": (pk(), ["CL", "V"]),
    "Oral_1CPT": (pk(oral=True), ["KA", "CL", "V"]),
    "Infusion_2CPT": (pk(second="V2"), ["CL", "V", "Q", "V2"]),
    "Bolus_1CPTMM": (pk(saturable=True), ["VM", "KM", "V"]),
    "Oral_1CPTMM": (pk(oral=True, saturable=True), ["KA", "VM", "KM", "V"]),
    "Oral_2CPTMM": (pk(oral=True, saturable=True, second="V2", volume="V1"), ["KA", "VM", "KM", "V1", "Q", "V2"]),
}


@pytest.mark.parametrize("name", SETS)
def test_the_true_parameters_leave_the_residuals_that_the_data_were_made_with(name):
    model, names = SETS[name]
    data = pd.read_csv(SUITES / "pk_datasets" / f"{name}.csv")
    covariates = data.groupby("ID", sort=False)[names].first()
    data["SS"] = data.get("SS", pd.Series(0, index=data.index)).replace(99, 0)  # 99: no steady state
    events = im.read_events(data.drop(columns=names), model)
    course = im.simulate(model, events, parameters={n: covariates[n].to_numpy() for n in names}, outputs="level")
    seen = data.iloc[course.row.values]
    shown = (seen.EVID == 0).to_numpy()
    ratio = np.log(seen.DV.to_numpy()[shown] / course.level.values[shown])
    expected = RESIDUALS.loc[name]
    assert len(ratio) == expected.n
    assert ratio.mean() == pytest.approx(expected.mean_log_ratio, abs=0.005)
    assert ratio.std() == pytest.approx(expected.sd_log_ratio, abs=0.005)


def test_every_listed_scenario_run_and_data_set_is_compared():
    assert len(MANIFEST) == 28
    assert set(SETS) == set(RESIDUALS.index)
    assert len(json.loads((SUITES / "nonmem_runs/models.json").read_text())) == 6
