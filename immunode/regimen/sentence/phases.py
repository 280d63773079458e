"""The sentence that a clinician writes, "3 MIU SC QD days 1-5 every 28 days x3", as phases, each with its begin."""

import math
from dataclasses import dataclass, replace

from immunode import units
from immunode.errors import BadValue
from immunode.regimen.sentence.amounts import sizes_of
from immunode.regimen.sentence.clauses import phase_of
from immunode.regimen.sentence.cycle import LAST_DAY, hours_of
from immunode.regimen.sentence.parsing import Branch, fault, first_token, parsed
from immunode.regimen.sentence.phase import Phase
from immunode.regimen.sentence.writing import days_text, moment_text, runs


@dataclass(frozen=True)
class _Before:
    """Hold the phase before `then`, when it begins [h], whether its days are stated, and whether days count from 1."""

    phase: Phase
    begin: float
    dated: bool
    from_one: bool


def read_phases(text: str) -> tuple[Phase, ...]:
    """Return the phases of a sentence; raise BadValue that points at the word and says what was expected."""
    if not isinstance(text, str) or not text.strip():
        raise BadValue(f"{text!r} is no prescription; write one such as '3 MIU SC QD days 1-5 every 28 days x3'")
    text = " ".join(text.split())
    tree = parsed(text)
    sizes = sizes_of(text, tree)
    phases: list[Phase] = []
    before: _Before | None = None
    for joint, branch in zip([None, *tree.children[1::2]], tree.children[::2]):
        phase = phase_of(text, branch, {size: value for size, (value, _) in sizes.items()})
        if joint is not None and joint.type == "PLUS":
            phase, before = replace(phase, parallel=True), None
        phase, before = _placed(text, branch, phase, before)
        _check_order(text, branch, phase, before.begin, phases)
        phases.append(phase)
    for size, (_, token) in sizes.items():
        if all(phase.per != size for phase in phases):
            raise fault(text, token, f"no dose is per {size}; leave the body size out, or write MIU/{size}")
    return tuple(phases)


def _placed(text: str, branch: Branch, phase: Phase, before: _Before | None) -> tuple[Phase, _Before]:
    """Say when the phase begins, unless it stands first in its course or follows cycles, whose end is known."""
    clauses = {clause.data: clause for clause in branch.children}
    dated, later = "days" in clauses or "lasting" in clauses, clauses.get("later")
    if before is not None and later is None and phase.start is None and not before.phase.interval:
        phase = _dated(text, branch, phase, before) if "days" in clauses else _next(text, branch, phase, before)
        begin = phase.start or 0.0
    else:
        if later is not None:
            phase = replace(phase, start=_later(text, later, before))
        begin = phase.start or 0.0
        if before is not None and phase.start is None:
            begin = before.begin + 24 * before.phase.interval * before.phase.times
        _check_counted(text, branch, phase, begin)
    if phase.start is not None and begin > 24.0 * (LAST_DAY - 1):
        raise fault(text, first_token(branch), f"this begins beyond a century; expected day {LAST_DAY} or before")
    moved = bool(phase.interval) or ("begin" in clauses and begin > 0)
    return phase, _Before(phase, begin, dated, not moved and (before is None or before.from_one))


def _check_counted(text: str, branch: Branch, phase: Phase, begin: float) -> None:
    """Refuse days that could be days of the course as well as days of the phase, which begins later than day 1."""
    if begin and 24 * (phase.days[0] - 1) >= begin:
        cure = "write days from 1 on, which count from there"
        message = f"a day of the course, or of what begins at {moment_text(begin)}? {cure}"
        raise fault(text, next(branch.find_data("span")).children[0], message)


def _later(text: str, clause: Branch, before: _Before | None) -> float:
    _, number, unit, _ = clause.children
    if before is None:
        raise fault(text, number, "later than what? write 'from hour 12', or another dose and 'then' before this one")
    phase = before.phase
    if phase.route == "civ" or (phase.doses or len(phase.days) * phase.per_day) * phase.times > 1:
        raise fault(text, number, "later than which of the doses before? write 'from day N' or 'from hour N'")
    return before.begin + hours_of(text, number, unit, "a time")


