"""Profiles and intervals against parabolas and lmfit."""

import lmfit
import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.fit import calibrate
from immunode.errors import BadValue, UnknownName
from tests.calibration.made_up import BOLUS
from tests.calibration.noisy import LINE, noisy, on_a_line


def test_intervals_of_a_line_are_standard_errors():
    fit = calibrate(on_a_line(), LINE, ["a", "b"])
    limits = fit.conf_interval()
    for name in ("a", "b"):
        steps = (limits.loc[name] - fit.params[name].value) / fit.stderr[name]
        assert_allclose(steps, [-3, -2, -1, 0, 1, 2, 3], atol=1e-4)
    assert list(limits.columns)[:2] == ["lower 99.73%", "lower 95.45%"]
    assert_allclose(fit.conf_interval([0.95], ["b"]).iloc[0, -1], fit.params["b"].value + 1.959964 * fit.stderr["b"])


def test_scaled_fits_have_the_limits_of_lmfit():
    fit = calibrate(noisy(), BOLUS, {"CL": {"log": True, "min": 1, "max": 100}, "V": {}}, scale_covar=True)
    ours = fit.conf_interval()
    lmfits = lmfit.conf_interval(fit.minimizer, fit.result)
    assert_allclose(np.log(ours.loc["CL"]), [value for _, value in lmfits["log_CL"]], rtol=1e-4)
    assert_allclose(ours.loc["V"], [value for _, value in lmfits["V"]], rtol=1e-4)


def test_a_profile_is_chi_square_with_the_others_fitted_again():
    fit = calibrate(noisy(), BOLUS, ["CL", "V"])
    table = fit.profile("CL", points=5)
    assert_allclose(table["change"].iloc[[0, 2, 4]], [9, 0, 9], atol=1e-3)
    for row in table.iloc[[1, 3]].to_dict("records"):
        held = calibrate(noisy(), BOLUS, ["V"], values={"CL": row["CL"]})
        assert_allclose([held.chisqr, held.params["V"].value], [row["chisqr"], row["V"]], rtol=1e-6)
    limit = table.attrs["limits"]["95.45%"]
    assert_allclose([limit["low"], limit["high"]], fit.conf_interval([2], ["CL"]).iloc[0, [0, 2]], rtol=1e-6)


def test_a_limit_beyond_a_bound_is_infinite():
    fit = calibrate(noisy(), BOLUS, {"CL": {"value": 14, "min": 13.5}, "V": {}})
    limits = fit.conf_interval([1, 3], ["CL"]).loc["CL"]
    assert limits["lower 99.73%"] == -np.inf
    assert limits["upper 99.73%"] < 20
    assert fit.profile("CL", points=4)["CL"].iloc[0] == 13.5


def test_what_has_no_profile_is_named():
    fit = calibrate(on_a_line(), LINE, ["a", "b"])
    with pytest.raises(UnknownName, match="'c'"):
        fit.profile("c")
    with pytest.raises(BadValue, match="sigmas"):
        fit.conf_interval([0])
    with pytest.raises(BadValue, match="sigmas"):
        fit.conf_interval([])
    with pytest.raises(BadValue, match="points = 2"):
        fit.profile("a", points=2)
