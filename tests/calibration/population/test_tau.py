"""The posterior of tau is that of numerical integration over the parameters that are fitted, and over its prior."""

import numpy as np
import pytest
from scipy.stats import halfnorm

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.surface import Coordinates, design, surface
from immunode.calibration.population.tau import TauPosterior, tau_draws, tau_posteriors, tau_table

ERRORS = (0.1, 0.2, 0.3, 0.15)  # of what each trial prints, a mean
SCALE = 0.3
AT = Coordinates(np.zeros(1), np.eye(1) * 0.2)
APART, ALIKE = (0.5, -0.45, 0.4, -0.3), (0.01, 0.0, -0.01, 0.0)


def posterior(printed, names=("a",)):
    """Return the posterior of every tau where each trial prints a mean that is a parameter and shifts of it."""
    scales = np.full(len(names), SCALE)
    points, degree = design(1, len(names))
    mean = points[:, 0] * 0.2 + SCALE * points[:, 1:].sum(axis=1)
    surfaces = [
        surface(points, degree, [Moments(np.array([m]), np.array([[s**2]]), np.zeros(0)) for m in mean]) for s in ERRORS
    ]
    seen = [Seen(np.array([[y]]), np.zeros((1, 0)), np.zeros(0)) for y in printed]
    return tau_posteriors(surfaces, seen, AT, Effects(names, scales, scales), np.zeros((1, 1)))


def density(tau, printed, other=0.0):
    """Return the posterior's density less a constant, the parameter integrated over a flat prior on a fine grid."""
    x = np.linspace(-3, 3, 1201)[:, None]
    variance = np.array(ERRORS) ** 2 + tau**2 + other**2
    log = -0.5 * ((np.array(printed) - x) ** 2 / variance + np.log(variance)).sum(axis=1)
    return halfnorm_pdf(tau) * np.exp(log).sum()


def halfnorm_pdf(tau):
    return np.exp(-0.5 * (tau / SCALE) ** 2)


TAUS = (np.arange(400) + 0.5) * 1.6 / 400


@pytest.mark.parametrize("printed", [APART, ALIKE])
def test_tau_has_the_posterior_in_which_what_is_fitted_is_integrated(printed):
    """Quantiles are of 60 values of equal probability before the data: within one of them."""
    one = posterior(printed)[0]
    up_to = np.cumsum([density(tau, printed) for tau in TAUS])
    for share in (0.025, 0.25, 0.5, 0.75, 0.975):
        at = halfnorm(scale=SCALE).cdf(float(one.quantiles([share])[0]))
        ends = halfnorm(scale=SCALE).ppf(np.clip([at - 1 / 60, at + 1 / 60], 0, 1 - 1e-9))
        before, after = np.interp(ends, TAUS, up_to / up_to[-1], left=0.0)
        assert before <= share <= after


def test_other_taus_are_integrated_over_their_priors():
    """Two effects that only their sum tells of: each has the posterior in which the other is integrated, by six nodes:
    within 4 points."""
    one = posterior(APART, ("a", "b"))[1]
    tau = TAUS[::4]
    each = [sum(density(here, APART, other) * halfnorm_pdf(other) for other in tau) for here in tau]
    up_to = np.cumsum(each) - 0.5 * np.array(each)
    assert np.interp(one.quantiles([0.5]), tau, up_to / sum(each)) == pytest.approx(0.5, abs=0.04)


def test_tau_is_larger_after_trials_that_disagree():
    effects = Effects(("a",), np.array([SCALE]), np.array([SCALE]))
    alike, apart = (tau_table(effects, posterior(printed)).loc["a"] for printed in (ALIKE, APART))
    assert alike["median"] < SCALE * halfnorm.median() < apart["median"]
    for one in (alike, apart):
        assert one["low"] < one["median"] < one["high"]


def test_taus_are_spread_over_their_posterior():
    taus = np.linspace(0.01, 1, 100)
    of = TauPosterior(taus, np.linspace(0.01, 1, 100))
    effects = Effects(("CL",), np.array([SCALE]), np.array([SCALE]))
    frame = tau_draws([of], effects, 1, 50)
    np.testing.assert_allclose(np.sort(frame.CL), taus[::2], atol=0.0101)  # the next one, where a share is rounded up
    assert tau_draws([], Effects(), 1, 50).shape == (50, 0)
