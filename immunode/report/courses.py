"""Simulated courses: of one patient over time, of several regimens, and of an event table at each of its records."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.internal.coarse_times import BETWEEN
from immunode.internal.defaults import ASSAY_LIMIT
from immunode.model.declaration import Model
from immunode.nonmem.cells import STANDARD
from immunode.report.cells import new_table, under_limit
from immunode.report.screen_rows import MOST_ROWS, screen_rows, shown_of
from immunode.units import time_per_day

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

    from immunode.regimen import Regimen
    from immunode.simulation import Extremes

_HIGHER = 1.02  # times the highest row: what is hardly higher between rows is no peak that they miss
_EXACT = 4  # decimals in which a time is shown as it is, such as a month, 30.4375 d
_FEWEST_ROWS = 20  # of each of several tables: fewer show no course
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # of several regimens


@dataclass(frozen=True, eq=False)
class CourseReport:
    """Hold what `simulate` returned for one patient, or for one of each regimen of a list, the names of what a table
    shows of it, and the exact `extremes` of these, which tell what lies between the rows where a table is wanted.
    `about` are lines on who is simulated; `every_row` shows all rows."""

    course: "xarray.Dataset"
    names: Sequence[str]
    extremes: "Extremes | None" = None
    about: Sequence[str] = ()
    every_row: bool = False
    dosed: float | None = None

    def json(self) -> dict[str, Any]:
        """Return the course as plain data: units and values of everything that was simulated."""
        regimens = self.course.coords.get("regimen")
        named = {} if regimens is None else {"regimens": regimens.values.tolist()}
        return _course_json(self.course) | {"time_unit": self.course.time.attrs["units"]} | named

    def table(self) -> list[Any]:
        """Return who is simulated and a table of one row a time; of several regimens a table for each output."""
        course = self.course
        several = "patient" in course.dims
        words = course.regimen.values.tolist() if several else []
        regimens = [f"{_letter(i)}: {text}" for i, text in enumerate(words)]
        given_in_words = f"{len(words)} regimens" if several else course.attrs["regimen"]
        first = f"{course.attrs['model']}: {given_in_words} (at a dose: the value before it)"
        between = () if self.extremes is None else _between(course, self.extremes, self.names)
        return [first, *regimens, *self.about, *self._tables(several), *between]

    def _tables(self, several: bool) -> "list[Table]":
        """Return one table, or of several regimens one beside the other and, where they fit, one for each output."""
        course = self.course
        unit = course.time.attrs["units"]
        if not several:
            heads = _heads(course, self.names)
            columns = [_clean(course, name, course[name].values) for name in self.names]
            return [self._table("", heads, columns, MOST_ROWS, [course[name].attrs["units"] for name in self.names])]
        most = MOST_ROWS // len(self.names)
        if most < _FEWEST_ROWS and not self.every_row:
            return [self._extremes("over time with --all, --json or --out")]
        tables = [self._extremes(None)]
        for name in self.names:
            values = [_clean(course, name, one) for one in course[name].values]
            heads = [_letter(i) for i in range(len(values))]
            shown = str(course[name].attrs["units"])
            tables.append(self._table(f"{name} ({shown}) by {unit}", heads, values, most, [shown] * len(values)))
        return tables

    def _extremes(self, caption: str | None) -> "Table":
        """Return a table of several regimens beside each other: each output at the start and at the end, its highest
        and its lowest value and when, also between the rows."""
        course = self.course
        unit, time, rtol = course.time.attrs["units"], course.time.values, course.attrs["rtol"]
        table = new_table("", "", "", "at start", "highest", unit, "lowest", unit, "at end", caption=caption)
        for k, name in enumerate(self.names):
            high, low = _highest_and_lowest(course[name].values, time, self.extremes, k, rtol)
            rows = [course[name].values[:, 0], high[0], low[0], course[name].values[:, -1]]
            start, top, bottom, end = without_noise(np.array(rows), rtol, small=True)
            for i, (first, up, up_at, down, down_at, last) in enumerate(zip(start, top, high[1], bottom, low[1], end)):
                values = [as_seen(value, course[name].attrs["units"], 3) for value in (first, up, down, last)]
                cells = [*values[:2], f"{up_at:.4g}", values[2], f"{down_at:.4g}", values[3]]
                head = f"{name} ({course[name].attrs['units']})" if i == 0 else ""
                table.add_row(head, _letter(i), *cells, end_section=i == len(start) - 1)
        return table

    def _table(
        self, title: str, heads: Sequence[str], columns: Sequence[np.ndarray], most: int, units: Sequence[str]
    ) -> "Table":
        """Return a table over time of columns of values in units."""
        course = self.course
        time, unit = course.time.values, course.time.attrs["units"]
        days = time / time_per_day(unit)
        shown = list(range(len(time))) if self.every_row else screen_rows(days, columns, dosed=self.dosed, most=most)
        table = new_table(title, unit, *heads, caption=shown_of(shown, len(time), "times"))
        for row in _cells(columns, units, shown, time):
            table.add_row(*row)
        return table


def who_in_words(model: "Model", values: Mapping[str, Any], regimens: Sequence["Regimen"]) -> list[str]:
    """Return which of the model's named groups the patient of each regimen is in, and what of it nobody said."""
    from immunode.virtual_trials.group_words import group_words

    read = model.values(values)
    said = {name: read[name] for name in values}
    return list(dict.fromkeys(words for regimen in regimens for words in group_words(model, said, regimen)))


