"""Draw random structures of the fuzz and solve them by the engine.

Structures are made in two parts. The frame is what is compiled: which kinds of conditions and terms there are, and how
they hang together. The wires are numbers: which state a condition looks at and from which side, which one gains and how
much, how fast the flows are, how large amounts are. Each frame is wired in WIRINGS ways.
"""

from dataclasses import dataclass

import numpy as np

from immunode.engine import ADD, Directions, Events, Scales, solve
from immunode.model.scales import Kinship

END, RTOL, PEOPLE, WIRINGS, DRAWN = 10.0, 1e-7, 10, 5, 8
TIMES = [3.7, END]
METHODS = ("auto", "tsit5", "rodas5p")
SIZES = (1.0, 1e-9, 1e6)


@dataclass(frozen=True, eq=False)
class Structure:
    """Hold a frame and its wires, how it is solved, and its patients: parameters (n, DRAWN), starts (n, S), doses."""

    seed: int
    frame: object
    wires: np.ndarray
    method: str
    size: float
    declared: bool
    values: np.ndarray
    starts: np.ndarray
    doses: list

    def patient(self, i):
        """Return what the reference of a patient takes."""
        return self.frame, self.wires, self.values[i], self.starts[i], self.doses[i], self.size


def drawn(rng, index, frame, wired, states):
    """Return frame `index` wired in WIRINGS ways by `wired(rng, frame, size)`; sizes and scales turn with the index."""
    made = []
    for which in range(index * WIRINGS, (index + 1) * WIRINGS):
        size = SIZES[which % 3]
        doses = [_doses(rng, size) for _ in range(PEOPLE)]
        values, starts = rng.uniform(0.1, 1.0, (PEOPLE, DRAWN)), size * rng.uniform(0.0, 1.5, (PEOPLE, states))
        wires = np.array(wired(rng, frame, size))
        made.append(Structure(which, frame, wires, METHODS[index % 3], size, which % 2 == 0, values, starts, doses))
    return made


def _doses(rng, size):
    """Return up to three doses of one patient: time, state, amount."""
    times = np.sort(rng.uniform(0.0, END, rng.integers(0, 4)))
    return [(float(time), int(rng.integers(0, 2)), size * float(rng.uniform(0.1, 1.5))) for time in times]


def solved(program, one, *, rtol=RTOL, along=False):
    """Return the Solution of a structure at TIMES; `along` the drawn parameters if its sensitivities are wanted."""
    (n, states), rows = one.starts.shape, [dose for regimen in one.doses for dose in regimen]
    time, state, amount = np.array(rows, float).reshape(-1, 3).T
    first = np.cumsum([0, *(len(regimen) for regimen in one.doses)])
    events = Events(np.arange(n), first, time, np.full(len(rows), ADD), state, amount)
    values, all_of_it = np.hstack([one.values, np.tile(one.wires, (n, 1))]), np.ones((states, states), bool)
    wanted = Directions(np.arange(DRAWN), one.values.copy(), np.zeros((n, DRAWN, states))) if along else None
    kin = Kinship(all_of_it[0], all_of_it, ~np.eye(states, dtype=bool))
    return solve(program, one.starts, values, events, TIMES, columns=range(states), start=0.0, end=END, rtol=rtol,
                 atol=rtol * (one.size if one.declared else 1.0) / 1000, directions=wanted,
                 scales=None if one.declared else Scales(kin, np.abs(one.starts)), max_steps=200_000)  # fmt: skip


def scales(one, i, times):
    """Return the scales (T, S) of patient i at times: declared, or the largest of its start and doses so far."""
    if one.declared:
        return np.full((len(times), one.starts.shape[1]), one.size)
    largest = np.tile(one.starts[i], (len(times), 1))
    for time, state, amount in one.doses[i]:
        later = np.array(times) > time
        largest[later, state] = np.maximum(largest[later, state], amount)
    return largest
