"""Give every scenario through each entrance with each method; closed forms and textbooks say what must come out."""

import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

import immunode as im
from immunode import nonmem
from immunode.engine import METHODS
from tests.support.closed_form import Linear, Record, observed, walk
from tests.support.dosed_models import MODEL, expanded, frame, regimen, system, values
from tests.support.scenarios import CENTRAL, DEPOT, MODELLED_DURATION, SCENARIOS, STATES, dose, of

RTOL = 1e-8
TOLERANCE = 10 * RTOL  # of the largest value of a state: rtol bounds one step's error, and a few of them add up
GRID = np.arange(-3, 6.01, 0.25)  # meets every tie: all times of the scenarios are multiples of it
NONMEM = Path(__file__).parents[2] / "../shared/data/suites/nonmem_dosing"
methods = pytest.mark.parametrize("method", METHODS)
FROM_PYTHON = [name for name, scenario in SCENARIOS.items() if not scenario.is_table]
SENTENCES = [name for name, scenario in SCENARIOS.items() if scenario.sentence]


def simulate(given, method="auto", **options):
    with warnings.catch_warnings():
        for told in (".*lag", ".*adds what the model makes itself"):  # longer than the interval; with SS = 2
            warnings.filterwarnings("ignore", message=told, category=UserWarning)
        return im.simulate(MODEL, given, rtol=RTOL, method=method, **options)


def read(table):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # what is odd in a table is tested in tests/nonmem
        return nonmem.read(table, MODEL)


def states(found):
    return np.column_stack([found[name].to_numpy() for name in STATES])


def assert_close(found, exact):
    size = np.maximum(np.abs(exact).max(axis=0), 1e-3)
    assert found.shape == exact.shape
    assert np.isfinite(found).all()
    assert_allclose(found / size, exact / size, rtol=0, atol=TOLERANCE)


@cache
def exact(name, side):
    """Return the times of GRID, or those around what happens if side is "both", and the states there."""
    scenario = SCENARIOS[name]
    records = scenario.resolved(values(scenario))
    start = min(0.0, GRID[0], *(record.time for record in records))
    return walk(system(values(scenario)), observed(records, GRID, side), start)


def test_the_closed_form_itself_agrees_with_nonmem():
    if not NONMEM.exists():
        pytest.skip("the outside data are not here")
    cases = pd.read_csv(NONMEM / "manifest.csv").set_index("case")
    A = np.array([[-1.5, 0], [1.5, -1.1 / 20]])
    for case, rows in pd.read_csv(NONMEM / "records.csv").groupby("case"):
        x, _ = walk(Linear(A, np.zeros(2), np.zeros(2)), [_record(row) for row in rows.itertuples()])
        seen = rows[rows.evid == 0]
        late = (seen.time >= cases.ideal_semantics_valid_from_time[case]).to_numpy()
        assert late.sum() > 80
        printed = seen.cp_nonmem.to_numpy()[late]  # in 5 digits
        assert_allclose(x[late, 1] / 0.02, printed, rtol=5e-5, atol=1e-9, err_msg=str(case))


def _record(row):
    if row.evid == 0:
        return Record(row.time, "observe")
    action = {1: "dose", 3: "reset", 4: "reset and dose"}[row.evid]
    lag, F = (row.lagt, row.bioav) if row.cmt == 2 else (0.0, 1.0)
    duration = row.dur2 if row.rate == -2 else 0.0
    return Record(
        row.time, action, row.cmt - 1, row.amt, max(row.rate, 0.0), duration, row.ii, row.addl, row.ss, lag, F
    )


@pytest.mark.parametrize("name", FROM_PYTHON)
def test_doses_of_addl_are_doses_of_their_own(name):
    scenario = SCENARIOS[name]
    alone = replace(scenario, records=tuple(expanded(list(scenario.records)))).resolved(values(scenario))
    found, _ = walk(system(values(scenario)), observed(alone, GRID, "post"), start=-3.0)
    assert_allclose(found, exact(name, "post")[0], rtol=1e-12, atol=1e-12)


@methods
@pytest.mark.parametrize("name", FROM_PYTHON)
def test_from_python(name, method):
    scenario = SCENARIOS[name]
    given = regimen(list(scenario.records))
    options = {"times": GRID, "parameters": scenario.parameters, "method": method}
    found = {side: simulate(given, at_dose=side, **options) for side in ("pre", "post", "both")}
    wanted = {side: exact(name, side) for side in ("pre", "post")}
    for side in wanted:
        assert_close(states(found[side]), wanted[side][0])
    both, happened = found["both"], wanted["post"][1]
    sides = [(time, side) for time in GRID for side in (("pre", "post") if time in happened else ("pre",))]
    assert both["time"].values.tolist() == [time for time, _ in sides]
    index = {time: i for i, time in enumerate(GRID)}
    assert_close(states(both), np.array([wanted[side][0][index[time]] for time, side in sides]))
    twice = [(time, side) for time, side in zip(both["time"].values.tolist(), both["side"].values.tolist())]
    assert [item for item in twice if item[0] in happened] == [item for item in sides if item[0] in happened]


