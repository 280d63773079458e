"""Random models with switches in time and in states give what SciPy gives with its own events.

A structure is two states that decay into each other, and terms that act while all their conditions hold: a window of
time, one that comes again, a threshold of a state, of their sum, or one that itself jumps. SciPy follows one set of
open and closed conditions at a time, by DOP853 at 1e-11, and stops at known times and at its events' roots.
"""

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from immunode.engine import build, no_events, solve
from immunode.errors import Status
from immunode.model.trace import Trace

t, a, b = sp.symbols("t a b", real=True)
END, RTOL = 10.0, 1e-7
PARAMETERS = sp.symbols("p:8", real=True)


def structure(rng):
    """Return the terms of one structure: the state that gains, whether it is a gain or a loss, and conditions."""
    kinds = ("window", "again", "state", "sum", "jumping")
    terms = []
    for _ in range(rng.integers(1, 4)):
        conditions = [
            (str(rng.choice(kinds)), int(rng.integers(0, 2)), int(rng.integers(0, 8)))
            for _ in range(rng.integers(1, 3))
        ]
        terms.append((int(rng.integers(0, 2)), float(rng.choice([-0.4, 1.0, 3.0])), conditions))
    return terms


def condition(kind, which, k, time, states, p):
    """Return the expressions that are above zero while a condition holds, for symbols as for numbers."""
    size, later = p[k], p[(k + 3) % 8]
    if kind == "window":
        return [time - 5 * size, 5 * size + 0.3 * later - time]
    if kind == "again":
        period = 0.5 + size
        return [0.4 * period - (time - period * floor(time / period))]
    if kind == "state":
        return [states[which] - size]
    if kind == "sum":
        return [size * 1.5 - states[0] - 0.5 * states[1]]
    return (
        [states[which] - (size if time < 4 else later)]
        if not isinstance(time, sp.Symbol)
        else [states[which] - sp.Piecewise((size, time < 4), (later, True))]
    )


def floor(x):
    return sp.floor(x) if isinstance(x, sp.Expr) else np.floor(x)


def traced(terms):
    slopes = [-0.5 * a + 0.2 * b, 0.3 * a - 0.6 * b]
    for into, size, conditions in terms:
        holds = [e > 0 for c in conditions for e in condition(*c, t, (a, b), PARAMETERS)]
        gain = size if size > 0 else size * (a, b)[into]
        slopes[into] += sp.Piecewise((gain, sp.And(*holds)), (0, True))
    return Trace(t, (a, b), PARAMETERS, tuple(slopes))


def times_of(terms, p):
    """Return the times at which conditions change that time alone decides."""
    stops = {4.0}
    for _, _, conditions in terms:
        for kind, _, k in conditions:
            size, later = p[k], p[(k + 3) % 8]
            if kind == "window":
                stops |= {5 * size, 5 * size + 0.3 * later}
            if kind == "again":
                period = 0.5 + size
                stops |= {n * period + shift for n in range(25) for shift in (0, 0.4 * period)}
    return [*sorted(s for s in stops if 0 < s < END), END]


def held(terms, p, time, side):
    """Return the slopes by SciPy's convention, of conditions as they stand at `time` and on these sides of states."""

    def slopes(_, x):
        out, i = np.array([-0.5 * x[0] + 0.2 * x[1], 0.3 * x[0] - 0.6 * x[1]]), 0
        for into, size, conditions in terms:
            holds = True
            for c in conditions:
                holds &= side[i] if i in side else all(e > 0 for e in condition(*c, time, x, p))
                i += 1
            out[into] += (size if size > 0 else size * x[into]) if holds else 0.0
        return out

    return slopes


def crossing(c, time, p, side):
    """Return the event that a condition leaves its side."""

    def event(_, x):
        return condition(*c, time, x, p)[0] * (1 if side else -1) + 1e-13

    event.terminal, event.direction = True, -1
    return event


def reference(terms, p, start):
    """Return the states at the end by SciPy, None where a switch pushes back or is grazed within 1e-6."""
    conditions = [c for _, _, conditions in terms for c in conditions]
    places = {i: c for i, c in enumerate(conditions) if c[0] not in ("window", "again")}
    now, y, pieces = 0.0, np.array(start, float), 0
    for stop in times_of(terms, p):
        middle = 0.5 * (now + stop)
        level = {i: condition(*c, middle, y, p)[0] for i, c in places.items()}
        if any(abs(value) < 1e-6 for value in level.values()):
            return None
        side = {i: value > 0 for i, value in level.items()}
        while now < stop:
            events = [crossing(c, middle, p, side[i]) for i, c in places.items()]
            piece = solve_ivp(held(terms, p, middle, dict(side)), (now, stop), y, "DOP853", rtol=1e-11, atol=1e-13,
                              max_step=0.02, events=events)  # fmt: skip
            pieces += 1
            if pieces > 200 or (piece.status == 1 and piece.t[-1] - now < 1e-7):
                return None
            now, y = piece.t[-1], piece.y[:, -1]
            for i, times in zip(places, piece.t_events or [], strict=False):
                side[i] = side[i] != bool(len(times))
    return y


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_switches_give_what_scipy_gives_with_its_own_events(seed):
    rng = np.random.default_rng(seed)
    terms = structure(rng)
    solver = build(traced(terms), "auto")
    values, starts = rng.uniform(0.1, 1.0, (5, 8)), rng.uniform(0.0, 1.5, (5, 2))
    arguments = {"columns": [0, 1], "start": 0.0, "end": END, "rtol": RTOL, "atol": RTOL / 1000}
    got = solve(solver, starts, values, no_events(5), [END], **arguments)
    for i in range(5):
        want = reference(terms, values[i], starts[i])
        if want is None:  # a switch that pushes back, or one that is touched: which side it ends on is rounding
            continue
        assert got.status[i] == Status.ok
        assert_allclose(got.values[i, 0], want, rtol=100 * RTOL, atol=100 * RTOL, err_msg=f"{terms} {values[i]}")
