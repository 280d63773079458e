"""Refits of many data sets at once are the minima that scipy finds of each alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.refits import refit, slopes
from immunode.calibration.population.surface import REACH, Coordinates
from tests.calibration.population.surfaces import made_seen, made_surface

AT = Coordinates(np.array([1.0, -2.0]), np.array([[0.2, 0.05], [-0.1, 0.3]]))
COUNT = 6


def problem(effects, counts):
    scales = np.full(effects, 0.3)
    surfaces = [made_surface(2, effects, e=counts)] * 2
    seen = [made_seen(COUNT, seed, e=counts, away=0.15) for seed in (1, 2)]
    return surfaces, seen, Effects(tuple("ab"[:effects]), scales, scales)


def one_of(seen, r):
    return [Seen(s.statistics[r : r + 1], s.counts[r : r + 1], s.size) for s in seen]


def alone(surfaces, seen, effects, held=None, value=0.0):
    """Return scipy's minimum of one data set, by its own differences."""
    free = [k for k in range(2) if k != held]

    def deviance(some):
        x = AT.centre.copy()
        x[free] = some
        if held is not None:
            x[held] = value
        return float(slopes(surfaces, seen, AT.inner(x[None]), effects).deviance[0])

    found_at = minimize(deviance, AT.centre[free], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    return found_at.x, found_at.fun


@pytest.mark.parametrize("counts", [0, 2])
@pytest.mark.parametrize("effects", [0, 1])
def test_a_refit_is_the_minimum_that_scipy_finds(effects, counts):
    """To 1e-3 in the deviance, a hundredth of what moves an interval: a refit ends at steps that gain 1e-5."""
    surfaces, seen, said = problem(effects, counts)
    every = refit(surfaces, seen, AT, said)
    assert not every.edge.any()
    for r in range(3):
        x, deviance = alone(surfaces, one_of(seen, r), said)
        assert every.deviance[r] == pytest.approx(deviance, abs=1e-3)
        np.testing.assert_allclose(AT.inner(every.x[r]), AT.inner(x), atol=0.02)


def test_with_a_parameter_held_the_others_are_at_their_minimum():
    surfaces, seen, said = problem(0, 2)
    every = refit(surfaces, seen, AT, said, held=0, value=np.full(COUNT, 1.1))
    np.testing.assert_allclose(every.x[:, 0], 1.1)
    for r in range(3):
        x, deviance = alone(surfaces, one_of(seen, r), said, held=0, value=1.1)
        assert every.deviance[r] == pytest.approx(deviance, abs=1e-3)
        assert every.x[r, 1] == pytest.approx(x[0], abs=0.01)


def test_a_data_set_is_refitted_alike_alone_and_among_others():
    surfaces, seen, said = problem(1, 2)
    every = refit(surfaces, seen, AT, said)
    one = refit(surfaces, one_of(seen, 3), AT, said)
    np.testing.assert_allclose(one.x[0], every.x[3], rtol=1e-9)


def test_a_refit_begins_where_it_is_told_and_does_not_rise():
    surfaces, seen, said = problem(0, 0)
    best = refit(surfaces, seen, AT, said)
    again = refit(surfaces, seen, AT, said, start=best.x)
    assert (again.deviance <= best.deviance + 1e-12).all()
    np.testing.assert_allclose(AT.inner(again.x), AT.inner(best.x), atol=0.02)


@pytest.mark.parametrize("reach", [REACH, 4.0])
def test_data_far_off_end_at_the_edge_of_the_surface_and_are_said_to(reach):
    surfaces, seen, said = problem(0, 0)
    far, at = [Seen(s.statistics + 50, s.counts, s.size) for s in seen], replace(AT, reach=reach)
    every = refit(surfaces, far, at, said)
    assert every.edge.all()
    np.testing.assert_allclose(np.linalg.norm(AT.inner(every.x), axis=1), reach, rtol=1e-3)


def test_nothing_that_a_refit_is_given_is_written_into():
    surfaces, seen, said = problem(0, 2)
    start = np.tile(AT.centre, (COUNT, 1))
    kept = start.copy(), seen[0].statistics.copy()
    refit(surfaces, seen, AT, said, start=start, held=1, value=-1.9)
    assert (start == kept[0]).all()
    assert (seen[0].statistics == kept[1]).all()


def test_refits_stay_in_the_bounds_of_the_coordinates_and_are_at_the_minimum_there():
    """As scipy's bounded minimum, of data whose free minimum lies beyond."""
    surfaces, seen, said = problem(0, 2)
    free = refit(surfaces, seen, AT, said)
    high = np.array([np.inf, np.median(free.x[:, 1])])
    at = Coordinates(AT.centre, AT.axes, np.full(2, -np.inf), high)
    every = refit(surfaces, seen, at, said)
    beyond = free.x[:, 1] > high[1]
    assert 0 < beyond.sum() < COUNT
    np.testing.assert_allclose(every.x[beyond, 1], high[1])
    assert every.edge[beyond].all()
    np.testing.assert_allclose(every.x[~beyond], free.x[~beyond], atol=0.01)
    for r in np.flatnonzero(beyond)[:2]:
        x, deviance = alone(surfaces, one_of(seen, r), said, held=1, value=high[1])
        assert every.deviance[r] == pytest.approx(deviance, abs=1e-3)
        assert every.x[r, 0] == pytest.approx(x[0], abs=0.01)


def test_with_its_only_parameter_held_there_is_nothing_to_minimise():
    at = Coordinates(np.array([1.0]), np.array([[0.2]]), np.array([0.0]), np.array([2.0]))
    surfaces, seen = [made_surface(1)], [made_seen(COUNT, away=0.15)]
    every = refit(surfaces, seen, at, Effects(), held=0, value=np.full(COUNT, 1.1))
    np.testing.assert_allclose(every.x, 1.1)
    np.testing.assert_allclose(every.deviance, slopes(surfaces, seen, at.inner(every.x), Effects()).deviance)