def _dated(text: str, branch: Branch, phase: Phase, before: _Before) -> Phase:
    """Count the days stated after `then` from day 1 of the course, as the phase before does."""
    if not before.from_one:
        raise fault(text, first_token(branch), "days counted from when? add 'from day N', or write 'for 5 days'")
    if before.dated or before.phase.doses:
        earliest = before.begin + _end(text, branch, before.phase)
    elif phase.route == "civ":
        earliest = before.begin + _lasting(before.phase)  # a bolus and its infusion may share a day
    else:
        earliest = 24.0 * (before.begin // 24 + 1)
    first = phase.days[0]
    if 24 * (first - 1) < earliest:
        cure = f"write days from {math.ceil(earliest / 24) + 1} on, or 'for 5 days'"
        message = f"days count from day 1 of the course, and day {first} belongs to the dose before; {cure}"
        raise fault(text, next(branch.find_data("span")).children[0], message)
    _check_done(text, branch, before, 24.0 * (first - 1) - before.begin)
    return replace(phase, start=24.0 * (first - 1), days=tuple(day - first + 1 for day in phase.days))


def _next(text: str, branch: Branch, phase: Phase, before: _Before) -> Phase:
    """Begin when the phase before would have given its next dose; after a single dose, one new interval after it."""
    often = {"frequency", "hourly", "lasting"} & {clause.data for clause in branch.children}
    single = not phase.doses and len(phase.days) * phase.per_day == 1
    if before.dated or before.phase.doses:
        gap = _end(text, branch, before.phase)
    elif phase.route == "civ":
        gap = _lasting(before.phase)  # the infusion goes on where the loading dose ends
    elif phase.interval and single:
        gap = 24 * phase.interval
    elif not phase.interval and (phase.doses or often):
        gap = phase.hours or 24 / phase.per_day
    else:
        raise fault(text, first_token(branch), "when does it begin? add 'from day N' or '12 h later'")
    _check_done(text, branch, before, gap)
    return replace(phase, start=before.begin + gap)


def _end(text: str, branch: Branch, phase: Phase) -> float:
    """Return the hours from the phase's begin to the dose that would have come next."""
    if phase.doses:
        return phase.doses * phase.hours
    if len(runs(phase.days)) > 1:
        message = f"when does it begin, after doses on {days_text(phase.days)}? add 'from day N'"
        raise fault(text, first_token(branch), message)
    return 24.0 * phase.days[-1]


def _lasting(phase: Phase) -> float:
    """Return the hours that one dose runs (were its bioavailability 1), 0 at once."""
    if phase.pace:
        return phase.amount * (phase.body or 1.0) / units.convert(phase.pace, f"{phase.unit}/h")
    return units.convert(phase.over, "h") if phase.over else 0.0


def _check_done(text: str, branch: Branch, before: _Before, gap: float) -> None:
    phase = before.phase
    last = (phase.doses - 1) * phase.hours if phase.doses else 24 * (phase.days[-1] - 1 / phase.per_day)
    if phase.route != "civ" and last + _lasting(phase) > gap * (1 + 1e-12):  # 1e-12: a sum's rounding
        raise fault(
            text, first_token(branch), "the infusion before still runs; say when: 'from day N' or 'from hour N'"
        )


def _check_order(text: str, branch: Branch, phase: Phase, begin: float, phases: list[Phase]) -> None:
    """Refuse a dose before a steady state: who is in one has forgotten it."""
    if phases and phase.steady:
        token = first_token(next(branch.find_data("steady")))
        raise fault(text, token, "a steady state forgets the doses before it; write it first, and only once")
    if phases and phases[0].steady:
        first = (phases[0].start or 0.0) + 24 * (phases[0].days[0] - 1)
        if begin + 24 * (phase.days[0] - 1) < first:
            raise fault(
                text, first_token(branch), "this comes before the steady state, which forgets it; give it later"
            )
