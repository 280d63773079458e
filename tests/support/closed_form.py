"""Solve dosing of linear models exactly, one patient at a time, by matrix exponentials: the tests' own reference.

Of other models SciPy's DOP853 takes the place of the exponentials, and SciPy's root that of the steady state's algebra.
It knows nothing of immunode: it is written from the rules of docs/dosing.md, and is itself checked against NONMEM
(test_dosing).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.optimize import root


@dataclass(frozen=True)
class Linear:
    """Hold dx/dt = A x + b from `initial`; each of `later`, (time, A, b), takes over from its time on."""

    A: np.ndarray
    b: np.ndarray
    initial: np.ndarray
    later: tuple[tuple[float, np.ndarray, np.ndarray], ...] = ()


@dataclass(frozen=True)
class Nonlinear:
    """Hold dx/dt = slope(x) from `initial`; it rests at zero when nothing is given."""

    slope: Callable[[np.ndarray], np.ndarray]
    initial: np.ndarray


@dataclass(frozen=True)
class Record:
    """Hold one record of a patient's history, in the order in which things happen.

    `action`: "dose", "reset", "reset and dose", "replace", "multiply", "observe". A dose with a `rate` is an infusion
    whose duration F changes, one with a `duration` is one whose rate F changes. `ss` is NONMEM's 0, 1 or 2.
    A `system` of its own has held since the record before it.
    An observation at side "pre" is before everything at its time, at "here" where it stands in the order.
    """

    time: float
    action: str = "dose"
    state: int = 0
    amount: float = 0.0
    rate: float = 0.0
    duration: float = 0.0
    ii: float = 0.0
    addl: int = 0
    ss: int = 0
    lag: float = 0.0
    F: float = 1.0
    side: str = "here"
    system: Linear | None = None


@dataclass
class Patient:
    """Hold where a patient is: `pending` are (time, "add" or "rate", state, change); `happened` are all their times."""

    system: Linear | Nonlinear
    now: float
    x: np.ndarray
    rates: np.ndarray
    pending: list[tuple[float, str, int, float]] = field(default_factory=list)
    happened: set[float] = field(default_factory=set)


def walk(
    system: Linear | Nonlinear, records: Sequence[Record], start: float | None = None
) -> tuple[np.ndarray, set[float]]:
    """Return the states at each observation, and the times at which anything happened.

    The patient starts at `start`, or at the first record. A record earlier than the one before it must reset: it
    starts the clock again.
    """
    first = records[0].time if start is None else start
    patient = Patient(system, first, system.initial.copy(), np.zeros(len(system.initial)))
    seen: list[np.ndarray] = []
    troughs: dict[float, list[int]] = {}  # "pre" observations of this time, by their place in `seen`
    for record in records:
        if record.time < patient.now:
            assert "reset" in record.action, f"time goes back at {record}"
            patient.pending, patient.now = [], record.time
        patient.system = record.system or patient.system
        advance(patient, record.time, strictly=record.side == "pre")
        if record.action == "observe":
            if record.side == "pre":
                troughs.setdefault(record.time, []).append(len(seen))
            seen.append(patient.x.copy())
            continue
        advance(patient, record.time)
        act(patient, record)
        if record.action != "dose" or record.ss:  # a dose alone happens when it arrives
            patient.happened.add(record.time)
        if record.ss:  # what is seen before a dose at steady state is the steady state's trough
            for i in troughs.get(record.time, []):
                seen[i] = patient.x.copy()
        if "dose" in record.action:
            patient.pending += arrivals(record)
        advance(patient, record.time)
    return np.array(seen).reshape(-1, len(system.initial)), patient.happened


def act(patient: Patient, record: Record) -> None:
    """Do to the patient what a record does at its own time, but for the arrival of the dose itself."""
    if "reset" in record.action or record.ss == 1:
        patient.pending, patient.rates = [], np.zeros_like(patient.rates)
        patient.x = patient.system.initial.copy()
    if record.action == "replace":
        patient.x[record.state] = record.amount
    if record.action == "multiply":
        patient.x[record.state] *= record.amount
    if record.ss == 1:
        patient.x = steady_state(patient.system, record)
    if record.ss == 2:
        patient.x = patient.x + steady_state(patient.system, record)  # with what the model makes itself, as in NONMEM
    if record.ss and record.ii:
        for time, kind, state, change in before(record):
            if time >= record.time:
                patient.pending.append((time, kind, state, change))
            elif kind == "rate":  # those that have also ended cancel out
                patient.rates[state] += change


def arrivals(record: Record) -> list[tuple[float, str, int, float]]:
    """Return what a dose and its ADDL bring, and when; a constant infusion (no amount) has ended at its record."""
    times = [record.time + k * record.ii + record.lag for k in range(record.addl + 1)]
    return [event for time in times for event in given(record, time)] if record.amount else []


def given(record: Record, time: float) -> list[tuple[float, str, int, float]]:
    """Return the events of one dose that arrives at `time`."""
    amount = record.F * record.amount
    if not (record.rate or record.duration):
        return [(time, "add", record.state, amount)]
    duration = record.duration or amount / record.rate
    rate = record.rate or amount / record.duration
    return [(time, "rate", record.state, rate), (time + duration, "rate", record.state, -rate)]


def before(record: Record) -> list[tuple[float, str, int, float]]:
    """Return the events of the doses that a steady state supposes, as far back as they reach into the last period."""
    length = record.lag + (record.duration or (record.F * record.amount / record.rate if record.rate else 0.0))
    doses = range(1, math.ceil(length / record.ii) + 3)
    return [event for k in doses for event in given(record, record.time + (record.lag - k * record.ii))]


def steady_state(system: Linear | Nonlinear, record: Record) -> np.ndarray:
    """Return the state just before `record.time` if its dose had been given every `ii` for ever before it.

    One period of a linear model is an affine map, x -> M x + c; it stays where it is at (I - M)^-1 c.
    """
    nothing = np.zeros(len(system.initial))
    if not record.ii:
        return _constant(system, record.rate * np.eye(len(nothing))[record.state])
    if isinstance(system, Nonlinear):
        return _root(lambda x: period(system, record, x) - x, period(system, record, nothing))
    M, _ = _transition(system.A.tobytes(), len(nothing), record.ii)
    return np.linalg.solve(np.eye(len(nothing)) - M, period(system, record, nothing))


def _constant(system: Linear | Nonlinear, rates: np.ndarray) -> np.ndarray:
    if isinstance(system, Linear):
        return np.linalg.solve(system.A, -(system.b + rates))
    return _root(lambda x: system.slope(x) + rates, rates)


def _root(missing: Callable[[np.ndarray], np.ndarray], guess: np.ndarray) -> np.ndarray:
    solution = root(missing, guess, tol=1e-12)
    assert np.abs(missing(solution.x)).max() < 1e-9, solution.message
    return solution.x


def period(system: Linear | Nonlinear, record: Record, x: np.ndarray) -> np.ndarray:
    """Return where the doses of a steady state bring `x` from one record to the next."""
    states, first = len(x), record.time - record.ii
    patient = Patient(system, first, x.copy(), np.zeros(states), before(record))
    patient.rates = sum((rate_of(event, states) for event in patient.pending if event[0] < first), np.zeros(states))
    patient.pending = [event for event in patient.pending if first <= event[0] < record.time]
    advance(patient, record.time)
    return patient.x


def rate_of(event: tuple[float, str, int, float], states: int) -> np.ndarray:
    """Return what an event changes of the rates."""
    return np.eye(states)[event[2]] * (event[3] if event[1] == "rate" else 0.0)


def advance(patient: Patient, time: float, strictly: bool = False) -> None:
    """Go on to `time` through what is pending until then: of what comes at `time` itself nothing if `strictly`."""
    due = [event for event in patient.pending if event[0] < time or (event[0] == time and not strictly)]
    patient.pending = [event for event in patient.pending if event not in due]
    for when, kind, state, change in sorted(due, key=lambda event: event[0]):
        _flow(patient, when)
        patient.happened.add(when)
        if kind == "add":
            patient.x[state] += change
        else:
            patient.rates[state] += change
    _flow(patient, time)


def _flow(patient: Patient, time: float) -> None:
    """Go on to `time`, during which nothing happens but changes of the system."""
    system = patient.system
    if isinstance(system, Nonlinear):
        if time > patient.now:
            patient.x = _by_scipy(system, patient.x, patient.rates, time - patient.now)
            patient.now = time
        return
    for at in [*(change[0] for change in system.later if patient.now < change[0] < time), time]:
        A, b = next(((A, b) for t, A, b in reversed(system.later) if t <= patient.now), (system.A, system.b))
        if at > patient.now:
            flow, integral = _transition(A.tobytes(), len(b), at - patient.now)
            patient.x = flow @ patient.x + integral @ (b + patient.rates)
        patient.now = at


def _by_scipy(system: Nonlinear, x: np.ndarray, rates: np.ndarray, time: float) -> np.ndarray:
    solution = solve_ivp(lambda t, y: system.slope(y) + rates, (0, time), x, "DOP853", rtol=1e-12, atol=1e-14)
    return solution.y[:, -1]


@lru_cache(maxsize=10_000)
def _transition(A: bytes, states: int, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Return exp(A t) and the integral of exp(A s) over s from 0 to t: the first rows of exp([[A, I], [0, 0]] t)."""
    both = np.zeros((2 * states, 2 * states))
    both[:states, :states] = np.frombuffer(A).reshape(states, states)
    both[:states, states:] = np.eye(states)
    rows = expm(both * time)[:states]
    return rows[:, :states], rows[:, states:]


def observed(records: Iterable[Record], times: Iterable[float], side: str) -> list[Record]:
    """Return the records with an observation at each of `times`: "pre" or "post" everything else at that time."""
    place = -1 if side == "pre" else 1
    keyed = [(record.time, 0, record) for record in records]
    keyed += [(time, place, Record(time, "observe", side="pre" if side == "pre" else "here")) for time in times]
    return [record for *_, record in sorted(keyed, key=lambda item: item[:2])]
