"""The command `immunode simulate`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from immunode.cli.output import Json, Out, TimeUnit, help_with, show, told
from immunode.errors import BadValue, ImmunodeError

if TYPE_CHECKING:
    import numpy as np

    from immunode.model.declaration import Model
    from immunode.nonmem.event_table import EventTable
    from immunode.report.courses import CourseReport, RecordsReport

UNTIL, EVERY = 28.0, 1.0  # days, where nothing is said
PICTURE_STEP = 0.05  # days, so that the picture shows what happens between the rows
MOST_ROWS = 1_000_000  # more are a slip, and would fill files and screens


_Model = Annotated[str, typer.Argument(help="A model (see: immunode models), or my_model.py.", show_default=False)]
_Sentence = Annotated[
    str | None,
    typer.Option(metavar="SENTENCE", help='A prescription, such as "3 MIU SC QD days 1-5".', show_default=False),
]
_File = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="An event table (see: immunode check): doses and times of patients.", show_default=False
    ),
]
_Last = Annotated[
    str | None,
    typer.Option(metavar="TIME", help=help_with('Last day, or "12 wk".', f"{UNTIL:g}"), show_default=False),
]
_Step = Annotated[
    str | None,
    typer.Option(metavar="TIME", help=help_with('Days between rows, or "2 h".', f"{EVERY:g}"), show_default=False),
]
_Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help='Change a parameter, such as CL="7 L/h"; repeat it for others.',
        show_default=False,
    ),
]
_Longest = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help='The longest step, such as "2 h"; for pulses that steps miss.', show_default=False
    ),
]


def simulate(
    model: _Model,
    regimen: _Sentence = None,
    events: _File = None,
    until: _Last = None,
    every: _Step = None,
    time_unit: TimeUnit = None,
    set_: _Changes = None,
    max_step: _Longest = None,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Simulate a model for one typical patient, or for the patients of an event table.

    Example:

    [bold]immunode simulate il2_sc --regimen "3 MIU SC QD days 1-5" --set CL="7 L/h"[/bold]
    """
    from immunode import models

    library_model = models.model(model)
    changes = {"parameters": _assignments(set_ or []), "max_step": max_step}
    if events is None:
        if time_unit is not None:
            raise BadValue("--time-unit is of an event table (--events); give '--until \"48 h\"' with its unit instead")
        last, step = _days("--until", until, UNTIL), _days("--every", every, EVERY)
        show(_course(library_model, regimen, last, step, changes, out, seen=not as_json), as_json)
        told(out)
        return
    if regimen is not None:
        raise BadValue("give either --regimen or --events: an event table brings its own doses")
    if until is not None or every is not None:
        raise BadValue("leave out --until and --every: an event table brings its own times")
    show(_records(library_model, events, time_unit, changes, out), as_json)
    told(out)


def _course(
    model: "Model",
    regimen: str | None,
    until: float,
    every: float,
    changes: Mapping[str, Any],
    out: Path | None,
    *,
    seen: bool,
) -> "CourseReport":
    """Return the course, and a finer one for its picture and where it is `seen` in a table, which tells of peaks."""
    from immunode import simulation
    from immunode.report.courses import CourseReport
    from immunode.report.files import output_folder, save_course, whole_files

    names, times = _shown(model), _times(until, every)
    with output_folder(out):
        course = simulation.simulate(model, regimen, times=times, **changes)
        picture = None
        if seen or out is not None:
            fine = simulation.days(0.0, until, max(min(every, PICTURE_STEP), until / MOST_ROWS))
            picture = simulation.simulate(model, regimen, times=fine, **changes, outputs=names)
        with whole_files(out) as folder:
            if folder is not None and picture is not None:
                save_course(course, picture, folder)
    return CourseReport(course, names, picture)


def _days(option: str, text: str | None, usual: float) -> float:
    """Return the days that an option says as a number, or as a time with its unit."""
    from immunode.units import in_days

    if text is None:
        return usual
    try:
        days = in_days(text)
    except ImmunodeError as error:
        raise BadValue(f"{option} {text}: expected days, or a time such as '12 wk'; {error}") from error
    if days < 0 or (days == 0 and option == "--every"):
        raise BadValue(f"{option} {text}: expected a time above zero, in days, or such as '12 wk'")
    return days


def _times(until: float, every: float) -> "np.ndarray":
    """Return the days of the rows; raise BadValue with the options to change when they are too many or none."""
    from immunode import simulation

    if every > 0 and until / every > MOST_ROWS:
        raise BadValue(
            f"--until {until:g} --every {every:g}: {until / every:,.0f} rows are more than {MOST_ROWS:,}; "
            "take a longer --every, or an earlier --until"
        )
    return simulation.days(0.0, until, every)


def _records(
    model: "Model", events: Path, time_unit: str | None, changes: Mapping[str, Any], out: Path | None
) -> "RecordsReport":
    from immunode import nonmem, simulation
    from immunode.report.courses import RecordsReport
    from immunode.report.files import output_folder, save_records, whole_files

    table = _read(events, model, time_unit)
    with output_folder(out):
        course = simulation.simulate(model, table, **changes)
        if time_unit is not None:
            times = course.time.values * nonmem.units_in(time_unit, model)
            course = course.assign_coords(time=("record", times, {"units": time_unit}))
        columns = nonmem.carried(table, course.row.values)
        with whole_files(out) as folder:
            if folder is not None:
                save_records(course, columns, folder)
    return RecordsReport(course, _shown(model), columns)


def _read(events: Path, model: "Model", time_unit: str | None) -> "EventTable":
    """Return an event table that has something to predict; what is odd in it is printed on standard error."""
    import warnings

    from immunode import nonmem

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = nonmem.read(events, model, time_unit=time_unit)
    if not any(map(len, table.times)):
        raise BadValue(f"{events} has no record to predict; add rows with EVID = 0 at the times that are wanted")
    for warning in caught:
        print(f"Warning: {warning.message}", file=sys.stderr)
    return table


def _shown(model: "Model") -> list[str]:
    """Return the names of what is shown of a model: its outputs, else its states."""
    return [output.name for output in model.outputs] or [state.name for state in model.states]


def _assignments(texts: list[str]) -> dict[str, Any]:
    """Return the values of the parameters that --set changes, each said once."""
    values: dict[str, Any] = {}
    for name, value in map(_assignment, texts):
        if name in values:
            raise BadValue(f"--set {name}={value}: {name} is set to {values[name]} already; leave one out")
        values[name] = value
    return values


def _assignment(text: str) -> tuple[str, Any]:
    """Return the name and the value of a parameter that --set changes."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise BadValue(f"--set {text}: expected NAME=VALUE, such as CL=170 or CL='7 L/h'")
    return name.strip(), value.strip()
