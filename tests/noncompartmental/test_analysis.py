"""Non-compartmental analysis against closed forms and SciPy's regression.

Tolerances: 1e-12 where the trapezoidal rule is exact and only rounding is left; else derived beside the test.
"""

import numpy as np
import pandas
import pytest
import xarray
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import linregress

import immunode as im
from immunode.errors import BadValue, UnitError, UnknownName
from immunode.noncompartmental.areas import METHODS

TIMES = np.array([0.0, 0.5, 1.0, 2.0, 3.5, 5.0, 8.0, 12.0])
LOGARITHMIC = [name for name in METHODS if "log" in name]
exact = {"rtol": 1e-12}

profiles = st.lists(st.floats(0.01, 100.0), min_size=len(TIMES), max_size=len(TIMES)).map(np.array)
methods = st.sampled_from(sorted(METHODS))


def bateman(t, ka=2.0, k=0.3, a=5.0):
    """Return an oral dose in one compartment: A (exp(-k t) - exp(-ka t)); its area is A (1/k - 1/ka)."""
    return a * (np.exp(-k * t) - np.exp(-ka * t))


# missing samples

LACKING = {"nan": np.nan, "None": None, "blank": " ", "pandas": pandas.NA}
HOW = {
    "oral": {},
    "steady": {"tau": 12.0, "dose": 3.0},
    "bolus": {"route": "iv bolus", "dose": 3.0, "method": "linear"},
    "infusion": {"route": "iv infusion", "duration": 1.0, "dose": 3.0},
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("missing", LACKING)
def test_a_missing_concentration_is_left_out_as_if_there_were_no_sample(missing, how):
    first = 0 if how == "bolus" else 1  # C0 is then extrapolated
    c, at = bateman(TIMES + 0.1), [first, 4]
    if how == "bolus":
        c = 10 * np.exp(-0.3 * TIMES)
    lacking = c.tolist()
    for i in at:
        lacking[i] = LACKING[missing]
    with pytest.warns(UserWarning, match="^concentrations are missing and left out: 2 of the profile$"):
        got = im.nca(lacking, TIMES, **HOW[how])
    assert got.identical(im.nca(np.delete(c, at), np.delete(TIMES, at), **HOW[how]))


def test_each_profile_lacks_its_own_samples_and_the_warning_names_it():
    full = np.stack([bateman(TIMES), 2 * bateman(TIMES), bateman(TIMES, k=0.2), bateman(TIMES), np.full(8, np.nan)])
    without = {1: [2], 2: [4, 7], 3: [2]}
    c = full.copy()
    for i, left in without.items():
        c[i, left] = np.nan
    dose = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    with pytest.warns(UserWarning, match="left out: 1 of patient 1, 2 of patient 2, 1 of patient 3$"):
        got = im.nca(c, TIMES, dose=dose)
    masked = np.ma.masked_invalid(c)
    with pytest.warns(UserWarning, match="left out"):
        assert got.identical(im.nca(masked, TIMES, dose=dose))
    for i in range(5):
        left = without.get(i, [])
        alone = im.nca(np.delete(full[i], left), np.delete(TIMES, left), dose=dose[i])
        assert got.isel(patient=i).identical(alone.assign_coords(got.isel(patient=i).coords)), i
    lacking = np.where(np.arange(8) == 3, np.nan, np.tile(full[0], (12, 1)))
    with pytest.warns(UserWarning, match="1 of patient 4 and 7 of 7 others$"):
        im.nca(lacking, TIMES)


def test_a_missing_sample_at_the_dose_is_named():
    c = np.stack([bateman(TIMES), bateman(TIMES)])
    c[1, 0] = np.nan
    with (
        pytest.warns(UserWarning, match="1 of patient 1$"),
        pytest.raises(BadValue, match="no sample of patient 1 at the dose, time 0"),
    ):
        im.nca(c, TIMES)


# closed forms


@pytest.mark.parametrize("method", LOGARITHMIC)
def test_after_a_bolus_into_one_compartment_all_is_exact_with_the_logarithmic_rule(method):
    c0, k, dose = 7.0, 0.23, 21.0
    result = im.nca(c0 * np.exp(-k * TIMES), TIMES, dose=dose, method=method)
    expected = {
        "Cmax": c0,
        "Tmax": 0,
        "Tlag": 0,
        "Tlast": 12,
        "Clast_pred": c0 * np.exp(-k * 12),
        "lambda_z": k,
        "lambda_z_points": len(TIMES) - 1,
        "lambda_z_start": 0.5,
        "R2": 1,
        "half_life": np.log(2) / k,
        "AUClast": c0 / k * (1 - np.exp(-k * 12)),
        "AUCall": c0 / k * (1 - np.exp(-k * 12)),
        "AUCinf_obs": c0 / k,
        "AUCinf_pred": c0 / k,
        "AUC_extrapolated_obs": 100 * np.exp(-k * 12),
        "AUMCinf_obs": c0 / k**2,
        "AUMCinf_pred": c0 / k**2,
        "MRTinf_obs": 1 / k,
        "MRTinf_pred": 1 / k,
        "CL_F": dose * k / c0,
        "Vz_F": dose / c0,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(result[name], value, err_msg=name, **exact)
    assert result["reason"] == ""
    assert result["lambda_z_start"].item() in TIMES


@pytest.mark.parametrize("k", [1e-15, 1e-9, 1e-4, 1e-2, 1.0, 50.0])
def test_the_moment_of_a_slope_however_flat_or_steep_keeps_its_digits(k):
    result = im.nca(np.exp(-k * np.array([0.0, 1.0])), [0.0, 1.0])
    s = np.polynomial.legendre.leggauss(60)
    nodes, weights = (s[0] + 1) / 2, s[1] / 2
    np.testing.assert_allclose(result["AUClast"], weights @ np.exp(-k * nodes), **exact)
    np.testing.assert_allclose(result["AUMClast"], weights @ (nodes * np.exp(-k * nodes)), **exact)


def test_the_linear_rule_is_exact_on_a_curve_of_straight_lines():
    result = im.nca([0.0, 4.0, 4.0, 2.0, 0.0, 0.0], [0.0, 1.0, 2.0, 4.0, 5.0, 6.0], method="linear")
    np.testing.assert_allclose([result["AUClast"], result["AUCall"]], [2 + 4 + 6, 2 + 4 + 6 + 1], **exact)
    assert (result["Clast"], result["Tlast"], result["Cmax"], result["Tmax"]) == (2, 4, 4, 1)


def test_the_area_after_an_oral_dose_is_within_the_bound_of_the_trapezoidal_rule():
    # |error| <= h^2/12 times the integral of |C''| (linear) or of C |(ln C)''| (logarithmic), at most A (2 k + ka)
    # in all; and what the tail that is still absorbed adds, at most A/k exp(-k T)
    h, ka, k, a = 0.01, 2.0, 0.3, 5.0
    t = np.linspace(0, 100, 10_001)
    bound = h**2 / 12 * a * (2 * k + ka) + a / k * np.exp(-k * 100)
    for method in METHODS:
        result = im.nca(bateman(t), t, method=method)
        assert abs(result["AUCinf_obs"] - a * (1 / k - 1 / ka)) < bound
        assert abs(result["Tmax"] - np.log(ka / k) / (ka - k)) <= h / 2


@pytest.mark.parametrize("method", sorted(METHODS))
def test_mean_residence_time_converges_in_second_order_to_that_of_absorption_and_elimination(method):
    def error(steps):
        t = np.linspace(0, 80, steps + 1)
        return abs(im.nca(bateman(t), t, method=method)["MRTinf_obs"].item() - (1 / 2.0 + 1 / 0.3))

    assert error(4000) / error(8000) == pytest.approx(4, rel=0.05)
    assert error(8000) < 1e-4


@pytest.mark.parametrize("tau", [12.0, 8.0, 6.3, 0.2, 30.0])
def test_at_steady_state_clearance_and_mean_residence_time_are_those_of_one_dose(tau):
    c0, k = 7.0, 0.23  # tau is a sample, between samples, before the second, and behind the last
    result = im.nca(c0 * np.exp(-k * TIMES) / (1 - np.exp(-k * tau)), TIMES, dose=21.0, tau=tau)
    expected = {
        "AUCtau": c0 / k,
        "Cavg": c0 / k / tau,
        "Ctrough": c0 * np.exp(-k * tau) / (1 - np.exp(-k * tau)),
        "CL_F": 21 * k / c0,
        "Vz_F": 21 / c0,
        "MRTinf_obs": 1 / k,
        "MRTinf_pred": 1 / k,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(result[name], value, err_msg=name, **exact)


def test_between_samples_of_a_rise_a_trough_lies_on_the_straight_line():
    result = im.nca([0.0, 4.0, 2.0], [0.0, 2.0, 4.0], tau=1.0)
    assert (result["Ctrough"], result["AUCtau"], result["Cavg"]) == (2.0, 1.0, 1.0)


def test_a_sample_that_is_zero_at_the_end_stays_zero_behind_it():
    result = im.nca([4.0, 2.0, 1.0, 0.5, 0.0], [0.0, 1.0, 2.0, 3.0, 4.0], tau=6.0)
    assert result["Ctrough"] == 0
    np.testing.assert_allclose(result["AUCtau"], result["AUCall"], **exact)


def test_the_rules_differ_in_what_falls_before_tmax_and_rises_after_it():
    c, t = [0.0, 4.0, 2.0, 6.0, 2.0, 3.0], np.arange(6.0)
    down, after, up = (4 - 2) / np.log(2), (6 - 2) / np.log(3), (3 - 2) / np.log(1.5)
    areas = {
        "linear": 2 + 3 + 4 + 4 + 2.5,
        "log after Tmax": 2 + 3 + 4 + after + up,
        "linear-up log-down": 2 + down + 4 + after + 2.5,
        "linear-up log-down after Tmax": 2 + 3 + 4 + after + 2.5,
    }
    assert set(areas) == set(METHODS)
    for method, area in areas.items():
        np.testing.assert_allclose(im.nca(c, t, method=method)["AUClast"], area, **exact)
    assert im.nca(c, t)["AUClast"] == im.nca(c, t, method="linear-up log-down")["AUClast"]


# routes


@pytest.mark.parametrize("method", LOGARITHMIC)
def test_a_bolus_without_a_sample_at_the_dose_is_that_with_one(method):
    c0, k, dose, t = 7.0, 0.23, 21.0, TIMES[1:]
    result = im.nca(c0 * np.exp(-k * t), t, dose=dose, route="iv bolus", method=method)
    whole = im.nca(c0 * np.exp(-k * TIMES), TIMES, dose=dose, route="iv bolus", method=method)
    for name in set(whole) - {"reason", "Cmax", "Tmax", "lambda_z_points", "lambda_z_start"}:
        np.testing.assert_allclose(result[name], whole[name], err_msg=name, rtol=1e-11)
    assert (result["C0"].item(), result["Tmax"].item()) == (pytest.approx(c0), 0.5)  # C0 is no sample
    assert (result["lambda_z_points"], result["lambda_z_start"]) == (len(t), 0.5)  # Cmax among them
    back = 100 * (1 - np.exp(-k * 0.5))
    np.testing.assert_allclose(
        [result["AUC_back_extrapolated_obs"], result["AUC_back_extrapolated_pred"]], back, **exact
    )
    np.testing.assert_allclose(
        [result["CL"], result["Vz"], result["Vss"]], [dose * k / c0, dose / c0, dose / c0], **exact
    )
    assert not {"Tlag", "CL_F", "Vz_F"} & set(result)
    assert "AUC_back_extrapolated_obs" not in whole


@pytest.mark.parametrize(
    ("first", "second", "c0"), [(4.0, 2.0, 8.0), (2.0, 4.0, 2.0), (2.0, 2.0, 2.0), (3.0, 0.0, 3.0)]
)
def test_c0_is_the_first_sample_where_the_first_two_do_not_fall(first, second, c0):
    result = im.nca([first, second, 1.0, 0.5], [1.0, 2.0, 3.0, 4.0], route="iv bolus")
    np.testing.assert_allclose(result["C0"], c0, **exact)


def test_one_sample_after_a_bolus_is_its_c0():
    result = im.nca([3.0], [2.0], route="iv bolus")
    assert (result["C0"], result["Cmax"], result["AUClast"]) == (3, 3, 6)
    assert result["reason"] == "fewer than 3 concentrations above zero from Cmax on"


def test_of_several_boluses_each_has_its_own_c0():
    many = np.array([[4.0, 2.0, 1.0], [1.0, 2.0, 1.0], [np.nan] * 3])
    result = im.nca(many, [1.0, 2.0, 3.0], route="iv bolus")
    np.testing.assert_allclose(result["C0"], [8.0, 1.0, np.nan])


def test_a_zero_at_a_bolus_is_said():
    with pytest.warns(UserWarning, match="1 of 2 profiles are zero at the bolus.*at_dose='post'"):
        result = im.nca([[0.0, 4.0, 2.0], [8.0, 4.0, 2.0]], [0.0, 1.0, 2.0], route="iv bolus")
    np.testing.assert_allclose(result["C0"], [0.0, 8.0])


def test_after_an_infusion_residence_is_less_half_its_duration_and_the_slope_begins_at_its_end():
    # one compartment, k = 0.5, infused for 2 at rate 3: MRT = 1/k and Vss = V, whatever the duration; the linear rule
    # errs in the rise by at most h^2/12 of it
    k, h, duration, volume = 0.5, 0.001, 2.0, 4.0
    t = np.arange(0, 40 + h / 2, h)
    level = (
        3
        / volume
        / k
        * np.where(t <= duration, -np.expm1(-k * t), np.exp(-k * (t - duration)) * -np.expm1(-k * duration))
    )
    result = im.nca(level, t, dose=6.0, route="iv infusion", duration=duration)
    np.testing.assert_allclose([result["MRTinf_obs"], result["MRTinf_pred"]], 1 / k, rtol=1e-6)
    np.testing.assert_allclose([result["Vss"], result["Vz"], result["CL"]], [volume, volume, volume * k], rtol=1e-6)
    early = im.nca([0.0, 5.0, 4.5, 4.0, 2.0, 1.0, 0.5], [0, 1, 2, 3, 4, 5, 6], route="iv infusion", duration=3)
    assert early["lambda_z_start"] == 3  # it fell while it was infused
    np.testing.assert_allclose(early["lambda_z"], np.log(2), **exact)


@pytest.mark.parametrize("duration", [None, 2.0])
def test_at_steady_state_fluctuation_and_accumulation_are_those_of_the_curve(duration):
    c0, k, tau = 7.0, 0.23, 12.0
    course = c0 * np.exp(-k * TIMES) / (1 - np.exp(-k * tau))
    route = {"route": "iv bolus"} if duration is None else {"route": "iv infusion", "duration": duration}
    result = im.nca(course, TIMES, dose=21.0, tau=tau, **route)
    high, low, mean = course[0], course[-1], c0 / k / tau
    expected = {
        "Cmin": low,
        "Tmin": tau,
        "accumulation_index": 1 / (1 - np.exp(-k * tau)),
        "fluctuation": 100 * (high - low) / mean,
        "swing": (high - low) / low,
        "MRTinf_obs": 1 / k - (duration or 0) / 2,
        "Vss": (1 / k - (duration or 0) / 2) * 21 * k / c0,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(result[name], value, err_msg=name, **exact)


def test_extremes_at_steady_state_are_those_of_the_interval():
    c, t = [2.0, 4.0, 3.0, 2.0, 9.0, 4.0, 2.0, 1.0], np.arange(8.0)
    result = im.nca(c, t, tau=3.0)
    assert [result[name].item() for name in ("Cmax", "Tmax", "Cmin", "Tmin")] == [4, 1, 2, 0]


def test_behind_the_last_sample_the_interval_goes_to_what_the_regression_predicts():
    c, t = np.array([8.0, 4.0, 2.2, 1.0]), np.arange(4.0)
    result = im.nca(c, t, tau=4.0)
    end = result["Clast_pred"] * np.exp(-result["lambda_z"])
    np.testing.assert_allclose(result["Ctrough"], end, **exact)
    np.testing.assert_allclose(result["AUCtau"], result["AUClast"] + (1 - end) / np.log(1 / end), **exact)


# the terminal slope


def regression(t, c):
    """Return (adjusted R2, points, slope) of every tail after Cmax, by SciPy."""
    for start in range(int(np.argmax(c)) + 1, len(t) - 2):
        fit, n = linregress(t[start:], np.log(c[start:])), len(t) - start
        yield 1 - (1 - fit.rvalue**2) * (n - 1) / (n - 2), n, fit.slope


@given(profiles)
def test_the_terminal_slope_is_the_best_of_all_regressions(c):
    tails = list(regression(TIMES, c))
    assume(all(abs(slope) > 1e-12 for *_, slope in tails))  # else SciPy's rounding says which way a flat tail goes
    fits = [tail for tail in tails if tail[2] < 0]
    result = im.nca(c, TIMES)
    if not fits:
        assert np.isnan(result["lambda_z"])
        assert result["reason"] != ""
        return
    limit = max(fits)[0] - 1e-4
    assume(all(abs(adjusted - limit) > 1e-9 for adjusted, *_ in fits))  # else rounding says who is of the best
    adjusted, n, slope = max((fit for fit in fits if fit[0] >= limit), key=lambda fit: fit[1])
    assert result["lambda_z_points"] == n
    # both lose digits as the slope does between logarithms of up to 5
    np.testing.assert_allclose(result["lambda_z"], -slope, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(result["R2_adjusted"], adjusted, rtol=1e-9, atol=1e-9)


def test_a_flat_tail_has_no_terminal_slope():
    result = im.nca([1, 1, 2, 1.5, 1.5, 1.5, 1.5, 1.5], np.arange(8.0))
    assert np.isnan(result["lambda_z"])
    assert result["reason"] != ""


def test_of_regressions_that_tie_the_one_with_more_points_wins():
    t = np.arange(8.0)
    c = 10 * np.exp(-0.5 * t)
    for bend, points in ((1.005, 7), (1.1, 6)):  # the first after Cmax lies off the line by a little, and by too much
        bent = np.where(t == 1, bend * c, c)
        fits = sorted(regression(t, bent))
        assert max(fits)[1] < 7  # it is not among the best
        assert (max(fits)[0] - min(fits)[0] < 1e-4) == (points == 7)
        assert im.nca(bent, t)["lambda_z_points"] == points


def test_zeros_among_the_last_samples_are_no_points_of_the_slope():
    t = np.arange(7.0)
    c = np.exp(-0.4 * t)
    c[[3, 6]] = 0
    result = im.nca(c, t)
    np.testing.assert_allclose(result["lambda_z"], 0.4, **exact)
    assert (result["lambda_z_points"], result["Tlast"]) == (4, 5)


@pytest.mark.parametrize(
    ("c", "reason"),
    [
        ([1.0, 3.0, 2.0, 1.0], "fewer than 3 concentrations above zero after Cmax"),
        ([9.0, 1.0, 2.0, 3.0], "concentrations do not fall after Cmax"),
        ([9.0, 2.0, 2.0, 2.0], "concentrations do not fall after Cmax"),
        ([0.0, 0.0, 0.0, 0.0], "no concentration above zero"),
        ([np.nan, np.nan, np.nan, np.nan], "missing concentrations"),
    ],
)
def test_without_a_terminal_slope_what_rests_on_it_is_nan_and_the_reason_is_said(c, reason):
    result = im.nca([c, [8.0, 4.0, 2.0, 1.0]], range(4), dose=1.0, tau=9.0)
    for name in ("lambda_z", "half_life", "AUCinf_obs", "AUMCinf_pred", "MRTinf_obs", "Vz_F", "R2", "Clast_pred"):
        assert np.isnan(result[name][0]), name
    assert result["reason"].values.tolist() == [reason, ""]
    np.testing.assert_allclose(result["half_life"][1], 1.0, **exact)  # its neighbour is none the worse
    assert np.isnan(result["Cmax"][0]) == np.isnan(c[0])


def test_what_is_below_the_limit_of_quantification_counts_as_zero():
    c = np.exp(-TIMES)
    noise = np.where(TIMES > 4, -1e-9, c)
    assert im.nca(noise, TIMES, lloq=1e-6).identical(im.nca(np.where(TIMES > 4, 0.0, c), TIMES))


def test_a_time_that_was_rounded_is_the_sample_it_stands_for():
    t, c = np.array([0.0, 0.1, 0.2, 0.3]), np.array([1.0, 2.0, 3.0, 4.0])  # rises: nothing is known behind the end
    assert 0.1 * 3 > 0.3
    np.testing.assert_allclose(im.nca(c, t, tau=0.1 * 3)["Ctrough"], 4, rtol=1e-8)
    assert im.nca([5.0, *c], [0.0, *(t + 0.1 * 3)], dose_time=0.3)["Cmax"] == 4
    assert im.nca([5.0, *c], [0.0, *(t + 0.3)], dose_time=0.1 * 3)["Cmax"] == 4


def test_r2_is_never_above_one():
    slopes = np.linspace(0.01, 3, 1000)[:, None]
    assert (im.nca(np.exp(-slopes * TIMES), TIMES)["R2"] <= 1).all()


# properties


def same(left, right, scale=None, rtol=1e-9):
    """Assert that two analyses are equal, those named times their factor; rtol is for what the slope's fit loses."""
    for name in set(left) - {"reason"}:
        factor = (scale or {}).get(name, 1.0)
        np.testing.assert_allclose(left[name] * factor, right[name], rtol=rtol, atol=1e-12, err_msg=name)


def steady(c):
    """Return whether no rounding decides which regression is best."""
    fits = sorted(fit[0] for fit in regression(TIMES, c))
    return all(abs(a - (fits[-1] - 1e-4)) > 1e-6 for a in fits) and not any(
        abs(f[2]) < 1e-3 for f in regression(TIMES, c)
    )


AMOUNTS = (
    "Cmax",
    "Clast",
    "Clast_pred",
    "AUClast",
    "AUCall",
    "AUMClast",
    "AUCtau",
    "AUMCtau",
    "Cavg",
    "Ctrough",
    "Cmin",
)
AREAS = ("AUCinf_obs", "AUCinf_pred", "AUMCinf_obs", "AUMCinf_pred")
DURATIONS = ("Tmax", "Tmin", "Tlag", "Tlast", "half_life", "lambda_z_start", "MRTlast", "MRTinf_obs", "MRTinf_pred")


@given(profiles, methods, st.sampled_from([1e-6, 0.3, 8.0, 1e9]))
def test_concentrations_times_a_factor_scale_areas_and_not_times(c, method, factor):
    assume(steady(c))
    one = im.nca(c, TIMES, dose=2.0, tau=6.0, method=method)
    other = im.nca(factor * c, TIMES, dose=2.0 * factor, tau=6.0, method=method)
    same(one, other, dict.fromkeys((*AMOUNTS, *AREAS), factor))


@given(profiles, methods, st.sampled_from([1 / 24, 0.3, 24.0, 1440.0]))
def test_times_in_another_unit_scale_as_their_units_do(c, method, factor):
    assume(steady(c))
    one = im.nca(c, TIMES, dose=2.0, tau=6.0, method=method)
    other = im.nca(c, factor * TIMES, dose=2.0, tau=6.0 * factor, method=method)
    scale = dict.fromkeys(DURATIONS, factor) | {"lambda_z": 1 / factor, "CL_F": 1 / factor}
    scale |= {name: factor for name in one if name.startswith("AUC") and "extrapolated" not in name}
    same(
        one, other, scale | {name: factor**2 for name in one if name.startswith("AUMC") and "extrapolated" not in name}
    )


@given(profiles, st.integers(0, len(TIMES) - 2), st.floats(0.01, 0.99), methods)
def test_a_sample_added_on_the_curve_that_the_rule_draws_changes_no_area(c, i, share, method):
    falls, after = c[i + 1] < c[i], i >= np.argmax(c)
    bent = METHODS[method](np.array(falls), np.array(after))
    value = c[i] ** (1 - share) * c[i + 1] ** share if bent else (1 - share) * c[i] + share * c[i + 1]
    if c[i] == c[i + 1]:  # a flat curve is flat to the last bit: else rounding would make a peak of its own
        value = c[i]
    assume(c[i] == c[i + 1] or abs(c[i] - c[i + 1]) > 1e-12 * c[i])  # nor may it round up to the higher neighbour
    time = (1 - share) * TIMES[i] + share * TIMES[i + 1]
    one = im.nca(c, TIMES, method=method, tau=7.0)
    more = im.nca(np.insert(c, i + 1, value), np.insert(TIMES, i + 1, time), method=method, tau=7.0)
    for name in ("AUClast", "AUCall", "AUCtau", "Ctrough"):
        np.testing.assert_allclose(more[name], one[name], err_msg=name, **exact)
    if bent:  # the linear rule takes t C for a straight line, too: its moment is WinNonlin's, and none of the curve
        np.testing.assert_allclose(more["AUMClast"], one["AUMClast"], **exact)


@given(profiles, methods, st.sampled_from([-3.0, 0.7, 28.0]))
def test_only_the_time_since_the_dose_counts(c, method, start):
    assume(steady(c))
    before = np.r_[start - 1, start - 0.5, TIMES + start]
    same(im.nca(c, TIMES, method=method), im.nca(np.r_[50.0, 70.0, c], before, method=method, dose_time=start))


@given(st.lists(profiles, min_size=2, max_size=4), methods)
def test_a_profile_is_analysed_as_if_it_were_alone(many, method):
    together = im.nca(many, TIMES, dose=np.arange(1.0, len(many) + 1), tau=6.0, method=method)
    for i, c in enumerate(many):
        same(together.isel(patient=i), im.nca(c, TIMES, dose=i + 1.0, tau=6.0, method=method), rtol=1e-13)


# bad input


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"times": [0.0, 2.0, 1.0]}, BadValue, "time 1 .*sort them"),
        ({"times": [0.0, 1.0, 1.0]}, BadValue, "time 1 .*repeated"),
        ({"times": [0.0, 1.0, np.nan]}, BadValue, "time nan"),
        ({"times": [0.0, 1.0]}, BadValue, r"\(3,\) concentrations at \(2,\) times"),
        ({"times": []}, BadValue, r"\(0,\) times"),
        ({"times": None}, BadValue, "give times="),
        ({"concentrations": [1.0, -0.5, 0.1]}, BadValue, "at time 1 is -0.5.*lloq="),
        ({"concentrations": [1.0, np.inf, 0.1]}, BadValue, "of the profile at time 1 is inf.*zero or more"),
        ({"concentrations": [1.0, np.inf, 0.1]}, BadValue, "at time 1 is inf"),
        ({"times": [0.5, 1.0, 2.0]}, BadValue, "no sample at the dose, time 0.*route='iv bolus'"),
        ({"dose_time": 9.0}, BadValue, "dose_time = 9 is after the last sample"),
        ({"tau": 0.0}, BadValue, "tau = 0.0.*above zero"),
        ({"tau": True}, BadValue, "tau = True.*a number"),
        ({"lloq": [0.1]}, BadValue, r"lloq = \[0.1\].*a number"),
        ({"dose_time": np.nan}, BadValue, "dose_time = nan.*a number"),
        ({"dose": "much"}, BadValue, "'much' is not a number with a unit"),
        ({"dose": None, "route": "iv"}, BadValue, "route = 'iv'.*extravascular, iv bolus or iv infusion"),
        ({"route": "iv infusion"}, BadValue, "needs a duration"),
        ({"route": "iv infusion", "duration": -1.0}, BadValue, "duration = -1.0.*above zero"),
        ({"duration": 1.0}, BadValue, "duration = 1.0 with route = 'extravascular'.*say route='iv infusion'"),
        ({"concentrations": ["a", "b", "c"]}, BadValue, "concentrations = .'a', 'b', 'c'.*numbers"),
        ({"concentrations": [[1.0, 2.0, 1.0], [1.0]]}, BadValue, "rows of equal length"),
        ({"concentrations": {"il2": [1.0]}}, BadValue, "concentrations = .*numbers"),
        ({"concentrations": [[[1.0, 2.0, 1.0]]]}, BadValue, r"expected \(times,\) or \(patients, times\)"),
        ({"times": ["0 d", "1 d", "2 d"]}, BadValue, "times = .*numbers"),
        ({"concentrations": [[1.0, 0.5, 0.1], [1.0, -0.5, 0.1]]}, BadValue, "patient 1 at time 1 is -0.5"),
        ({"dose": -1.0}, BadValue, "dose = -1.0.*positive"),
        ({"dose": [1.0, 2.0]}, BadValue, "one for each"),
        ({"dose": "3 MIU"}, UnitError, "dose in MIU, concentrations in None"),
        ({"tau": "12 h"}, UnitError, "tau = '12 h'.*give a number"),
        ({"method": "linear up log down"}, UnknownName, "did you mean 'linear-up log-down'"),
    ],
)
def test_bad_input_is_refused_with_its_cure(changes, error, says):
    arguments = {"concentrations": [1.0, 0.5, 0.1], "times": [0.0, 1.0, 2.0]} | changes
    with pytest.raises(error, match=says):
        im.nca(arguments.pop("concentrations"), arguments.pop("times"), **arguments)


@pytest.mark.parametrize("text", ["BLQ", "<2", "n.d."])
@pytest.mark.parametrize("shape", [1, 2])
def test_a_text_among_concentrations_is_told_what_to_write(text, shape):
    values = [4, text, 1] if shape == 1 else [[4, 2, 1], [4, text, 1]]
    with pytest.raises(BadValue, match=f"^concentrations = .*; for '{text}' write 0, as for what is below lloq="):
        im.nca(values, [0, 1, 2])
    with pytest.raises(BadValue, match=r"^times = .*of equal length$"):
        im.nca([4, 2, 1], [0, text, 2])


def test_an_interval_before_the_first_sample_after_a_bolus_has_no_extremes():
    t = TIMES[1:]
    result = im.nca(7 * np.exp(-0.23 * t), t, route="iv bolus", tau=0.25)
    np.testing.assert_allclose(result["AUCtau"], 7 / 0.23 * -np.expm1(-0.23 * 0.25), rtol=1e-11)
    assert np.isnan([result[name] for name in ("Cmax", "Tmax", "Cmin", "Tmin", "fluctuation")]).all()


def test_units_of_quantities_are_those_of_the_results():
    quantity = im.units.registry().Quantity
    c = quantity(10 * np.exp(-0.3 * TIMES), "mg/L")
    result = im.nca(c, quantity(TIMES, "hour"), dose="50 mg", route="iv bolus", tau="12 h")
    assert (result["CL"].attrs["units"], result["half_life"].attrs["units"]) == ("L/h", "h")
    np.testing.assert_allclose(result["half_life"], np.log(2) / 0.3, **exact)


@pytest.mark.parametrize("argument", [{"tau": "1 mg"}, {"lloq": "2 h"}, {"duration": "1 mg", "route": "iv infusion"}])
def test_a_wrong_unit_is_told_with_its_argument(argument):
    quantity = im.units.registry().Quantity
    name = next(iter(argument))
    with pytest.raises(UnitError, match=f"^{name} = '.*': expected a quantity in "):
        im.nca(quantity(bateman(TIMES), "mg/L"), quantity(TIMES, "hour"), **argument)


def test_a_dataset_is_no_concentrations_and_said_so():
    with pytest.raises(BadValue, match=r"^concentrations = .*: expected numbers"):
        im.nca(xarray.Dataset({"a": 1}), [0, 1, 2])
