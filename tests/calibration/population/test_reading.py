"""Another reading near a fit: what changes nothing moves nothing, and what is left out is not seen."""

import numpy as np
import pytest

from immunode.calibration.population.neighbourhood import neighbourhood_of
from immunode.calibration.population.reading import read_again
from immunode.calibration.population.search import integrated_deviance
from tests.calibration.population.studies import AREA, anchored, evidence, problem


@pytest.fixture(scope="module")
def near():
    here = anchored(problem(evidence(), patients=3000))
    return neighbourhood_of(here, here.x)


def test_trials_that_are_read_as_before_keep_their_surfaces(near):
    told = read_again(near, near.anchor.problem, ())
    best = near.best()
    assert told.x == pytest.approx(best.x[0], abs=0.01 * near.at.sizes.min())
    assert told.deviance == pytest.approx(integrated_deviance(near), abs=1e-3)


def test_a_trial_that_is_simulated_again_from_the_same_numbers_moves_nothing(near):
    """Its patients are the same draws: to a tenth of a standard error, by which other picks may move an estimate."""
    names = {one.trial.name for one in near.anchor.problem.trials}
    told = read_again(near, near.anchor.problem, names)
    assert (np.abs(told.x - near.best().x[0]) < 0.1 * near.at.sizes).all()


def test_what_a_reading_moves_is_compared_by_the_same_patients():
    """The surfaces of a fit with effects of trials are of three crowds; of a reading that changes
    nothing chance cancels, to a hundredth of a standard error, at which a minimiser stops."""
    sources = [evidence([{**AREA, "statistic": "geometric mean (cv%)", "value": value}], name=name, n=12)
               for name, value in (("one", "125 (50)"), ("two", "80 (40)"), ("three", "150 (60)"))]  # fmt: skip
    here = anchored(problem(sources, trial_effects={"CL": 0.3}, patients=300))
    there = neighbourhood_of(here, here.x)
    assert len(there.beside) == 2
    told = read_again(there, here.problem, ("one", "two", "three"))
    assert (np.abs(told.x - there.best().x[0]) < 0.01 * there.at.sizes).all()


def test_a_prior_is_counted_once_whatever_is_simulated_again():
    """To half a unit of -2 log L, by which other picks may move it; a prior adds more."""
    prior = {"median": 6.0, "log_sd": 0.1}
    here = anchored(problem(evidence(), {"CL": {"prior": prior}, "omega_CL": {}}, patients=3000))
    there = neighbourhood_of(here, here.x)
    told = [read_again(there, here.problem, changed) for changed in ((), ("t",))]
    assert told[1].deviance == pytest.approx(told[0].deviance, abs=0.5)
    assert told[1].x == pytest.approx(told[0].x, abs=0.1 * there.at.sizes.min())
