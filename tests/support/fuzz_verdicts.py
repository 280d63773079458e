"""Judge every patient of the fuzz by the promise of docs/tolerances.md, and sensitivities by differences.

A patient has one Verdict: its states are compared with the reference's, or it ends as the reference says, or, counted
by reason, rounding decides what comes and neither is right.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.promise import PROMISED, tolerance
from immunode.engine import build
from immunode.errors import Status
from tests.support.fuzzed import DRAWN, END, PEOPLE, WIRINGS, Event, scales, solved
from tests.support.switched import Ended, Grazed, Pushed

STEP = 1e-5  # of a parameter, for differences
LEAST, LEAST_STEEP = 0.9, 0.7  # of all patients are checked
WITHIN_ONE = 0.7  # of those compared are within one tolerance: 0.74 to 0.99 in each test; at ten times the rtol 0.57
COMPARED, PUSHED, ENDED = CHECKED = "compared", "pushed back at its time", "ended by its status"
NEAR = "a tolerance away there is no reference"
AT_ONCE = 100  # rtol: how near the times are at which a switch pushes back, where levels change by 0.1 of amounts in 1
NUDGES, CLOSER = ((np.arange(n) + 0.5) * END / n for n in (40, 120))
UNSURE = (Status.chattering, Status.endless_triggers, Status.too_many_pending)  # where a switch is touched


@dataclass(frozen=True)
class Verdict:
    """Hold what became of a patient, whether that is right, and its largest error: in tolerances, and in promises."""

    reason: str
    right: bool
    error: float = np.nan
    share: float = np.nan


def judged(reference, one, got, i):
    """Return the Verdict on patient i of a Solution of its structure."""
    want, status, values = asked(reference, *one.patient(i)), Status(got.status[i]), one.outputs(got.values, i)
    if isinstance(want, Grazed):
        right = np.isfinite(values).all() if status == Status.ok else status in UNSURE
        return Verdict(f"{want}: {status.name}", bool(right))
    if isinstance(want, Pushed):
        near = abs(got.time[i] - want.args[0]) <= AT_ONCE * one.rtol
        return Verdict(PUSHED, bool(status == Status.chattering and near))
    if isinstance(want, Ended):
        return Verdict(ENDED, status == want.args[0])
    if status != Status.ok:
        return Verdict(f"{COMPARED}, but {status.name}", False)
    errors, grown = np.abs(values - want) / tolerance(want, scales(one, i, one.times[i]), one.rtol), 1.0
    for nudges in (NUDGES, CLOSER):
        if np.any(errors > PROMISED * grown):
            grown = growth(reference, one, i, want, nudges)
        if grown is None:
            return Verdict(NEAR, bool(np.isfinite(errors).all()))
    share = np.max(errors / (PROMISED * grown))
    return Verdict(COMPARED, bool(share <= 1), errors.max(), share)


def growth(reference, one, i, want, at):
    """Return what one tolerance, in any state at any time of `at`, grows to at outputs in tolerances, at least itself.

    None where a tolerance takes the patient to where there is no reference.
    """
    *how, doses, size, times = one.patient(i)
    nudges = [float(time) for time in at]
    every = sorted({*nudges, *times})
    there = dict(zip(every, reference(*how, doses, size, every), strict=True))
    units, grown = tolerance(want, scales(one, i, times), one.rtol), np.ones_like(want)
    for time, scale in zip(nudges, scales(one, i, nudges), strict=True):
        for state, amount in enumerate(tolerance(there[time], scale, one.rtol)):
            moved = asked(reference, *how, [*doses, Event(time, state, amount)], size, times)
            if isinstance(moved, Exception):
                return None
            grown = np.maximum(grown, np.abs(moved - want) / units)
    return grown


def asked(reference, *patient):
    """Return the states at the patient's outputs, or the exception that says why there are none."""
    try:
        return reference(*patient)
    except (Grazed, Pushed, Ended) as end:
        return end


