"""Scratch: every array of a call in one block, apart from the others, and as the loop reads it."""

import ctypes
import itertools
from math import prod

import numpy as np
import pytest

from immunode.engine import build, entries
from immunode.engine.entries import Packed, words
from immunode.engine.records import Kernels, Rows, Scratch, Switch
from immunode.engine.scratch import with_scratch
from tests.support.engine_models import scalar


@pytest.fixture(scope="module")
def packed():
    """A method of a model with directions, and the arrays of its scratch by name: address, shape, form."""
    program = build(scalar("-p*y").trace, "tsit5", sensitivities=True)
    method = program.arguments(5, 3)[0]
    made = with_scratch(method, len(program.trace.parameters))
    first = len(Kernels._fields) + len(Rows._fields) + len(Switch._fields)
    numbers, arrays = made.words[first:], {}
    for name, form in zip(Scratch._fields, made.forms[first:], strict=True):
        size = int(form[1])
        arrays[name], numbers = (numbers[0], tuple(numbers[1 : 1 + size]), form[0]), numbers[1 + size :]
    assert not numbers
    return made, arrays


def test_arrays_lie_in_the_block_and_none_in_another(packed):
    made, arrays = packed
    spans = sorted((at, at + 8 * prod(shape)) for at, shape, _ in arrays.values())
    begin = made.memory.ctypes.data
    assert begin <= spans[0][0]
    assert spans[-1][1] <= begin + made.memory.nbytes
    assert all(end <= following for (_, end), (following, _) in itertools.pairwise(spans))
    assert arrays["rows"][0] % 64 == 0  # vectors of 512 bits are read there


def test_what_happened_last_is_nothing_at_first(packed):
    _, arrays = packed
    for name, value in (("crowd", -1.0), ("late", 0.0)):
        at, shape, _ = arrays[name]
        size = prod(shape)
        assert size
        assert list((ctypes.c_double * size).from_address(at)) == [value] * size


def test_forms_are_those_that_the_loop_reads(packed):
    forms = entries._loaded("immunode.engine.loop", "run").forms["run"]
    assert list(packed[0].forms) == list(forms[: len(packed[0].forms)])


def test_packed_arguments_of_other_forms_are_refused():
    with pytest.raises(TypeError, match="compiled code takes"):
        words(["f1"], (Packed(["i1"], [0, 0], np.zeros(0)),))
