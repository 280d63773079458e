"""Intervals by calibrated signed roots: where everything is normal and linear they are Student's textbook ones."""

import numpy as np
import pytest
from scipy.stats import norm

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.intervals import (
    INSIDE,
    LEAST,
    NEAR,
    PLACES,
    OnSurfaces,
    Profile,
    Refits,
    by_profiles,
    interval,
    lower_end,
    off_bounds,
    profile,
    refits,
    roots_at,
    upper_end,
)
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.refits import refit
from immunode.calibration.population.surface import Coordinates, design, surface

NONE, EMPTY = Effects(), np.zeros(0)
J = np.array([[1.0, 0.0], [0.5, 1.0], [0.2, -0.4]])
COVARIANCE = np.diag([1.0, 0.5, 2.0])
COUNT = 4000
TAIL = norm.ppf(0.975)


def linear(seed=2, low=-np.inf, high=np.inf):
    """Return surfaces of means J x, coordinates in which its information is the unit matrix, and one data set."""
    at = Coordinates(np.zeros(2), np.linalg.cholesky(np.linalg.inv(J.T @ np.linalg.inv(COVARIANCE) @ J)), low, high)
    points, degree = design(2)
    surfaces = [surface(points, degree, [Moments(J @ at.axes @ v, COVARIANCE, EMPTY) for v in points])]
    seen = drawn(1, seed=seed)
    bounds = (np.broadcast_to(end, 2) for end in (low, high))
    return OnSurfaces(surfaces, seen, at, NONE, refit(surfaces, seen, at, NONE), *bounds)


def drawn(count, truth=(0.0, 0.0), scale=1.0, seed=1):
    noise = np.random.default_rng(seed).standard_normal((count, 3)) * np.sqrt(np.diag(COVARIANCE))
    return [Seen(J @ np.array(truth) + scale * noise, np.zeros((count, 0)), EMPTY)]


def test_in_a_linear_normal_case_roots_are_standard_normal_and_intervals_those_of_the_standard_error():
    one = linear()
    sizes = one.at.sizes
    simulated = refits(one, drawn(COUNT), np.zeros(2))
    for k in (0, 1):
        root, inside = simulated.roots[:, k], ~simulated.free.edge & (np.abs(simulated.roots[:, k]) < 3)
        # to where a refit ends: gains of 1e-5, of which the root is 0.003, twice
        np.testing.assert_allclose(root[inside], simulated.errors[inside, k] / sizes[k], atol=0.01)
        ends = interval(one, simulated, k, 0.95, lambda x: drawn(1000, x, seed=5))
        middle, half = one.best.x[0, k], TAIL * sizes[k]
        # a profile of 61 points is linear between them; a quantile of 1000 roots has the error 0.085
        assert ends.raw_low == pytest.approx(middle - half, abs=0.01 * sizes[k])
        assert ends.raw_high == pytest.approx(middle + half, abs=0.01 * sizes[k])
        assert ends.low == pytest.approx(ends.raw_low, abs=0.26 * sizes[k])
        assert ends.high == pytest.approx(ends.raw_high, abs=0.26 * sizes[k])


def test_errors_are_counted_from_where_trials_were_simulated_which_need_not_be_the_estimate():
    one = linear()
    truth = np.array([0.2, -0.1]) * one.at.sizes
    simulated = refits(one, drawn(COUNT, truth), truth)
    np.testing.assert_allclose(simulated.errors, simulated.free.x - truth)
    np.testing.assert_allclose(simulated.errors.mean(axis=0) / one.at.sizes, 0, atol=4 / np.sqrt(COUNT))
    np.testing.assert_allclose(simulated.roots.mean(axis=0), 0, atol=4 / np.sqrt(COUNT))


def test_where_simulated_trials_scatter_more_than_the_likelihood_says_intervals_are_so_much_wider():
    one = linear()
    simulated = refits(one, drawn(COUNT, scale=1.25), np.zeros(2))
    for draw in (None, lambda x: drawn(COUNT, x, scale=1.25, seed=5)):
        ends = interval(one, simulated, 0, 0.95, draw)
        assert (ends.high - ends.low) / (ends.raw_high - ends.raw_low) == pytest.approx(1.25, rel=0.06)