def compared(frames, traced, reference):
    """Assert that each patient of some frames, lists of structures, has a right Verdict, and nearly all are checked."""
    verdicts, patients = {}, 0
    for many in frames:
        patients += WIRINGS * PEOPLE
        trace = traced(many[0].frame, len(many[0].wires))
        for one in many:
            got = solved(build(trace, one.method), one)
            verdicts |= {(one.seed, i): judged(reference, one, got, i) for i in range(PEOPLE)}
    reasons = Counter(verdict.reason for verdict in verdicts.values())
    errors, shares = np.array([(v.error, v.share) for v in verdicts.values() if v.reason == COMPARED]).T
    median, most, largest = np.quantile(errors, [0.5, 0.99, 1])
    print(f"{patients} patients: {dict(reasons)}; errors in tolerances: median {median:.2g}, 99 % below {most:.2g}, "
          f"largest {largest:.3g}, {np.mean(errors <= 1):.1%} within 1, {np.sum(errors > PROMISED)} beyond {PROMISED}; "
          f"in promises {shares.max():.2g}")  # fmt: skip
    assert {who: verdict for who, verdict in verdicts.items() if not verdict.right} == {}
    assert np.mean(errors <= 1) >= WITHIN_ONE
    assert sum(reasons.values()) == len(verdicts) == patients
    assert sum(reasons[one] for one in CHECKED) >= LEAST * patients


def steep(frames, traced, reference):
    """Assert that sensitivities are those of differences, in patients who have both."""
    outcomes = {}
    for many in frames:
        trace = traced(many[0].frame, len(many[0].wires))
        exact, plain = (build(trace, many[-1].method, sensitivities=along) for along in (True, False))
        for one in (structure.plain() for structure in many):
            got = solved(exact, one, along=True)
            outcomes |= {(one.seed, i): _steep(reference, plain, one, got, i) for i in range(PEOPLE)}
    reasons = Counter(outcome if isinstance(outcome, str) else COMPARED for outcome in outcomes.values())
    worst = {who: error for who, error in outcomes.items() if not isinstance(error, str)}
    print(dict(reasons), f"largest error {max(worst.values()):.2g} of the largest")
    assert {who: error for who, error in worst.items() if not error <= 1e-4} == {}
    assert reasons[COMPARED] >= LEAST_STEEP * len(outcomes)


def _steep(reference, plain, one, got, i):
    """Return the error of a patient's sensitivities as a part of the largest, or why they are not compared."""
    if isinstance(asked(reference, *one.patient(i)), Exception):
        return "no reference"
    if got.status[i] == Status.no_derivative:
        return "no derivative"
    want = differences(plain, one, i)
    if want is None:
        return "differences of both sides differ"
    error = np.max(np.abs(one.outputs(got.along, i).transpose(1, 0, 2) - want)) / max(
        np.max(np.abs(want)), 1e-3 * one.size
    )
    return error if got.status[i] == Status.ok else np.inf


def differences(program, one, i):
    """Return the change of a patient's states with the logarithm of each parameter, None where both sides differ."""
    rows = one.values[i] * (1 + STEP * np.concatenate([np.eye(DRAWN), -np.eye(DRAWN), np.zeros((1, DRAWN))]))
    n = len(rows)
    same = {"starts": np.tile(one.starts[i], (n, 1)), "doses": [one.doses[i]] * n, "times": [one.times[i]] * n}
    got = solved(program, replace(one, values=rows, **same), rtol=1e-11)
    if np.any(got.status != Status.ok):
        return None
    values = got.values.reshape(n, len(one.times[i]), -1)
    up, down, here = values[:DRAWN], values[DRAWN:-1], values[-1]
    central, bend = (up - down) / (2 * STEP), (up - 2 * here + down) / STEP
    return central if np.abs(bend).max() < 1e-3 * max(np.abs(central).max(), one.size) else None
