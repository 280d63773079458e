"""Programs: one a model and process, with names of its own making, and what cannot be compiled refused."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose

from immunode.engine import ADD, RATE, Program, build, one_regimen
from immunode.engine import program as program_module
from immunode.errors import BadValue, ModelError
from immunode.model.trace import Trace
from tests.support.engine_models import RTOL, scalar, solve_scalar


def test_names_that_collide_as_identifiers_stay_apart():
    t, y, a, b = sp.Symbol("t"), sp.Symbol("y"), sp.Symbol("a.b"), sp.Symbol("a_b")
    program = build(Trace(t, (y,), (a, b), (a - b * y,), (a * y, b * y)))
    got = solve_scalar(program, [0.5], [3.0, 2.0], 1.0, [1.0], columns=[0, 1, 2]).values[0, 0]
    y1 = 1.5 - np.exp(-2.0)  # y' = 3 - 2 y from 0.5
    assert_allclose(got, [y1, 3 * y1, 2 * y1], rtol=10 * RTOL)


def test_program_is_built_once_a_process():
    t, y, p = sp.symbols("t y p", real=True)
    assert build(Trace(t, (y,), (p,), (-p * y,))) is build(Trace(t, (y,), (p,), (-p * y,)))


def test_bad_models_and_methods_are_refused():
    t, y, p, z = sp.symbols("t y p z", real=True)
    with pytest.raises(ModelError, match="uses z"):
        solve_scalar(build(Trace(t, (y,), (p,), (-z * y,))), [1.0], [1.0], 1.0)
    with pytest.raises(ModelError, match="cannot compile 'zeta'"):
        solve_scalar(build(Trace(t, (y,), (p,), (sp.zeta(y),))), [1.0], [1.0], 1.0)
    with pytest.raises(BadValue, match="tsit5"):
        build(Trace(t, (y,), (p,), (-p * y,)), "tsit")
    with pytest.raises(BadValue, match="takes no infusion"):
        solve_scalar(scalar("-p*y"), [1.0], [1.0], 1.0, events=one_regimen(1, [(0.0, RATE, 0, 1.0)]))
    with pytest.raises(BadValue, match="sorted by time"):
        one_regimen(1, [(1.0, ADD, 0, 1.0), (0.0, ADD, 0, 1.0)])


def test_threads_that_need_the_same_code_at_once_share_it(monkeypatch):
    """Else the code of the first is freed while the first runs it."""
    t, y, p = sp.symbols("t y p", real=True)
    program, begun = Program(Trace(t, (y,), (p,), (-p * y,)), "tsit5"), threading.Barrier(2)
    make = program_module._compile.__wrapped__  # anew each time, as after what was made has been forgotten

    def slowly(*arguments):
        time.sleep(0.2)
        return make(*arguments)

    monkeypatch.setattr(program_module, "_compile", slowly)

    def compiled():
        begun.wait()
        return program.compiled(program.steps[0])

    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(compiled) for _ in range(2))
        assert first.result() is second.result()