def test_an_end_is_made_with_trials_that_are_simulated_there():
    """Trials that scatter 1.5 times as much at the upper end, half as much at the lower end. Where the level of roots
    is interpolated between there (u = 1.96 sizes away) and the estimate, an end is at 1.96 + (scale - 1) 1.96 e / u."""
    one = linear()
    k, sizes = 0, one.at.sizes
    simulated = refits(one, drawn(COUNT), np.zeros(2))

    def draw(x):
        return drawn(COUNT, x, scale=1.25 if x[k] > one.best.x[0, k] else 0.75, seed=5)

    ends = interval(one, simulated, k, 0.95, draw)
    best = one.best.x[0, k] / sizes[k]

    def exact(scale, side):
        """Return u, from the estimate on, where u = level of the roots: from 1.96 at 0 to 1.96 scale at the raw end."""
        raw = best + side * TAIL  # the centre of the surfaces, where the first trials are from, is 0
        u = np.linspace(0, 4, 40001)
        level = np.interp(side * (best + side * u), sorted([0.0, side * raw]), [TAIL, TAIL * scale])
        return u[np.argmax(u >= level)]

    # of quantiles of 4000 roots 4 errors of 0.042, and 1/60 of the profile
    assert (ends.high - one.best.x[0, k]) / sizes[k] == pytest.approx(exact(1.25, 1), abs=0.2)
    assert (one.best.x[0, k] - ends.low) / sizes[k] == pytest.approx(exact(0.75, -1), abs=0.2)
    assert ends.high - one.best.x[0, k] > TAIL * sizes[k] > one.best.x[0, k] - ends.low


def test_trials_are_simulated_at_both_ends_of_the_raw_interval_where_the_others_are_at_their_minimum():
    one, places = linear(), []

    def draw(x):
        places.append(x)
        return drawn(100, x)

    ends = interval(one, refits(one, drawn(100), np.zeros(2)), 0, 0.95, draw)
    course = profile(one, 0)
    grid = course.values[1] - course.values[0]
    below, above = ([x[0] for x in places if side * (x[0] - one.best.x[0, 0]) > 0] for side in (-1, 1))
    assert [below[0], above[0]] == pytest.approx([ends.raw_low, ends.raw_high], abs=0.51 * grid)
    for side, end in ((below, ends.low), (above, ends.high)):  # until one is where the last but one said, or the third
        assert len(side) == PLACES or abs(side[-1] - end) < (NEAR + 0.01) * one.at.sizes[0] + grid
    for x in places:  # least squares of the other parameter
        rest = one.seen[0].statistics[0] - J[:, 0] * x[0]
        weighed = J[:, 1] / np.diag(COVARIANCE)
        assert x[1] == pytest.approx(weighed @ rest / (weighed @ J[:, 1]), abs=0.01 * one.at.sizes[1])


def test_roots_at_a_value_are_signed_by_the_side_of_the_estimate():
    one = linear()
    sets = drawn(200)
    free = refit(one.surfaces, sets, one.at, NONE)
    value = 0.5 * one.at.sizes[1]
    root = roots_at(one, sets, free, 1, value)
    np.testing.assert_allclose(root, (free.x[:, 1] - value) / one.at.sizes[1], atol=0.01)


def bounded_from_below(past):
    """Return a case whose first parameter would be `past` errors below its bound, where it is estimated, and what it
    would be."""
    wide = linear()
    best, sizes = wide.best.x[0], wide.at.sizes
    bound = best[0] + past * sizes[0]
    at = Coordinates(np.array([bound, best[1]]), wide.at.axes, np.array([bound, -np.inf]), np.full(2, np.inf))
    points, degree = design(2)
    inside = [np.maximum(at.centre + at.axes @ v, at.low) for v in points]
    surfaces = [surface(at.inner(np.array(inside)), degree, [Moments(J @ x, COVARIANCE, EMPTY) for x in inside])]
    return OnSurfaces(surfaces, wide.seen, at, NONE, refit(surfaces, wide.seen, at, NONE), at.low, at.high), best[0]


def test_where_the_estimate_is_at_its_bound_the_interval_is_the_one_that_trials_within_give():
    """A normal mean above a bound: whatever is seen, the upper limit of a test is 1.96 errors above it."""
    one, free = bounded_from_below(0.5)
    assert one.best.x[0, 0] == one.low[0]
    truth = off_bounds(one, 0.95, np.asarray, np.asarray)
    ends = interval(one, refits(one, drawn(COUNT, truth), truth), 0, 0.95, lambda x: drawn(COUNT, x, seed=5))
    assert ends.low == ends.raw_low == one.low[0]
    # quantiles of 4000 roots, and levels that are not linear between places
    assert (ends.high - free) / one.at.sizes[0] == pytest.approx(TAIL, abs=0.15)


def test_trials_are_simulated_inside_of_bounds_that_a_raw_interval_reaches_and_else_at_the_estimate():
    one, _ = bounded_from_below(0.5)
    truth = off_bounds(one, 0.95, np.asarray, np.asarray)
    high = interval(one, refits(one, drawn(100), np.zeros(2)), 0, 0.95, None).raw_high
    assert truth[0] == pytest.approx(one.low[0] + INSIDE * (high - one.low[0]))
    assert truth[1] == one.at.centre[1]
    far, _ = bounded_from_below(-4.0)  # the bound is four errors below the estimate
    np.testing.assert_array_equal(off_bounds(far, 0.95, np.asarray, np.asarray), far.at.centre)


def test_a_profile_falls_through_zero_at_the_estimate():
    one = linear(seed=3)
    course = profile(one, 1)
    assert (np.diff(course.roots) < 0).all()
    assert np.interp(0, -course.roots, course.values) == pytest.approx(one.best.x[0, 1], abs=0.02 * one.at.sizes[1])
    np.testing.assert_allclose(course.x[:, 1], course.values, atol=1e-12)


