"""Courses as tables and as plain data."""

import numpy as np

import immunode as im
from immunode import models, simulation
from immunode.report.courses import CourseReport, patient_in_words, without_noise


def test_a_course_has_a_row_a_time_and_its_json_has_everything_simulated():
    course = im.simulate("il2_sc", "3 MIU SC", times=[0, 1, 2])
    extremes = simulation.extremes(models.model("il2_sc"), [im.prescribe("3 MIU SC")], 0, 2, ["il2"])
    report = CourseReport(course, ["il2"], extremes)
    *_, table, between = report.table()
    assert between.startswith("between the rows il2 is up to 17.")
    assert [column.header for column in table.columns] == ["day", "il2\n(IU/mL)"]
    assert list(table.columns[0].cells) == ["0", "1", "2"]
    data = report.json()
    assert set(data["values"]) == set(data["units"]) == {"depot", "central", "il2", "uptake"}
    assert data["values"]["il2"] == course["il2"].values.tolist()


def test_several_regimens_are_a_table_for_each_output_with_a_column_for_each_regimen():
    words = ["3 MIU SC", "3 MIU IV over 2 h"]
    course = im.simulate("il2_sc", words, times=[0, 0.25, 1])
    report = CourseReport(course, ["depot", "il2"])
    title, a, b, beside, depot, il2 = report.table()
    assert (title.partition(" (")[0], a, b) == ("il2_sc: 2 regimens", "A: 3 MIU SC", "B: 3 MIU IV over 2 h")
    assert [column.header for column in il2.columns] == ["day", "A", "B"]
    assert (depot.title, il2.title) == ("depot (MIU) by day", "il2 (IU/mL) by day")
    assert list(il2.columns[2].cells) == [f"{value:.4g}" for value in course["il2"].values[1]]
    first, second = ([list(column.cells)[i] for column in beside.columns] for i in (2, 3))
    high = course["il2"].values.max(axis=1)
    assert first[:5] == ["il2 (IU/mL)", "A", "0", f"{high[0]:.3g}", "0.25"]
    assert second[:5] == ["", "B", "0", f"{high[1]:.3g}", "0.25"]
    assert report.json()["regimens"] == words
    assert report.json()["values"]["il2"] == course["il2"].values.tolist()


def test_of_many_outputs_of_several_regimens_the_extremes_alone_are_shown_unless_all_is_asked_for():
    course = im.simulate("il2_cd4_hiv", ["3 MIU SC", None])
    names = ["il2", "rna", "cd4"]
    *_, table = CourseReport(course, names).table()
    assert table.row_count == 6
    assert table.caption == "over time with --all, --json or --out"
    *_, before, last = CourseReport(course, names, every_row=True).table()
    assert last.row_count == before.row_count == course.time.size


def test_a_time_of_few_decimals_is_shown_as_it_is():
    for times, shown in (
        (im.days(0, 91.3125, every=30.4375), ["0", "30.4375", "60.875", "91.3125"]),
        (im.days(0, 3, every="1 d"), ["0", "1", "2", "3"]),
        (im.days(0, 0.375, every="3 h"), ["0", "0.125", "0.25", "0.375"]),
        ([0, 0.001, 1234.5678], ["0", "0.001", "1234.5678"]),
    ):
        *_, table = CourseReport(im.simulate("il2_sc", times=times), ["il2"]).table()
        assert list(table.columns[0].cells) == shown


def test_times_without_end_are_shown_to_a_hundredth_of_what_lies_between_them():
    course = im.simulate("il2_sc", "3 MIU SC", times=["0 h", "0.5 h", "1 h", "24 h"])
    *_, table = CourseReport(course, ["il2"]).table()
    assert list(table.columns[0].cells) == ["0", "0.0208", "0.0417", "1"]


def test_a_negative_value_that_is_nothing_is_0_and_no_other_value_is():
    values = np.array([17.0, 1e-5, -1.7e-9, -1.6e-14, 1e-12, -1e-3, np.nan])
    assert without_noise(values, 1e-6).tolist()[:6] == [17.0, 1e-5, 0, 0, 1e-12, -1e-3]
    assert without_noise(values, 1e-6, small=True).tolist()[:6] == [17.0, 1e-5, 0, 0, 0, -1e-3]
    assert without_noise(np.array([-2e-9, -3e-9]), 1e-6).tolist() == [-2e-9, -3e-9]
    assert without_noise(np.array([-2e-9, -3e-9]), 1e-6, peak=17.0).tolist() == [0.0, 0.0]  # reached between the times


def test_who_is_simulated_is_said_with_what_can_be_switched():
    model = im.models.model("il2_cd4_hiv")
    untreated = patient_in_words(im.simulate(model, "3 MIU SC", times=[0, 1]), model)
    assert untreated.startswith("at day 0, before what is given then: il2 0 IU/mL, rna 1e+05 copies/mL")
    assert "cd4 61 cells/uL" in untreated
    assert "art 0 (share of full therapy: 1 on, 0 off)" in untreated
    treated = im.simulate(model, ["3 MIU SC"], times=[0, 1], parameters={"suppressed": 1})
    assert "art 1 (share of full therapy: 1 on, 0 off)" in patient_in_words(treated, model)
    assert "rna < 50 copies/mL" in patient_in_words(treated, model)


def test_counts_below_the_limit_of_their_assay_are_shown_as_such_in_every_table():
    suppressed = {"times": [0, 1], "parameters": {"suppressed": 1}}
    *_, table = CourseReport(im.simulate("il2_cd4_hiv", **suppressed), ["rna", "cd4"]).table()
    assert list(table.columns[1].cells) == ["< 50", "< 50"]
    *_, beside, over_time = CourseReport(im.simulate("il2_cd4_hiv", [None, "3 MIU SC"], **suppressed), ["rna"]).table()
    assert [list(beside.columns[i].cells) for i in (2, 3, 5, 7)] == [["< 50"] * 2] * 4
    assert [list(over_time.columns[i].cells) for i in (1, 2)] == [["< 50"] * 2] * 2
    *_, table = CourseReport(im.simulate("il2_cd4_hiv", times=[0, 1]), ["rna"]).table()
    assert list(table.columns[1].cells) == ["1e+05", "1e+05"]
