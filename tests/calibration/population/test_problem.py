"""The objective of a problem: of closed forms, smooth in every parameter that varies, also through a rule."""

import numpy as np
import pytest
from scipy.stats import norm

from tests.calibration.population.studies import AREA, OMEGA, PEAK, PRINTED, anchored, by_rule, evidence, problem


def test_areas_and_peaks_are_log_normal_as_in_closed_form():
    """Within 4 Monte Carlo errors of the virtual patients."""
    means = [
        {**AREA, "statistic": "geometric_mean", "value": 100},
        {**PEAK, "statistic": "geometric_mean", "value": 200},
    ]
    rows = [*means, PRINTED[-1]]
    here = anchored(problem(evidence(rows)))
    moments = here.moments(here.x)[0]
    for value, exact, omega in zip(moments.mean, np.log([100, 200]), (0.4, 0.3), strict=True):
        assert value == pytest.approx(exact, abs=4 * omega / np.sqrt(2000))
    np.testing.assert_allclose(np.sqrt(np.diag(moments.covariance)), [0.4 / 33**0.5, 0.3 / 33**0.5], rtol=0.1)
    share = norm.sf(np.log(1.2) / 0.4)
    assert moments.share[0] == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 2000))


@pytest.mark.parametrize("vary", ["CL", "omega_CL", "V", "omega_V"])
@pytest.mark.parametrize("through_a_rule", [False, True])
def test_the_objective_is_smooth_in_steps_of_a_millionth_and_has_no_plateau(vary, through_a_rule):
    """A parameter that varies between patients: each decides as he decides, and weighs more or less.

    Where one patient of 2000 changed sides, -2 log L would jump by some 1e-2: second differences are below a
    thousandth of it. (They are not those of a parabola, 1e-10: quantiles are linear between virtual patients.)
    """
    here = anchored(problem(by_rule() if through_a_rule else evidence(), [vary]))
    for begin in (0.003, 0.05, -0.08):
        values = [here.deviance(here.x + begin + k * 1e-6) for k in range(9)]
        first, second = np.diff(values), np.diff(values, 2)
        assert (np.abs(first) > 1e-9).all()
        assert np.abs(second).max() < 1e-5


def test_the_share_of_who_is_treated_again_moves_with_each_parameter_that_varies():
    here = anchored(problem(by_rule(), ["CL"]))
    shares = [here.moments(here.x + step)[0].share[0] for step in np.linspace(-0.3, 0.3, 61)]
    assert (np.diff(shares) > 0).all()


def test_the_slope_of_the_expectation_is_that_of_patients_drawn_anew():
    """The central difference of what is predicted, by weights, against the closed form d log area / d log CL = -1."""
    here = anchored(problem(evidence(), ["CL"], patients=8000))
    step = 0.05
    up, down = (here.moments(here.x + side * step)[0].mean for side in (1, -1))
    slopes = (up - down) / (2 * step)
    logs = [row.statistic for row in here.terms[0].kept if row.asked.endpoint.measure == "auc"]
    assert len(logs) == 3
    np.testing.assert_allclose(slopes[:3], -1, atol=0.05)  # of quantiles of 8000 patients: 3 errors
    np.testing.assert_allclose(slopes[3:], 0, atol=0.05)  # peaks do not know CL


def test_residuals_are_those_of_the_deviance():
    here = anchored(problem(evidence()))
    other = here.x + np.array([0.02, -0.05])
    squares = [(here.residuals_at(x) ** 2).sum() for x in (here.x, other)]
    assert squares[1] - squares[0] == pytest.approx(here.deviance(other) - here.deviance(here.x), abs=1e-8)


def test_what_does_not_vary_is_simulated_again_and_only_then():
    one = problem(evidence(), ["CL", "V"], omega={"CL": 0.4})
    here = anchored(one)
    crowd = here.crowd
    here.deviance(here.x + np.array([0.1, 0.0]))
    assert len(crowd.again) == 1
    here.deviance(here.x + np.array([0.0, 0.1]))
    assert len(crowd.again) == 2


def test_peaks_of_patients_simulated_again_are_as_in_closed_form():
    """V is the same in all: the peak moves by its inverse."""
    rows = [{**AREA, "statistic": "median", "value": 100}, {**PEAK, "statistic": "median", "value": 200}]
    one = problem(evidence(rows, n=12), ["CL", "V"], omega={"CL": 0.4})
    here = anchored(one)
    assert any("in all samples" in line for line in here.terms[0].dropped)  # all peaks are alike
    assert one.free == ["log_CL", "V"]


