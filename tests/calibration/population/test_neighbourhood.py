"""Around an estimate surfaces give the objective of the patients themselves."""

import numpy as np
import pytest

from immunode.calibration.population.likelihood import constant
from immunode.calibration.population.neighbourhood import neighbourhood
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.calibration.population.refits import slopes
from immunode.calibration.population.search import around, coordinates_at, drawn_from
from tests.calibration.population.studies import anchored, evidence, problem


@pytest.mark.parametrize("late", [False, True])
def test_the_deviance_on_the_surfaces_is_that_of_the_patients_within_two_standard_errors(late):
    """To a tenth of what an interval is made by, 1.96 squared: it moves an end by a twentieth of its half width."""
    one = problem(evidence(), patients=4000)
    at = coordinates_at(anchored(one), one.start)
    crowd = Crowd(one, around(one, at) if late else drawn_from(one.values(one.start)))  # those of a search
    here = anchor(one, crowd, one.start, uniforms(one))
    at = coordinates_at(here, here.x)
    near = neighbourhood(here, at)
    for v in ([0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [1.4, 1.4], [-1.4, 1.4]):
        x = at.centre + at.axes @ np.array(v, dtype=float)
        there = slopes(near.surfaces, near.seen, at.inner(x[None]), near.effects).deviance[0]
        exact = here.deviance(x) - sum(constant(one) for one in here.seen)
        start = here.deviance(here.x) - sum(constant(one) for one in here.seen)
        centre = slopes(near.surfaces, near.seen, np.zeros((1, 2)), near.effects).deviance[0]
        assert abs((there - centre) - (exact - start)) < 0.384
