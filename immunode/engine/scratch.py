"""Pack a method and what a call of the loop works in, which is made for each call: one block of memory costs little."""

from functools import lru_cache
from itertools import accumulate
from math import prod
from typing import NamedTuple

import numpy as np

from immunode.engine.constants import ATONCE, COARSE, COME_MORE, LANES, MEETING, WEIGHTS
from immunode.engine.entries import ITEM, Packed, address_of, words
from immunode.engine.records import Kernels, Rows, Scratch, Switch

_LINE = 64  # bytes of a cache line: no vector of a row lies in two
_WHOLE = ("patient", "last", "needy", "jump")  # arrays of whole numbers
_FILLED = {"crowd": -1.0, "late": 0.0}


def with_scratch(method: tuple[Kernels, Rows, Switch], parameters: int) -> Packed:
    """Return a method and the `Scratch` of one call of the loop; `parameters` are those of the model."""
    plan = _plan(method, parameters)
    block = np.empty(plan.size + _LINE // ITEM)
    address = address_of(block)
    skip = -address % _LINE // ITEM
    for begin, end, value in plan.filled:
        block[skip + begin : skip + end] = value
    packed = plan.words.copy()
    first = address + skip * ITEM
    for at, offset in plan.addresses:
        packed[at] = first + offset
    return Packed(plan.forms, packed, block)


class _Plan(NamedTuple):
    """Hold what is the same in every call: the words, which of them are addresses in the block (and how many bytes from
    its begin), and what is filled (begin, end, value)."""

    words: list[int]
    addresses: tuple[tuple[int, int], ...]
    forms: list[str]
    filled: tuple[tuple[int, int, float], ...]
    size: int


@lru_cache(maxsize=256)
def _plan(method: tuple[Kernels, Rows, Switch], parameters: int) -> _Plan:
    kernels, rows, switch = method
    shapes = _shapes(rows, parameters)
    ends = list(accumulate(prod(shape) for shape in shapes.values()))
    begins = [0, *ends[:-1]]
    span = dict(zip(shapes, zip(begins, ends, strict=True), strict=True))
    always = ["i"] * (len(kernels) + len(rows)) + ["f"] * len(switch)
    known, addresses = list(words(always, method)), []
    for begin, shape in zip(begins, shapes.values(), strict=True):
        addresses.append((len(known), begin * ITEM))
        known += 0, *shape
    return _Plan(
        words=known,
        addresses=tuple(addresses),
        forms=always + [f"{'i' if name in _WHOLE else 'f'}{len(shape)}" for name, shape in shapes.items()],
        filled=tuple((*span[name], value) for name, value in _FILLED.items() if span[name][0] < span[name][1]),
        size=ends[-1],
    )


def _shapes(rows: Rows, parameters: int) -> dict[str, tuple[int, ...]]:
    states = rows.states * rows.blocks
    shapes: dict[str, tuple[int, ...]] = dict(
        rows=(rows.total * LANES,),
        fraction=(ATONCE,),
        states=(states, ATONCE),
        observed=(rows.observed * rows.blocks, ATONCE),
        hoisted=(rows.blocks, rows.hoisted),
        seed=(LANES, rows.blocks - 1, parameters),
        patient=(LANES,),
        last=(LANES,),
        needy=(LANES,),
        jump=(LANES,),
        before=(LANES, rows.states),
        margin=(3 * rows.margins, ATONCE),
        probe=(1,),
        probe_states=(rows.states, 1),
        probe_margin=(3 * rows.margins, 1),
        come=(rows.switches, rows.blocks + COME_MORE),
        late=(LANES, rows.blocks - 1),
        crowd=(LANES, MEETING + rows.blocks),
        cells=(2 * ATONCE + 1,),
        forced=(rows.forced * (rows.blocks + 2), ATONCE),
        coarse=(rows.forced * (rows.blocks + 2), COARSE + 2),
        weight=(rows.triggers, WEIGHTS + rows.blocks),
        assigned=(rows.assigned, rows.blocks + 1),
    )
    return {name: shapes[name] for name in Scratch._fields}