def test_values_stay_in_their_bounds_and_follow_their_expressions():
    one = problem(evidence(), ["CL", "omega_CL"], derived={"V": "CL / 2"})
    values = one.values(one.inner(np.array([np.log(12.0), 0.5])))
    assert values.typical["CL"] == pytest.approx(12)
    assert values.typical["V"] == pytest.approx(6)
    assert values.omega["CL"] == pytest.approx(0.5)
    low = one.bounded(np.array([-99.0, -99.0]))
    assert one.outer(low)[1] == pytest.approx(0.05)
    box = one.box(one.inner(np.array([np.log(10.0), 1.5])))
    np.testing.assert_allclose(
        one.natural(box[0]), [10 * np.exp(-1.25), np.sqrt((1.5**2 + 0.08**2) * np.exp(-4) - 0.08**2)]
    )
    np.testing.assert_allclose(one.natural(box[1]), [10 * np.exp(1.25), 3])  # omega's own bound


def test_a_spread_is_half_the_logarithm_of_its_square_and_of_that_of_its_turn():
    """A fifth of the start: far above it is the logarithm, far below it moves with the square."""
    one = problem(evidence(), ["CL", "omega_CL"])
    np.testing.assert_allclose(one.turns, [0, 0.08])
    for omega in (0.05, 0.08, 0.4, 3.0):
        x = one.inner(np.array([2.0, omega]))
        np.testing.assert_allclose(x, [2.0, 0.5 * np.log(omega**2 + 0.08**2)])
        np.testing.assert_allclose(one.outer(x), [2.0, omega], rtol=1e-12)
        np.testing.assert_allclose(one.natural(x), [np.exp(2.0), omega], rtol=1e-12)
        assert one.values(x).omega["CL"] == pytest.approx(omega, rel=1e-12)
        assert one.named(x) == pytest.approx({"log_CL": 2.0, "omega_CL": omega})
    assert one.outer(np.array([2.0, -9.0]))[1] > 0  # patients are never all alike


def test_errors_of_what_nothing_tells_of_are_half_a_logarithm_or_half_of_a_parameter():
    one = problem(evidence(), ["CL", "V", "omega_CL"], omega={"CL": 0.4})
    assert one.free == ["log_CL", "V", "omega_CL"]
    np.testing.assert_allclose(one.known(np.array([2.0, 6.0, -1.0])), np.diag([4.0, 1 / 9, 4.0]))


def test_what_has_a_prior_goes_as_far_as_that_says():
    """A parameter that only its prior fixes has an interval of 1.96 of its SDs to either side."""
    vary = {"CL": {"value": 8.0, "log": True, "prior": {"median": 8.0, "log_sd": 1.0}}, "omega_CL": {"value": 0.4}}
    one = problem(evidence(), vary)
    np.testing.assert_allclose(one.known(one.start), np.diag([1.0, 4.0]))
    low, high = one.box(one.start)
    np.testing.assert_allclose([low[0], high[0]], np.log(8.0) + np.array([-2.5, 2.5]))


def test_the_same_seed_gives_the_same_objective_and_another_one_within_its_error():
    first, again = (anchored(problem(evidence())) for _ in range(2))
    assert first.deviance(first.x) == again.deviance(again.x)


def test_arms_that_are_far_apart_in_size_are_each_resampled_with_their_own():
    two = [evidence(PRINTED, n=12, name="a"), evidence(PRINTED, n=100, name="b")]
    here = anchored(problem(two, omega=OMEGA))
    small, large = (np.sqrt(np.diag(one.covariance)[0]) for one in here.moments(here.x))
    assert small / large == pytest.approx(np.sqrt(100 / 12), rel=0.15)


def test_a_trial_of_checks_alone_is_simulated_at_the_end_and_no_other_number_knows_of_it():
    """Its number is predicted where the estimate is: the median area, 1000 / CL, to 4 Monte Carlo errors."""
    check = {**AREA, "statistic": "median", "value": 90, "use": "check"}
    alone, beside = (problem(sources) for sources in ([evidence()], [evidence(), evidence([check], name="later")]))
    assert [one.trial.name for one in beside.trials] == ["t"]
    first, second = anchored(alone), anchored(beside)
    assert first.deviance(first.x) == second.deviance(second.x)
    assert first.checks(first.x) == []
    ((one, seen, predicted),) = second.checks(second.x)
    assert one.kept[0].use == "check"
    assert np.exp(seen.statistics) == pytest.approx([90])
    assert predicted.mean[0] == pytest.approx(np.log(100), abs=4 * 0.4 * np.sqrt(np.pi / 2 / 2000))
