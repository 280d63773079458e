"""The untreated start: solved where a model says so, the same whatever other patients there are, or refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode import models
from immunode.errors import SolveError
from immunode.model.declaration import Model, Parameter, State
from immunode.steady_state.start import initial_changes, initial_states

# production falls with the cells there are: cells^2 / K + cells = made / lost
INDIRECT = Model(
    name="indirect",
    states=[State("drug", "mg", initial="loading"), State("cells", "1", initial="steady_state", scale=100.0)],
    parameters=[
        Parameter("loading", 3.0, "mg"), Parameter("made", 50.0, "1/day"), Parameter("K", 300.0, "1"),
        Parameter("lost", 0.1, "1/day"), Parameter("slowed", 0.2, "1/mg"),
    ],
    derivative=lambda t, x, p: {
        "drug": 0,
        "cells": p.made / (1 + p.slowed * x.drug) / (1 + x.cells / p.K) - p.lost * x.cells,
    },
)  # fmt: skip


def population(n):
    rng = np.random.default_rng(1)
    typical = np.array(list(INDIRECT.typical.values()))
    return typical * np.exp(0.5 * rng.standard_normal((n, len(typical))))


def formula(parameters):
    loading, made, K, lost, slowed = parameters.T
    ratio = made / (1 + slowed * loading) / lost
    return 2 * ratio / (1 + np.sqrt(1 + 4 * ratio / K))


def test_untreated_cells_are_where_the_formula_says_with_the_drug_held_at_its_start():
    parameters = population(200)
    y0 = initial_states(INDIRECT, parameters)
    assert_array_equal(y0[:, 0], parameters[:, 0])
    assert_allclose(y0[:, 1], formula(parameters), rtol=1e-14)


def test_a_patient_starts_alone_as_among_others():
    parameters = population(50)
    together = initial_states(INDIRECT, parameters)
    assert_array_equal(initial_states(INDIRECT, parameters[17:18])[0], together[17])
    assert_array_equal(initial_states(INDIRECT, parameters[::-1]), together[::-1])


def test_an_untreated_start_changes_with_parameters_as_the_formula_does():
    parameters, names = population(5), ["loading", "made", "K", "lost", "drug"]
    scale = np.hstack([parameters[:, :4], np.ones((5, 1))])
    changes = initial_changes(INDIRECT, parameters, initial_states(INDIRECT, parameters), names, scale)
    for k in range(4):
        step = np.zeros(5)
        step[k] = 1e-6
        up, down = formula(parameters * (1 + step)), formula(parameters * (1 - step))
        assert_allclose(changes[:, k, 1], (up - down) / 2e-6, rtol=1e-7)
    assert_array_equal(changes[:, 4], np.tile([1.0, 0.0], (5, 1)))


def test_the_librarys_receptors_start_at_rest_exactly():
    receptors = models.model("il2_autoinduction")
    y0 = initial_states(receptors, np.array([list(receptors.typical.values())]))
    assert y0.tolist() == [[0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("slope", "message"),
    [
        (lambda t, x, p: {"x": p.k * (x.x - 1)}, "no stable steady state of x .*does not end.*give initial values"),
        (lambda t, x, p: {"x": p.k}, "no steady state of x .*give initial values"),
        (lambda t, x, p: {"x": -p.k * (x.x + 1)}, "no steady state of x .*give initial values"),
    ],
)
def test_a_model_without_a_stable_start_is_refused_with_the_cure(slope, message):
    refused = Model(
        name="refused",
        states=[State("x", "1", initial="steady_state")],
        parameters=[Parameter("k", 0.1, "1/day")],
        derivative=slope,
    )
    with pytest.raises(SolveError, match=message):
        im.simulate(refused, times=[0.0])
