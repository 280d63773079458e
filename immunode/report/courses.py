"""Simulated courses: of one patient over time, and of an event table at each of its records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunode.nonmem.cells import STANDARD
from immunode.report.cells import new_table

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

_MOST_ROWS = 40  # of the records of an event table in the terminal
_MOST_TIMES = 200  # of one course
_HIGHER = 1.02  # times the highest row: what is hardly higher between rows is no peak that they miss


@dataclass(frozen=True, eq=False)
class CourseReport:
    """Hold what `simulate` returned for one patient, the names of what a table shows of it, and a finer course of these
    (a `picture`), which tells what lies between the rows where a table is wanted."""

    course: "xarray.Dataset"
    names: Sequence[str]
    picture: "xarray.Dataset | None" = None

    def json(self) -> dict[str, Any]:
        """Return the course as plain data: units and values of everything that was simulated."""
        return _course_json(self.course)

    def table(self) -> list[Any]:
        """Return a table of one row a time."""
        course = self.course
        title = f"{course.attrs['model']}: {course.attrs['regimen'] or 'no doses'} (at a dose: the value before it)"
        shown, caption = _shown(course.time.size, _MOST_TIMES, "times")
        table = new_table(title, course.time.attrs["units"], *_heads(course, self.names), caption=caption)
        columns = [course[name].values for name in self.names]
        for i in shown:
            table.add_row(f"{course.time.values[i]:g}", *_row(columns, i), end_section=_gap(shown, i))
        return [table, *(() if self.picture is None else _between(course, self.picture, self.names))]


def _between(course: "xarray.Dataset", picture: "xarray.Dataset", names: Sequence[str]) -> list[str]:
    """Say where something is higher between two rows than in any of them."""
    lines = []
    for name in names:
        fine = picture[name].values
        at = int(fine.argmax())
        if fine[at] > _HIGHER * course[name].values.max():
            unit, time = picture[name].attrs["units"], picture.time
            when = f"{time.attrs['units']} {time.values[at]:.3g}"
            lines.append(f"between the rows {name} is up to {fine[at]:.4g} {unit} ({when}): give a smaller --every")
    return lines


@dataclass(frozen=True, eq=False)
class RecordsReport:
    """Hold what `simulate` returned for an event table, the names of what is shown of it, and the table's columns."""

    course: "xarray.Dataset"
    names: Sequence[str]
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Return the course as plain data: units and values of everything, id, row (line of the file), columns."""
        return {
            **_course_json(self.course),
            "time_unit": self.course.time.attrs["units"],
            "columns": dict(self.columns),
        }

    def table(self) -> list[Any]:
        """Return a table of one row a record, of many the first and last."""
        return [_records_table(self.course, self.names, self.columns)]


def _records_table(
    course: "xarray.Dataset", names: Sequence[str], columns_of_file: Mapping[str, Sequence[Any]]
) -> "Table":
    shown, caption = _shown(course.time.size, _MOST_ROWS, "records")
    carried = {name: cells for name, cells in columns_of_file.items() if name == "DV" or name not in STANDARD}
    heads = ("id", course.time.attrs["units"], "row", *carried, *_heads(course, names))
    table = new_table(f"{course.attrs['model']}: at each record", *heads, caption=caption)
    columns = [course[name].values for name in names]
    for i in shown:
        where = (str(course.id.values[i]), f"{course.time.values[i]:g}", str(course.row.values[i]))
        table.add_row(
            *where, *(_cell(cells[i]) for cells in carried.values()), *_row(columns, i), end_section=_gap(shown, i)
        )
    return table


def _shown(count: int, most: int, what: str) -> tuple[Sequence[int], str | None]:
    """Return which rows of a table are shown, of many the first and last, and what is said of the others."""
    if count <= most:
        return range(count), None
    half = most // 2
    caption = f"the first {half} and last {half} of {count} {what}; all with --json or --out"
    return [*range(half), *range(count - half, count)], caption


def _gap(shown: Sequence[int], i: int) -> bool:
    """Return whether rows are left out after this one."""
    return i != shown[-1] and i + 1 not in shown


def _cell(cell: Any) -> str:
    return "" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell)


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
