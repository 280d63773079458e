"""Random event tables, valid and broken: the reference's result or a named error, and nothing else."""

import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import immunode as im
from benchmarks.promise import PROMISED, tolerance
from immunode import nonmem
from immunode.errors import ImmunodeError
from tests.support.closed_form import Nonlinear, Record, walk
from tests.support.dosed_models import CODES, MODEL, SATURABLE, frame, system
from tests.support.scenarios import CENTRAL, DEPOT, MODELLED_DURATION, MODELLED_RATE, PERIPHERAL, STATES, Scenario

RTOL = 1e-8
GIVEN = 0.25  # mg: the least that a dose brings, half of 0.5 mg; what is seen may be far less
SLOWEST = 10.0  # seconds of processor time for one table (the clock runs for others too); most take 20 ms
ACTIONS = {code: action for action, code in CODES.items()}
# a few patients, so that ties are many and exact: every time and every length is a multiple of 1/8
PATIENTS = [
    {},
    {"source": 1.0, "start_depot": 1.0, "start_central": 3.0},
    {"lag_depot": 0.5, "lag_central": 0.25, "F_depot": 0.5, "F_central": 2.0, "start_peripheral": 1.0},
    {"lag_depot": 1.25, "lag_central": 2.0, "D_central": 2.5, "R_central": 0.5, "F_central": 0.5},
    {"ka": 4.0, "CL": 0.5, "D_depot": 0.25, "R_depot": 4.0, "F_peripheral": 0.0, "source": 0.25},
]


def random_records(rng, steady=True):
    """Return one patient's records on a coarse grid; an eighth of the patients start the clock again."""
    records = []
    for _ in range(1 + (rng.random() < 0.125)):
        times = np.sort(rng.integers(-4, 24, rng.integers(2, 9))) / 4
        course = [_random_record(rng, at, steady) for at in times]
        if records and "reset" not in course[0].action:
            course[0] = Record(course[0].time, "reset")
        records += course
    return [*records, Record(records[-1].time + 1.0, "observe")]


def _random_record(rng, at, steady):
    action = rng.choice(["observe", "dose", "reset", "reset and dose", "replace", "multiply"],
                        p=[0.3, 0.52, 0.05, 0.05, 0.04, 0.04])  # fmt: skip
    state = int(rng.choice([DEPOT, CENTRAL, PERIPHERAL]))
    amount = float(rng.choice([0.5, 1.0, 2.0, 4.0]))
    if action in ("observe", "reset"):
        return Record(at, action)
    if action in ("replace", "multiply"):
        return Record(at, action, state, amount)
    kind = rng.integers(0, 4)
    how = {1: {"rate": float(rng.choice([0.5, 2.0, 4.0, MODELLED_RATE, MODELLED_DURATION]))},
           2: {"duration": float(rng.choice([0.25, 1.0, 3.0]))}}.get(kind, {})  # fmt: skip
    ss = int(rng.choice([0, 1, 2])) if steady and rng.random() < 0.3 else 0
    if ss and how.get("rate", 0) > 0 and rng.random() < 0.2:
        return Record(at, action, state, 0.0, ss=ss, **how)
    ii = float(rng.choice([0.5, 1.0, 2.0])) if ss or rng.random() < 0.3 else 0.0
    addl = int(rng.integers(1, 4)) if ii and (not ss or rng.random() < 0.5) else 0
    return Record(at, action, state, amount, ii=ii, addl=addl, ss=ss, **how)


def understood(table, values):
    """Return the records of one patient's plain table, read apart from immunode: missing is 0, no EVID is AMT > 0."""
    columns = {name.strip().upper(): table[name].tolist() for name in table}
    rows = [{name: column[i] for name, column in columns.items()} for i in range(len(table))]
    return [_understood(row, values) for row in rows]


