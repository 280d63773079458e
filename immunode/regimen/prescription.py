"""The prescription sentence, "3 MIU SC QD days 1-5 every 28 days x3", as a Regimen."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from immunode.internal.arguments import refuse
from immunode.regimen.builders import dose
from immunode.regimen.doses import Dose, marked
from immunode.regimen.regimen import Regimen
from immunode.regimen.sentence.parsing import plain
from immunode.regimen.sentence.phase import Phase
from immunode.regimen.sentence.phases import read_phases
from immunode.regimen.sentence.writing import runs, write_phases


def prescribe(text: str) -> Regimen:
    """Read a prescription such as "3 MIU SC QD days 1-5,8-12 every 28 days x3" as a regimen.

    "then" begins a phase when the one before would have given its next cycle or dose, or "from day 57"; "plus" begins
    another course on day 1. What may be written: docs/prescriptions.md. Lag, bioavailability, resets and what is set in
    a state are not in a sentence: they are the model's, or added with `+ replace(...)`.

    Main arguments
        text: the sentence

    Returns
        an im.Regimen; its `sentence` is the text as it was understood

    Raises
        BadValue: for what cannot be read; it names the word.

    Example
        >>> import immunode as im
        >>> course = im.prescribe("3 MIU SC QD days 1-5,8-12 every 28 days x3")
        >>> print(course)
        3 MIU SC QD days 1-5,8-12 every 28 days x3
        >>> course.total()
        '90 MIU'
    """
    if not isinstance(text, str):
        read_phases(text)  # says what was expected
    return _course(text)


@lru_cache(maxsize=256)
def _course(text: str) -> Regimen:
    phases = read_phases(text)
    course, begin = Regimen(), 0.0
    for phase in phases:
        if phase.parallel:
            begin = 0.0
        if phase.start is not None:
            begin = phase.start / 24
        course += _cycles(phase).shift(begin)
        begin += phase.interval * phase.times
    return Regimen(marked(course.doses, bare=False), sentence=write_phases(phases))  # a sentence has units


def _cycles(phase: Phase) -> Regimen:
    cycle = _infusions(phase) if phase.route == "civ" else _injections(phase)
    if phase.interval:
        cycle = cycle.repeat(every=phase.interval, times=phase.times)
    if not phase.steady or phase.route == "civ":
        return cycle
    first, *rest = cycle.doses
    every = phase.interval or (phase.hours or 24 / phase.per_day) / 24
    return Regimen((replace(first, steady_state="replace", every=every), *rest))


def _injections(phase: Phase) -> Regimen:
    amount, body = _written_amount(phase, phase.amount)
    how: dict[str, Any] = {"duration": phase.over, "rate": phase.pace, "body": body}
    if phase.doses:
        return dose(amount, phase.route, **how).repeat(every=phase.hours / 24, times=phase.doses)
    return dose(amount, phase.route, days=phase.days, per_day=phase.per_day, **how)


def _infusions(phase: Phase) -> Regimen:
    """Give one infusion for each run of days; at steady state the first goes on from one that has run for ever."""
    daily, cycle = phase.amount * (24 if phase.rate == "h" else 1), Regimen()
    for first, last in runs(phase.days):
        amount, body = _written_amount(phase, daily * (last - first + 1))
        cycle += dose(amount, "iv", days=[first], duration=float(last - first + 1), body=body)
    if not phase.steady:
        return cycle
    going = cycle.doses[0]
    before = replace(going, amount=0.0, duration=0.0, rate=going.amount / going.duration, steady_state="replace")
    return Regimen((before,)) + cycle


def _written_amount(phase: Phase, amount: float) -> tuple[str, str | None]:
    per = f"/{phase.per}" if phase.per else ""
    return f"{plain(amount)} {phase.unit}{per}", f"{plain(phase.body)} {phase.per}" if phase.body else None


def regimens_of(regimen: Any) -> tuple[list[Regimen], bool]:
    """Return the regimens that are meant, and whether they are a list, one a patient.

    A Regimen or a sentence, None for no treatment, or a sequence of these; raise BadValue for anything else.
    """
    several = isinstance(regimen, Sequence) and not isinstance(regimen, str)
    listed = list(regimen) if several else [regimen]
    return [_regimen(one) for one in listed], several


def _regimen(one: Any) -> Regimen:
    if isinstance(one, str):
        return prescribe(one)
    if isinstance(one, Regimen):
        return one
    if one is None:
        return Regimen(())
    cure = "; join doses in a Regimen((dose, ...))" if isinstance(one, Dose) else ""
    refuse("regimen", one, f"a sentence, a Regimen, None, or a list of these{cure}")
