"""The command `immunode simulate`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from immunode.cli.completion import state_settings
from immunode.cli.options import (
    All,
    Changes,
    Formats,
    Json,
    Out,
    Threads,
    TimeUnit,
    checked_formats,
    in_words,
    last_day,
    model_argument,
)
from immunode.cli.output import show, told
from immunode.cli.reading import MOST_ROWS, days_of, rows_of, settings_of, states_of
from immunode.errors import BadValue
from immunode.internal.defaults import THREADS

if TYPE_CHECKING:
    import numpy as np

    from immunode.model.declaration import Model
    from immunode.nonmem.event_table import EventTable
    from immunode.regimen import Regimen
    from immunode.report.courses import CourseReport, RecordsReport

PICTURE_STEP, PICTURE_TIMES = 0.05, 400  # at most so many days apart, at least so many times

_Name = Annotated[str, model_argument("A model (see: immunode models), or my_model.py.")]
_Sentences = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SENTENCE",
        help='A prescription, such as "3 MIU SC QD days 1-5"; repeat it to compare others.',
        show_default=False,
    ),
]
_File = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="An event table (see: immunode check): doses and times of patients.", show_default=False
    ),
]
_Last = Annotated[str | None, last_day("28 days after the last dose")]
_Step = Annotated[
    str | None, in_words("TIME", 'Days between rows, or "2h".', "hours after each dose, else a day or more")
]
_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--at",
        metavar="STATE",
        autocompletion=state_settings,
        help='Set a state at a time, such as "art=1 day 0", before the doses of that time; repeat it for others.',
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
    model: _Name,
    regimen: _Sentences = None,
    events: _File = None,
    until: _Last = None,
    every: _Step = None,
    time_unit: TimeUnit = None,
    set_: Changes = None,
    at: _Settings = None,
    max_step: _Longest = None,
    threads: Threads = THREADS,
    all_: All = False,
    as_json: Json = False,
    out: Out = None,
    format_: Formats = None,
) -> None:
    """Simulate a model for one typical patient under one regimen or several, or for the patients of an event table.

    Example:

    [bold]immunode simulate il2_sc --regimen "3 MIU SC QD days 1-5" --set CL="7 L/h"[/bold]
    """
    from immunode import models

    chosen, formats = models.model(model), checked_formats(format_, out)
    patients, values = settings_of(set_ or [], chosen)
    changes = {"parameters": values, "max_step": max_step, "threads": threads}
    if events is None:
        if time_unit is not None:
            raise BadValue("--time-unit is of an event table (--events); give '--until \"48 h\"' with its unit instead")
        regimens = _regimens(regimen or [], patients + states_of(at or [], chosen))
        days_of("--every", every, chosen)  # which is refused where it is no step
        times = rows_of(regimens, days_of("--until", until, chosen), every)
        said = [*(f"--at {text}" for text in at or []), *(f"--set {text}" for text in set_ or [])]
        show(_course(chosen, regimens, times, changes, out, formats, said, all_=all_, seen=not as_json), as_json)
        told(out)
        return
    if patients.doses:
        raise BadValue(f"--set {set_[0] if set_ else ''}: an event table brings its own events; set states in it")
    if formats:
        raise BadValue(f"--format {formats[0]}: of an event table there are no pictures; leave it out")
    for option, value in (("--regimen", regimen), ("--at", at)):
        if value:
            raise BadValue(f"give either {option} or --events: an event table brings its own doses and events")
    if until is not None or every is not None:
        raise BadValue("leave out --until and --every: an event table brings its own times")
    show(_records(chosen, events, time_unit, changes, out, all_=all_), as_json)
    told(out)


def _regimens(sentences: Sequence[str], settings: "Regimen") -> "list[Regimen]":
    """Return a regimen for each sentence, one without doses where there is none, each with the states that are set,
    first at their time; it is named by its sentence."""
    from immunode.regimen import Regimen, prescribe

    read = [prescribe(text) for text in sentences] or [Regimen()]
    twice = [str(each) for i, each in enumerate(read) if each in read[:i]]
    if twice:
        raise BadValue(f'--regimen "{twice[0]}" is given more than once; leave all but one out')
    return [Regimen((*settings, *each), str(each)) for each in read]


def _course(
    model: "Model",
    regimens: "Sequence[Regimen]",
    times: Any,
    changes: Mapping[str, Any],
    out: Path | None,
    formats: Sequence[str],
    said: Sequence[str],
    *,
    all_: bool,
    seen: bool,
) -> "CourseReport":
    """Return the course, its exact extremes where it is `seen` in a table, and its files where these are wanted."""
    from immunode import simulation
    from immunode.report.courses import CourseReport, patient_in_words, who_in_words
    from immunode.report.files import output_folder, save_course, whole_files

    names, regimen = _shown(model), list(regimens) if len(regimens) > 1 else regimens[0]
    with output_folder(out):
        course = simulation.simulate(model, regimen, times=times, **changes)
        course = course.assign_attrs(changed="; ".join(said)) if said else course
        extremes = None
        if seen and len(times) > 1:
            extremes = simulation.extremes(model, regimens, float(times[0]), float(times[-1]), names, **changes)
        with whole_files(out) as folder:
            if folder is not None:
                fine = _picture_times(regimens, times)
                picture = simulation.simulate(model, regimen, times=fine, at_dose="both", **changes, outputs=names)
                save_course(course, picture, folder, formats)
    dosed = min((dose.time for each in regimens for dose in each if dose.action == "add"), default=None)
    about = [*said, *who_in_words(model, changes["parameters"], regimens), patient_in_words(course, model)]
    return CourseReport(course, names, extremes, about, all_, dosed)


def _picture_times(regimens: "Sequence[Regimen]", times: "np.ndarray") -> "np.ndarray":
    """Return the days of a picture: even ones, and those at which doses begin and end, and after them."""
    import numpy as np

    from immunode import simulation
    from immunode.model.clock import Days

    first, last = float(times[0]), float(times[-1])
    step = min(PICTURE_STEP, (last - first) / PICTURE_TIMES, *np.diff(times)) if last > first else PICTURE_STEP
    even = simulation.days(first, last, max(step, (last - first) / MOST_ROWS))
    wanted = np.sort(np.concatenate([even, simulation.default_times(regimens, last), times]))
    apart = np.append(True, np.diff(wanted) > 1e-9)  # sums that differ by rounding are one time
    return wanted[apart & (wanted >= first)].view(Days)


def _records(
    model: "Model",
    events: Path,
    time_unit: str | None,
    changes: Mapping[str, Any],
    out: Path | None,
    *,
    all_: bool,
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
    return RecordsReport(course, _shown(model), columns, all_)


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
    return list(model.shown)
