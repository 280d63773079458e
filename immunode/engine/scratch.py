"""Make what the loop works in: it makes no array itself."""

import numpy as np

from immunode.engine.control import LANES
from immunode.engine.outputs import ATONCE
from immunode.engine.signatures import Array, Rows, Scratch

_LINE = 64  # bytes of a cache line: no vector of a row lies in two


def scratch(rows: Rows, parameters: int) -> Scratch:
    """Return what one call of the loop works in by one method; `parameters` are those of the model."""
    states = rows.states * rows.blocks
    return Scratch(
        rows=_aligned(rows.total * LANES),
        fraction=np.empty(ATONCE),
        states=np.empty((states, ATONCE)),
        observed=np.empty((rows.observed * rows.blocks, ATONCE)),
        hoisted=np.empty((rows.blocks, rows.hoisted)),
        seed=np.empty((LANES, rows.blocks - 1, parameters)),
        patient=np.empty(LANES, np.int64),
        last=np.empty(LANES, np.int64),
        needy=np.empty(LANES, np.int64),
        jump=np.empty(LANES, np.int64),
        before=np.empty((LANES, rows.states)),
        margin=np.empty((3 * rows.margins, ATONCE)),
        probe=np.empty(1),
        probe_states=np.empty((rows.states, 1)),
        probe_margin=np.empty((3 * rows.margins, 1)),
        come=np.empty((rows.switches, rows.blocks)),
        late=np.empty((LANES, rows.blocks - 1)),
    )


def _aligned(size: int) -> Array:
    whole = np.empty(size + _LINE // 8)
    skip = -whole.__array_interface__["data"][0] % _LINE // 8
    return whole[skip : skip + size]
