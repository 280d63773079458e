"""Random triggers give what a queue of due times gives that is written from SBML's words, between steps of SciPy.

A structure is three states, three levels of time and states, and one to three triggers, whose conditions are
made of these levels: random delays, priorities, persistence, initial values, and values of either time. The reference
knows nothing of immunode: DOP853 at 1e-11, its own root finding, and a list of what waits.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

import immunode as im
from immunode.errors import Status
from immunode.functions import both, either, negate, where
from immunode.functions.traced import Traced, expression
from immunode.model.trace import Trace
from immunode.model.triggers import traced as trigger_traced
from tests.support.fuzz_verdicts import compared, steep
from tests.support.fuzzed import END, drawn, happened
from tests.support.switched import GRAZING, TOGETHER, TOUCHED, Ended, Grazed, follow

t, names, P = sp.Symbol("t", real=True), sp.symbols("a b c", real=True), sp.symbols("p:8", real=True)
FRAMES, IN_ONE_TEST, SAMPLED, FIRST_SEED = 20, 5, 5, 10_000
ENDLESS, WAITING = 1000, 16
IN_TIME = ("after", "again")
BASE, OF_LEVEL, OF_RULE = 5, 2, 7  # wires of the flows, of a level, of a trigger


@dataclass(frozen=True)
class Level:
    """Hold what is above zero while a condition holds."""

    kind: str
    k: int

    def __call__(self, time, x, p, wires, size):
        wide, later, (which, side) = p[self.k], p[(self.k + 3) % 8], wires
        if self.kind == "after":
            return time - 8 * wide
        if self.kind == "again":
            return 0.4 * (0.5 + 2 * wide) - time % (0.5 + 2 * wide)
        if self.kind == "one":
            return side * ((1 - which) * x[0] + which * x[1] - size * wide)
        return side * (x[0] + 0.5 * x[1] - size * (wide + 0.1 * later * time))


@dataclass(frozen=True)
class Rule:
    """Hold one trigger: levels and how they are joined, what it does to which state, and its words.

    Its wires: of a new value the share of the old one, of an amount, and whether that waits for the time to come; of
    the delay the parameter's part and the states'; of the priority a number and the state's part.
    """

    levels: tuple[int, int]
    join: str
    moves: bool
    state: int
    k: int
    persistent: bool
    initial: bool
    values: str

    def holds(self, truths, both=lambda a, b: a and b, either=lambda a, b: a or b, negate=lambda a: not a):
        one, other = truths[self.levels[0]], truths[self.levels[1]]
        return {"one": lambda: one, "not": lambda: negate(one), "both": lambda: both(one, other),
                "either": lambda: either(one, other)}[self.join]()  # fmt: skip

    def then(self, time, x, p, wires, size):
        i, (share, much, late) = self.state, wires[:3]
        if self.moves:
            return {i: share * x[i], (i + 1) % 3: x[(i + 1) % 3] + (1 - share) * x[i]}
        now = share * x[i] + much * size * p[self.k] * ((1 - late) + late * time / (5 + time))
        return {i: now, 2: x[2] + size} if i != 2 else {i: now}

    def late(self, x, p, wires, size):
        part, more = wires[3:5]
        return part * (p[(self.k + 1) % 8] + more * x[1] / (x[0] + size))

    def urgent(self, x, wires, size):
        return wires[5] + wires[6] * x[1] / size


@dataclass(frozen=True)
class Frame:
    """Hold levels, rules, and the level that a slope depends on, or -1."""

    levels: tuple[Level, ...]
    rules: tuple[Rule, ...]
    gate: int


def framed(rng):
    """Return one frame."""

    def picked(options):
        return options[rng.integers(len(options))]

    kinds = [picked(("one", "sum")), "one", picked((*IN_TIME, "one", "one", "sum"))]
    rules = [
        Rule(
            levels=tuple(int(i) for i in rng.choice(3, 2, replace=False)),
            join=picked(("one", "one", "not", "both", "either")),
            moves=bool(rng.integers(0, 5) == 0),
            state=int(rng.integers(0, 3)),
            k=int(rng.integers(0, 8)),
            persistent=bool(rng.integers(0, 2)),
            initial=bool(rng.integers(0, 2)),
            values=picked(("due", "trigger")),
        )
        for _ in range(rng.integers(1, 4))
    ]
    return Frame(tuple(Level(kind, int(rng.integers(0, 8))) for kind in kinds), tuple(rules), int(rng.integers(-1, 3)))


def wired(rng, frame, size):
    """Return the wires: size and flows, then of each level which state and from which side, then of each trigger."""
    wires = [size, rng.uniform(0.3, 0.7), float(rng.integers(0, 2)), rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.5)]
    for level in frame.levels:
        wires += [float(rng.integers(0, 2)), float(rng.choice([1.0, -1.0] if level.kind == "one" else [1.0]))]
    for rule in frame.rules:
        new = ([1.0, 1.0, 0.0], [0.3, 0.1, 0.0], [0.0, 0.5, 0.0], [1.0, 1.0, 1.0])[rng.integers(0, 4)]
        late = ([0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0])[rng.integers(0, 4)]
        urgent = ([0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0])[rng.integers(0, 5)]
        wires += [0.5 if rule.moves else new[0], *new[1:], *late, *urgent]
    return wires


def apart(frame, wires):
    """Return the wires of levels and of rules."""
    first = BASE + OF_LEVEL * len(frame.levels)
    levels = [wires[i : i + OF_LEVEL] for i in range(BASE, first, OF_LEVEL)]
    return levels, [wires[i : i + OF_RULE] for i in range(first, len(wires), OF_RULE)]


def slopes_of(x, wires, extra):
    """Return the slopes; `extra` comes in beside them."""
    size, rate, saturable, made, out = wires[:BASE]
    flow = rate * x[0] / (1 + saturable * x[0] / (2 * size))
    return [made * size - flow - 0.2 * x[0] + extra, flow - out * x[1], -0.1 * x[2]]


def traced(frame, count):
    """Return the trace of a frame with so many wires, which are parameters; its triggers are made of im.Trigger."""
    symbols = sp.symbols(f"w:{count}", real=True)
    time, x, p, w = Traced(t), [Traced(n) for n in names], [Traced(n) for n in P], [Traced(n) for n in symbols]
    (of_levels, of_rules), size = apart(frame, w), w[0]

    def above(q, time, x):
        return frame.levels[q](time, x, p, of_levels[q], size) > 0

    def trigger(rule, wires):
        return im.Trigger(
            when=lambda t, x, _: rule.holds([above(q, t, x) for q in range(len(of_levels))], both, either, negate),
            then=lambda t, x, _: {str(names[i]): value for i, value in rule.then(t, x, p, wires, size).items()},
            delay=lambda t, x, _: rule.late(x, p, wires, size),
            priority=lambda t, x, _: rule.urgent(x, wires, size),
            persistent=rule.persistent, initial=rule.initial, values=rule.values,
        )  # fmt: skip

    extra = 0.0 if frame.gate < 0 else where(above(frame.gate, time, x), 0.7 * size, 0.0 * size)
    slopes = [sp.sympify(expression(slope)) for slope in slopes_of(x, w, extra)]
    made = [trigger(rule, wires) for rule, wires in zip(frame.rules, of_rules, strict=True)]
    triggers = [trigger_traced(one, [str(name) for name in names], time, x, p) for one in made]
    return Trace(t, names, (*P, *symbols), tuple(slopes), infused=(0, 1), triggers=tuple(triggers))


class Queue:
    """Hold a patient of the reference: time, states, which levels and conditions hold, and what waits."""

    def __init__(self, frame, wires, p, start, size):
        self.rules, self.p, self.size, self.kinds = frame.rules, p, size, [level.kind for level in frame.levels]
        of_levels, self.wires = apart(frame, wires)
        self.gate, self.flows, self.rates = frame.gate, wires, [0.0, 0.0, 0.0]
        self.levels = [
            lambda time, x, level=level, w=w: level(time, x, p, w, size)
            for level, w in zip(frame.levels, of_levels, strict=True)
        ]
        self.time, self.y, self.waits = 0.0, np.array(start, float), []
        self.truth = [rule.initial for rule in frame.rules]
        self.holds = [self.decided(q) for q in range(len(self.levels))]
        self.chain()

    def decided(self, q):
        if self.kinds[q] in IN_TIME:  # just behind now: what comes so soon after is skipped
            return self.levels[q](self.time + 1e-7, self.y) > 0
        value = self.levels[q](self.time, self.y)
        if abs(value) < GRAZING * self.size:
            raise Grazed(TOUCHED)
        return value > 0

    def put(self, states):
        """Put new values into states, and decide anew the levels that they move."""
        before = [level(self.time, self.y) for level in self.levels]
        for i, value in states.items():
            self.y[i] = value
        for q, level in enumerate(self.levels):
            if level(self.time, self.y) != before[q]:
                self.holds[q] = self.decided(q)

    def then(self, i):
        return self.rules[i].then(self.time, self.y, self.p, self.wires[i], self.size)

    def notice(self):
        for i, rule in enumerate(self.rules):
            holds = rule.holds(self.holds)
            if not holds and not rule.persistent:
                self.waits = [one for one in self.waits if one[0] != i]
            if holds and not self.truth[i]:
                if sum(one[0] == i for one in self.waits) == WAITING:
                    raise Ended(Status.too_many_pending)
                kept = self.then(i) if rule.values == "trigger" else None
                late = rule.late(self.y, self.p, self.wires[i], self.size)
                self.waits.append((i, self.time + late, kept))
            self.truth[i] = holds

    def chain(self):
        """Carry out what is due, one after the other."""
        for _ in range(ENDLESS + 1):
            self.notice()
            due = [one for one in self.waits if one[1] <= self.time]
            if not due:
                return
            urgent = [self.rules[one[0]].urgent(self.y, self.wires[one[0]], self.size) for one in due]
            if any(0 < max(urgent) - one < GRAZING for one in urgent):
                raise Grazed(TOGETHER)
            best = min(range(len(due)), key=lambda q: (-urgent[q], due[q][0], due[q][1]))
            i, _, kept = due[best]
            self.waits.remove(due[best])
            self.put(self.then(i) if kept is None else kept)
        raise Ended(Status.endless_triggers)

    def onward(self, goal):
        """Follow the states to `goal`, or to where a level is crossed; return whether one was."""
        places = [q for q, kind in enumerate(self.kinds) if kind not in IN_TIME]
        signs = np.array([1 if self.holds[q] else -1 for q in places])[:, None]
        extra = 0.7 * self.size if self.gate >= 0 and self.holds[self.gate] else 0.0

        def across(time, x):
            return signs * np.array([self.levels[q](time, x) for q in places])

        def slopes(_, x):
            made = slopes_of(x.tolist(), self.flows, extra)
            return [slope + rate for slope, rate in zip(made, self.rates, strict=True)]

        piece = follow(slopes, across, (self.time, goal), self.y, self.size)
        self.time, self.y = piece.time, piece.state.copy()
        for q, crossed in zip(places, piece.crossed, strict=True):
            self.holds[q] ^= bool(crossed)
        return bool(piece.crossed.any())

    def turn(self, doses):
        """Decide what time decides, then carry out what is due, then doses, then what these fire."""
        for q, kind in enumerate(self.kinds):
            self.holds[q] = self.decided(q) if kind in IN_TIME else self.holds[q]
        self.chain()
        after = self.y.copy()
        for dose in doses:
            happened(after, self.rates, dose)
        if doses:
            self.put(dict(enumerate(after)))
            self.chain()

    def next_due(self):
        return min((one[1] for one in self.waits), default=math.inf)


def known(frame, p):
    """Return the times at which a condition on time alone turns once: of one that comes again rounding tells it."""
    return sorted({8 * p[level.k] for level in frame.levels if level.kind == "after"})


def stops_of(frame, p, doses):
    """Return the times of doses and conditions on time, and the end."""
    stops = {END, *known(frame, p), *(dose.time for dose in doses)}
    for level in frame.levels:
        if level.kind == "again":
            period = 0.5 + 2 * p[level.k]
            stops |= {n * period + shift for n in range(25) for shift in (0, 0.4 * period)}
    return sorted(s for s in stops if 0 < s <= END)


def reference(frame, wires, p, start, doses, size, times):
    """Return the states at times; raise Grazed where two things happen within 1e-6 or a level is touched."""
    wires, p = wires.tolist(), p.tolist()
    seen, stops, last = {0.0: np.array(start, float)}, stops_of(frame, p, doses), 0.0
    now = Queue(frame, wires, p, start, size)
    while now.time < END:
        goal = min(next(s for s in stops if s > now.time), now.next_due())
        shown = next((s for s in times if s > now.time), END)
        crossed = now.onward(min(goal, shown))
        if crossed or now.time == goal:
            if now.time - last < 1e-6:
                raise Grazed(TOGETHER)
            last = now.time
        if now.time == shown:
            seen[shown] = now.y.copy()
        if crossed or now.time == goal:
            now.turn([dose for dose in doses if dose.time == now.time])
    return np.array([seen[time] for time in times])


def structures(index):
    """Return the structures of one frame."""
    rng = np.random.default_rng(FIRST_SEED + index)
    return drawn(rng, index, framed(rng), wired, known, states=3)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, FRAMES, IN_ONE_TEST))
def test_random_triggers_give_what_a_queue_of_due_times_gives(first):
    compared(map(structures, range(first, first + IN_ONE_TEST)), traced, reference)


@pytest.mark.slow
def test_sensitivities_across_random_triggers_are_those_of_differences():
    steep(map(structures, range(0, FRAMES, FRAMES // SAMPLED)), traced, reference)
