"""Rest points: the formula's where there is one, stable or refused, and compiled once a model."""

import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose
from scipy.optimize import brentq

from immunode.model.declaration import Model, Parameter, State
from immunode.steady_state.rest import NONE_FOUND, UNSTABLE, rest_point

INFECTION = Model(
    name="infection",
    states=[State("target", "1", scale=100.0), State("infected", "1", scale=10.0), State("virus", "1", scale=1e3)],
    parameters=[
        Parameter("s", 10.0, "1/day"), Parameter("d", 0.02, "1/day"), Parameter("b", 2e-4, "1/day"),
        Parameter("delta", 0.5, "1/day"), Parameter("made", 20.0, "1/day"), Parameter("c", 3.0, "1/day"),
    ],
    derivative=lambda t, x, p: {
        "target": p.s - p.d * x.target - p.b * x.target * x.virus,
        "infected": p.b * x.target * x.virus - p.delta * x.infected,
        "virus": p.made * x.infected - p.c * x.virus,
    },
)  # fmt: skip
INFLOW = np.zeros(3)


def infection(**changes):
    return np.array(list(INFECTION.values(changes).values()))


def endemic(s, d, b, delta, made, c):
    """Return target, infected cells and virus where infection goes on."""
    target = delta * c / (b * made)
    infected = (s - d * target) / delta
    return np.array([target, infected, made * infected / c])


def one_state(slope, *parameters):
    return Model(name="one", states=[State("x", "1")], parameters=list(parameters), derivative=slope)


@pytest.mark.parametrize("b", [5e-5, 1e-4, 1.6e-4, 3e-4, 2e-3])
def test_a_rest_point_is_the_stable_one_of_the_formula(b):
    values = infection(b=b)
    reproduction = b * 20.0 * 10.0 / (0.02 * 0.5 * 3.0)
    point = rest_point(INFECTION, values, INFLOW, np.zeros(3), np.ones(3, bool))
    expected = endemic(*values) if reproduction > 1 else [500.0, 0.0, 0.0]
    assert point.missing == ""
    assert_allclose(point.states, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("start", [[500.0, 1e-2, 1e-2], [499.0, 1e-3, 1e-3], [450.0, 0.1, 1.0]])
def test_beside_a_point_that_a_disturbance_leaves_the_model_itself_is_followed(start):
    values = infection()  # one infected cell makes 1.33 others: without virus the model is at rest, but not stably
    point = rest_point(INFECTION, values, INFLOW, np.array(start), np.ones(3, bool))
    assert point.missing == ""
    assert_allclose(point.states, endemic(*values), rtol=1e-12)


def test_begun_on_a_point_that_a_disturbance_leaves_none_is_found():
    start = np.array([500.0, 1e-12, 1e-12])
    assert rest_point(INFECTION, infection(), INFLOW, start, np.ones(3, bool)).missing == UNSTABLE


def test_states_that_are_held_are_neither_moved_nor_asked_whether_they_would_stay():
    values = infection()
    held = np.array([0.0, 0.0, 0.0])  # no virus: the targets alone are stable, although virus would grow
    point = rest_point(INFECTION, values, INFLOW, held, np.array([True, False, False]))
    assert point.states.tolist() == [500.0, 0.0, 0.0]
    infected = rest_point(INFECTION, values, INFLOW, np.array([0.0, 0.0, 50.0]), np.array([True, False, False]))
    assert_allclose(infected.states, [10.0 / (0.02 + 2e-4 * 50.0), 0.0, 50.0], rtol=1e-14)


def test_an_inflow_is_cleared_where_the_model_rests():
    saturable = one_state(
        lambda t, x, p: {"x": -p.Vmax * x.x / (p.Km + x.x)},
        Parameter("Vmax", 30.0, "1/day"),
        Parameter("Km", 20.0, "1"),
    )
    values, every = np.array([30.0, 20.0]), np.ones(1, bool)
    point = rest_point(saturable, values, np.array([15.0]), np.zeros(1), every)
    assert point.states[0] == pytest.approx(15 * 20 / (30 - 15), rel=1e-14)
    assert rest_point(saturable, values, np.array([31.0]), np.zeros(1), every).missing == NONE_FOUND


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_point_that_is_not_stable_is_never_the_answer(scale):
    growing = Model(
        name="growing",
        states=[State("x", "1", scale=scale)],
        parameters=[Parameter("k", 0.1, "1/day")],
        derivative=lambda t, x, p: {"x": p.k * (x.x - 1)},
    )
    assert rest_point(growing, np.array([0.1]), np.zeros(1), np.zeros(1), np.ones(1, bool)).missing == UNSTABLE


def test_of_two_points_the_stable_one_is_found_from_below_the_other():
    # at rest at 1 (a disturbance grows) and at 4
    switch = one_state(lambda t, x, p: {"x": p.k * (x.x - 1) * (4 - x.x)}, Parameter("k", 0.1, "1/day"))
    point = rest_point(switch, np.array([0.1]), np.zeros(1), np.array([1.3]), np.ones(1, bool))
    assert point.states[0] == pytest.approx(4.0, rel=1e-12)


def test_a_start_is_left_as_it_was():
    start = np.array([0.0, 0.0, 50.0])
    rest_point(INFECTION, infection(), INFLOW, start, np.array([True, True, False]))
    assert start.tolist() == [0.0, 0.0, 50.0]


def test_nothing_is_compiled_for_a_patient(monkeypatch):
    compiled, lambdify = [], sympy.lambdify

    def counted(*arguments, **options):
        compiled.append(arguments)
        return lambdify(*arguments, **options)

    rest_point(INFECTION, infection(), INFLOW, np.zeros(3), np.ones(3, bool))
    monkeypatch.setattr(sympy, "lambdify", counted)
    for b in np.linspace(1e-4, 1e-3, 20):
        rest_point(INFECTION, infection(b=b), INFLOW, np.zeros(3), np.ones(3, bool))
    assert compiled == []


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("lost", [0.0, 1e-9, 1e-3])
def test_a_loss_that_begins_slowly_is_found_in_any_amount(lost, size):
    """From an empty state the slopes, as straight lines, lead a million times too far."""
    steep = Model(
        name="steep",
        states=[State("x", "mol")],
        parameters=[
            Parameter("made", 5.0 * size, "mol/day"), Parameter("Vmax", 12.0 * size, "mol/day"),
            Parameter("K", 2.0 * size, "mol"), Parameter("lost", lost, "1/day"),
        ],
        derivative=lambda t, x, p: {"x": p.made - p.Vmax * x.x**4 / (p.K**4 + x.x**4) - p.lost * x.x},
    )  # fmt: skip
    values, every = np.array(list(steep.typical.values())), np.ones(1, bool)
    point = rest_point(steep, values, np.zeros(1), np.zeros(1), every)
    assert point.missing == ""
    expected = brentq(lambda x: 5.0 - 12.0 * x**4 / (16.0 + x**4) - lost * x, 1.0, 3.0, xtol=1e-15)
    assert point.states[0] / size == pytest.approx(expected, rel=1e-12)


def test_where_more_is_made_than_can_be_lost_there_is_none_also_where_the_model_is_followed():
    model = one_state(
        lambda t, x, p: {"x": p.made - p.Vmax * x.x**4 / (p.K**4 + x.x**4)},
        Parameter("made", 13.0, "1/day"), Parameter("Vmax", 12.0, "1/day"), Parameter("K", 2.0, "1"),
    )  # fmt: skip
    values = np.array(list(model.typical.values()))
    assert rest_point(model, values, np.zeros(1), np.zeros(1), np.ones(1, bool)).missing == NONE_FOUND
