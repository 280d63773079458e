"""Random event tables with covariates, several records at one time among them, against matrix exponentials."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pandas
import pytest

import immunode as im
from immunode.model.declaration import Model, Output, Parameter, State
from tests.support.closed_form import Linear, Record, walk

TYPICAL = {"ka": 1.0, "CL": 1.0, "V": 20.0, "F1": 0.8, "F2": 0.6, "lag1": 0.0, "lag2": 0.0, "D": 2.0}
UNITS = {"ka": "1/hour", "CL": "L/hour", "V": "L", "F1": "1", "F2": "1", "lag1": "hour", "lag2": "hour", "D": "hour"}
MODEL = Model(
    name="pk",
    time="hour",
    states=[
        State("depot", "mg", lag="lag1", bioavailability="F1"),
        State("central", "mg", lag="lag2", bioavailability="F2", duration="D"),
    ],
    parameters=[Parameter(name, value, UNITS[name]) for name, value in TYPICAL.items()],
    outputs=[Output("level", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.CL * x.central / p.V},
)
COLUMNS = ("TIME", "EVID", "AMT", "CMT", "RATE", "II", "ADDL", "SS")
CASES, PATIENTS = 20, 25


def drawn(rng):
    """Return the rows of a patient: a third of them at the time of the row above, each with covariates of its own."""
    rows, time = [], 0.0
    for k in range(rng.integers(5, 14)):
        time += float(rng.integers(1, 400)) / 20 if k and rng.random() < 0.67 else 0.0
        row = dict.fromkeys(COLUMNS, 0.0) | {"TIME": time, "CMT": rng.integers(1, 3)}
        row["EVID"] = rng.choice([0, 0, 0, 1, 1, 1, 2, 3, 4]) if k else 1
        if row["EVID"] in (1, 4):
            row["AMT"] = float(rng.integers(10, 100))
            if row["CMT"] == 2:
                row["RATE"] = rng.choice([0, -2, row["AMT"] / 3.37, row["AMT"] / 11.3])
            if rng.random() < 0.4:
                row |= {"ADDL": rng.integers(1, 6), "II": rng.choice([3.173, 7.919, 12.007])}
            if rng.random() < 0.25:
                row |= {"SS": rng.integers(1, 3), "II": rng.choice([6.113, 12.007])}
        lags = {"lag1": rng.choice([0.0, 0.317]), "lag2": rng.choice([0.0, 0.211])}
        varied = {name: TYPICAL[name] * np.exp(rng.normal(0, 0.4)) for name in ("ka", "CL", "V", "F1", "F2", "D")}
        rows.append(row | lags | varied)
    return [*rows, dict.fromkeys(COLUMNS, 0.0) | TYPICAL | {"TIME": time + 7.77, "CMT": 2}]


def system(row):
    """Return the model with the covariates of a row."""
    ka, k = row["ka"], row["CL"] / row["V"]
    return Linear(np.array([[-ka, 0.0], [ka, -k]]), np.zeros(2), np.zeros(2))


def recorded(row, at, more=0):
    """Return the dose of a row, or an additional one at its time, with the covariates of the row `at`."""
    which = int(row["CMT"])
    rate, duration = max(row["RATE"], 0.0), at["D"] if row["RATE"] == -2 else 0.0
    ss, time = (0, at["TIME"]) if more else (int(row["SS"]), row["TIME"])
    return Record(time, "dose", which - 1, row["AMT"], rate, duration, row["II"] if ss else 0.0, 0, ss,
                  at[f"lag{which}"], at[f"F{which}"])  # fmt: skip


def history(rows):
    """Return (system, Record) of all that happens in its order; an additional dose has the values of the next row."""
    out = []
    for i, row in enumerate(rows):
        place = (row["TIME"], 1, i)
        if row["EVID"] in (3, 4):
            out.append((place, row, Record(row["TIME"], "reset")))
        if row["EVID"] in (1, 4):
            out.append((place, row, recorded(row, row)))
            ends = [r["TIME"] for r in rows[i + 1 :] if r["EVID"] in (3, 4) or r["SS"] == 1]
            for k in range(1, int(row["ADDL"]) + 1):
                time = row["TIME"] + k * row["II"]
                following = next((r for r in rows[i + 1 :] if r["TIME"] >= time), rows[-1])
                if not ends or time < ends[0]:
                    out.append(((time, 0, i), following, replace(recorded(row, following, k), time=time)))
        if row["EVID"] in (0, 2):
            out.append((place, row, Record(row["TIME"], "observe")))
    return [(system(row), record) for _, row, record in sorted(out, key=lambda one: one[0])]


def seen(rows):
    """Return the states at each observation of a patient by the reference, and its level."""
    steps = [(of, replace(record, system=of)) for of, record in history(rows)]
    states, _ = walk(steps[0][0], [record for _, record in steps], 0.0)
    volumes = [row["V"] for row in rows if row["EVID"] in (0, 2)]
    return np.column_stack([states, states[:, 1] / volumes])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(CASES))
def test_random_tables_with_records_of_one_time_are_as_matrix_exponentials_have_them(seed):
    rng = np.random.default_rng(seed)
    patients = [drawn(rng) for _ in range(PATIENTS)]
    lines = [",".join(["ID", *COLUMNS, *TYPICAL])]
    lines += [",".join(map(repr, map(float, [i, *row.values()]))) for i, rows in enumerate(patients, 1) for row in
              ({name: row[name] for name in (*COLUMNS, *TYPICAL)} for row in rows)]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = im.read_events(pandas.read_csv(io.StringIO("\n".join(lines))), MODEL)
        course = im.simulate(MODEL, table, rtol=1e-9)
    got = np.column_stack([course[name].values for name in ("depot", "central", "level")])
    ids = course["id"].values
    for i, rows in enumerate(patients, 1):
        want = seen(rows)
        error = np.abs(got[ids == i] - want).max() / max(1.0, np.abs(want).max())
        assert error < 1e-6, (i, error)
