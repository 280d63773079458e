"""What a finished fit says of itself."""

import lmfit

from immunode.calibration.fit import calibrate
from tests.calibration.made_up import BOLUS
from tests.calibration.noisy import LINE, noisy, on_a_line


def test_the_minimiser_that_is_kept_is_lmfits():
    fit = calibrate(on_a_line(), LINE, ["a", "b"])
    assert isinstance(fit.minimizer, lmfit.Minimizer)
    assert set(lmfit.conf_interval(fit.minimizer, fit.result, sigmas=[1])) == {"a", "b"}


def test_the_report_is_lmfits_with_its_options():
    fit = calibrate(noisy(), BOLUS, ["CL", "V"])
    assert fit.fit_report() == lmfit.fit_report(fit.result)
    assert "C(CL, V)" not in fit.fit_report(show_correl=False)


def test_refused_tries_are_said():
    """From a poor start Gauss and Newton's step goes where nothing is a number."""
    from tests.calibration.nist import observations, regression
    from tests.calibration.test_nist_strd import BOX

    vary = {"b1": {"value": 1.0}, "b2": {"value": 1.0}}
    fit = calibrate(observations("BoxBOD", BOX), regression("BoxBOD", 2), vary, scale_covar=True)
    assert fit.failed > 0
    assert f"{fit.failed} had no number and were refused" in fit.fit_report()