def _understood(row, values):
    def number(name):
        value = pd.to_numeric(row.get(name), errors="coerce")
        return 0.0 if value is None or np.isnan(value) else float(value)

    evid = row.get("EVID")
    if isinstance(evid, str) and evid.lower() in ("replace", "multiply"):
        action = evid.lower()
    elif evid is None or pd.isna(pd.to_numeric(evid, errors="coerce")):
        endless = number("SS") and number("RATE")  # an infusion without an end has no amount
        action = "dose" if number("AMT") > 0 or endless else "observe"
    else:
        action = ACTIONS[int(number("EVID")) if number("EVID") != 2 else 0]  # 2 is seen as well
    if action in ("observe", "reset"):
        return Record(number("TIME"), action)
    state = STATES.index(row["CMT"]) if row.get("CMT") in STATES else max(int(number("CMT")) - 1, 0)
    record = Record(number("TIME"), action, state, number("AMT"))
    if "dose" in action:
        record = replace(record, rate=number("RATE"), duration=number("DUR"), ii=number("II"),
                         addl=int(number("ADDL")), ss=int(number("SS")))  # fmt: skip
    return Scenario((record,)).resolved(values)[0]


def simulated(table, model=MODEL, parameters=None):
    """Return (row, states) of what immunode makes of a table, on all its observations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is odd is told; tests/nonmem looks at the words
        course = im.simulate(model, nonmem.read(table, model), rtol=RTOL, parameters=parameters or {})
    return course["row"].to_numpy(), np.column_stack([course[name].to_numpy() for name in STATES])


def told(changes, table):
    return f"{changes}\n{table.to_string(max_colwidth=12)}"


def assert_close(solution, wanted, changes, table):
    assert solution.shape == wanted.shape, told(changes, table)
    assert np.isfinite(solution).all(), told(changes, table)
    scales = np.maximum(np.abs(wanted).max(axis=0, initial=0.0), GIVEN)
    worst = np.max(np.abs(solution - wanted) / tolerance(wanted, scales, RTOL), initial=0.0)
    assert worst <= PROMISED, f"{worst:g} tolerances from the reference: {told(changes, table)}"


@pytest.mark.parametrize("count", [500, pytest.param(7900, marks=pytest.mark.slow)])
def test_valid_tables_give_what_the_closed_form_gives(count):
    """All of them in one table, as so many patients."""
    rng = np.random.default_rng(count)
    who = rng.integers(0, len(PATIENTS), count)
    tables = [frame(random_records(rng), i) for i in range(count)]
    names = {name for changes in PATIENTS for name in changes}
    all_values = [MODEL.typical | changes for changes in PATIENTS]
    parameters = {name: np.array([all_values[i][name] for i in who]) for name in names}
    row, states = simulated(pd.concat(tables, ignore_index=True), parameters=parameters)
    first = np.cumsum([0, *map(len, tables)])
    for i, table in enumerate(tables):
        values = all_values[who[i]]
        rows = (
            (first[i] <= row) & (row < first[i + 1]) if count < 1000 else slice(*np.searchsorted(row, first[i : i + 2]))
        )
        assert_close(states[rows], walk(system(values), understood(table, values))[0], PATIENTS[who[i]], table)


def _saturable(values):
    A = system(values).A.copy()
    A[CENTRAL, CENTRAL] += values["CL"] / values["V"]

    def slope(x):
        uptake = values["Vmax"] * x[CENTRAL] / (values["Km"] + x[CENTRAL])
        return A @ x + np.array([0.0, -uptake, 0.0])

    return Nonlinear(slope, system(values).initial)


@pytest.mark.parametrize("steady", [False, True])
def test_valid_tables_of_a_saturable_model_give_what_scipy_gives(steady):
    rng = np.random.default_rng(5)
    for _ in range(10 if steady else 40):
        patient = int(rng.choice([0, 2, 3]))  # those without a source, which the reference has not
        values = SATURABLE.typical | {"Vmax": 40.0} | PATIENTS[patient]
        table = frame(random_records(rng, steady))
        _, states = simulated(table, SATURABLE, {name: values[name] for name in ("Vmax", *PATIENTS[patient])})
        assert_close(states, walk(_saturable(values), understood(table, values))[0], PATIENTS[patient], table)


BROKEN = {
    "ID": [None, "", "A7", 1.5, "1 ", np.inf],
    "TIME": ["08:30", "2020-01-01", None, ".", -1e300, 1e300, np.inf, "later", True, -5.0, 0.3, "1e1"],
    "EVID": [5, 6, 7, 8, 101, -1, 1.5, 2, "dose", None, ".", 0, 1, 3, 4, "REPLACE", np.inf],
    "AMT": [-1.0, None, ".", "3 mg", np.inf, 1e12, 1e-300, 0.0, "", 5, "many", True],
    "CMT": [0, -1, 4, 99, 1.5, "centrall", "central", "depot", None, ".", np.inf, 2],
    "RATE": [-1, -2, -3, -0.5, "fast", None, np.inf, 1e6, 1e-300, 3.0, "."],
    "DUR": [-1, "long", None, np.inf, 1e300, 1e-6, 1.5],
    "II": [-1, 0, None, "daily", np.inf, 1e-300, 1e-6, 2.5, 1e4],
    "ADDL": [-1, 1.5, 10**9, 10**18, "two", None, np.inf, 3],
    "SS": [3, -1, 1, 2, 1.5, "yes", None, np.inf],
}


def broken(rng, table):
    """Return a table with one to three things changed: a cell, a column gone, twice or odd, rows in another order."""
    table = table.astype(object)
    for _ in range(rng.integers(1, 4)):
        kind, column = rng.random(), str(rng.choice(table.columns))
        if kind < 0.65 and len(table):
            known = BROKEN.get(column.upper(), [0])
            table.iloc[int(rng.integers(len(table))), table.columns.get_loc(column)] = known[rng.integers(len(known))]
        elif kind < 0.75 and len(table.columns) > 1:
            table = table.drop(columns=column)
        elif kind < 0.8:
            table = table.rename(columns={column: str(rng.choice([column.lower(), f" {column} ", "WT", column + "2"]))})
            table = table.loc[:, ~table.columns.duplicated()]
        elif kind < 0.85:
            table = table.sample(frac=1, random_state=int(rng.integers(1000)))
        elif kind < 0.9:
            table = table.replace(0, str(rng.choice([".", ""])))
        elif kind < 0.95 and len(table):
            table = pd.concat([table, table.iloc[[int(rng.integers(len(table)))]]], ignore_index=True)
        else:
            table = table.iloc[: int(rng.integers(len(table) + 1))]
    return table


@pytest.mark.parametrize("how", [{"amount": 1.0, "ii": 1e300}, {"amount": 1e300, "rate": 0.5, "ii": 2.0}])
def test_absurd_steady_states_are_refused(how):
    with pytest.raises(ImmunodeError):
        simulated(frame([Record(0.0, state=CENTRAL, ss=1, **how), Record(1.0, "observe")]))


@pytest.mark.parametrize("how", [{"duration": 1e-17}, {"rate": 1e17}])
def test_an_infusion_too_short_for_the_clock_is_a_bolus_or_is_refused(how):
    infused = simulated(frame([Record(1.0, state=CENTRAL, amount=3.0, **how), Record(2.0, "observe")]))[1]
    bolus = simulated(frame([Record(1.0, state=CENTRAL, amount=3.0), Record(2.0, "observe")]))[1]
    np.testing.assert_allclose(infused, bolus, rtol=PROMISED * RTOL)


def _states_or_error(table, parameters):
    try:
        return simulated(table, parameters=parameters)[1]
    except ImmunodeError as error:
        return error
    except Exception as error:
        raise AssertionError(f"{error!r} is no named error: {told(parameters, table)}") from error


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("count", [100, pytest.param(1500, marks=pytest.mark.slow)])
def test_broken_tables_give_the_right_result_or_a_named_error(count):
    rng = np.random.default_rng(count)
    refused = compared = 0
    for _ in range(count):
        patient = int(rng.integers(len(PATIENTS)))
        values = MODEL.typical | PATIENTS[patient]
        table = broken(rng, frame(random_records(rng)))
        begin = time.process_time()
        outcome = _states_or_error(table, PATIENTS[patient])
        if isinstance(outcome, ImmunodeError):
            refused += 1
            continue
        assert time.process_time() - begin < SLOWEST, told(PATIENTS[patient], table)
        assert np.isfinite(outcome).all(), told(PATIENTS[patient], table)
        ids = next((table[name].tolist() for name in table if name.strip().upper() == "ID"), [1])
        one = len(set(ids)) == 1
        records = understood(table, values) if one else []
        if records and np.abs([record.time for record in records]).max() < 1e6:  # else expm has no answer
            compared += 1
            assert_close(outcome, walk(system(values), records)[0], PATIENTS[patient], table)
    assert refused > 0.2 * count
    assert compared > 0.1 * count
