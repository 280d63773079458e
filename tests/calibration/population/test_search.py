"""The search settles where the closed form has its maximum, and draws patients anew where too few weigh something."""

import numpy as np
import pytest

from immunode.calibration.population.search import EACH, LEAST_EFFECTIVE, SIGMAS, around, drawn_from, search
from tests.calibration.population.studies import AREA, evidence, problem

SPREAD = [{**AREA, "statistic": "geometric mean (cv%)", "value": "125 (50)"}]


def silent(stage, objective):
    pass


@pytest.fixture(scope="module")
def settled():
    return search(problem(evidence(SPREAD, n=33)), silent)


def test_a_log_normal_population_is_that_of_the_geometric_mean_and_its_cv(settled):
    """CL = 1000 / geometric mean; omega from the CV, n - 1 in place of the likelihood's n: half a percent of it.

    To a fifth of a standard error, that of 4 000 virtual patients.
    """
    values = {name: p.value for name, p in settled.result.params.items()}
    omega = np.sqrt(np.log1p(0.25))
    assert np.log(values["CL"] / 8) == pytest.approx(0, abs=0.2 * omega / np.sqrt(33))
    assert np.log(values["omega_CL"] / omega) == pytest.approx(0, abs=0.2 / np.sqrt(64) + 1 / 66)


def test_the_axes_of_its_neighbourhood_are_standard_errors(settled):
    """Those of a mean, omega / root n, and of half the logarithm of the square of an SD, 1 / root 2 (n - 1), and that
    of its turn, a fifth of the 0.4 that it starts at."""
    omega = np.sqrt(np.log1p(0.25))
    share = omega**2 / (omega**2 + 0.08**2)
    np.testing.assert_allclose(settled.near.at.sizes, [omega / np.sqrt(33), share / np.sqrt(64)], rtol=0.1)


def test_enough_patients_weigh_something_at_the_estimate(settled):
    x = settled.near.at.centre
    assert settled.anchor.effective(x).min() >= max(LEAST_EFFECTIVE, EACH * 33)


def test_a_start_far_off_ends_at_the_same_place(settled):
    far = problem(evidence(SPREAD, n=33), {"CL": {"value": 30.0}, "omega_CL": {"value": 1.0}})
    moved = search(far, silent).near.at.centre - settled.near.at.centre
    assert np.abs(moved / settled.near.at.sizes).max() < 0.3


def test_patients_are_drawn_from_the_start_and_wider_and_narrower_ones():
    one = problem(evidence(SPREAD))
    spreads = [values.omega["CL"] for values in drawn_from(one.values(one.start))]
    assert min(spreads) < 0.4 < max(spreads)
    assert 0.4 in spreads


def test_patients_are_drawn_at_an_estimate_and_on_every_axis_around_it_from_wider_populations(settled):
    """Those after the first once more at the estimate and at both ends of each axis, their SD wider by the error of
    the typical value, so that it moves also where patients are nearly alike."""
    one, at = settled.anchor.problem, settled.near.at
    estimate, *wider = around(one, at)
    assert len(wider) == 1 + 2 * len(at.centre)
    exact = one.values(at.centre)
    assert estimate.typical["CL"] == wider[0].typical["CL"] == pytest.approx(exact.typical["CL"])
    assert estimate.omega["CL"] == pytest.approx(exact.omega["CL"])
    ends = [at.centre + side * SIGMAS * axis for axis in at.axes.T for side in (1, -1)]
    for drawn, x in zip(wider, [at.centre, *ends], strict=True):
        there = one.values(x)
        assert drawn.typical["CL"] == pytest.approx(there.typical["CL"])
        assert drawn.omega["CL"] == pytest.approx(np.hypot(there.omega["CL"], at.sizes[0]))
        assert drawn.omega["V"] == there.omega["V"]  # which does not move


@pytest.fixture(scope="module")
def differing():
    """Three trials that differ, each with a shift of its own."""
    values = ("100 (50)", "125 (50)", "160 (50)")
    rows = [[{**AREA, "statistic": "geometric mean (cv%)", "value": value}] for value in values]
    sources = [evidence(one, n=33, name=f"t{i}") for i, one in enumerate(rows)]
    return search(problem(sources, trial_effects={"CL": 0.3}), silent)


def test_slopes_where_effects_are_integrated_are_those_of_differences(differing):
    """To a ten-thousandth: central differences of a smooth function."""
    objective, params = differing.minimiser.userfcn, differing.result.params.copy()
    params["log_CL"].value += 0.05
    params["omega_CL"].value *= 1.1
    slopes = objective.slopes(params)[0]
    for name, slope in zip(("log_CL", "omega_CL"), slopes, strict=True):
        sides = []
        for step in (-1e-4, 1e-4):
            moved = params.copy()
            moved[name].value += step
            sides.append(float(objective(moved)[0]))
        assert slope == pytest.approx((sides[1] - sides[0]) / 2e-4, rel=1e-4)


def test_beyond_the_surfaces_nothing_is_lower(differing):
    """There polynomials say nothing, and may fall without end."""
    objective, params = differing.minimiser.userfcn, differing.result.params.copy()
    lowest = float(objective(params)[0])
    edge = differing.near.at.sizes[0]
    for errors in (-40, -15, 15, 40):
        moved = params.copy()
        moved["log_CL"].value += errors * edge
        assert float(objective(moved)[0]) > lowest + 1
        assert objective.slopes(moved)[0] == pytest.approx(0)


def test_where_trials_differ_the_estimate_is_the_middle_of_them(differing):
    """The geometric mean of three alike, CL = 1000 / 126; to a quarter of its error, omega and tau over root 3."""
    middle = np.log(1000 / (100 * 125 * 160) ** (1 / 3))
    assert np.log(differing.result.params["CL"].value) == pytest.approx(middle, abs=0.25 * differing.near.at.sizes[0])
