"""Give every scenario through each entrance with each method; closed forms and textbooks say what must come out."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import immunode as im
from tests.support.closed_form import Linear, Record, observed, walk
from tests.support.dosed_models import MODEL, expanded, frame, regimen, system, values
from tests.support.dosed_runs import GRID, assert_close, methods, read, simulate, states
from tests.support.scenarios import SCENARIOS

NONMEM = Path(__file__).parents[2] / "../shared/data/suites/nonmem_dosing"
FROM_PYTHON = [name for name, scenario in SCENARIOS.items() if not scenario.is_table]
SENTENCES = [name for name, scenario in SCENARIOS.items() if scenario.sentence]


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
    walked, _ = walk(system(values(scenario)), observed(alone, GRID, "post"), start=-3.0)
    assert_allclose(walked, exact(name, "post")[0], rtol=1e-12, atol=1e-12)


@methods
@pytest.mark.parametrize("name", FROM_PYTHON)
def test_from_python(name, method):
    scenario = SCENARIOS[name]
    doses = regimen(list(scenario.records))
    options = {"times": GRID, "parameters": scenario.parameters, "method": method}
    courses = {side: simulate(doses, at_dose=side, **options) for side in ("pre", "post", "both")}
    wanted = {side: exact(name, side) for side in ("pre", "post")}
    for side in wanted:
        assert_close(states(courses[side]), wanted[side][0])
    both, happened = courses["both"], wanted["post"][1]
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
        course = simulate(scenario.sentence, times=GRID, parameters=scenario.parameters, at_dose=side, method=method)
        assert_close(states(course), exact(name, side)[0])


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
    course = simulate(read(frame(records)), parameters=scenario.parameters, method=method)
    known = replace(scenario, records=tuple(records)).resolved(values(scenario))
    assert_close(states(course), walk(system(values(scenario)), known)[0])
    assert course["time"].values.tolist() == [record.time for record in records if record.action == "observe"]
    assert course["row"].values.tolist() == [i for i, record in enumerate(records) if record.action == "observe"]


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
    doses, formula = FORMULAS[name]
    course = simulate(doses, times=AFTER, parameters={"k12": 0.0}, at_dose="post", method=method)
    assert_close(course["central"].to_numpy()[:, None], formula(AFTER)[:, None])


def test_patients_with_regimens_and_times_of_their_own_are_each_as_if_alone():
    names = FROM_PYTHON[::3]
    scenarios = [SCENARIOS[name] for name in names]
    rows = [values(scenario) for scenario in scenarios]
    regimens = [regimen(list(scenario.records)) for scenario in scenarios]
    times = [GRID[GRID >= 0][:: 1 + i % 3] for i in range(len(names))]
    wide = {name: np.array([row[name] for row in rows]) for name in MODEL.typical}
    together = simulate(regimens, times=times, parameters=wide, at_dose="post")
    for i, scenario in enumerate(scenarios):
        alone = simulate(regimens[i], times=times[i], parameters=scenario.parameters, at_dose="post")
        part = together.isel(record=together["patient"].values == i)
        assert part["time"].values.tolist() == times[i].tolist()
        np.testing.assert_array_equal(states(part), states(alone))
