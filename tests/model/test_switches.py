"""The switches of a model: what has a place in time or in the states, and what only bends there."""

import pytest
import sympy as sp

from immunode.functions import mod
from immunode.model.switches import switched
from immunode.model.trace import Trace

t, y, p, q = sp.symbols("t y p q", real=True)


def of(slope):
    return switched(Trace(t, (y,), (p, q), (sp.sympify(slope),)))


def chosen(condition, yes=p, no=0):
    return sp.Piecewise((yes, condition), (no, True))


@pytest.mark.parametrize(
    ("slope", "times"),
    [
        (chosen(t > p), ["p"]),
        (chosen((t > p) & (t < q)), ["p", "q"]),
        (chosen(t > p, chosen(t < q)), ["p", "q"]),
        (chosen(sp.Abs(t - 10) < q), ["10", "q*sign + 10"]),
        (chosen(sp.Max(t, p) > q), ["p", "q"]),
        (chosen(mod(t, 7) < q), ["7*n", "7*n + q"]),
        (sp.floor(t / 7) - y, ["7*n"]),
        (sp.ceiling(t / p), ["n*p"]),
        (sp.sign(t - p), ["p"]),
    ],
)
def test_conditions_on_time_and_parameters_have_a_time_with_a_formula(slope, times):
    known = of(slope).switches
    assert all(switch.timed for switch in known)
    assert len(known) == len(times)


@pytest.mark.parametrize(
    ("slope", "count"),
    [
        (chosen(y > p), 1),
        (-sp.sign(y - p), 1),
        (sp.floor(y), 1),
        (chosen(y > chosen(t < 1, p, q)), 3),
        (chosen(t > y), 1),
    ],
)
def test_what_the_states_move_has_an_expression_alone(slope, count):
    known = of(slope).switches
    assert len(known) == count
    assert any(not switch.timed for switch in known)


@pytest.mark.parametrize(
    "slope",
    [
        sp.Max(y, p) - sp.Abs(y - q),
        chosen(y > p, y - p, 0),
        chosen(y > p, y**2, y * p),
        chosen(t > p, t - p, 0),
        chosen(p > q, y, 2 * y),
        sp.floor(p) * y,
    ],
)
def test_what_only_bends_or_never_changes_is_no_switch(slope):
    known = of(slope)
    assert known.switches == ()
    assert known.slopes == (slope,)


def test_one_place_is_one_switch_whatever_the_side_it_is_said_from():
    slope = chosen(y > p) + chosen(p > y, q) + chosen(y >= p, 2 * q) + chosen(sp.Eq(y, p), 3) + chosen(y <= p, 4)
    assert len(of(slope).switches) == 1


def test_a_switch_comes_after_those_that_move_it():
    known = of(chosen(y > chosen(mod(t, 7) < 1, p, q)))
    places = {switch.symbol: i for i, switch in enumerate(known.switches)}
    assert all(places[other] < i for i, switch in enumerate(known.switches) for other in switch.behind)
    assert len(known.switches) >= 4


@pytest.mark.parametrize(
    ("yes", "no", "bends"),
    [
        (3 * y, 0.3, y < 0.1),
        (y / p, 1, y < p),
        (p * (1 - sp.exp(-q * (y - p))), 0, y > p),
        (y**q / (p**q + y**q), sp.Rational(1, 2), y > p),
        (y**q / (1 + y**q), 0, y > 0),
    ],
)
def test_a_choice_whose_sides_are_one_where_it_turns_only_bends(yes, no, bends):
    assert not of(chosen(bends, yes, no)).switches


@pytest.mark.parametrize(
    "saturated", [sp.tanh(10 * q - 37) + 1, sp.Max(q - 37, 0), sp.exp(-((q + 50) ** 2)), 1 / (1 + sp.exp(9 * (37 - q)))]
)
def test_a_choice_whose_sides_seem_one_for_small_numbers_alone_is_a_switch(saturated):
    assert len(of(chosen(y < p, saturated)).switches) == 1
