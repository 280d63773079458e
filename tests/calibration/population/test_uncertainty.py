"""Draws of what a fit of a population knows spread as its refits do."""

import numpy as np
from numpy.testing import assert_allclose

from immunode.calibration.population.intervals import refits
from immunode.calibration.population.simulated_sets import simulated_sets
from immunode.calibration.population.uncertainty import parameter_draws
from tests.calibration.summaries import REFITS, fitted


def test_a_draw_is_the_estimate_less_the_error_of_a_refit_within_its_bounds():
    """On the scale that varies: of CL its logarithm, of its SD half that of its square and its turn's."""
    near = fitted()[0].settled.near
    problem, here, one = near.anchor.problem, near.anchor, near.on_surfaces
    errors = refits(one, simulated_sets(here, 40, here.x), here.x).errors
    frame = parameter_draws(near, one.best, errors)
    x = problem.inner(np.column_stack([np.log(frame.CL), frame.omega_CL]))
    low, high = problem.bounds
    assert_allclose(x, np.clip(one.best.x[0] - errors, low, high), rtol=1e-9, atol=1e-9)
    assert_allclose(np.log(frame.CL).std(), errors[:, 0].std(ddof=1), rtol=1e-9)
    assert {*frame} == {"CL", "omega_CL"}


def test_an_error_beyond_a_bound_draws_the_bound():
    near = fitted()[0].settled.near
    best = near.best()
    frame = parameter_draws(near, best, np.array([[0.0, 0.0], [99.0, 99.0], [-99.0, -99.0]]))
    raw = near.anchor.problem.natural(best.x[0])
    assert_allclose(frame.CL, [raw[0], 20, 500], rtol=1e-9)
    assert_allclose(frame.omega_CL, [raw[1], 0.05, 3], rtol=1e-9)


def test_draws_of_a_fit_are_as_many_as_its_refits():
    fit = fitted()[0]
    assert fit.draws.shape == (REFITS, 2)
    assert {*fit.draws} == {*fit.intervals.index}
