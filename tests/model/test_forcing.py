"""What time moves by itself is known from the equations: which terms, where they change, which may be stepped over."""

import numpy as np
import pytest
import sympy as sp

from immunode.model.forcing import forced, landmarks, unseen
from immunode.model.trace import Trace

t, y, p, q = sp.symbols("t y p q", real=True)


def warned(slope, values=(30.0, 0.01), end=100.0):
    """Return the terms that are warned of in a model of one slope."""
    trace = Trace(t, (y,), (p, q), (sp.sympify(slope),))
    return unseen(trace, np.array([values]), np.zeros(1), np.full(1, end))


@pytest.mark.parametrize("slope", [p - q * y, t * p, (t - p) ** 3 * y, p**q])
def test_a_polynomial_in_time_is_no_input(slope):
    assert forced([slope], t) == {}


def test_only_the_terms_that_time_moves_are_inputs():
    assert forced([p - y, sp.sin(t) * y + p * y + t], t) == {1: sp.sin(t) * y}


def test_shapes_that_are_known_need_no_mesh_of_their_own():
    known = landmarks([1 + p * sp.cos(q * t), sp.exp(-((t - p) ** 2) / q), sp.exp(-t)], [], t, (y,))
    assert not known.other
    assert known.rhythms == [sp.Abs(q)]
    ((at, width, top),) = known.pulses
    assert sp.simplify(at - p) == 0
    assert sp.simplify(width - sp.sqrt(sp.Abs(q) / 2)) == 0
    assert sp.simplify(top) == 0


def test_a_function_of_a_rhythm_may_be_sharper_than_the_rhythm():
    assert landmarks([sp.exp(p * sp.cos(t))], [], t, (y,)).sharp == [1]
    assert landmarks([], [sp.cos(t) - p], t, (y,)).sharp == [1]


def test_a_pulse_whose_place_depends_on_a_state_is_named():
    (text,) = warned(sp.exp(-((t - y) ** 2)))
    assert "its width depends on a state" in text
    assert warned(y / (y + p * (1 + sp.sin(t)))) == []


@pytest.mark.parametrize("shape", [sp.Max(0, 1 - sp.Abs(t - p) / q), 1 / (1 + ((t - p) / q) ** 2) ** 2])
def test_a_pulse_narrower_than_a_thousandth_of_its_time_is_named(shape):
    assert len(warned(shape, (30.0, 0.001))) == 1
    assert warned(shape, (30.0, 0.3)) == []
    assert warned(shape, (30.0, 0.001), end=20.0) == []


def test_a_smooth_step_is_not_narrow_since_its_level_is_seen():
    assert warned(1 / (1 + sp.exp(-(t - p) / q)), (30.0, 1e-4)) == []
