"""Random models with switches, pulses, doses and scales give what SciPy gives with its own events.

A structure is two states that decay into each other, one of them by a saturable way, and terms that act while all
their conditions hold: a window of time, one that comes again, a threshold of a state, of their sum, one that moves or
that itself jumps. A term is a constant, a share of a state, or a smooth pulse. SciPy follows one set of open and closed
conditions at a time, by DOP853 at 1e-11, and stops at known times and where a level is crossed.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

from immunode.model.trace import Trace
from tests.support.fuzz_verdicts import compared, steep
from tests.support.fuzzed import END, drawn, happened
from tests.support.switched import GRAZING, MANY, TOUCHED, Grazed, Pushed, follow

t, a, b = sp.symbols("t a b", real=True)
FRAMES, IN_ONE_TEST, SAMPLED = 24, 6, 6
P = sp.symbols("p:8", real=True)
IN_TIME = ("window", "again")
KINDS = (*IN_TIME, "state", "sum", "jumping", "moving")
SHAPES = ("constant", "constant", "share", "bell", "gate", "peaks")
BASE = 5  # wires of the flows; then two of each term, and two of each condition


@dataclass(frozen=True)
class Term:
    """Hold what a term is, which of the drawn numbers it takes, and its conditions: kind and number."""

    shape: str
    k: int
    conditions: tuple[tuple[str, int], ...]


def framed(rng):
    """Return the terms of one frame."""
    terms = []
    for _ in range(rng.integers(1, 4)):
        shape = str(rng.choice(SHAPES))
        count = rng.integers(0 if shape not in ("constant", "share") else 1, 3)
        conditions = tuple((str(rng.choice(KINDS)), int(rng.integers(0, 8))) for _ in range(count))
        terms.append(Term(shape, int(rng.integers(0, 8)), conditions))
    return tuple(terms)


def wired(rng, terms, size):
    """Return the wires: size, flows and how far they are saturable; of terms where to and how much; of conditions."""
    wires = [size, rng.uniform(0.3, 0.7), float(rng.integers(0, 2)), rng.uniform(0.1, 0.3), rng.uniform(0.5, 0.7)]
    for term in terms:
        wires += [float(rng.integers(0, 2)), float(rng.choice([1.0, 3.0]))]
        for _ in term.conditions:
            wires += [float(rng.integers(0, 2)), float(rng.choice([1.0] * 7 + [-1.0]))]
    return wires


def apart(terms, wires):
    """Return the wires of each term and of each of its conditions."""
    rest = iter(wires[BASE:])
    return [((next(rest), next(rest)), [(next(rest), next(rest)) for _ in term.conditions]) for term in terms]


def condition(kind, k, wires, time, states, p, *, late, size, of=np):
    """Return the expressions that are above zero while a condition holds, for symbols as for numbers."""
    wide, later, (which, side) = p[k], p[(k + 3) % 8], wires
    if kind == "window":
        return [time - 5 * wide, 5 * wide + 0.3 * later - time]
    if kind == "again":
        period = 0.5 + wide
        return [0.4 * period - (time - period * of.floor(time / period))]
    if kind == "sum":
        return [side * (size * wide * 1.5 - states[0] - 0.5 * states[1])]
    level = {"state": wide, "moving": wide * (1 + 0.3 * of.cos(time * (1 + later)))}.get(kind)
    level = late(wide, later) if level is None else level
    return [side * ((1 - which) * states[0] + which * states[1] - size * level)]


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


def base(states, wires):
    """Return the slopes without terms."""
    size, rate, saturable, back, out = wires[:BASE]
    flow = rate * states[0] / (1 + saturable * states[0] / (2 * size))
    return [-flow + back * states[1], out * flow - out * states[1]]


def traced(terms, count):
    """Return the trace of a frame with so many wires, which are parameters."""
    wires = sp.symbols(f"w:{count}", real=True)
    slopes, size = base((a, b), wires), wires[0]

    def late(wide, later):
        return sp.Piecewise((wide, t < 4), (later, True))

    for term, ((into, much), each) in zip(terms, apart(terms, wires), strict=True):
        holds = [
            level > 0
            for (kind, k), ends in zip(term.conditions, each, strict=True)
            for level in condition(kind, k, ends, t, (a, b), P, late=late, size=size, of=sp)
        ]
        for i, share in enumerate((1 - into, into)):
            gain = {"constant": much * size, "share": -0.4 * (a, b)[i]}.get(term.shape)
            gain = share * (much * size * pulse(term.shape, term.k, t, P, sp) if gain is None else gain)
            slopes[i] += sp.Piecewise((gain, sp.And(*holds)), (0, True)) if holds else gain
    return Trace(t, (a, b), (*P, *wires), tuple(slopes), infused=(0, 1))


def reach(term, p):
    """Return the middle of a pulse, its width, and between which times it is not nothing."""
    at = 1 + 8 * p[term.k]
    width = at * p[(term.k + 5) % 8] / 50
    before, after = {"bell": (9, 9), "gate": (35, 38)}[term.shape]
    return width, at - before * width, at + after * width


def known(terms, p):
    """Return the times at which conditions on time alone turn."""
    edges = set()
    for kind, k in (condition for term in terms for condition in term.conditions):
        wide, later = p[k], p[(k + 3) % 8]
        if kind == "window":
            edges |= {5 * wide, 5 * wide + 0.3 * later}
        if kind == "again":
            period = 0.5 + wide
            edges |= {n * period + shift for n in range(25) for shift in (0, 0.4 * period)}
    return sorted(edge for edge in edges if 0 < edge <= END)


def stops_of(terms, p, doses):
    """Return the times at which SciPy decides conditions: doses, what time alone decides, ends of pulses, the end."""
    stops = {4.0, END, *known(terms, p), *(dose.time for dose in doses)}
    for term in terms:
        if term.shape in ("bell", "gate"):
            stops |= set(reach(term, p)[1:])
    return sorted(s for s in stops if 0 < s <= END)


def step_of(terms, p, begin, end):
    """Return the longest step that sees what the pulses do between two stops."""
    longest = np.inf
    for term in terms:
        if term.shape == "peaks":
            longest = min(longest, (0.5 + p[term.k]) / 8)
        if term.shape in ("bell", "gate"):
            width, first, last = reach(term, p)
            longest = min(longest, width) if begin < last and end > first else longest
    return longest


def held(terms, wires, p, holds, rates):
    """Return the slopes by SciPy's convention while the terms hold that do, beside rates of infusions."""
    ends = [(int(into), much * wires[0]) for (into, much), _ in apart(terms, wires)]
    acting = [(term, *end) for term, end, yes in zip(terms, ends, holds, strict=True) if yes]

    def slopes(time, x):
        y = x.tolist()
        out = [slope + rate for slope, rate in zip(base(y, wires), rates, strict=True)]
        for term, into, much in acting:
            if term.shape == "constant":
                out[into] += much
            elif term.shape == "share":
                out[into] -= 0.4 * y[into]
            else:
                out[into] += much * pulse(term.shape, term.k, time, p, math)
        return out

    return slopes


