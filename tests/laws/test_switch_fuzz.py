"""Random models with switches, pulses, doses and scales give what SciPy gives with its own events.

A structure is two states that decay into each other, one of them by a saturable way, and terms that act while all
their conditions hold: a window of time, one that comes again, a threshold of a state, of their sum, one that moves or
that itself jumps. A term is a constant, a share of a state, or a smooth pulse. SciPy follows one set of open and closed
conditions at a time, by DOP853 at 1e-11, and stops at known times and where a level is crossed.
"""

import math

import numpy as np
import pytest
import sympy as sp

from immunode.engine import build
from immunode.model.trace import Trace
from tests.support.fuzzed import END, PEOPLE, SKIPPED, TIMES, course, doses_of, settings, steep, tally
from tests.support.switched import GRAZING, Grazed, follow

t, a, b = sp.symbols("t a b", real=True)
STRUCTURES = 20  # in one test
PARAMETERS = sp.symbols("p:8", real=True)
IN_TIME = ("window", "again")
KINDS = (*IN_TIME, "state", "sum", "jumping", "moving")
SHAPES = ("constant", "constant", "share", "bell", "gate", "peaks")


def structure(rng):
    """Return the terms of one structure: the state that gains, how and how much, which number, and conditions."""
    terms = []
    for _ in range(rng.integers(1, 4)):
        shape = str(rng.choice(SHAPES))
        conditions = [
            (str(rng.choice(KINDS)), int(rng.integers(0, 2)), int(rng.integers(0, 8)))
            for _ in range(rng.integers(0 if shape not in ("constant", "share") else 1, 3))
        ]
        terms.append((int(rng.integers(0, 2)), shape, float(rng.choice([1.0, 3.0])), int(rng.integers(0, 8)),
                      conditions))  # fmt: skip
    return terms


def condition(kind, which, k, time, states, p, *, late, size, of=np):
    """Return the expressions that are above zero while a condition holds, for symbols as for numbers."""
    wide, later = p[k], p[(k + 3) % 8]
    if kind == "window":
        return [time - 5 * wide, 5 * wide + 0.3 * later - time]
    if kind == "again":
        period = 0.5 + wide
        return [0.4 * period - (time - period * of.floor(time / period))]
    if kind == "state":
        return [states[which] - size * wide]
    if kind == "sum":
        return [size * wide * 1.5 - states[0] - 0.5 * states[1]]
    if kind == "moving":
        return [states[which] - size * wide * (1 + 0.3 * of.cos(time * (1 + later)))]
    return [states[which] - size * late(wide, later)]


def pulse(shape, k, time, p, of):
    """Return a pulse as high as 1: a bell, two logistic curves, or peaks of a rhythm."""
    at = 1 + 8 * p[k]
    width = at * p[(k + 5) % 8] / 50
    if shape == "bell":
        return of.exp(-(((time - at) / width) ** 2) / 2)
    if shape == "gate" and of is math:  # the same curves, where their exponentials are too large for Python
        return (1 + math.tanh((time - at) / width / 2)) * (1 - math.tanh((time - at - 3 * width) / width / 2)) / 4
    if shape == "gate":
        return 1 / (1 + of.exp(-(time - at) / width)) / (1 + of.exp((time - at - 3 * width) / width))
    return ((1 + of.cos(2 * of.pi * time / (0.5 + p[k]))) / 2) ** 8


def traced(terms, size):
    flow = 0.5 * a / (1 + a / (2 * size))
    slopes = [-flow + 0.2 * b, 0.6 * flow - 0.6 * b]

    def late(wide, later):
        return sp.Piecewise((wide, t < 4), (later, True))

    for into, shape, much, k, conditions in terms:
        holds = [e > 0 for c in conditions for e in condition(*c, t, (a, b), PARAMETERS, late=late, size=size, of=sp)]
        gain = {"constant": much * size, "share": -0.4 * (a, b)[into]}.get(shape)
        gain = much * size * pulse(shape, k, t, PARAMETERS, sp) if gain is None else gain
        slopes[into] += sp.Piecewise((gain, sp.And(*holds)), (0, True)) if holds else gain
    return Trace(t, (a, b), PARAMETERS, tuple(slopes))


def stops_of(terms, p, doses):
    """Return the times at which SciPy stops: outputs, doses, conditions that time alone decides, ends of pulses."""
    stops = {4.0, *TIMES, *(time for time, _, _ in doses)}
    for _, shape, _, index, conditions in terms:
        at, width = 1 + 8 * p[index], (1 + 8 * p[index]) * p[(index + 5) % 8] / 50
        if shape == "bell":
            stops |= {at - 9 * width, at + 9 * width}
        if shape == "gate":
            stops |= {at - 35 * width, at + 38 * width}
        for kind, _, k in conditions:
            wide, later = p[k], p[(k + 3) % 8]
            if kind == "window":
                stops |= {5 * wide, 5 * wide + 0.3 * later}
            if kind == "again":
                period = 0.5 + wide
                stops |= {n * period + shift for n in range(25) for shift in (0, 0.4 * period)}
    return sorted(s for s in stops if 0 < s <= END)


