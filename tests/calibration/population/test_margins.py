"""Where patients are of several kinds a statistic has a law of several modes: between them nothing is likely."""

from dataclasses import replace

import numpy as np
import pytest

import immunode as im
from immunode.calibration.population.effects import Effects
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.likelihood import Seen, deviance
from immunode.calibration.population.margins import GRID, beyond_normal, looked_up, tabulated
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.refits import slopes
from immunode.calibration.population.search import search
from immunode.calibration.population.surface import design, surface

RANDOM = np.random.default_rng(4)
NORMAL = RANDOM.normal(3.0, 2.0, 20_000)
MODES = np.where(RANDOM.random(20_000) < 0.3, 1.1, 0.0) + RANDOM.normal(0, 0.05, 20_000)


def test_of_normal_replicates_nothing_is_added():
    """Kernels of a seventh of an SD widen a normal law by a hundredth."""
    np.testing.assert_allclose(beyond_normal(NORMAL, 3 + 2 * np.linspace(-2, 2, 9)), 0, atol=0.15)


def test_between_modes_nothing_is_likely_and_at_them_more_than_by_a_normal_law():
    between, *at = beyond_normal(MODES, np.array([0.55, 0.0, 1.1]))
    assert between > 8
    assert max(at) < -0.5


@pytest.mark.parametrize("replicates", [NORMAL, MODES, np.full(50, 2.0)])
def test_far_out_and_of_replicates_that_are_alike_it_is_a_number(replicates):
    assert np.isfinite(beyond_normal(replicates, np.array([-1e6, 0.0, 2.0, 2.0 + 1e-9, 1e6]))).all()


def test_a_density_adds_to_one():
    z = np.linspace(-12, 12, 4801)
    law = np.exp(-0.5 * (beyond_normal(MODES, MODES.mean() + MODES.std() * z) + z**2)) / np.sqrt(2 * np.pi)
    assert np.trapezoid(law, z) == pytest.approx(1, abs=1e-6)


def test_tables_hold_the_law_and_their_slopes_are_those_of_their_values():
    table = tabulated(np.stack([MODES, NORMAL[::-1]], axis=1))[..., None]  # of one term, 1
    z = np.array([[0.33, -1.72]])
    one, slope = np.ones((1, 1)), np.zeros((1, 1, 1))
    value, _, over_z = looked_up(table, one, slope, z)
    mean, sd = MODES.mean(), MODES.std()
    assert value[0, 0] == pytest.approx(float(beyond_normal(MODES, mean + sd * 0.33)), abs=0.05)
    up, down = (looked_up(table, one, slope, z + side * 1e-6)[0] for side in (1, -1))
    np.testing.assert_allclose(over_z, (up - down) / 2e-6, rtol=1e-5)
    assert (looked_up(table, one, slope, np.array([[99.0, -99.0]]))[2] == 0).all()
    assert len(GRID) == table.shape[1]


def made(points):
    """Return moments whose second statistic has two modes, further apart the larger the first parameter is."""
    random = np.random.default_rng(1)
    z, high = random.normal(size=(3000, 2)), random.random(3000) < 0.3
    out = []
    for v in points:
        each = np.stack([v[0] + 0.2 * z[:, 0], 0.1 * v[1] + (1 + 0.05 * v[0]) * high + 0.1 * z[:, 1]], axis=1)
        out.append(Moments(each.mean(axis=0), np.cov(each, rowvar=False), np.zeros(0), each))
    return out


def test_on_a_surface_gradients_are_those_of_the_deviance_and_it_is_near_the_one_of_the_moments():
    points, degree = design(2)
    one = surface(points, degree, made(points))
    seen = Seen(np.array([[0.1, 0.1], [0.2, 0.5], [-0.1, 1.0]]), np.zeros((3, 0)), np.zeros(0))
    v = np.array([[0.2, 0.1], [-0.3, 0.4], [0.1, -0.2]])
    there = slopes([one], [seen], v, Effects())
    for k in range(2):
        up, down = (slopes([one], [seen], v + side * 1e-6 * np.eye(2)[k], Effects()).deviance for side in (1, -1))
        np.testing.assert_allclose(there.gradient[:, k], (up - down) / 4e-6, rtol=1e-4, atol=1e-4)
    exact = [
        deviance(Seen(s, np.zeros(0), np.zeros(0)), m) - 2 * np.log(2 * np.pi)
        for s, m in zip(seen.statistics, made(v), strict=True)
    ]
    np.testing.assert_allclose(there.deviance, exact, atol=1.5)
    assert there.deviance[1] > there.deviance[[0, 2]].max() + 5  # it lies between the modes


def test_patients_of_two_kinds_are_not_taken_for_alike():
    """Of 12 of whom some have three times as much: with SDs of 0.05 their quartiles are 100 or 300, never 133."""
    model = im.Model(
        "kinds", [im.State("s", "1")], lambda t, x, p: {"s": -p.k * x.s},
        [im.Parameter("y", 100.0, "mg", low=1, high=1e5), im.Parameter("k", 1.0, "1/day")],
        outputs=[im.Output("v", "mg", lambda t, x, p: p.y)],
    )  # fmt: skip
    high = im.Subgroup(name="high", share=0.3, scale={"y": 3.0}, source="assumed")
    population = im.Population(model, omega={"y": 0.4}, subgroups=[high])
    printed = {"arm": "a", "observable": "v", "day": 1, "statistic": "median (q1-q3)", "value": "134 (93-182)"}
    evidence = im.Evidence(name="e", arms=[{"name": "a", "n": 12}], rows=[printed])
    problem = population_problem(evidence, population, {"y": {}, "omega_y": {}}, seed=1)
    for start in (0.1, 0.8):
        params = problem.params.copy()
        params["omega_y"].value = start
        settled = search(replace(problem, params=params), lambda stage, value: None)
        assert 0.15 < settled.result.params["omega_y"].value < 0.8