def patient_in_words(course: "xarray.Dataset", model: "Model") -> str:
    """Return who is simulated: what is seen at the start, and the states that say on or off, such as therapy."""
    at_start = course.isel(time=0, patient=0) if "patient" in course.dims else course.isel(time=0)
    seen = [
        f"{name} {as_seen(float(at_start[name]), model.observables[name], 3)} {model.observables[name]}"
        for name in model.shown
    ]
    switches = [state for state in model.states if state.unit == "1" and math.isfinite(state.high)]
    seen += [f"{state.name} {float(at_start[state.name]):.3g} ({state.meaning})" for state in switches]
    time = f"{course.time.attrs['units']} {float(at_start.time):g}"
    return f"at {time}, before what is given then: {', '.join(seen)}"


def _letter(i: int) -> str:
    return _LETTERS[i] if i < len(_LETTERS) else str(i + 1)


def _highest_and_lowest(
    values: np.ndarray, time: np.ndarray, extremes: "Extremes | None", k: int, rtol: float
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the highest and the lowest values of variable `k` in courses `values` (regimens, times), and when: those
    of the rows, or what is beyond them between these."""
    at = np.arange(len(values)), values.argmax(axis=1), values.argmin(axis=1)
    high, low = (values[at[0], at[1]], time[at[1]]), (values[at[0], at[2]], time[at[2]])
    if extremes is None:
        return high, low
    near = rtol * np.maximum(np.abs(high[0]), np.abs(low[0]))  # else it is the tolerance
    above, below = extremes.highest[k] > high[0] + near, extremes.lowest[k] < low[0] - near  # not so for nan
    beyond = (extremes.highest[k], extremes.highest_at[k]), (extremes.lowest[k], extremes.lowest_at[k])
    top, bottom = (
        (np.where(chosen, there[0], here[0]), np.where(chosen, there[1], here[1]))
        for chosen, there, here in ((above, beyond[0], high), (below, beyond[1], low))
    )
    return top, bottom


def _between(course: "xarray.Dataset", extremes: "Extremes", names: Sequence[str]) -> list[str]:
    """Say where something is higher between two rows than in any of them."""
    lines = []
    for i, name in enumerate(names):
        highest = np.nan_to_num(extremes.highest[i], nan=-np.inf)
        at = int(highest.argmax())
        if highest[at] > _HIGHER * course[name].values.max():
            when = f"{course.time.attrs['units']} {extremes.highest_at[i, at]:.5g}"
            unit = course[name].attrs["units"]
            lines.append(f"between the rows {name} is up to {highest[at]:.4g} {unit} ({when}): give a smaller --every")
    return lines


@dataclass(frozen=True, eq=False)
class RecordsReport:
    """Hold what `simulate` returned for an event table, the names of what is shown of it, and the table's columns;
    `every_row` shows all records, else of many the first and last."""

    course: "xarray.Dataset"
    names: Sequence[str]
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    every_row: bool = False

    def json(self) -> dict[str, Any]:
        """Return the course as plain data: units and values of everything, id, row (line of the file), columns."""
        return {
            **_course_json(self.course),
            "time_unit": self.course.time.attrs["units"],
            "columns": dict(self.columns),
        }

    def table(self) -> list[Any]:
        """Return a table of one row a record, of many the first and last."""
        return [_records_table(self.course, self.names, self.columns, every_row=self.every_row)]


def _records_table(
    course: "xarray.Dataset",
    names: Sequence[str],
    columns_of_file: Mapping[str, Sequence[Any]],
    *,
    every_row: bool,
) -> "Table":
    count = course.time.size
    half = count if every_row or count <= MOST_ROWS else MOST_ROWS // 2
    shown = sorted({*range(min(half, count)), *range(max(count - half, 0), count)})
    few = len(shown) < count
    caption = f"the first {half} and last {half} of {count} records; all with --all, --json or --out" if few else None
    carried = {name: cells for name, cells in columns_of_file.items() if name == "DV" or name not in STANDARD}
    heads = ("id", course.time.attrs["units"], "row", *carried, *_heads(course, names))
    table = new_table(f"{course.attrs['model']}: at each record", *heads, caption=caption)
    columns = [_clean(course, name, course[name].values) for name in names]
    units = [course[name].attrs["units"] for name in names]
    for i, (time, *values) in zip(shown, _cells(columns, units, shown, course.time.values), strict=True):
        where = (str(course.id.values[i]), time, str(course.row.values[i]))
        cells = (_cell(cells[i]) for cells in carried.values())
        table.add_row(*where, *cells, *values, end_section=few and i == half - 1)
    return table


def _cell(cell: Any) -> str:
    return "" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell)


def _heads(course: "xarray.Dataset", names: Sequence[str]) -> list[str]:
    return [f"{name}\n({course[name].attrs['units']})" for name in names]


def _cells(
    columns: Sequence[np.ndarray], units: Sequence[str], shown: Sequence[int], time: np.ndarray
) -> list[list[str]]:
    """Return the cells of rows: a time, then values."""
    decimals = _decimals(time[list(shown)])
    times = [f"{time[i]:.{decimals}f}" for i in shown]
    times = [text.rstrip("0").rstrip(".") if "." in text else text for text in times]
    pairs = list(zip(columns, units, strict=True))
    return [
        [head, *(as_seen(column[i], unit, 4) for column, unit in pairs)] for head, i in zip(times, shown, strict=True)
    ]


def as_seen(value: float, unit: str, digits: int) -> str:
    """Return a number of so many digits; one of copies/mL below the limit of the assay as such, "< 50"."""
    return f"< {ASSAY_LIMIT:g}" if under_limit(float(value), unit) else f"{float(value):.{digits}g}"


def _decimals(times: np.ndarray) -> int:
    """Return how many decimals make the times what they are, or, of such as 1/3, so many that they are told apart to a
    hundredth of what lies between two."""
    for decimals in range(_EXACT + 1):
        if np.allclose(np.round(times, decimals), times, rtol=1e-12, atol=1e-10):
            return decimals
    apart = np.diff(times)
    wanted = 2 - math.floor(math.log10(apart[apart > 0].min())) if (apart > 0).any() else _EXACT
    return min(max(wanted, 0), 9)


def _clean(course: "xarray.Dataset", name: str, values: np.ndarray) -> np.ndarray:
    return without_noise(values, course.attrs["rtol"], small=True, peak=peak_between(course[name]))


def peak_between(one: "xarray.DataArray") -> float:
    """Return what a variable of a course is known to reach between its times; 0 where these show it."""
    return float(np.nanmax(np.abs(one.attrs.get(BETWEEN, 0.0)), initial=0.0))


def without_noise(values: np.ndarray, rtol: float, *, small: bool = False, peak: float = 0.0) -> np.ndarray:
    """Return values with 0 for negative ones that are smaller than the solver's tolerance of the largest, or of a
    `peak` between them, and for `small` ones below the absolute tolerance: a concentration that is none comes out as
    -1e-12 as well as 1e-12."""
    sizes = np.abs(values)
    tolerance = rtol * np.nanmax(sizes, initial=peak)
    noise = (values < 0) & (sizes < tolerance) | (small & (sizes < tolerance / 1000))
    return np.where(noise, 0.0, values)


def _course_json(course: "xarray.Dataset") -> dict[str, Any]:
    outputs = [
        name
        for name in course.data_vars
        if "units" in course[name].attrs and course.time.dims[0] in course[name].dims and name != "status_time"
    ]
    return {
        **course.attrs,
        "units": {str(name): course[name].attrs["units"] for name in outputs},
        **{str(name): course[name].values.tolist() for name in ("id", "row", "time") if name in course.coords},
        "values": {str(name): course[name].values.tolist() for name in outputs},
    }