def test_a_profile_ends_at_the_bounds_of_the_parameter_and_an_interval_too():
    """Where the interval would go beyond, the bound is its end."""
    wide = linear()
    best, sizes = wide.best.x[0], wide.at.sizes
    one = linear(low=best - np.array([1.0, 9.0]) * sizes, high=best + np.array([1.0, 9.0]) * sizes)
    course = profile(one, 0)
    np.testing.assert_allclose(course.values[[0, -1]], best[0] + np.array([-1, 1]) * sizes[0])
    ends = interval(one, refits(one, drawn(500), np.zeros(2)), 0, 0.95, None)
    np.testing.assert_allclose([ends.low, ends.raw_low], best[0] - sizes[0])
    np.testing.assert_allclose([ends.high, ends.raw_high], best[0] + sizes[0])


def made(values, roots):
    values = np.asarray(values, dtype=float)
    roots = np.asarray(roots, dtype=float)
    return Profile(values, roots, np.zeros((len(values), 1)), roots**2)


def test_an_end_beyond_the_surface_is_open_and_at_a_bound_the_bound():
    course = made(np.arange(5.0), [2.0, 1.0, 0.0, -1.0, -2.0])
    assert lower_end(course, 1.5, -np.inf) == 0.5
    assert upper_end(course, -1.5, np.inf) == 3.5
    assert lower_end(course, 3, -9.0) == -np.inf
    assert upper_end(course, -3, 9.0) == np.inf
    assert lower_end(course, 3, 0.0) == 0
    assert upper_end(course, -3, 4.0) == 4


def test_an_end_is_where_the_root_first_crosses_its_level_on_the_way_from_the_estimate():
    course = made(np.arange(7.0), [0.5, 2.5, 1.5, 1.0, -1.0, -3.0, -1.2])  # a surface that bends back
    assert lower_end(course, 2.0, -np.inf) == 1.5
    assert upper_end(course, -2.0, np.inf) == 4.5
    assert upper_end(course, 0.0, np.inf) == 3.5
    assert lower_end(course, 0.0, -np.inf) == pytest.approx(3.5)


def test_a_level_that_changes_along_the_profile_is_that_of_the_place():
    course = made(np.arange(5.0), [2.0, 1.0, 0.0, -1.0, -2.0])
    level = np.array([1.5, 1.25, 1.0, 1.0, 1.0])
    assert lower_end(course, level, -np.inf) == pytest.approx(1 - 0.25 / 0.75)


def test_where_all_simulated_trials_look_alike_an_interval_is_no_point():
    """Of none of twelve with an event every simulated trial has none, too, and all roots are 0."""
    one = linear()
    alike = Refits(one.best, np.zeros((100, 2)), np.zeros((100, 2)), np.zeros(2))
    ends = interval(one, alike, 0, 0.95, None)
    best, size = one.best.x[0, 0], one.at.sizes[0]
    # no value is held for impossible whose likelihood ratio is below 1
    assert (best - ends.low) / size == pytest.approx(LEAST, abs=0.02)
    assert (ends.high - best) / size == pytest.approx(LEAST, abs=0.02)


def test_of_many_parameters_beside_effects_of_trials_intervals_are_those_of_profiles():
    """Nine means, each its own parameter, and a shift of the first in twelve trials alike: no shift is best, so that
    the others have the errors of a mean, 1 / root 12, to what tau's nodes leave of the first."""
    p, trials, effects = 9, 12, Effects(("a",), np.array([0.01]), np.array([0.01]))
    at = Coordinates(np.zeros(p), np.eye(p) / np.sqrt(trials))
    points, degree = design(p, 1)
    first = np.eye(p)[0]
    made = surface(points, degree, [Moments(at.axes @ v[:p] + 0.01 * first * v[p], np.eye(p), EMPTY) for v in points])
    seen = [Seen(np.zeros((1, p)), np.zeros((1, 0)), EMPTY)] * trials
    bounds = np.full(p, -np.inf), np.full(p, np.inf)
    one = OnSurfaces([made] * trials, seen, at, effects, refit([made] * trials, seen, at, effects), *bounds)
    few = OnSurfaces([made] * trials, seen, at, NONE, one.best, *bounds)
    assert by_profiles(one)
    assert not by_profiles(few)
    generator = np.random.default_rng(1)
    sets = [Seen(generator.standard_normal((40, p)), np.zeros((40, 0)), EMPTY) for _ in range(trials)]
    simulated = refits(one, sets, np.zeros(p))
    assert np.isnan(simulated.roots).all()
    assert simulated.errors.std(axis=0) == pytest.approx(1 / np.sqrt(trials), rel=0.4)  # of 40 draws
    ends = interval(one, simulated, 3, 0.95, None)
    assert (ends.low, ends.high) == (ends.raw_low, ends.raw_high)
    assert ends.high == pytest.approx(TAIL / np.sqrt(trials), rel=0.02)
