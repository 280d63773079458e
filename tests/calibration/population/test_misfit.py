"""The chi-square of what is printed counts the shifts of trials as scatter, as closed forms have it."""

import numpy as np
import pytest

from immunode.calibration.population.likelihood import fit_of
from immunode.calibration.population.misfit import misfit
from tests.calibration.population.studies import AREA, anchored, evidence, problem

SPREAD = [{**AREA, "statistic": "geometric mean (cv%)", "value": "125 (50)"}]


def test_without_effects_it_is_that_of_sampling():
    here = anchored(problem(evidence()))
    assert misfit(here, here.x, np.zeros(0)) == fit_of(here.seen, here.moments(here.x))


def test_a_shift_of_the_clearance_adds_its_variance_to_that_of_the_logarithm_of_an_area():
    """Areas are dose / CL, their geometric mean moves by -1 with the shift and their CV not at all."""
    here = anchored(problem(evidence(SPREAD), trial_effects=["CL"], patients=40_000))
    (moments,) = here.moments(here.x)
    away = here.seen[0].statistics - moments.mean
    for tau in (0.0, 0.3, 1.0):
        scatter = moments.covariance + np.diag([tau**2, 0.0])
        expected = away @ np.linalg.solve(scatter, away)
        assert misfit(here, here.x, np.array([tau]))[0] == pytest.approx(expected, rel=0.02)  # 4 / root 40 000


def test_a_count_scatters_by_sampling_and_by_the_shift():
    """At no tau it is Pearson's chi-square, which falls where trials differ."""
    here = anchored(problem(evidence([{**AREA, "statistic": "count_above", "limit": 120, "value": 20}]), vary=["CL"]))
    (share,) = here.moments(here.x)[0].share
    shifted = anchored(problem(evidence([{**AREA, "statistic": "count_above", "limit": 120, "value": 20}]), vary=["CL"],
                               trial_effects=["CL"]))  # fmt: skip
    pearson = (20 - 33 * share) ** 2 / (33 * share * (1 - share))
    assert misfit(shifted, shifted.x, np.array([0.0])) == (pytest.approx(pearson), 1)
    assert misfit(shifted, shifted.x, np.array([0.5]))[0] < pearson / 2
