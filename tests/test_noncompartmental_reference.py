"""Non-compartmental analysis of what simulate returns, and against WinNonlin's values quoted by MetidaNCA."""

from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray

import immunode as im
from immunode.errors import BadValue
from immunode.units import unit

SUITE = Path(__file__).parents[2] / "shared/data/suites/nca"

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
