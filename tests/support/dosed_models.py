"""Write a linear model twice, for immunode and for the closed form, and one that is not; say records to immunode."""

import numpy as np
import pandas as pd

import immunode as im
from immunode.model.declaration import Model, Parameter, State
from immunode.regimen import Regimen
from tests.support.closed_form import Linear, Record
from tests.support.scenarios import STATES, Scenario

UNIT = "MIU"
KINETICS = [
    Parameter("ka", 1.5, "1/day"),
    Parameter("CL", 2.0, "L/day"),
    Parameter("V", 4.0, "L"),
    Parameter("k12", 0.25, "1/day"),
    Parameter("k21", 0.5, "1/day"),
    Parameter("source", 0.0, f"{UNIT}/day"),
]
PER_STATE = {"lag": (0.0, "day"), "F": (1.0, "1"), "D": (1.0, "day"), "R": (1.0, f"{UNIT}/day"), "start": (0.0, UNIT)}


def derivative(t, x, p):
    absorbed, there, back = p.ka * x.depot, p.k12 * x.central, p.k21 * x.peripheral
    return {
        "depot": -absorbed,
        "central": absorbed - p.CL / p.V * x.central - there + back + p.source,
        "peripheral": there - back,
    }


def _state(name: str) -> State:
    return State(
        name, UNIT, initial=f"start_{name}", lag=f"lag_{name}", bioavailability=f"F_{name}", duration=f"D_{name}",
        rate=f"R_{name}",
    )  # fmt: skip


def saturable(t, x, p):
    return derivative(t, x, p) | {
        "central": p.ka * x.depot
        - p.Vmax * x.central / (p.Km + x.central)
        - p.k12 * x.central
        + p.k21 * x.peripheral
        + p.source,
    }


PARAMETERS = KINETICS + [Parameter(f"{k}_{s}", v, u) for k, (v, u) in PER_STATE.items() for s in STATES]
MODEL = Model(
    name="two compartments and a depot",
    states=[_state(name) for name in STATES],
    parameters=PARAMETERS,
    routes={"sc": "depot", "iv": "central"},
    derivative=derivative,
)
SATURABLE = Model(
    name="two compartments and a depot, saturable elimination",
    states=MODEL.states,
    parameters=[*PARAMETERS, Parameter("Vmax", 8.0, f"{UNIT}/day"), Parameter("Km", 4.0, UNIT)],
    routes=MODEL.routes,
    derivative=saturable,
)
# a lag and times that decimal fractions cannot hold exactly
DECIMAL = Model(
    name="decimal",
    states=[State("depot", "mg", lag="lag"), State("central", "mg", bioavailability="F")],
    parameters=[Parameter("lag", 0.2, "day"), Parameter("k", 0.5, "1/day"), Parameter("F", 1.0, "1")],
    derivative=lambda t, x, p: {"depot": 0 * p.k * x.depot, "central": -p.k * x.central},
)

MODELS = {"linear": MODEL, "saturable": SATURABLE}


def system(values: dict[str, float]) -> Linear:
    """Return the same model as matrices, written down by hand."""
    ka, k, k12, k21 = values["ka"], values["CL"] / values["V"], values["k12"], values["k21"]
    A = np.array([[-ka, 0, 0], [ka, -k - k12, k21], [0, k12, -k21]])
    return Linear(A, np.array([0, values["source"], 0]), np.array([values[f"start_{name}"] for name in STATES]))


def values(scenario: Scenario) -> dict[str, float]:
    return MODEL.typical | scenario.parameters


def expanded(records: list[Record]) -> list[Record]:
    """Return the records with the doses of ADDL spelt out, but for those that a later reset or SS = 1 cancels.

    They come before the records of their time.
    """
    out: list[tuple[float, int, Record]] = []
    for place, record in enumerate(records):
        ends = [r.time for r in records[place + 1 :] if "reset" in r.action or r.ss == 1]
        out.append((record.time, 1, _one(record, record.time)))
        times = (record.time + k * record.ii for k in range(1, record.addl + 1))
        out += [(time, 0, _one(record, time)) for time in times if time < min(ends, default=np.inf)]
    return [record for *_, record in sorted(out, key=lambda item: item[:2])]


def _one(record: Record, time: float) -> Record:
    """Return a record without its ADDL; what ADDL gives is a dose and nothing more."""
    first = time == record.time
    how = {"action": record.action if first else "dose", "ss": record.ss if first else 0}
    quantities = {
        "amount": record.amount,
        "rate": record.rate,
        "duration": record.duration,
        "ii": record.ii * bool(how["ss"]),
    }
    return Record(time, state=record.state, **quantities, **how)


def regimen(records: list[Record]) -> Regimen:
    """Say the records in Python."""
    return sum((_verb(record) for record in expanded(records)), Regimen())


def _verb(record: Record) -> Regimen:
    name = STATES[record.state]
    if record.action == "reset":
        return im.reset(time=record.time)
    if record.action == "replace":
        return im.replace(name, f"{record.amount} {UNIT}", time=record.time)
    if record.action == "multiply":
        return im.multiply(name, record.amount, time=record.time)
    how: dict = {"steady_state": ("", "replace", "add")[record.ss], "every": record.ii or None}
    if record.rate:
        how["rate"] = {-1: "modelled"}.get(record.rate, f"{record.rate} {UNIT}/day")
    if record.rate == -2:
        how["rate"], how["duration"] = None, "modelled"
    if record.duration:
        how["duration"] = f"{record.duration} d"
    doses = im.dose(f"{record.amount} {UNIT}", name, times=[record.time], **how)
    return im.reset(time=record.time) + doses if "reset" in record.action else doses


CODES = {"observe": 0, "dose": 1, "reset": 3, "reset and dose": 4, "replace": "replace", "multiply": "multiply"}


def frame(records: list[Record], patient: int = 1) -> pd.DataFrame:
    """Say the records as an event table."""
    rows = [
        {
            "ID": patient, "TIME": r.time, "EVID": CODES[r.action], "AMT": r.amount, "CMT": r.state + 1, "RATE": r.rate,
            "DUR": r.duration, "II": r.ii, "ADDL": r.addl, "SS": r.ss,
        }
        for r in records
    ]  # fmt: skip
    return pd.DataFrame(rows)
