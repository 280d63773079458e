"""Name what machine code is given: kernels, rows of the scratch, patients, schedules, results."""

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Kernels(NamedTuple):
    """Hold the addresses of a model's generated functions; those of what a model has not are never called."""

    step: int
    interpolate: int
    observe: int
    hoist: int
    decide: int
    guard: int
    margins: int
    moving: int
    forced: int
    places: int
    weigh: int
    becomes: int


class Rows(NamedTuple):
    """Hold where the generic loop finds its rows in the scratch, and how many there are of each.

    A block of rows holds the states and what belongs to them; one block follows for each direction of a sensitivity.
    """

    lanes: int
    total: int
    blocks: int
    stride: int
    states: int
    hoisted: int
    infused: int
    observed: int
    state: int  # then slope, contiguous
    new: int  # then new_slope, contiguous
    parameter: int
    switch: int  # where each stands, then where each goes
    switches: int
    margins: int
    clocked: int  # of the margins, the first: those that time alone moves
    forced: int  # slopes with inputs in time
    rate: int
    atol: int
    triggers: int
    assigned: int  # states by one trigger, at most
    kept: int  # values that wait for one trigger to be due, at most
    stiff: int  # whether the method is; it stands last: where it moved the others the loop took 8 % more time


class Switch(NamedTuple):
    """Say when a patient leaves a method: `patience` steps in a row with size times fastest rate outside low..high."""

    low: float
    high: float
    patience: float


class Scratch(NamedTuple):
    """Hold what the loop works in, for one method and one call: of a lane, where nothing else is said."""

    rows: Array  # of all lanes
    fraction: Array  # of a step, of the outputs that are made at once
    states: Array  # at these fractions
    observed: Array
    hoisted: Array
    seed: Array
    patient: Array  # -1 in an idle lane
    last: Array  # end of its events
    needy: Array  # lanes that need a look
    jump: Array
    before: Array  # slopes before an event that moves
    margin: Array  # of switches, where they go, which they are: at fractions of a step
    probe: Array  # one fraction more, and states and margins there
    probe_states: Array
    probe_margin: Array
    come: Array  # how fast each switch came, and along each direction; then COME_MORE columns (engine.switches)
    late: Array  # how the time of a switch moves along each direction
    crowd: Array  # what happened last: MEETING columns, then how its time moves along each direction
    cells: Array  # widths of the mesh's cells, how much of the step they make up, and more of each
    forced: Array  # inputs at times in a step
    coarse: Array  # the same at few times, then what was found of them
    weight: Array  # of triggers
    assigned: Array  # new values, and their states


class Settings(NamedTuple):
    """Hold the scalars of one solve; `both` is 0 while there is only one method, no step is longer than `max_step`."""

    rtol: float
    max_steps: int
    watch: int
    both: int
    max_step: float


class Patients(NamedTuple):
    """Hold the per-patient inputs; scale has a column for each direction.

    A patient is followed to `finish`. Its outputs are those of the schedule up to `until`, their rows in the values are
    `shift` further on.
    """

    parameters: Array
    gain: Array
    threshold: Array
    scale: Array
    finish: Array
    until: Array
    shift: Array


class Schedule(NamedTuple):
    """Hold events by segment, output times and columns, and for each state the index of its infusion rate (or -1).

    `direction` names the parameter of each direction, -1 for none. `along` and `slip` have a column a direction: the
    change of an event's value and of its time (no rows: none changes). `due` is as in Grid. `kin` says which states
    declare no scale, and which flow into which (no rows: all declare one), `origin` the state whose initial value a
    direction changes, -1 for none.
    """

    segment: Array
    first: Array
    table: Array  # one row an event: time, kind, state, value, what it brings
    times: Array
    due: Array
    columns: Array
    infusion: Array
    atol: Array
    direction: Array
    along: Array
    slip: Array
    kin: Array
    origin: Array


class Results(NamedTuple):
    """Hold what the loop fills, a row a patient, and where each patient is: place, event, output, time."""

    values: Array
    status: Array
    status_time: Array
    status_state: Array
    crossing: Array
    state: Array
    step: Array
    rate: Array
    steps: Array
    rejected: Array
    place: Array
    event: Array
    output: Array
    time: Array
    received: Array
    switch: Array  # where each stands, and when the next is due
    pending: Array  # of triggers: whether the condition holds, and what waits
