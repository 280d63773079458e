"""A prior counts as one datum more: it draws an estimate as far as its precision says, and shortens its error."""

import numpy as np
import pytest

from immunode.calibration.population.priors import Priors, priors_of, without_priors
from immunode.calibration.population.search import search
from immunode.calibration.population.surface import Coordinates
from immunode.errors import BadValue, UnknownName
from tests.calibration.population.studies import AREA, evidence, problem

SPREAD = [{**AREA, "statistic": "geometric mean (cv%)", "value": "125 (50)"}]
OMEGA = np.sqrt(np.log1p(0.25))
ERROR = OMEGA / np.sqrt(33)  # of the logarithm of CL, by the trial alone
PRIOR = {"median": float(8 * np.exp(-ERROR)), "log_sd": float(ERROR)}
TWO = Priors(np.array([0, 2]), np.array([0.5, -1.0]), np.array([0.1, 0.2]))


def test_a_prior_as_sharp_as_the_trial_draws_the_estimate_half_way():
    """log CL = (log 8 + log median) / 2, its error less by a root of 2; to a fifth of an error, as without a prior."""
    settled = search(problem(evidence(SPREAD, n=33), {"CL": {"prior": PRIOR}, "omega_CL": {}}), lambda *told: None)
    at = settled.near.at
    assert np.log(settled.result.params["CL"].value / 8) == pytest.approx(-0.5 * ERROR, abs=0.2 * ERROR)
    assert at.sizes[0] == pytest.approx(ERROR / np.sqrt(2), rel=0.1)
    best = settled.near.best().x[0]
    assert best[0] == pytest.approx(at.centre[0], abs=0.1 * at.sizes[0])  # on the surfaces too


def test_a_prior_alone_fixes_what_no_number_tells_of():
    """An area says nothing of V: its estimate is the median of its prior; without one there is a number too few."""
    one, known = evidence([{**AREA, "statistic": "mean", "value": 125}]), {"median": 4, "log_sd": 0.2}
    settled = search(problem(one, {"CL": {}, "V": {"prior": known}}), lambda *told: None)
    assert settled.result.params["V"].value == pytest.approx(4, rel=1e-3)
    with pytest.raises(BadValue, match="1 printed numbers cannot fix 2 parameters"):
        problem(one, {"CL": {}, "V": {}})


def test_what_it_adds_is_minus_twice_the_log_of_its_density():
    x = np.array([0.6, 9.0, -0.6])
    assert TWO.residuals(x) == pytest.approx([1.0, 2.0])
    exact = 5.0 + 2 * np.log(2 * np.pi) + 2 * np.log(0.1 * 0.2)
    assert TWO.deviance(x) == pytest.approx(exact)
    assert np.diag(TWO.information(3)) == pytest.approx([100, 0, 25])


def test_its_surface_is_the_parameter_itself_and_knows_no_effects_of_trials():
    generator = np.random.default_rng(0)
    at = Coordinates(np.array([0.2, 1.0, -0.8]), generator.standard_normal((3, 3)))
    surface, v = TWO.surface(at, 2), generator.standard_normal((4, 5))
    terms, _ = surface.features(v)
    x = at.centre + v[:, :3] @ at.axes.T
    assert terms @ surface.mean == pytest.approx(x[:, [0, 2]])
    assert np.exp((terms @ surface.whitening)[:, [0, 2]]) == pytest.approx(np.tile([10, 5], (4, 1)))


def test_simulated_trials_come_with_a_prior_that_scatters_as_it_says():
    """To four standard errors of 20 000 draws."""
    drawn = TWO.drawn(np.array([1.0, 0.0, 2.0]), 20_000, 1).statistics
    assert drawn.mean(axis=0) == pytest.approx([1.0, 2.0], abs=4 * 0.2 / np.sqrt(20_000))
    assert drawn.std(axis=0) == pytest.approx([0.1, 0.2], rel=4 / np.sqrt(40_000))


def test_its_option_is_read_apart_from_the_others():
    vary = {"CL": {"min": 1, "prior": PRIOR}, "V": {}}
    assert without_priors(vary) == {"CL": {"min": 1}, "V": {}}
    assert priors_of(vary, ["log_V", "log_CL"]).places.tolist() == [1]


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ({"median": 0, "log_sd": 0.3}, "a median above 0"),
        ({"median": 3}, "a log_sd above 0"),
        ({"median": 3, "log_sd": -1}, "a log_sd above 0"),
        ({"median": 3, "log_sd": 1e300}, "log_sd = 1e[+]300, .* at most 10"),
        (3, "prior"),
    ],
)
def test_a_prior_that_is_none_is_refused_by_name(prior, words):
    with pytest.raises(BadValue, match=words):
        priors_of({"CL": {"prior": prior}}, ["log_CL"])


def test_a_prior_is_of_a_parameter_on_the_log_scale_and_has_no_other_parts():
    with pytest.raises(BadValue, match="log scale"):
        priors_of({"omega_CL": {"prior": PRIOR}}, ["omega_CL"])
    with pytest.raises(UnknownName, match="sd"):
        priors_of({"CL": {"prior": {"median": 1, "sd": 1}}}, ["log_CL"])


def test_the_median_of_a_prior_lies_within_the_bounds_of_its_parameter():
    with pytest.raises(BadValue, match="'CL': the median of its prior, 30, is outside its bounds, 2 to 20"):
        problem(evidence(SPREAD), {"CL": {"min": 2, "max": 20, "prior": {"median": 30, "log_sd": 0.5}}, "omega_CL": {}})
