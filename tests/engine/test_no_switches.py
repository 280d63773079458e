"""A model without switches pays nothing for them: it is compiled without, and the loop calls nothing of theirs."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_array_equal

from immunode.engine import ADD, METHODS, Directions, build, one_regimen, solve
from immunode.model.trace import Trace

OF_SWITCHES = ("decide", "guard", "margins", "moving")
OF_TRIGGERS = ("weigh", "becomes")
PEOPLE = 3
t, y, p = sp.symbols("t y p", real=True)
DECAY = -p * y
UNREACHED = sp.Piecewise((DECAY, y > -p), (0, True))
methods = pytest.mark.parametrize("method", METHODS)
alone_and_along = pytest.mark.parametrize("along", [False, True])


def made(slope, method, along):
    """Return the program of one state, and what all its methods are compiled to."""
    program = build(Trace(t, (y,), (p,), (slope,)), method, sensitivities=along)
    return program, [program.compiled(step, PEOPLE) for step in program.steps]


def solved(program, along):
    table = one_regimen(PEOPLE, [(0.0, ADD, 0, 1.0), (1.5, ADD, 0, 2.0)])
    wanted = Directions([0], np.ones((PEOPLE, 1)), np.zeros((PEOPLE, 1, 1))) if along else None
    return solve(program, np.ones((PEOPLE, 1)), [[0.5], [1.0], [2.0]], table, [0.5, 1.5, 3.0], columns=[0], start=0.0,
                 end=3.0, atol=1e-9, directions=wanted)  # fmt: skip


def counted(slope, method, along, names):
    """Return a Solution, and how often functions of these names were called: they only count."""
    program, calls = made(slope, method, along)[0], []
    counters = [ctypes.CFUNCTYPE(ctypes.c_int)(lambda name=name: calls.append(name) or 0) for name in names]
    addresses = [ctypes.cast(counter, ctypes.c_void_p).value for counter in counters]
    counting = {
        key: replace(compiled, kernels=compiled.kernels._replace(**dict(zip(names, addresses, strict=True))))
        for key, compiled in program.made.items()
    }
    got = solved(replace(program, made=counting), along)  # a second method may be built again: that counts nothing
    return got, len(calls)


@methods
@alone_and_along
def test_a_model_without_switches_is_compiled_without_them(method, along):
    for compiled in made(DECAY, method, along)[1]:
        assert not {*OF_SWITCHES, *OF_TRIGGERS} & set(compiled.code.at)
        layout = compiled.layout
        assert (layout.switches, layout.margins, layout.triggers, layout.assigned, layout.kept) == (0, 0, 0, 0, 0)
    for compiled in made(UNREACHED, method, along)[1]:
        assert {*OF_SWITCHES} <= set(compiled.code.at)


@methods
@alone_and_along
def test_the_loop_calls_nothing_of_switches_where_there_are_none(method, along):
    plain, calls = counted(DECAY, method, along, (*OF_SWITCHES, *OF_TRIGGERS))
    assert calls == 0
    assert_array_equal(plain.values, solved(made(DECAY, method, along)[0], along).values)
    _, calls = counted(UNREACHED, method, along, ("guard",))  # which looks whether a step may have crossed one
    assert calls > 0


@methods
@alone_and_along
def test_a_switch_that_never_happens_changes_no_step(method, along):
    plain, beside = (solved(made(slope, method, along)[0], along) for slope in (DECAY, UNREACHED))
    assert_array_equal(plain.steps, beside.steps)
    np.testing.assert_allclose(plain.values, beside.values, rtol=1e-12)
