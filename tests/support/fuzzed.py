"""Solve random structures of the fuzz by the engine: doses, sizes of amounts, sensitivities against differences."""

import numpy as np

from immunode.engine import ADD, Directions, Events, Scales, build, solve
from immunode.errors import Status
from immunode.model.scales import Kinship
from tests.support.switched import Ended, Grazed

END, RTOL, PEOPLE = 10.0, 1e-7, 10
TIMES = [3.7, END]
METHODS = ("auto", "tsit5", "rodas5p")
SIZES = (1.0, 1e-9, 1e6)
SKIPPED = "skipped"
UNSURE = (Status.chattering, Status.endless_triggers, Status.too_many_pending)  # where a switch is touched
STEP = 1e-5  # of a parameter, for differences


def doses_of(rng, size):
    """Return up to three doses of one patient: time, state, amount."""
    times = np.sort(rng.uniform(0.0, END, rng.integers(0, 4)))
    return [(float(time), int(rng.integers(0, 2)), size * float(rng.uniform(0.1, 1.5))) for time in times]


def settings(seed):
    """Return the method, the size of amounts, and whether it is declared; they turn with the seed."""
    return METHODS[seed % 3], SIZES[seed // 3 % 3], seed // 9 % 2 == 0


def course(program, starts, values, doses, size, *, rtol=RTOL, declared=True, along=False):
    """Return the Solution at TIMES of several patients, of amounts of a size that is declared or not."""
    (n, states), rows = starts.shape, [dose for regimen in doses for dose in regimen]
    time, state, amount = np.array(rows, float).reshape(-1, 3).T
    first = np.cumsum([0, *(len(regimen) for regimen in doses)])
    events = Events(np.arange(n), first, time, np.full(len(rows), ADD), state, amount)
    count, all_of_it = values.shape[1], np.ones((states, states), bool)
    wanted = Directions(np.arange(count), values.copy(), np.zeros((n, count, states))) if along else None
    kin = Kinship(all_of_it[0], all_of_it, ~np.eye(states, dtype=bool))
    scales = None if declared else Scales(kin, np.abs(starts))
    return solve(program, starts, values, events, TIMES, columns=range(states), start=0.0, end=END, rtol=rtol,
                 atol=rtol * (size if declared else 1.0) / 1000, directions=wanted, scales=scales,
                 max_steps=200_000)  # fmt: skip


def judged(outcome, got, i, patient):
    """Return "" if patient i of a Solution is right, SKIPPED if it cannot be compared, or what is wrong.

    `outcome` of (structure, parameters, start, doses, size) is the reference, or the exception that says why there is
    none.
    """
    made, p, start, doses, size = patient
    want, status = outcome(*patient), Status(got.status[i])
    if isinstance(want, Grazed):
        fine = np.isfinite(got.values[i]).all() if status == Status.ok else status in UNSURE
        return SKIPPED if fine else f"grazed, {status!r}"
    if isinstance(want, Ended):
        return "" if status == want.args[0] else f"{want.args[0]!r} is {status!r}"
    if status != Status.ok or not np.isfinite(got.values[i]).all():
        return repr(status)
    error = np.max(np.abs(got.values[i] - want) / (RTOL * np.maximum(np.abs(want), size)))
    if error <= 100:
        return ""
    moved = outcome(made, p, start + RTOL * size, doses, size)  # by one tolerance: what becomes of it, no solver mends
    if not isinstance(moved, np.ndarray):
        return SKIPPED
    grown = np.max(np.abs(moved - want)) / (RTOL * size)
    return "" if error <= 100 * grown else f"{error:.3g} rtol"


def tally(seed, outcome, got, patients):
    """Return how many patients of a Solution cannot be compared, and what is wrong of the others."""
    verdicts = [judged(outcome, got, i, patient) for i, patient in enumerate(patients)]
    return verdicts.count(SKIPPED), [(seed, i, one) for i, one in enumerate(verdicts) if one not in ("", SKIPPED)]


def steep(trace, method, size, starts, values, doses, which, seed):
    """Return a verdict for each of some patients: whether sensitivities are those of differences."""
    exact = course(build(trace, method, sensitivities=True), starts, values, doses, size, along=True)
    plain, verdicts = build(trace, method), []
    for i in which:
        want, status = differences(plain, starts[i], values[i], doses[i], size), Status(exact.status[i])
        if want is None or status == Status.no_derivative:
            verdicts.append(SKIPPED)
            continue
        got = exact.along[i].transpose(1, 0, 2)  # parameter, time, state
        error = np.max(np.abs(got - want)) / max(np.max(np.abs(want)), 1e-3 * size)
        right = status == Status.ok and error <= 1e-4
        verdicts.append("" if right else f"{seed} {i}: {status!r}, {error:.3g} of the largest")
    return verdicts


def differences(program, start, values, doses, size):
    """Return the change of a patient's states with the logarithm of each parameter, None where both sides differ."""
    count = values.size
    rows = values * (1 + STEP * np.concatenate([np.eye(count), -np.eye(count), np.zeros((1, count))]))
    n = len(rows)
    got = course(program, np.tile(start, (n, 1)), rows, [doses] * n, size, rtol=1e-11)
    if np.any(got.status != Status.ok):
        return None
    up, down, here = got.values[:count], got.values[count:-1], got.values[-1]
    central, bend = (up - down) / (2 * STEP), (up - 2 * here + down) / STEP
    return central if np.abs(bend).max() < 1e-3 * max(np.abs(central).max(), size) else None
