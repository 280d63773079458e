"""Random triggers give what a queue of due times gives that is written from SBML's words, between steps of SciPy.

A structure is three states, up to three levels of time and states, and one to three triggers, whose conditions are
made of these levels: random delays, priorities, persistence, initial values, and values of either time. The reference
knows nothing of immunode: DOP853 at 1e-11, its own root finding, and a list of what waits.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

import immunode as im
from immunode.engine import build
from immunode.errors import Status
from immunode.functions import both, either, negate, where
from immunode.functions.traced import Traced, expression
from immunode.model.trace import Trace
from immunode.model.triggers import traced
from tests.support.fuzzed import END, PEOPLE, SKIPPED, TIMES, course, doses_of, settings, steep, tally
from tests.support.switched import GRAZING, Ended, Grazed, follow

t, names, PARAMETERS = sp.Symbol("t", real=True), sp.symbols("a b c", real=True), sp.symbols("p:8", real=True)
STRUCTURES, ENDLESS, WAITING = 20, 1000, 16
IN_TIME = ("after", "again")


@dataclass(frozen=True)
class Level:
    """Hold what is above zero while a condition holds."""

    kind: str
    which: int
    k: int

    def __call__(self, time, x, p, size):
        wide, later = p[self.k], p[(self.k + 3) % 8]
        if self.kind == "after":
            return time - 8 * wide
        if self.kind == "again":
            return 0.4 * (0.5 + 2 * wide) - time % (0.5 + 2 * wide)
        if self.kind == "high":
            return x[self.which] - size * wide
        if self.kind == "low":
            return size * wide - x[self.which]
        return x[0] + 0.5 * x[1] - size * (wide + 0.1 * later * time)


@dataclass(frozen=True)
class Rule:
    """Hold one trigger: levels and how they are joined, what it does to which state, and its words."""

    levels: tuple[int, ...]
    join: str
    does: str
    state: int
    k: int
    delay: str
    priority: float | str
    persistent: bool
    initial: bool
    values: str

    def holds(self, truths, both=lambda a, b: a and b, either=lambda a, b: a or b, negate=lambda a: not a):
        one, other = truths[self.levels[0]], truths[self.levels[-1]]
        return {"one": lambda: one, "not": lambda: negate(one), "both": lambda: both(one, other),
                "either": lambda: either(one, other)}[self.join]()  # fmt: skip

    def then(self, time, x, p, size):
        i, amount = self.state, size * p[self.k]
        if self.does == "move":
            return {i: 0.5 * x[i], (i + 1) % 3: x[(i + 1) % 3] + 0.5 * x[i]}
        now = {"add": x[i] + amount, "share": 0.3 * x[i] + 0.1 * amount, "set": 0.5 * amount,
               "late": x[i] + amount * time / (5 + time)}[self.does]  # fmt: skip
        return {i: now, 2: x[2] + size} if i != 2 else {i: now}

    def late(self, x, p, size):
        return {"none": 0.0, "parameter": p[(self.k + 1) % 8],
                "state": p[(self.k + 2) % 8] * (1 + x[1] / (x[0] + size))}[self.delay]  # fmt: skip

    def urgent(self, x, size):
        return x[1] / size if self.priority == "state" else self.priority


def structure(rng):
    """Return levels, rules, and the level that a slope depends on, or -1."""

    def picked(options):
        return options[rng.integers(len(options))]

    kinds = [picked(("high", "low", "sum")), picked(("high", "low")), picked((*IN_TIME, "high", "low", "sum"))]
    levels = [Level(kind, int(rng.integers(0, 2)), int(rng.integers(0, 8))) for kind in kinds]
    rules = [
        Rule(
            levels=tuple(int(i) for i in rng.choice(3, 2, replace=False)),
            join=picked(("one", "one", "not", "both", "either")),
            does=picked(("add", "share", "set", "late", "move")),
            state=int(rng.integers(0, 3)),
            k=int(rng.integers(0, 8)),
            delay=picked(("none", "none", "parameter", "state")),
            priority=picked((0.0, 0.0, 1.0, 2.0, "state")),
            persistent=bool(rng.integers(0, 2)),
            initial=bool(rng.integers(0, 2)),
            values=picked(("due", "trigger")),
        )
        for _ in range(rng.integers(1, 4))
    ]
    return levels, rules, int(rng.integers(-1, 3))


def slopes_of(x, size, extra):
    """Return the slopes; `extra` comes in beside them."""
    flow = 0.5 * x[0] / (1 + x[0] / (2 * size))
    return [0.6 * size - flow - 0.2 * x[0] + extra, flow - 0.4 * x[1], -0.1 * x[2]]


def trace_of(levels, rules, gate, size):
    """Return the trace of a structure, its triggers made of im.Trigger."""
    time, x, p = Traced(t), [Traced(name) for name in names], [Traced(name) for name in PARAMETERS]

    def trigger(rule):
        return im.Trigger(
            when=lambda t, x, p: rule.holds([level(t, x, p, size) > 0 for level in levels], both, either, negate),
            then=lambda t, x, p: {str(names[i]): value for i, value in rule.then(t, x, p, size).items()},
            delay=lambda t, x, p: rule.late(x, p, size),
            priority=lambda t, x, p: rule.urgent(x, size),
            persistent=rule.persistent, initial=rule.initial, values=rule.values,
        )  # fmt: skip

    extra = 0.0 if gate < 0 else where(levels[gate](time, x, p, size) > 0, 0.7 * size, 0.0)
    slopes = [sp.sympify(expression(slope)) for slope in slopes_of(x, size, extra)]
    triggers = [traced(trigger(rule), [str(name) for name in names], time, x, p) for rule in rules]
    return Trace(t, names, PARAMETERS, tuple(slopes), triggers=tuple(triggers))


class Queue:
    """Hold a patient of the reference: time, states, which levels and conditions hold, and what waits."""

    def __init__(self, levels, rules, p, start, size):
        self.levels, self.rules, self.p, self.size = levels, rules, p, size
        self.time, self.y, self.waits = 0.0, np.array(start, float), []
        self.truth = [rule.initial for rule in rules]
        self.holds = [self.decided(level) for level in levels]
        self.chain()

    def decided(self, level):
        if level.kind in IN_TIME:  # just behind now: what comes so soon after is skipped
            return level(self.time + 1e-7, self.y, self.p, self.size) > 0
        value = level(self.time, self.y, self.p, self.size)
        if abs(value) < GRAZING * self.size:
            raise Grazed
        return value > 0

    def put(self, states):
        """Put new values into states, and decide anew the levels that they move."""
        before = [level(self.time, self.y, self.p, self.size) for level in self.levels]
        for i, value in states.items():
            self.y[i] = value
        for q, level in enumerate(self.levels):
            if level(self.time, self.y, self.p, self.size) != before[q]:
                self.holds[q] = self.decided(level)

    def notice(self):
        for i, rule in enumerate(self.rules):
            holds = rule.holds(self.holds)
            if not holds and not rule.persistent:
                self.waits = [one for one in self.waits if one[0] != i]
            if holds and not self.truth[i]:
                if sum(one[0] == i for one in self.waits) == WAITING:
                    raise Ended(Status.too_many_pending)
                kept = rule.then(self.time, self.y, self.p, self.size) if rule.values == "trigger" else None
                self.waits.append((i, self.time + rule.late(self.y, self.p, self.size), kept))
            self.truth[i] = holds

    def chain(self):
        """Carry out what is due, one after the other."""
        for _ in range(ENDLESS + 1):
            self.notice()
            due = [one for one in self.waits if one[1] <= self.time]
            if not due:
                return
            urgent = [self.rules[one[0]].urgent(self.y, self.size) for one in due]
            if any(0 < max(urgent) - one < GRAZING for one in urgent):
                raise Grazed
            best = min(range(len(due)), key=lambda q: (-urgent[q], due[q][0], due[q][1]))
            i, _, kept = due[best]
            self.waits.remove(due[best])
            self.put(self.rules[i].then(self.time, self.y, self.p, self.size) if kept is None else kept)
        raise Ended(Status.endless_triggers)

    def next_due(self):
        return min((one[1] for one in self.waits), default=math.inf)


def stops_of(levels, p, doses):
    """Return the times of outputs, doses and conditions on time."""
    stops = {*TIMES, *(time for time, _, _ in doses)}
    for level in levels:
        if level.kind == "after":
            stops.add(8 * p[level.k])
        if level.kind == "again":
            period = 0.5 + 2 * p[level.k]
            stops |= {n * period + shift for n in range(25) for shift in (0, 0.4 * period)}
    return sorted(s for s in stops if 0 < s <= END)


def reference(levels, rules, gate, p, start, doses, size):
    """Return the states at TIMES; raise Grazed where two things happen within 1e-6 or a level is touched."""
    now, seen, stops = Queue(levels, rules, p, start, size), [], stops_of(levels, p, doses)
    places = [q for q, level in enumerate(levels) if level.kind not in IN_TIME]
    while now.time < END:
        goal = min(next(s for s in stops if s > now.time), now.next_due())
        signs = np.array([1 if now.holds[q] else -1 for q in places])[:, None]
        extra = 0.7 * size if gate >= 0 and now.holds[gate] else 0.0

        def across(time, x, signs=signs):
            return signs * np.array([levels[q](time, x, p, size) for q in places])

        def slopes(_, x, extra=extra):
            return slopes_of(x, size, extra)

        piece = follow(slopes, across, (now.time, goal), now.y, size)
        if piece.time - now.time < 1e-6:
            raise Grazed
        now.time, now.y = piece.time, piece.state.copy()
        if now.time in TIMES:
            seen.append(now.y.copy())
        for q, crossed in zip(places, piece.crossed, strict=True):
            now.holds[q] ^= bool(crossed)
        for q, level in enumerate(levels):
            now.holds[q] = now.decided(level) if level.kind in IN_TIME else now.holds[q]
        now.chain()
        for time, state, amount in doses:
            if time == now.time:
                now.put({state: now.y[state] + amount})
                now.chain()
    return np.array(seen)


def drawn(seed):
    """Return a structure, how it is solved, and patients."""
    rng, how = np.random.default_rng(10_000 + seed), settings(seed)
    made, size = structure(rng), how[1]
    values, starts = rng.uniform(0.1, 1.0, (PEOPLE, 8)), size * rng.uniform(0.0, 1.5, (PEOPLE, 3))
    return made, how, values, starts, [doses_of(rng, size) for _ in range(PEOPLE)]


def outcome(made, p, start, doses, size):
    """Return what the reference says: states, or the exception that says why there are none."""
    try:
        return reference(*made, p, start, doses, size)
    except (Grazed, Ended) as end:
        return end


def compared(seed):
    """Return how many patients cannot be compared, and what is wrong of the others."""
    made, (method, size, declared), values, starts, doses = drawn(seed)
    got = course(build(trace_of(*made, size), method), starts, values, doses, size, declared=declared)
    patients = [(made, values[i], starts[i], doses[i], size) for i in range(PEOPLE)]
    return tally(seed, outcome, got, patients)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 100, STRUCTURES))
def test_random_triggers_give_what_a_queue_of_due_times_gives(first):
    outcomes = [compared(seed) for seed in range(first, first + STRUCTURES)]
    assert [one for _, wrong in outcomes for one in wrong] == []
    assert sum(skipped for skipped, _ in outcomes) <= 0.2 * STRUCTURES * PEOPLE


@pytest.mark.slow
def test_sensitivities_across_random_triggers_are_those_of_differences():
    outcomes = []
    for seed in range(0, 100, 10):
        made, (method, size, _), values, starts, doses = drawn(seed)
        trace = trace_of(*made, size)
        patients = [(made, values[i], starts[i], doses[i], size) for i in range(PEOPLE)]
        smooth = [i for i in range(PEOPLE) if isinstance(outcome(*patients[i]), np.ndarray)]
        outcomes += steep(trace, method, size, starts, values, doses, smooth, seed)
    assert [one for one in outcomes if one not in ("", SKIPPED)] == []
    assert outcomes.count(SKIPPED) <= 0.2 * len(outcomes)
