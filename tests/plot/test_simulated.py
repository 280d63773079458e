"""A list of regimens is so many courses, each with its name, its patients and its doses."""

import numpy as np
import pytest

import immunode as im
from immunode import plot
from immunode.errors import BadValue
from immunode.plot.simulated import curves
from tests.plot.made_up import drawn, gids

LIST = ["3 MIU SC QD days 1-2", "6 MIU SC QD days 1-3", None]
FINE = im.days(0, 7, every=1 / 24)


def test_each_of_a_list_of_regimens_is_a_named_course_with_its_doses_and_a_colour():
    three = im.simulate("il2_sc", LIST, times=FINE)
    ax = plot.course(three, "il2")
    names = ["3 MIU SC QD days 1-2", "6 MIU SC QD days 1-3", "no treatment"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    for i, name in enumerate(names):
        np.testing.assert_array_equal(drawn(ax, f"median:{name}")[1], three["il2"].values[i])
    assert drawn(ax, "doses:2 doses")[0].tolist() == [0.0, 1.0]
    assert drawn(ax, "doses:3 doses")[0].tolist() == [0.0, 1.0, 2.0]
    assert len({line.get_color() for line in ax.lines if line.get_gid().startswith("median:")}) == 3
    colours = {line.get_gid(): line.get_color() for line in ax.lines}
    assert colours["doses:3 doses"] == colours["median:6 MIU SC QD days 1-3"]


def test_patients_of_one_regimen_are_its_median_and_quartiles():
    clearance = [100.0, 150, 200, 250, 300, 350]
    six = im.simulate("il2_sc", [LIST[0]] * 3 + [LIST[1]] * 3, times=FINE, parameters={"CL": clearance})
    first, second = curves(six, "il2")
    np.testing.assert_allclose(second.values[0], np.median(six["il2"].values[3:], axis=0))
    np.testing.assert_allclose(first.values[1], np.percentile(six["il2"].values[:3], 25, axis=0))
    assert (first.patients, first.doses.tolist()) == (3, [0.0, 1.0])
    assert plot.course(six, "il2").get_legend().get_title().get_text() == "il2_sc: median, quartiles of patients"


def test_a_selection_of_patients_keeps_names_and_doses():
    chosen = im.simulate("il2_sc", LIST, times=FINE).isel(patient=[2, 1])
    assert [(curve.label, len(curve.doses)) for curve in curves(chosen, "il2")] == [
        ("no treatment", 0),
        ("6 MIU SC QD days 1-3", 3),
    ]
    (alone,) = curves(chosen.isel(patient=1), "il2")
    assert (alone.label, alone.doses.tolist()) == ("6 MIU SC QD days 1-3", [0.0, 1.0, 2.0])


def test_of_more_than_twelve_regimens_there_is_one_course_of_all():
    many = im.simulate("il2_sc", [f"{dose} MIU SC" for dose in range(1, 15)], times=FINE)
    assert [curve.label for curve in curves(many, "il2")] == ["14 regimens"]


def test_one_regimen_has_its_name_its_heading_and_its_doses():
    ax = plot.course(im.simulate("il2_sc", LIST[0], times=FINE), "il2")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [LIST[0]]
    assert ax.get_legend().get_title().get_text() == "il2_sc: one patient"
    assert drawn(ax, "doses:2 doses")[0].tolist() == [0.0, 1.0]


def test_doses_outside_of_the_times_have_no_tick():
    ax = plot.course(im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(1, 2.5, every=1 / 24)), "il2")
    assert drawn(ax, "doses:2 doses")[0].tolist() == [1.0, 2.0]


def test_sensitivities_are_a_line_by_each_parameter():
    ax = plot.course(im.simulate("il2_sc", "3 MIU SC", times=FINE, sensitivities=["CL", "V"]), "il2_sensitivity")
    assert [gid for gid in gids(ax) if gid.startswith("median:")] == ["median:by CL (per L/day)", "median:by V (per L)"]
    assert ax.get_ylabel().replace("\n", " ") == "Sensitivity of IL-2 in serum (IU/mL per unit)"


def test_a_change_is_each_patients_own_before_the_median():
    two = im.simulate("il2_cd4_hiv", None, times=[0, 100, 200], parameters={"cd4_start": [100.0, 300, 500]})
    y = drawn(plot.course(two, "cd4", change=True), "median:no treatment")[1]
    rows = two["cd4"].values - two["cd4"].values[:, :1]
    np.testing.assert_allclose(y, np.median(rows, axis=0))
    assert plot.course(two, "cd4", change=True).get_ylabel() == "Change of CD4 count since day 0 (cells/µL)"


def test_a_change_without_a_day_0_is_from_the_first_time_and_of_copies_in_powers_of_ten():
    one = im.simulate("il2_cd4_hiv", im.replace("art", 1, time=10), times=[5, 40, 80])
    ax = plot.course(one, "rna", change=True)
    rna = one["rna"].values
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.log10(rna / rna[0]))
    assert "since day 5" in ax.get_ylabel().replace("\n", " ")
    assert "log10 copies/mL" in ax.get_ylabel()
    assert ax.get_yscale() == "linear"


def test_a_change_of_a_trial_is_of_its_patients_at_the_visits(result):
    seen = np.array([[[100.0, 110, 150, 190], [200, 240, 260, 220], [300, 310, 330, 390], [50, 50, 90, 60]]] * 2)
    trial = result.assign(cd4_patient=(("arm", "patient", "visit"), seen))
    x, y = drawn(plot.course(trial, "cd4", change=True), "median:HAART")
    np.testing.assert_array_equal(x, result.visit)
    np.testing.assert_array_equal(y, np.median(seen[1] - seen[1][:, :1], axis=0))
    with pytest.raises(BadValue, match="needs a visit on day 0; the trial's are 28"):
        plot.course(trial.isel(visit=[1, 2]), "cd4", change=True)
    with pytest.raises(BadValue, match="'cd4_patient'"):
        plot.course(result, "cd4", change=True)