class Course:
    """Hold a patient of the reference: time, states, rates of infusions, and which conditions hold."""

    def __init__(self, terms, wires, p, start, size):
        self.terms, self.wires, self.p, self.size = terms, wires, p, size
        ends = [each for _, several in apart(terms, wires) for each in several]
        self.conditions = [(*c, w) for c, w in zip((c for term in terms for c in term.conditions), ends, strict=True)]
        self.first = np.cumsum([0, *(len(term.conditions) for term in terms)])
        self.places = [i for i, c in enumerate(self.conditions) if c[0] not in IN_TIME]
        self.time, self.y, self.rates = 0.0, np.array(start, float), [0.0, 0.0]
        self.holds, self.how, self.step = np.zeros(len(self.conditions), bool), {}, np.inf
        self.begun, self.pieces = 0.0, 0

    def decide(self, stop):
        """Decide the conditions until `stop`, up to which those of time alone stay as they are."""
        middle = 0.5 * (self.time + stop)
        self.how = {"late": lambda wide, later: later if middle > 4 else wide, "size": self.size}
        for i, c in enumerate(self.conditions):
            if c[0] in IN_TIME:
                self.holds[i] = all(e > 0 for e in condition(*c, middle, self.y, self.p, **self.how))
            else:
                level = condition(*c, self.time, self.y, self.p, **self.how)[0]
                if abs(level) < GRAZING * self.size:
                    raise Grazed(TOUCHED)
                self.holds[i] = level > 0
        self.step, self.begun, self.pieces = step_of(self.terms, self.p, self.time, stop), self.time, 0

    def levels(self, time, x):
        """Return what is above zero until a condition on states turns, a row each."""
        rows = [condition(*self.conditions[i], time, x, self.p, **self.how)[0] for i in self.places]
        signs = np.where(self.holds[self.places], 1, -1)[:, None]
        return np.array(rows).reshape(len(self.places), len(time)) * signs

    def onward(self, goal):
        """Follow the states to `goal`."""
        while self.time < goal:
            acting = [bool(np.all(self.holds[self.first[q] : self.first[q + 1]])) for q in range(len(self.terms))]
            slopes = held(self.terms, self.wires, self.p, acting, self.rates)
            piece = follow(slopes, self.levels, (self.time, goal), self.y, self.size, self.step)
            self.pieces += int(piece.crossed.any())
            if self.pieces > 100:
                raise Grazed(MANY)
            if piece.crossed.any() and piece.time - self.time < 1e-7 and self.time > self.begun:
                raise Pushed(piece.time)
            self.time, self.y = piece.time, piece.state.copy()
            self.holds[self.places] ^= piece.crossed


def reference(terms, wires, p, start, doses, size, times):
    """Return the states at times by SciPy; raise Pushed where a switch pushes back, Grazed where one is touched."""
    wires, p = wires.tolist(), p.tolist()
    now, seen = Course(terms, wires, p, start, size), {0.0: np.array(start, float)}
    for stop in stops_of(terms, p, doses):
        now.decide(stop)
        for goal in (*(time for time in times if now.time < time < stop), stop):
            now.onward(goal)
            seen[goal] = now.y.copy()
        for dose in doses:
            if dose.time == stop:
                happened(now.y, now.rates, dose)
    return np.array([seen[time] for time in times])


def structures(index):
    """Return the structures of one frame."""
    rng = np.random.default_rng(index)
    return drawn(rng, index, framed(rng), wired, known, states=2)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, FRAMES, IN_ONE_TEST))
def test_random_switches_give_what_scipy_gives_with_its_own_events(first):
    compared(map(structures, range(first, first + IN_ONE_TEST)), traced, reference)


@pytest.mark.slow
def test_sensitivities_across_random_switches_are_those_of_differences():
    steep(map(structures, range(0, FRAMES, FRAMES // SAMPLED)), traced, reference)
