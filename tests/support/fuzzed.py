"""Draw random structures of the fuzz and solve them by the engine.

Structures are made in two parts. The frame is what is compiled: which kinds of conditions and terms there are, and how
they hang together. The wires are numbers: which state a condition looks at and from which side, which one gains and how
much, how fast the flows are, how large amounts are. Each frame is wired in WIRINGS ways, each with its own tolerance,
and one of them is solved by a method that is drawn. Each patient has a regimen and output times of their own.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from immunode.engine import ADD, Directions, Events, Grid, Scales, solve
from immunode.engine.constants import RATE, REPLACE
from immunode.model.scales import Kinship

END, PEOPLE, WIRINGS, DRAWN = 10.0, 10, 5, 8
METHODS = ("auto", "tsit5", "rodas5p")
SIZES = (1.0, 1e-9, 1e6)
RTOLS = (1e-4, 1e-6, 1e-8)
MOST = 12  # output times of a patient
PLAIN, FINE = (3.7, END), 1e-7  # output times and tolerance where sensitivities are compared


class Event(NamedTuple):
    """Hold one row of a regimen: what comes into a state at once or as a rate, or what replaces what is there."""

    time: float
    state: int
    amount: float
    kind: int = ADD


@dataclass(frozen=True, eq=False)
class Structure:
    """Hold a frame and its wires, how it is solved, and its patients.

    These have parameters (n, DRAWN), starts (n, S), and each their doses, lists of Events, and output times.
    """

    seed: int
    frame: object
    wires: np.ndarray
    method: str
    rtol: float
    size: float
    declared: bool
    values: np.ndarray
    starts: np.ndarray
    doses: list
    times: list

    def patient(self, i):
        """Return what the reference of a patient takes."""
        return self.frame, self.wires, self.values[i], self.starts[i], self.doses[i], self.size, self.times[i]

    def outputs(self, values, i):
        """Return the rows of patient i."""
        first = sum(len(times) for times in self.times[:i])
        return values[first : first + len(self.times[i])]

    def plain(self):
        """Return the same with the output times PLAIN and the tolerance FINE."""
        return replace(self, times=[list(PLAIN)] * len(self.times), rtol=FINE)


def drawn(rng, index, frame, wired, known, states):
    """Return frame `index` wired in WIRINGS ways by `wired(rng, frame, size)`; sizes and scales turn with the index.

    known(frame, parameters) are times at which something happens that a formula tells.
    """
    made = []
    for which in range(index * WIRINGS, (index + 1) * WIRINGS):
        size, usual = SIZES[which % 3], METHODS[index % 3]
        method = str(rng.choice(METHODS)) if which % WIRINGS == 0 else usual
        values, starts = rng.uniform(0.1, 1.0, (PEOPLE, DRAWN)), size * rng.uniform(0.0, 1.5, (PEOPLE, states))
        places = [known(frame, row.tolist()) for row in values]
        doses = [_doses(rng, size, at) for at in places]
        times = [_times(rng, [*at, *(dose.time for dose in rows)]) for at, rows in zip(places, doses, strict=True)]
        wires, rtol = np.array(wired(rng, frame, size)), float(rng.choice(RTOLS))
        made.append(
            Structure(which, frame, wires, method, rtol, size, which % 2 == 0, values, starts, doses, times)
        )  # fmt: skip
    return made


def _doses(rng, size, known):
    """Return the regimen of one patient: single doses, some at a known time, or one that comes again, and the like."""

    def amount():
        return size * float(rng.uniform(0.1, 1.5))

    def state():
        return int(rng.integers(0, 2))

    def time():
        return float(rng.choice(known)) if known and rng.random() < 0.1 else float(rng.uniform(0.0, END))

    rows = [Event(time(), state(), amount()) for _ in range(rng.integers(0, 4))]
    more = rng.integers(0, 6)
    if more == 0:  # the same again and again
        first, every, one = float(rng.uniform(0.0, 2.0)), float(rng.uniform(0.8, 2.0)), Event(0.0, state(), amount())
        rows += [one._replace(time=first + n * every) for n in range(rng.integers(3, 6)) if first + n * every < END]
    if more == 1:
        begin, rate, where = float(rng.uniform(0.0, 7.0)), amount(), state()
        rows += [Event(begin, where, rate, RATE), Event(begin + float(rng.uniform(0.05, 3.0)), where, -rate, RATE)]
    if more == 2:
        rows.append(Event(time(), state(), amount(), REPLACE))
    if more == 3 and rows:
        rows.append(Event(rows[0].time, state(), amount()))
    return sorted(rows, key=lambda row: row.time)


def _times(rng, places):
    """Return output times: anywhere, at what happens or beside it, at the start, the end, and beside each other."""
    times = set()
    for _ in range(rng.integers(1, MOST + 1)):
        time = float(rng.uniform(0.0, END))
        kind, beside = rng.integers(0, 10), float(rng.choice([-1e-3, -1e-6, -1e-9, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3]))
        if kind in (0, 1, 2) and places:
            time = float(rng.choice(places)) * (1.0 if kind else 1 + beside)
        if kind in (3, 4) and times:
            time = float(rng.choice(sorted(times))) * (1 + beside)
        times.add({5: 0.0, 6: END}.get(kind, time))
    return sorted(time for time in times if 0 <= time <= END) or [END]


def happened(y, rates, dose):
    """Change the states y and the rates, lists, by one event."""
    if dose.kind == RATE:
        rates[dose.state] += dose.amount
    else:
        y[dose.state] = dose.amount + (y[dose.state] if dose.kind == ADD else 0.0)


def solved(program, one, *, rtol=None, along=False):
    """Return the Solution of a structure; `along` the drawn parameters if its sensitivities are wanted."""
    (n, states), rows = one.starts.shape, [dose for regimen in one.doses for dose in regimen]
    time, state, amount, kind = np.array(rows, float).reshape(-1, 4).T
    events = Events(np.arange(n), _first(one.doses), time, kind, state, amount)
    times = np.concatenate(one.times)
    values, all_of_it = np.hstack([one.values, np.tile(one.wires, (n, 1))]), np.ones((states, states), bool)
    wanted = Directions(np.arange(DRAWN), one.values.copy(), np.zeros((n, DRAWN, states))) if along else None
    kin, rtol = Kinship(all_of_it[0], all_of_it, ~np.eye(states, dtype=bool)), rtol or one.rtol
    return solve(program, one.starts, values, events, Grid(np.arange(n), _first(one.times), times, times),
                 columns=range(states), start=0.0, end=END, rtol=rtol,
                 atol=rtol * (one.size if one.declared else 1.0) / 1000, directions=wanted,
                 scales=None if one.declared else Scales(kin, np.abs(one.starts)), max_steps=200_000)  # fmt: skip


def _first(many):
    return np.cumsum([0, *(len(each) for each in many)])


def scales(one, i, times):
    """Return the scales (T, S) of patient i at times: declared, or the largest of its start and doses so far."""
    if one.declared:
        return np.full((len(times), one.starts.shape[1]), one.size)
    largest = np.tile(one.starts[i], (len(times), 1))
    for dose in one.doses[i]:
        later = np.array(times) > dose.time
        largest[later, dose.state] = np.maximum(largest[later, dose.state], dose.amount)
    return largest