@methods
@pytest.mark.parametrize("name", SENTENCES)
def test_from_a_sentence(name, method):
    scenario = SCENARIOS[name]
    for side in ("pre", "post"):
        found = simulate(scenario.sentence, times=GRID, parameters=scenario.parameters, at_dose=side, method=method)
        assert_close(states(found), exact(name, side)[0])


@methods
@pytest.mark.parametrize("name", SCENARIOS)
def test_from_a_table(name, method):
    """Observations stand where the scenario has them, or else both before and after all else of their time."""
    scenario = SCENARIOS[name]
    records = list(scenario.records)
    if not scenario.is_table:
        times = GRID[records[0].time <= GRID] if records[0].time < 0 else GRID[GRID >= 0]
        seen = [(time, place, Record(time, "observe")) for time in times for place in (-1, 1)]
        keyed = sorted([*seen, *((r.time, 0, r) for r in records)], key=lambda item: item[:2])
        records = [record for *_, record in keyed]
    found = simulate(read(frame(records)), parameters=scenario.parameters, method=method)
    known = replace(scenario, records=tuple(records)).resolved(values(scenario))
    assert_close(states(found), walk(system(values(scenario)), known)[0])
    assert found["time"].values.tolist() == [record.time for record in records if record.action == "observe"]
    assert found["row"].values.tolist() == [i for i, record in enumerate(records) if record.action == "observe"]


# Textbook formulas: one compartment (k12 = 0) of k = CL/V = 0.5/day, ka = 1.5/day.
K, KA, AFTER = 0.5, 1.5, np.arange(0, 12, 0.5)


def bateman(t, amount):
    return amount * KA / (KA - K) * (np.exp(-K * t) - np.exp(-KA * t))


def infused(t, rate, duration):
    return rate / K * (1 - np.exp(-K * np.minimum(t, duration))) * np.exp(-K * np.maximum(t - duration, 0))


FORMULAS = {
    "a bolus decays": (im.dose("3 MIU", "iv"), lambda t: 3 * np.exp(-K * t)),
    "an oral dose is Bateman's function": (im.dose("3 MIU", "sc"), lambda t: bateman(t, 3)),
    "an infusion rises and decays": (im.dose("3 MIU", "iv", duration="2 d"), lambda t: infused(t, 1.5, 2.0)),
    "doses add up": (
        im.dose("3 MIU", "sc").repeat(every=2, times=4),
        lambda t: sum(np.where(t >= 2 * i, bateman(np.maximum(t - 2 * i, 0), 3), 0) for i in range(4)),
    ),
    "boluses at steady state accumulate by 1 / (1 - exp(-k II))": (
        im.dose("3 MIU", "iv", steady_state="replace", every=2),
        lambda t: 3 * np.exp(-K * t) / (1 - np.exp(-K * 2)),
    ),
    "oral doses at steady state": (
        im.dose("3 MIU", "sc", steady_state="replace", every=2),
        lambda t: 4.5 * (np.exp(-K * t) / (1 - np.exp(-K * 2)) - np.exp(-KA * t) / (1 - np.exp(-KA * 2))),
    ),
    "infusions at steady state": (
        im.dose("3 MIU", "iv", duration="1 d", steady_state="replace", every=2),
        lambda t: infused(t, 3.0, 1.0) + 6 * (np.exp(K) - 1) * np.exp(-K * (t + 2)) / (1 - np.exp(-K * 2)),
    ),
    "a constant infusion ends at rate / k": (
        im.dose("0 MIU", "iv", rate="3 MIU/day", steady_state="replace"),
        lambda t: 6 * np.exp(-K * t),
    ),
    "a loading dose of 1 / (1 - exp(-k II)) is at steady state at once": (
        im.dose(f"{3 / (1 - np.exp(-1))} MIU", "iv") + im.dose("3 MIU", "iv", times=[2, 4, 6, 8, 10]),
        lambda t: 3 * np.exp(-K * (t % 2)) / (1 - np.exp(-K * 2)),
    ),
}


@methods
@pytest.mark.parametrize("name", FORMULAS)
def test_textbook_formulas_of_one_compartment(name, method):
    given, formula = FORMULAS[name]
    found = simulate(given, times=AFTER, parameters={"k12": 0.0}, at_dose="post", method=method)
    assert_close(found["central"].to_numpy()[:, None], formula(AFTER)[:, None])


# Covariates: CL and F of the depot as they are known at some times, doses between and at them.
KNOWN = np.array([0.5, 1.0, 2.25, 4.0])
COVARIATES = {"CL": np.array([1.0, 4.0, 0.5, 3.0]), "F_depot": np.array([1.0, 0.5, 2.0, 0.25])}
DOSED = of(dose(0, DEPOT, 3, ii=1, addl=4), dose(0.5, CENTRAL, 2, rate=1))


def _known(rule, at):
    """Return the values of the covariates that hold at a time."""
    if rule == "linear":
        return {name: np.interp(at, KNOWN, of_it) for name, of_it in COVARIATES.items()}
    i = np.searchsorted(KNOWN, at, "left") if rule == "nocb" else np.searchsorted(KNOWN, at, "right") - 1
    return {name: of_it[np.clip(i, 0, len(KNOWN) - 1)] for name, of_it in COVARIATES.items()}


