"""A trial is foretold by all others as numerical integration does, and scored as the rules of scoring say."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.foretold import attributed, drawn_laws, summary
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.surface import Coordinates, design, surface

ERRORS = (0.1, 0.2, 0.3, 0.15, 0.25, 0.1)  # of what each trial prints, a mean
PRINTED = (0.5, -0.45, 0.4, -0.3, 0.1, 0.2)
SCALE = 0.3
AT = Coordinates(np.zeros(1), np.eye(1) * 0.2)
EFFECTS = Effects(("a",), np.array([SCALE]), np.array([SCALE]))


def surfaces():
    points, degree = design(1, 1)
    mean = points[:, 0] * 0.2 + SCALE * points[:, 1]
    share = 1 / (1 + np.exp(-mean))
    return [
        surface(
            points, degree, [Moments(np.array([m]), np.array([[s**2]]), np.array([p])) for m, p in zip(mean, share)]
        )
        for s in ERRORS
    ]


def seen():
    return [Seen(np.array([[y]]), np.array([[0.0]]), np.array([0.0])) for y in PRINTED]  # counts of nobody


@pytest.mark.parametrize("t", [0, 2, 5])
def test_what_a_trial_prints_is_foretold_by_the_others(t):
    """Quantiles of the predictive law: the parameter over a flat prior, tau over its own, on a fine grid.

    Parameters and taus are drawn apart and by a normal law: to a tenth of the interval's width.
    """
    laws = drawn_laws(surfaces(), seen(), AT, EFFECTS, t, 1)
    x, taus = np.linspace(-2, 2, 801), (np.arange(300) + 0.5) * 1.5 / 300
    others = [i for i in range(len(PRINTED)) if i != t]
    log = -0.5 * (taus[:, None] / SCALE) ** 2 + np.zeros_like(x)
    for i in others:
        variance = ERRORS[i] ** 2 + taus[:, None] ** 2
        log = log - 0.5 * ((PRINTED[i] - x) ** 2 / variance + np.log(variance))
    weight = np.exp(log - log.max())
    y = np.linspace(-3, 3, 601)
    sd = np.sqrt(ERRORS[t] ** 2 + taus**2)
    up_to = np.array([(weight * norm.cdf((one - x) / sd[:, None])).sum() for one in y]) / weight.sum()
    generator = np.random.default_rng(0)
    numbers = laws.mean[:, 0] + generator.standard_normal(len(laws.mean)) / laws.whitening[:, 0, 0]
    ends = np.quantile(numbers, [0.025, 0.5, 0.975])
    exact = np.interp([0.025, 0.5, 0.975], up_to, y)
    assert ends == pytest.approx(exact, abs=0.1 * (exact[2] - exact[0]))
    assert laws.share[:, 0] == pytest.approx(1 / (1 + np.exp(-laws.mean[:, 0])), abs=0.02)  # on its surface


def test_trials_of_the_same_patients_are_left_out_together():
    kept = [i for i in range(len(PRINTED)) if i != 4]
    every, printed = surfaces(), seen()
    without = drawn_laws([every[i] for i in kept], [printed[i] for i in kept], AT, EFFECTS, 0, 1)
    laws = drawn_laws(every, printed, AT, EFFECTS, 0, 1, kin={4})
    assert (laws.mean == without.mean).all()
    assert (laws.mean != drawn_laws(every, printed, AT, EFFECTS, 0, 1).mean).any()


def test_without_a_shift_of_its_own_a_trial_is_as_the_parameters_say():
    """The mean is the parameter (its SD without this trial) and the shift, on surfaces to 2 %; both vary apart."""
    laws = drawn_laws(surfaces(), seen(), AT, EFFECTS, 0, 1)
    parameter, shift = laws.mean_alike[:, 0], (laws.mean - laws.mean_alike)[:, 0]
    assert laws.mean.var() == pytest.approx(parameter.var() + shift.var(), rel=0.1)
    assert abs(np.corrcoef(parameter, shift)[0, 1]) < 0.1


def test_the_variance_is_that_of_parameters_of_the_trial_of_patients_and_of_sampling():
    alike = np.array([[-1.0], [1.0]])
    means = np.array([[-2.0], [2.0]])
    (row,) = attributed(np.array([5.0]), means, alike, np.array([0.25]))  # 4 by sampling, and a quarter of it
    assert row == pytest.approx(
        {"parameter": 100 / 9, "trial": 300 / 9, "patients": 100 / 9, "sampling": 400 / 9}, abs=0.1
    )


def test_a_summary_counts_what_lies_inside_and_scores_what_does_not():
    table = pd.DataFrame(
        {
            "observed": [100.0, 50.0], "predicted": [90.0, 80.0], "low": [80.0, 60.0], "high": [120.0, 100.0],
            "inside": [True, False], "versus": [True, False], "score": [40.0, 40.0 + 40 * 10],
        }
    )  # fmt: skip
    told = summary(table, {"a": -1.5, "b": -2.0})
    assert told["inside"] == 0.5
    assert told["error_of_comparisons"] == pytest.approx(0.1)
    assert told["error"] == pytest.approx((0.1 + 0.6) / 2)
    assert told["width"] == pytest.approx((0.4 + 0.8) / 2)
    assert told["score"] == pytest.approx((0.4 + 8.8) / 2)
    assert told["log_density"] == -3.5
