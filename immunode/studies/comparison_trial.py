"""The trial of a comparison: an arm a schedule and one without doses, in the same patients, seen on the same days."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from immunode.errors import BadValue, ImmunodeError
from immunode.evidence.visit_words import MOST, visit_days
from immunode.internal.arguments import by_name, short
from immunode.model.clock import check_said
from immunode.model.declaration import Model
from immunode.studies.schedules import NOTHING, Schedule
from immunode.studies.who import Who
from immunode.units import SaidDays, said_days
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.baseline import parameter_of
from immunode.virtual_trials.patient_words import PatientsSaid
from immunode.virtual_trials.trial import Trial

UNTIL = "12 mo"
BETWEEN_VISITS = 28.0  # days


def comparison_trial(
    model: Model,
    schedules: Sequence[Schedule],
    people: Who,
    visits: Sequence[float],
    parameters: Mapping[str, Any] | None,
    taking: Mapping[str, Any],
) -> Trial:
    """Return the trial that compares the schedules; raise what its parts raise, before anything is simulated."""
    said = people.said
    changed = by_name(parameters, "parameters", "{'CL': '10 L/h'}")
    _check_once(changed, said, model)
    values = {**said.values, **changed}
    arms = [
        Arm(one.name, 1, one.regimen, said.set, values, said.baseline, one.rules, one.label, **taking)
        for one in [Schedule(NOTHING, NOTHING, None), *schedules]
    ]
    with said_of_patients():
        return Trial(
            f"comparison of {len(schedules)} schedules", people.population, visits, arms, said.start,
            people.noise, model.patients.events or None, same_patients=True,
        )  # fmt: skip


@contextmanager
def said_of_patients() -> Iterator[None]:
    """Say of the patients what is refused of the first arm, which has them all and nobody named."""
    try:
        yield
    except ImmunodeError as error:
        raise type(error)(str(error).replace(f"arm '{NOTHING}'", "patients")) from error


def _check_once(changed: Mapping[str, Any], said: PatientsSaid, model: Model) -> None:
    """Raise BadValue for a parameter that the patients' words say, too."""
    by_words = {*said.values, *(parameter_of(baseline, model) for baseline in said.baseline)}
    if twice := [name for name in changed if name in by_words]:
        raise BadValue(f"parameters: '{twice[0]}' is said by the patients '{said.text}', too; leave one out")


def _last(until: Any, model: Model) -> float:
    """Return the last day; raise BadValue for what is none, and a number alone in a model that counts another time."""
    try:
        last = said_days(until)
    except ImmunodeError as error:
        text = f"until = {short(until)}: expected a number of days, or a time such as '12 mo' ({error})"
        raise BadValue(text) from error
    if not last > 0:
        raise BadValue(f"until = {short(until)}: expected a time above 0, in days or such as '12 mo'")
    check_said(last, model, "until")
    return last


def days_seen(until: Any, visits: Any, model: Model) -> tuple[float, ...]:
    """Return the visits: those that are said, else the first day and every BETWEEN_VISITS days but just before the
    last; and the last day, by default that of the visits that are said."""
    if visits is None:
        last = _last(UNTIL if until is None else until, model)
        if last > BETWEEN_VISITS * MOST:
            raise BadValue(f"until = {short(until)}: expected at most {BETWEEN_VISITS * MOST:g} days")
        regular = np.arange(0.0, last - BETWEEN_VISITS / 2, BETWEEN_VISITS)
        return tuple(sorted({0.0, *map(SaidDays, regular.tolist()), last}))
    days = visit_days(visits)
    last = days[-1] if until is None else _last(until, model)
    if not last > 0:
        raise BadValue(f"visits = {short(visits)}: expected a last day above 0, which the comparison ends on")
    if last < days[-1]:
        raise BadValue(f"visits go on to day {days[-1]:g}, and until = {short(until)} ends on day {last:g}; say fewer")
    return tuple(sorted({0.0, *days, last}))
