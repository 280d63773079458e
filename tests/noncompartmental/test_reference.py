"""Non-compartmental analysis of what simulate returns, and against WinNonlin's values quoted by MetidaNCA."""

from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray

import immunode as im
from immunode.errors import BadValue
from immunode.units import unit

SUITE = Path(__file__).parents[3] / "shared/data/suites/nca"

# what simulate returns

MODEL = im.Model(
    name="one_compartment",
    states=[im.State("central", "MIU", "IL-2 in the body")],
    routes={"iv": "central"},
    parameters=[
        im.Parameter("CL", 170.0, "L/day", "clearance", low=10, high=1000, source="a test"),
        im.Parameter("V", 14.0, "L", "volume", low=1, high=100, source="a test"),
    ],
    outputs=[im.Output("il2", "IU/mL", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"central": -p.CL * x.central / p.V},
)


@pytest.fixture(scope="module")
def course():
    """Return two patients given an infusion over two hours, twelve samples an hour: one lies at its end."""
    return im.simulate(
        MODEL, "3 MIU IV over 2 h", times=im.days(0, 1, every=1 / 288), parameters={"CL": [170.0, 90.0]}, rtol=1e-10
    )


def test_clearance_at_steady_state_is_that_of_the_model():
    doses = im.dose("3 MIU", into="iv", times=["12 h"], steady_state="replace", every="3 h")
    course = im.simulate(MODEL, doses, times=im.days(0, 1, every=1 / 96), at_dose="post", rtol=1e-10)
    result = im.nca(course["il2"], dose="3 MIU", dose_time="12 h", tau="3 h")
    # the curve is exponential, where the rule is exact; the solver errs by 1e-9, and by 1e-6 at the end
    np.testing.assert_allclose([result["CL_F"], result["Vz_F"]], [170, 14], rtol=1e-6)
    np.testing.assert_allclose(result["MRTinf_obs"], 14 / 170, rtol=1e-6)


def test_clearance_of_a_simulated_infusion_is_that_of_the_model_in_litres_a_day(course):
    result = im.nca(course["il2"], dose="3 MIU")
    # the linear rule errs in the rise alone, by h^2/12 A k of an area of A T, and by at most h^2/12 3 A k T of the
    # moment, A T MRT; the solver by 1e-9, and at the end, where its absolute tolerance rules, by 1e-6
    h, duration = 1 / 288, 1 / 12
    for i, clearance in enumerate([170.0, 90.0]):
        bound = h**2 / 12 * clearance / 14 / duration + 1e-9
        np.testing.assert_allclose(result["CL_F"][i], clearance, rtol=bound)
        np.testing.assert_allclose(result["half_life"][i], np.log(2) * 14 / clearance, rtol=1e-6)
        np.testing.assert_allclose(result["Vz_F"][i], 14, rtol=bound + 1e-6)
        np.testing.assert_allclose(result["MRTinf_obs"][i], 14 / clearance + duration / 2, rtol=4 * bound + 1e-6)
    assert result["CL_F"].dims == ("patient",)
    assert result["CL_F"].attrs["units"] == "L/day"


def test_every_result_has_a_unit_and_the_products_are_of_the_right_kind(course):
    result = im.nca(course["il2"].isel(patient=0), dose="3 MIU", tau="24 h")
    units = {name: unit(result[name].attrs["units"]) for name in set(result) - {"reason"}}
    kinds = {"Cavg": "IU/mL", "Tmax": "day", "AUCtau": "day*IU/mL", "AUMCtau": "day^2*IU/mL", "lambda_z": "1/day"}
    kinds |= {"CL_F": "L/day", "Vz_F": "L", "AUC_extrapolated_obs": "percent", "R2": "1", "MRTlast": "day"}
    assert {name: units[name] for name in kinds} == {name: unit(text) for name, text in kinds.items()}
    assert not any(result[name].dims for name in result)


def test_a_dose_per_patient_is_an_array_with_a_unit(course):
    dose = xarray.DataArray([3e6, 6e6], dims="patient", attrs={"units": "IU"})
    one, two = (im.nca(course["il2"], dose=amount)["CL_F"] for amount in ("3 MIU", dose))
    np.testing.assert_allclose(two, one * [1, 2], rtol=1e-12)
    assert two.attrs["units"] == "L/day"


def test_a_volume_that_is_no_volume_keeps_the_unit_of_dose_over_concentration(course):
    assert unit(im.nca(course["il2"], dose="3 mg")["Vz_F"].attrs["units"]) == unit("mg*mL/IU")


def test_durations_are_taken_in_any_unit_and_numbers_in_that_of_the_times(course):
    arguments = {"tau": "6 h", "dose_time": "2 h", "lloq": "0.001 IU/mL"}
    assert im.nca(course["il2"], **arguments).identical(im.nca(course["il2"], tau=0.25, dose_time=1 / 12, lloq=0.001))


def test_patients_with_times_of_their_own_are_analysed_one_by_one():
    regimens = ["3 MIU IV", "6 MIU IV"]
    course = im.simulate(MODEL, regimens, times=[[0, 0.1, 0.2, 0.4], [0, 0.1, 0.2, 0.3, 0.4]], at_dose="post")
    with pytest.raises(BadValue, match="swap_dims"):
        im.nca(course["il2"])
    result = course["il2"].groupby("patient").map(lambda one: im.nca(one.swap_dims(record="time")))
    np.testing.assert_allclose(result["half_life"], np.log(2) * 14 / 170, rtol=1e-5)  # the solver's 1e-6
    np.testing.assert_allclose(result["Cmax"], [3e3 / 14, 6e3 / 14], rtol=1e-12)


def test_a_patient_who_failed_is_nan_and_the_rest_are_analysed(course):
    result = im.nca(course["il2"].where(course["status"].copy(data=[0, 3]) == 0), dose="3 MIU")
    assert result["reason"].values.tolist() == ["", "missing concentrations"]
    assert np.isfinite(result["CL_F"][0])
    assert np.isnan(result["Cmax"][1])


def test_a_course_that_ends_where_a_patient_failed_is_refused_and_no_missing_sample(course):
    ended = course["il2"].where((course["patient"] == 0) | (course["time"] < 0.2))
    with pytest.raises(BadValue, match=r"patient 1 at time .* is nan.*make failed patients nan throughout"):
        im.nca(ended)


# WinNonlin

COLUMNS = {
    "Cmax": "Cmax",
    "Tmax": "Tmax",
    "Tlag": "Tlag",
    "Clast": "Clast",
    "Clast_pred": "Clast_pred",
    "AUClast": "AUClast",
    "AUCall": "AUCall",
    "AUMClast": "AUMClast",
    "AUCinf": "AUCinf_obs",
    "AUCinf_pred": "AUCinf_pred",
    "AUMCinf": "AUMCinf_obs",
    "AUMCinf_pred": "AUMCinf_pred",
    "AUCpct": "AUC_extrapolated_obs",
    "Rsq": "R2",
    "ARsq": "R2_adjusted",
    "NpLZ": "lambda_z_points",
    "Kel": "lambda_z",
    "HL": "half_life",
    "MRTlast": "MRTlast",
    "MRTinf": "MRTinf_obs",
    "MRTinf_pred": "MRTinf_pred",
    "Clinf": "CL_F",
    "Vzinf": "Vz_F",
    "AUCtau": "AUCtau",
    "AUMCtau": "AUMCtau",
    "MRTtauinf": "MRTinf_obs",
    "Cltau": "CL_F",
    "Vztau": "Vz_F",
}
here = pytest.mark.skipif(not SUITE.exists(), reason="the reference data are not here")


def samples():
    table = pandas.read_csv(SUITE / "pkdata2.csv", sep="\t")
    return table.pivot(index="Subject", columns="Time", values="Concentration")


@here
@pytest.mark.parametrize(
    ("file", "method", "dose", "tau"),
    [
        ("metida_ref1.csv", "linear", 100.0, None),
        ("metida_ref4.csv", "log after Tmax", 120.0, 12.0),
        ("metida_ref5.csv", "linear-up log-down after Tmax", 120.0, 12.0),
    ],
)
def test_every_value_of_the_reference_is_met(file, method, dose, tau):
    """Cover all columns but Cdose, which is an input: the concentration at the dose, zero in all.

    The suite's Theoph and Indometh have no reference values. The 1e-6 is that of the suite (8 digits are printed).
    """
    reference, concentrations = pandas.read_csv(SUITE / file).set_index("Subject"), samples()
    result = im.nca(concentrations.to_numpy(), concentrations.columns, dose=dose, tau=tau, method=method)
    result["LZint"] = np.log(result["Clast_pred"]) + result["lambda_z"] * result["Tlast"]
    assert (reference["Cdose"] == concentrations[0.0]).all()
    for column in reference.columns.drop("Cdose"):
        np.testing.assert_allclose(result[COLUMNS.get(column, column)], reference[column], rtol=1e-6, err_msg=column)


@here
def test_linear_up_log_down_is_its_variant_where_nothing_falls_before_tmax():
    reference, concentrations = pandas.read_csv(SUITE / "metida_ref5.csv").set_index("Subject"), samples()
    rises = np.array([(np.diff(c[: np.argmax(c) + 1]) >= 0).all() for c in concentrations.to_numpy()])
    result = im.nca(concentrations.to_numpy()[rises], concentrations.columns)
    assert rises.sum() >= 5
    np.testing.assert_allclose(result["AUClast"], reference["AUClast"][rises], rtol=1e-6)


# Phoenix WinNonlin 6.3 and 7.0 on R's Indometh, dose 25, as printed by github.com/asancpt/NonCompart-tests (87e95ef),
# validation.md, tests 3 to 5: subjects 1, 3, 4 and 6
BOLUS = {
    "lambda_z": [0.1583205, 0.4218926, 0.4554455, 0.3535205],
    "lambda_z_points": [3, 10, 11, 9],
    "lambda_z_start": [5.0, 0.5, 0.25, 0.75],
    "R2_adjusted": [0.9941335, 0.8603043, 0.8586943, 0.8902329],
    "Cmax": [1.5, 2.72, 1.85, 2.31],
    "Tmax": [0.25, 0.25, 0.25, 0.25],
    "C0": [2.3936170, 4.9653691, 2.4622302, 3.7056250],
}
INDOMETH = {
    ("iv bolus", None, "linear"): BOLUS
    | {
        "AUClast": [2.0404521, 3.5544211, 2.7852788, 3.3357031],
        "AUCinf_obs": [2.3562672, 3.7440428, 2.9389745, 3.5902852],
        "AUCinf_pred": [2.3578369, 3.6491670, 2.8554521, 3.4947956],
        "AUC_back_extrapolated_obs": [20.6556421, 25.6586578, 18.3407098, 20.9441054],
        "AUC_back_extrapolated_pred": [20.6418914, 26.3257654, 18.8771782, 21.5163690],
        "AUMClast": [3.2712500, 5.0062500, 4.3818750, 5.5325000],
        "AUMCinf_obs": [7.7925545, 6.9726784, 5.9489028, 8.2892908],
        "AUMC_extrapolated_obs": [58.0208261, 28.2019090, 26.3414589, 33.2572574],
        "AUMC_extrapolated_pred": [58.1415337, 16.4063210, 14.0360055, 23.7450164],
        "MRTlast": [1.6031986, 1.4084572, 1.5732267, 1.6585709],
        "MRTinf_obs": [3.3071607, 1.8623394, 2.0241424, 2.3088112],
        "MRTinf_pred": [3.3144897, 1.6411390, 1.7851245, 2.0760194],
        "CL": [10.6100020, 6.6772740, 8.5063686, 6.9632351],
        "Vz": [67.0159780, 15.8269504, 18.6770303, 19.6968341],
        "Vss": [35.0889819, 12.4353504, 17.2181012, 16.0767951],
    },
    ("iv bolus", None, "log after Tmax"): BOLUS
    | {
        "AUClast": [2.0098984, 3.4743971, 2.7483832, 3.2908266],
        "AUC_back_extrapolated_obs": [20.5542573, 25.4552663, 18.4484084, 20.8230657],
        "AUMClast": [3.3047961, 5.0552993, 4.4049718, 5.5904206],
        "AUMC_extrapolated_obs": [57.7721236, 28.0049084, 26.2395827, 33.0264883],
        "MRTinf_obs": [3.3650320, 1.9164006, 2.0578350, 2.3543721],
        "CL": [10.7493892, 6.8231092, 8.6145142, 7.0513732],
        "Vss": [36.1720388, 13.0758105, 17.7272490, 16.6015562],
    },
    ("iv infusion", 0.25, "linear"): {
        "lambda_z": [0.1583205, 0.4218926, 0.4290762, 0.3535205],
        "lambda_z_points": [3, 10, 10, 9],
        "AUClast": [1.7412500, 2.9337500, 2.4775000, 2.8725000],
        "AUMCinf_obs": [7.7925545, 6.9726784, 6.0672197, 8.2892908],
        "MRTlast": [1.7536791, 1.5814337, 1.6436680, 1.8010226],
        "MRTinf_obs": [3.6631905, 2.1074203, 2.1726312, 2.5258069],
        "MRTinf_pred": [3.6712178, 1.8524801, 1.9124249, 2.2682186],
        "CL": [12.1532371, 8.0041706, 9.4673975, 7.9946733],
        "Vss": [44.5196227, 16.8681518, 20.5691634, 20.1930009],
    },
}


@here
@pytest.mark.parametrize(("route", "duration", "method"), INDOMETH)
def test_bolus_and_infusion_are_those_of_winnonlin(route, duration, method):
    """Allow 1e-7 of the printed digits: seven behind the point."""
    table = pandas.read_csv(SUITE / "Indometh.csv").pivot(index="Subject", columns="time", values="conc")
    c, t = table.loc[[1, 3, 4, 6]].to_numpy(), table.columns.to_numpy(float)
    if route == "iv infusion":  # WinNonlin puts zero at the start of the first one
        c, t = np.column_stack([np.zeros(len(c)), c]), np.r_[0.0, t]
    result = im.nca(c, t, dose=25.0, route=route, duration=duration, method=method)
    for name, values in INDOMETH[route, duration, method].items():
        np.testing.assert_allclose(result[name], values, rtol=1e-7, atol=1e-7, err_msg=name)


@here
@pytest.mark.filterwarnings("ignore:10 of 10 profiles are zero at the bolus")
def test_cmax_is_in_the_slope_after_a_bolus():
    """Take subjects 5 and 10 of WinNonlin's bolus table, as quoted by MetidaNCA (refdict3: 9 and 12 points)."""
    result = im.nca(samples().to_numpy(), samples().columns, dose=120.0, tau=12.0, route="iv bolus", method="linear")
    np.testing.assert_allclose(result["lambda_z"][[4, 9]], [0.0068579883, 0.016543752], rtol=1e-7)
    assert result["lambda_z_points"][[4, 9]].values.tolist() == [9, 12]


# what the solver cannot tell from zero


def test_noise_of_the_solver_is_zero_and_no_refusal():
    course = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(0, 28, every=0.05))
    assert course["il2"].min() < 0  # else the test shows nothing
    result = im.nca(course["il2"], dose="3 MIU")
    assert result["Tlast"] < 10
    tight = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(0, 28, every=0.05), rtol=1e-10)
    # below 1e-6 of the peak the slope is read from values that the solver errs in by up to all of them
    np.testing.assert_allclose(result["half_life"], im.nca(tight["il2"], lloq=2e-5)["half_life"], rtol=2e-2)


