"""What lies between the times of a result is told by the variable, whatever it is called, and only where it is so."""

import numpy as np
import pytest

import immunode as im
from immunode.internal.coarse_times import coarse

DAILY = im.days(0, 28)
FAST = im.Model(
    "fast", [im.State("gut", "mg"), im.State("slow", "mg", "what is left of it")],
    lambda t, x, p: {"gut": -p.k * x.gut, "slow": p.k * x.gut - p.z * x.slow},
    [im.Parameter("k", 12.0, "1/day"), im.Parameter("z", 0.01, "1/day")], routes={"po": "gut"},
)  # fmt: skip


def test_a_peak_between_the_times_is_told_with_its_value_and_time():
    course = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=DAILY)
    fine = im.simulate("il2_sc", "3 MIU SC", times=im.days(0, 1, every=0.005))["il2"]
    attrs = course["il2"].attrs
    assert attrs["between_times"] == pytest.approx(float(fine.max()), rel=0.01)  # the look is on 47 times of the day
    assert attrs["between_times_at"] == pytest.approx(float(fine.time[int(np.argmax(fine.values))]), abs=0.03)
    assert "'il2' reaches at least 17.7 IU/mL" in coarse(course["il2"])
    assert "every=1/24" in coarse(course["il2"])


def test_the_cure_shows_the_peak():
    cured = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(0, 28, every=1 / 24))
    assert "between_times" not in cured["il2"].attrs


def test_what_moves_slowly_is_not_told_of_and_names_do_not_matter():
    course = im.simulate(FAST, im.dose("6 mg", "po", days=[1, 2, 3]), times=DAILY)
    assert ("between_times" in course["gut"].attrs, "between_times" in course["slow"].attrs) == (True, False)
    assert coarse(course["slow"]) == ""


def test_without_doses_between_times_nothing_is_looked_for():
    for regimen, times in ((None, DAILY), ("3 MIU SC", [5.0]), (im.dose("3 MIU", "sc", times=[40]), DAILY)):
        course = im.simulate("il2_sc", regimen, times=times)
        assert not any("between_times" in course[name].attrs for name in course)


def test_a_list_of_regimens_is_looked_at_where_there_are_doses():
    course = im.simulate("il2_sc", [None, "3 MIU SC", "1 MIU SC"], times=DAILY)
    assert course["il2"].attrs["between_times"] == pytest.approx(17.7, abs=0.1)


def test_an_own_value_decides_and_the_values_keep_their_bits():
    slow = im.simulate(FAST, im.dose("6 mg", "po"), times=DAILY, parameters={"k": 0.1})
    assert "between_times" not in slow["gut"].attrs
    alone = im.simulate(FAST, im.dose("6 mg", "po"), times=DAILY, outputs="slow")
    np.testing.assert_array_equal(alone["slow"], im.simulate(FAST, im.dose("6 mg", "po"), times=DAILY)["slow"])


def test_a_model_of_hours_tells_in_hours():
    model = im.Model("hourly", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
                     [im.Parameter("k", 1.0, "1/hour")], routes={"iv": "y"}, time="hour")  # fmt: skip
    course = im.simulate(model, im.dose("1 mg", "iv", times=["0 h"]), times=["0 h", "24 h", "48 h"])
    assert "hour apart" in coarse(course["y"])
    assert course["y"].attrs["between_times_at"] < 1


def test_a_jump_at_a_dose_is_cured_by_the_value_after_it():
    bolus = im.dose("6 mg", "po", days=[1, 2])
    assert coarse(im.simulate(FAST, bolus, times=DAILY)["gut"]).endswith("simulate with at_dose='post'")
    assert coarse(im.simulate(FAST, bolus, times=DAILY, at_dose="post")["gut"]) == ""


def test_doses_stand_on_the_time_and_in_its_unit():
    course = im.simulate("il2_sc", "3 MIU SC QD days 1-3", times=DAILY)
    assert course.time.attrs["doses"].tolist() == [0.0, 1.0, 2.0]
    assert "doses" not in im.simulate("il2_sc", times=[1]).time.attrs
    several = im.simulate("il2_sc", ["3 MIU SC", None, "1 MIU SC QD days 2-3", "3 MIU SC"], times=DAILY).time.attrs
    assert several["doses"].tolist() == [0.0, 1.0, 2.0]
    assert several["doses_of"].tolist() == [0, 2, 2]
    assert several["doses_names"].split("\n") == ["3 MIU SC", "no treatment", "1 MIU SC QD days 2-3"]


def test_meanings_are_the_long_names_of_variables():
    course = im.simulate(FAST, im.dose("6 mg", "po"), times=[1])
    assert course["slow"].attrs["long_name"] == "what is left of it"
    assert "long_name" not in course["gut"].attrs


def test_a_result_with_doses_goes_to_a_file_and_back(tmp_path):
    xarray = pytest.importorskip("xarray")
    course = im.simulate("il2_sc", ["3 MIU SC", "1 MIU SC QD days 2-3"], times=DAILY)
    course.to_netcdf(tmp_path / "c.nc", engine="scipy")
    back = xarray.open_dataset(tmp_path / "c.nc", engine="scipy")
    assert back.time.attrs["doses"].tolist() == [0.0, 1.0, 2.0]
    assert len(course.to_dataframe()) == 2 * len(DAILY)


def test_nca_says_that_samples_miss_the_peak():
    course = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=DAILY)
    with pytest.warns(UserWarning, match=r"'il2' reaches at least 17\.7 IU/mL"):
        im.nca(course["il2"], lloq="1 IU/mL")


@pytest.mark.parametrize("at_dose", ["pre", "post", "both"])
def test_looks_change_no_bit_of_a_patient_alone(at_dose):
    alone = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=DAILY, at_dose=at_dose)
    of_two = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=DAILY, at_dose=at_dose, parameters={"CL": [170.0] * 2})
    looked = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=DAILY, at_dose=at_dose, parameters={"CL": 170.0})
    assert alone["il2"].sizes == {"time": of_two.sizes["time"]}
    np.testing.assert_array_equal(looked["il2"], of_two["il2"][1])
    assert looked["il2"].attrs["between_times"] == pytest.approx(of_two["il2"].attrs["between_times"], rel=1e-3)