def step_of(terms, p, begin, end):
    """Return the longest step that sees what the pulses do between two stops."""
    longest = np.inf
    for _, shape, _, k, _ in terms:
        at, width = 1 + 8 * p[k], (1 + 8 * p[k]) * p[(k + 5) % 8] / 50
        reach = {"bell": (9, 9), "gate": (35, 38)}.get(shape)
        if shape == "peaks":
            longest = min(longest, (0.5 + p[k]) / 8)
        if reach is not None and begin < at + reach[1] * width and end > at - reach[0] * width:
            longest = min(longest, width)
    return longest


def held(terms, p, size, holds):
    """Return the slopes by SciPy's convention while the terms hold that do."""
    acting = [term[:4] for term, yes in zip(terms, holds, strict=True) if yes]

    def slopes(time, x):
        flow = 0.5 * x[0] / (1 + x[0] / (2 * size))
        out = [-flow + 0.2 * x[1], 0.6 * flow - 0.6 * x[1]]
        for into, shape, much, k in acting:
            if shape == "constant":
                out[into] += much * size
            elif shape == "share":
                out[into] -= 0.4 * x[into]
            else:
                out[into] += much * size * pulse(shape, k, time, p, math)
        return out

    return slopes


def reference(terms, p, start, doses, size):
    """Return the states at TIMES by SciPy; raise Grazed where a switch pushes back or is touched."""
    conditions = [c for *_, of_term in terms for c in of_term]
    first = np.cumsum([0, *(len(of_term) for *_, of_term in terms)])
    places = [i for i, c in enumerate(conditions) if c[0] not in IN_TIME]
    now, y, seen, holds = 0.0, np.array(start, float), [], np.zeros(len(conditions), bool)
    for stop in stops_of(terms, p, doses):
        middle = 0.5 * (now + stop)
        how = {"late": (lambda wide, later, after=middle > 4: later if after else wide), "size": size}

        def levels(time, x, how=how):
            rows = [condition(*conditions[i], time, x, p, **how)[0] for i in places]
            return np.array(rows).reshape(len(places), len(time)) * np.where(holds[places], 1, -1)[:, None]

        for i, c in enumerate(conditions):
            if c[0] in IN_TIME:
                holds[i] = all(e > 0 for e in condition(*c, middle, y, p, **how))
            else:
                level = condition(*c, now, y, p, **how)[0]
                if abs(level) < GRAZING * size:
                    raise Grazed
                holds[i] = level > 0
        longest, begun, pieces = step_of(terms, p, now, stop), now, 0
        while now < stop:
            acting = [bool(np.all(holds[first[q] : first[q + 1]])) for q in range(len(terms))]
            piece = follow(held(terms, p, size, acting), levels, (now, stop), y, size, longest)
            pieces += 1
            if pieces > 100 or (piece.crossed.any() and piece.time - now < 1e-7 and now > begun):
                raise Grazed
            now, y = piece.time, piece.state
            holds[places] ^= piece.crossed
        if stop in TIMES:
            seen.append(y.copy())
        for time, state, amount in doses:
            y[state] += amount * (time == stop)
    return np.array(seen)


def drawn(seed):
    """Return a structure, how it is solved, and patients."""
    rng, how = np.random.default_rng(seed), settings(seed)
    terms, size = structure(rng), how[1]
    values, starts = rng.uniform(0.1, 1.0, (PEOPLE, 8)), size * rng.uniform(0.0, 1.5, (PEOPLE, 2))
    return terms, how, values, starts, [doses_of(rng, size) for _ in range(PEOPLE)]


def outcome(terms, p, start, doses, size):
    """Return what the reference says: states, or that a switch pushes back or is touched."""
    try:
        return reference(terms, p, start, doses, size)
    except Grazed as grazed:
        return grazed


def compared(seed):
    """Return how many patients cannot be compared, and what is wrong of the others."""
    terms, (method, size, declared), values, starts, doses = drawn(seed)
    got = course(build(traced(terms, size), method), starts, values, doses, size, declared=declared)
    patients = [(terms, values[i], starts[i], doses[i], size) for i in range(PEOPLE)]
    return tally(seed, outcome, got, patients)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 120, STRUCTURES))
def test_random_switches_give_what_scipy_gives_with_its_own_events(first):
    outcomes = [compared(seed) for seed in range(first, first + STRUCTURES)]
    assert [one for _, wrong in outcomes for one in wrong] == []
    assert sum(skipped for skipped, _ in outcomes) <= 0.2 * STRUCTURES * PEOPLE


@pytest.mark.slow
def test_sensitivities_across_random_switches_are_those_of_differences():
    outcomes = []
    for seed in range(0, 120, 10):
        terms, (method, size, _), values, starts, doses = drawn(seed)
        patients = [(terms, values[i], starts[i], doses[i], size) for i in range(PEOPLE)]
        smooth = [i for i in range(PEOPLE) if isinstance(outcome(*patients[i]), np.ndarray)]
        outcomes += steep(traced(terms, size), method, size, starts, values, doses, smooth, seed)
    assert [one for one in outcomes if one not in ("", SKIPPED)] == []
    assert outcomes.count(SKIPPED) <= 0.2 * len(outcomes)
