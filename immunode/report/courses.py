"""Simulated courses: of one patient over time, and of an event table at each of its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunode.report.cells import new_table

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

_MOST_ROWS = 40  # of the records of an event table in the terminal


@dataclass(frozen=True, eq=False)
class CourseReport:
    """Hold what `simulate` returned for one patient, and the names of what a table shows of it."""

    course: "xarray.Dataset"
    names: Sequence[str]

    def json(self) -> dict[str, Any]:
        """Return the course as plain data: units and values of everything that was simulated."""
        return _course_json(self.course)

    def table(self) -> list[Any]:
        """Return a table of one row a time."""
        course = self.course
        title = f"{course.attrs['model']}: {course.attrs['regimen'] or 'no doses'} (at a dose: the value before it)"
        table = new_table(title, course.time.attrs["units"], *_heads(course, self.names))
        columns = [course[name].values for name in self.names]
        for i, time in enumerate(course.time.values):
            table.add_row(f"{time:g}", *_row(columns, i))
        return [table]


@dataclass(frozen=True, eq=False)
class RecordsReport:
    """Hold what `simulate` returned for an event table, and the names of what a table shows of it."""

    course: "xarray.Dataset"
    names: Sequence[str]

    def json(self) -> dict[str, Any]:
        """Return the course as plain data: units and values of everything, id and row (line of the file) of each."""
        return _course_json(self.course)

    def table(self) -> list[Any]:
        """Return a table of one row a record, of many the first and last."""
        return [_records_table(self.course, self.names)]


def _records_table(course: "xarray.Dataset", names: Sequence[str]) -> "Table":
    count, half = course.time.size, _MOST_ROWS // 2
    many = count > _MOST_ROWS
    caption = f"the first {half} and last {half} of {count} records; all with --json or --out" if many else None
    heads = ("row", "id", course.time.attrs["units"], *_heads(course, names))
    table = new_table(f"{course.attrs['model']}: at each record", *heads, caption=caption)
    columns = [course[name].values for name in names]
    shown = [*range(half), *range(count - half, count)] if many else range(count)
    for i in shown:
        where = (str(course.row.values[i]), str(course.id.values[i]), f"{course.time.values[i]:g}")
        table.add_row(*where, *_row(columns, i), end_section=many and i == half - 1)
    return table


def _heads(course: "xarray.Dataset", names: Sequence[str]) -> list[str]:
    return [f"{name} ({course[name].attrs['units']})" for name in names]


def _row(columns: Sequence[Any], i: int) -> list[str]:
    return [f"{float(column[i]):.4g}" for column in columns]


def _course_json(course: "xarray.Dataset") -> dict[str, Any]:
    outputs = [
        name
        for name in course.data_vars
        if "units" in course[name].attrs and course[name].dims == course.time.dims and name != "status_time"
    ]
    return {
        **course.attrs,
        "units": {str(name): course[name].attrs["units"] for name in outputs},
        **{str(name): course[name].values.tolist() for name in ("id", "row", "time") if name in course.coords},
        "values": {str(name): course[name].values.tolist() for name in outputs},
    }