def _exact_under_covariates(rule, side):
    given = replace(DOSED, records=tuple(expanded(list(DOSED.records))))
    records = []
    for record in given.records:
        records += replace(given, records=(record,)).resolved(MODEL.typical | _known(rule, record.time))
    records = observed(records, GRID[GRID >= 0], side)
    if rule == "linear":
        return _by_quadrature(records)
    later = [system(MODEL.typical | _known(rule, time + (1e-6 if rule == "nocb" else 0.0))) for time in KNOWN]
    first = system(MODEL.typical | _known(rule, 0.0))
    changes = tuple((time, s.A, s.b) for time, s in zip(KNOWN, later))
    return walk(Linear(first.A, first.b, first.initial, changes), records, 0.0)[0]


def _by_quadrature(records):
    """Return the states where CL changes all the time: each dose by SciPy at 1e-12, and their sum."""
    grid = GRID[GRID >= 0]

    def slope(t, x, rate, until):
        return system(MODEL.typical | {"CL": np.interp(t, KNOWN, COVARIATES["CL"])}).A @ x + np.array([0, rate, 0]) * (
            t < until
        )

    total = np.zeros((len(grid), 3))
    post = any(r.action == "observe" and r.side == "here" for r in records)
    for record in (r for r in records if r.action == "dose"):
        now, until = record.time, record.time + (record.F * record.amount / record.rate if record.rate else 0.0)
        x = np.eye(3)[record.state] * (0.0 if record.rate else record.F * record.amount)
        total[grid == now] += x * post
        for stop in sorted({*grid, *KNOWN, until}):  # steps end where anything is not smooth
            if stop <= now:
                continue
            middle = 0.5 * (now + stop)
            rate = record.rate if middle < until else 0.0
            x = solve_ivp(slope, (now, stop), x, "DOP853", rtol=1e-12, atol=1e-14, args=(rate, np.inf)).y[:, -1]
            total[grid == stop] += x
            now = stop
    return total


@methods
@pytest.mark.parametrize("rule", ["nocb", "locf", "linear"])
def test_covariates_change_in_time(rule, method):
    given = {name: (KNOWN, of_it) for name, of_it in COVARIATES.items()}
    for side in ("pre", "post"):
        found = simulate(
            regimen(list(DOSED.records)),
            times=GRID[GRID >= 0], at_dose=side, covariates=given, covariate_rule=rule, method=method,
        )  # fmt: skip
        assert_close(states(found), _exact_under_covariates(rule, side))


@methods
@pytest.mark.parametrize("rule", ["nocb", "locf", "linear"])
@pytest.mark.parametrize("every", [False, True])
def test_covariates_of_a_table(rule, every, method):
    """They stand on every record of their time, as in most data sets, or on the first alone."""
    records = observed(DOSED.records, GRID[GRID >= 0], "post")
    table = frame(records).astype({"TIME": float})
    known = table["TIME"].isin(KNOWN) & (every | ~table["TIME"].duplicated())
    for name, of_it in COVARIATES.items():
        table[name] = table["TIME"].map(dict(zip(KNOWN, of_it))).where(known)
    found = simulate(read(table), covariate_rule=rule, method=method)
    assert_close(states(found), _exact_under_covariates(rule, "post"))


def test_the_lag_of_a_dose_is_that_of_its_own_time():
    """A later change moves nothing that is on its way, and modelled durations follow the same rule."""
    scenario = of(dose(1, CENTRAL, 3), dose(2, CENTRAL, 3, rate=MODELLED_DURATION))
    known = np.array([1.25, 3.0])
    given = {"lag_central": (known, np.array([0.5, 0.25])), "D_central": (known, np.array([1.0, 2.0]))}
    records = [Record(1, "dose", CENTRAL, 3, lag=0.5), Record(2, "dose", CENTRAL, 3, duration=2.0, lag=0.25)]
    found = simulate(regimen(list(scenario.records)), times=GRID, at_dose="post", covariates=given)
    assert_close(states(found), walk(system(MODEL.typical), observed(records, GRID, "post"), -3.0)[0])


def test_patients_with_regimens_and_times_of_their_own_are_each_as_if_alone():
    names = FROM_PYTHON[::3]
    scenarios = [SCENARIOS[name] for name in names]
    rows = [values(scenario) for scenario in scenarios]
    given = [regimen(list(scenario.records)) for scenario in scenarios]
    times = [GRID[GRID >= 0][:: 1 + i % 3] for i in range(len(names))]
    wide = {name: np.array([row[name] for row in rows]) for name in MODEL.typical}
    together = simulate(given, times=times, parameters=wide, at_dose="post")
    for i, scenario in enumerate(scenarios):
        alone = simulate(given[i], times=times[i], parameters=scenario.parameters, at_dose="post")
        mine = together.isel(record=together["patient"].values == i)
        assert mine["time"].values.tolist() == times[i].tolist()
        np.testing.assert_array_equal(states(mine), states(alone))
