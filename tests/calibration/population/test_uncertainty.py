"""Draws of what a fit of a population knows spread as its refits do, and taus as their posterior."""

import numpy as np
from numpy.testing import assert_allclose

from immunode.calibration.population.effects import Effects, TauPosterior
from immunode.calibration.population.uncertainty import tau_draws
from tests.calibration.summaries import fitted


def test_draws_spread_as_the_refits():
    fit = fitted()[0]
    for name in fit.intervals.index:
        assert_allclose(np.log(fit.draws[name]).std(), fit.intervals.stderr[name], rtol=1e-9)


def test_taus_are_spread_over_their_posterior():
    taus = np.linspace(0.01, 1, 100)
    posterior = TauPosterior(taus, np.linspace(0.01, 1, 100))
    effects = Effects(("CL",), np.array([0.3]), np.array([0.3]))
    frame = tau_draws([posterior], effects, 1, 50)
    assert_allclose(np.sort(frame.CL), taus[::2], atol=0.0101)  # the next one, where a share is rounded up
    assert tau_draws([], Effects(), 1, 50).shape == (50, 0)
