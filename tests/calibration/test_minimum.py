"""Starts, the minima that they reach, and what is kept of a search that is stopped."""

import lmfit
import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.fit import calibrate
from immunode.calibration.minimum import Ending, least, optima
from immunode.errors import BadValue, Interrupted
from immunode.evidence.printed import Evidence
from immunode.functions import sin
from immunode.model.declaration import Model, Output, Parameter, State
from tests.calibration.made_up import BOLUS, study

WAVE = Model(  # sin(w day) of two days: several frequencies fit
    name="wave",
    states=[State("idle", "1", scale=1)],
    parameters=[Parameter("w", 1.0, "1/day", low=0.1, high=20)],
    outputs=[Output("y", "1", lambda t, x, p: sin(p.w * t))],
    derivative=lambda t, x, p: {"idle": 0 * p.w * x.idle},
)


def waves():
    rows = [
        {"arm": "a", "observable": "y", "day": day, "value": float(np.sin(2 * day)), "sigma": 0.1}
        for day in (1.0, 1.3, 2.1)
    ]
    return Evidence(name="waves", arms=[{"name": "a"}], rows=rows)


def test_distinct_minima_are_listed_with_their_parameters_best_first():
    fit = calibrate(waves(), WAVE, {"w": {"value": 2.5}}, starts=12, seed=2)
    table = fit.optima
    assert len(table) > 1
    assert table["chisqr"].is_monotonic_increasing
    assert table["starts"].sum() == 12 == len(fit.starts)
    assert_allclose(table["w"].iloc[0], 2.0, rtol=1e-6)
    assert table.index[0] == 1


def test_starts_that_reach_the_same_minimum_are_one():
    fit = calibrate(study(), BOLUS, ["CL", "V"], starts=3)
    assert list(fit.optima["starts"]) == [3]
    assert optima([fit.result, fit.result])["starts"].tolist() == [2]


def ended(value, chisqr):
    params = lmfit.Parameters()
    params.add("a", value)
    params["a"].stderr = 1.0
    return lmfit.minimizer.MinimizerResult(params=params, chisqr=chisqr)


def test_ends_are_one_minimum_within_what_a_search_settles_to_and_are_ordered_by_their_deviance():
    """Chi-squares that anchors lift differently do not count where deviances are known."""
    ends = [ended(10.25, 1.0), ended(12.0, 2.0), ended(10.0, 3.0), ended(11.5, 4.0)]
    table = optima(ends, [-6.9, -5.0, -7.0, -6.0], 0.3)
    assert list(table) == ["deviance", "starts", "a"]
    assert table.to_numpy().tolist() == [[-7.0, 2, 10.0], [-6.0, 1, 11.5], [-5.0, 1, 12.0]]
    assert optima(ends)["starts"].tolist() == [1, 1, 1, 1]


def test_an_objective_without_slopes_is_fitted_too():
    def away(params):
        return np.array([params["a"] - 3.0, 10 * (params["b"] - params["a"] ** 2)])

    params = lmfit.Parameters()
    params.add("a", 1.0)
    params.add("b", 1.0)
    result = least(lmfit.Minimizer(away, params), params, Ending())
    assert_allclose([result.params["a"].value, result.params["b"].value], [3, 9], rtol=1e-8)


def test_a_search_that_is_stopped_keeps_the_best_so_far():
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="2 of 5 starts are finished") as stopped:
        calibrate(study(), BOLUS, ["CL", "V"], starts=5, progress=stop)
    assert len(stopped.value.found.starts) == 2
    assert_allclose(stopped.value.found.params["CL"].value, 14, rtol=1e-5)


def test_a_minimiser_that_gives_up_is_warned_of():
    fit = calibrate(study(), BOLUS, ["CL", "V"], max_nfev=3)
    assert any("gave up before the minimum" in text for text in fit.warnings)


@pytest.mark.parametrize("changes", [{"ftol": 0}, {"xtol": "x"}, {"ftol": 1e-17}, {"max_nfev": 0}, {"xtol": 2.0}])
def test_tolerances_that_are_none_are_named(changes):
    with pytest.raises(BadValue, match=next(iter(changes))):
        calibrate(study(), BOLUS, ["CL", "V"], **changes)
