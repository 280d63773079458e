"""Times as they are said, "24 h" or a number of days, in the unit of a model's time; a number alone can be refused."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from immunode.errors import BadValue, ImmunodeError
from immunode.internal.arguments import refuse, short
from immunode.regimen import Regimen, what_is_given
from immunode.regimen.doses import is_bare as bare_dose
from immunode.units import SaidDays, factor, in_days, is_bare, unit, with_unit


class Days(np.ndarray):
    """Hold days, said to be days: a model that counts hours takes these, and refuses numbers alone."""


def counted(model: Any) -> str:
    """Return what a model counts, in words: "hours" for the time "h", "units of time" for the time "1"."""
    return "units of time" if model.time == "1" else f"{model.time if model.time == 'day' else unit(model.time)}s"


def moment(value: Any, model: Any, what: str) -> float:
    """Return a time ("2 h", or a number of days) in the model's unit; raise BadValue, naming `what`, for another."""
    return days_of(value, model, what) * model.per_day


def days_of(value: Any, model: Any, what: str) -> float:
    """Return a time in days; raise BadValue, naming `what`, for what is none."""
    try:
        time = in_days(value)
    except ImmunodeError as error:
        raise BadValue(
            f"{what} = {short(value)}: expected a time, such as '2 h' or a number of days ({error})"
        ) from error
    if is_bare(value):
        check_said(time, model, what)
    return time


def check_said(time: float, model: Any, what: str, unit: str = "day") -> None:
    """Raise BadValue, naming `what`, for a time that was said as a number alone, in a model that counts another; `unit`
    is "1/day" of a rate. Zero is any time."""
    if model.per_day == 1.0 or not time or isinstance(time, SaidDays):
        return
    alone, cure = "days", f"'{time:g} {model.time}' or '{time:g} d'"
    if unit != "day":
        alone, cure = "a day", f"'{time:g}/{model.time}' or '{time:g}/day'"
    raise BadValue(
        f"{what} = {time:g}: a number alone is {alone}, and {model.name} counts {counted(model)}; write {cure}"
    )


def check_regimens(regimens: Iterable[Regimen], model: Any) -> None:
    """Raise BadValue for a dose that was timed without a unit, in a model that does not count days."""
    if model.per_day == 1.0:
        return
    for dose in (dose for regimen in regimens for dose in regimen if bare_dose(dose)):
        raise BadValue(
            f"{what_is_given(dose)} at {dose.time:g} d has a time, duration, interval or rate without a unit: "
            f"a number alone is days, and {model.name} counts {counted(model)}; write '12 h' or '0.5 d', or "
            "bare=False in a Dose() of days"
        )


def list_in_days(times: Any, model: Any, what: str = "times") -> np.ndarray:
    """Return times, one or a list, in days; raise BadValue, naming `what`, for what is no time, or a number alone that
    may be none."""
    times, unit_of = with_unit(times)  # what is masked is no time
    if unit_of not in (None, "1"):  # a pint quantity, or the times of a course: one or many
        try:
            return np.ravel(np.asarray(times, float)) * factor(unit_of, "day")
        except (TypeError, ValueError) as error:
            raise BadValue(f"{what} = {short(times)} in {unit_of}: expected a list of times ({error})") from error
    if isinstance(times, (str, bytes)) or not isinstance(times, Iterable):
        times = [times]
    if isinstance(times, Mapping):
        refuse(what, times, "a list of times, such as days(0, 28)")
    try:
        listed = times if isinstance(times, np.ndarray) else list(times)
        if any(hasattr(type(time), "magnitude") or hasattr(type(time), "attrs") for time in listed):
            return np.array([days_of(time, model, what) for time in listed])
        array = np.ravel(np.asarray(listed))
    except (TypeError, ValueError):
        refuse(what, times, "a list of times, or one a patient")
    if array.dtype.kind not in "iuf":
        return np.array([days_of(value, model, what) for value in array.tolist()])
    if not isinstance(times, Days):
        for value in array[(array != 0) & (model.per_day != 1.0)][:1].tolist():
            days_of(value, model, what)
    return array
