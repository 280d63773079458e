"""Courses as tables and as plain data."""

import immunode as im
from immunode.report.courses import CourseReport


def test_a_course_has_a_row_a_time_and_its_json_has_everything_simulated():
    course = im.simulate("il2_sc", "3 MIU SC", times=[0, 1, 2])
    report = CourseReport(course, ["il2"], course)
    (table,) = report.table()
    assert [column.header for column in table.columns] == ["day", "il2 (IU/mL)"]
    assert list(table.columns[0].cells) == ["0", "1", "2"]
    data = report.json()
    assert set(data["values"]) == set(data["units"]) == {"depot", "central", "il2"}
    assert data["values"]["il2"] == course["il2"].values.tolist()