def test_samples_that_were_measured_are_taken_as_they_are():
    c = np.exp(-np.array([0.0, 5.0, 10.0, 20.0]))  # 2e-9 of the largest
    assert im.nca(c, [0.0, 5.0, 10.0, 20.0])["Tlast"] == 20


def test_a_course_that_comes_from_before_the_bolus_is_said():
    with pytest.warns(UserWarning, match="2 of 2 profiles are zero at the bolus"):
        im.nca(im.simulate(MODEL, "3 MIU IV", times=im.days(0, 1, every=0.1), parameters={"CL": [1e2, 2e2]})["il2"],
               route="iv bolus")  # fmt: skip


def test_the_bolus_of_a_model_gives_its_clearance_and_volume():
    course = im.simulate(MODEL, "3 MIU IV", times=im.days(0, 1, every=0.02), at_dose="post", rtol=1e-10)
    result = im.nca(course["il2"], dose="3 MIU", route="iv bolus")
    np.testing.assert_allclose([result["CL"], result["Vz"], result["Vss"]], [170, 14, 14], rtol=1e-6)
    assert result["Vss"].attrs["units"] == "L"


def test_a_patient_is_named_as_the_table_does():
    course = im.simulate(MODEL, "3 MIU IV", times=im.days(0, 1, every=0.1), parameters={"CL": [1e2, 2e2]})
    bad = course["il2"].assign_coords(patient=["A7", "B9"]).copy()
    bad[1, 3] = -5.0
    with pytest.raises(BadValue, match=r"concentration of patient B9 at time 0\.3 is -5"):
        im.nca(bad)


def test_doses_are_taken_by_the_names_of_patients():
    t = np.array([0.0, 1.0, 2.0, 4.0])
    course = xarray.DataArray([5 * np.exp(-t), 2 * np.exp(-t)], {"patient": ["a", "b"], "time": t}, ("patient", "time"))
    dose = xarray.DataArray([200.0, 100.0], {"patient": ["b", "a"]}, ("patient",))
    np.testing.assert_allclose(im.nca(course, dose=dose, route="iv bolus")["Vz"], [100 / 5, 200 / 2])
    with pytest.raises(BadValue, match="other patients"):
        im.nca(course, dose=dose.assign_coords(patient=["b", "c"]))
    with pytest.raises(BadValue, match="expected the same"):
        im.nca(course, dose=dose.rename(patient="arm"))
