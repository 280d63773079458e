"""Phases of a prescription as a sentence in its one normal form, and days as a clinician writes them."""

from collections.abc import Iterable

from immunode.regimen.sentence.parsing import plain
from immunode.regimen.sentence.phase import Phase

FREQUENCIES = {24.0: "QD", 12.0: "BID", 8.0: "TID", 6.0: "QID"}


def write_phases(phases: Iterable[Phase]) -> str:
    """Write phases as a sentence in its one normal form, which reads back as the same phases."""
    return "".join(f"{_joint(phase) if k else ''}{_written(phase)}" for k, phase in enumerate(phases))


def runs(days: Iterable[int]) -> list[tuple[int, int]]:
    """Return the (first, last) of every run of consecutive days; doubles count once."""
    spans: list[tuple[int, int]] = []
    for day in sorted(set(days)):
        if spans and day == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def days_text(days: Iterable[int], most: int | None = None) -> str:
    """Write days as a clinician does, "days 1-5,8-12"; beyond `most` runs the middle is left out."""
    pieces = [str(a) if a == b else f"{a}-{b}" if a > 0 else f"{a} to {b}" for a, b in runs(days)]
    word = "day" if len(pieces) == 1 and pieces[0].lstrip("-").isdigit() else "days"
    if most and len(pieces) > most:
        pieces = [*pieces[: most - 1], "...", pieces[-1]]
    return f"{word} {','.join(pieces)}"


def moment_text(hours: float) -> str:
    """Write a time as "day 3", or "hour 60" where no day begins."""
    return f"hour {plain(hours)}" if hours % 24 else f"day {plain(hours / 24 + 1)}"


def _joint(phase: Phase) -> str:
    return " plus " if phase.parallel else " then "


def _written(phase: Phase) -> str:
    amount = f"{plain(phase.amount)} {phase.unit}" + "".join(f"/{each}" for each in (phase.per, phase.rate) if each)
    speed = f"over {phase.over}" if phase.over else f"at {phase.pace}" if phase.pace else ""
    words = [amount, phase.route.upper(), speed or ("bolus" if phase.route == "iv" else "")]
    hours = phase.hours or 24 / phase.per_day
    often = FREQUENCIES.get(hours, f"q{plain(hours)}h")
    if phase.doses:
        words += [often, "" if phase.steady and phase.doses == 1 else f"x{phase.doses}{' doses' * bool(phase.every)}"]
    elif phase.route == "civ" or phase.per_day > 1 or phase.days != (1,):
        words += ["" if phase.route == "civ" else often, _days(phase)]
    elif phase.steady and not phase.every:
        words += [often, "day 1"]
    if phase.every:
        words.append(f"every {phase.every}" + ("" if phase.steady and phase.times == 1 else f" x{phase.times}"))
    words.append("at steady state" if phase.steady else "")
    if phase.start is not None:
        words.append(f"from {moment_text(phase.start)}")
    words.append(f"for {plain(phase.body)} {phase.per}" if phase.body is not None else "")
    return " ".join(word for word in words if word)


def _days(phase: Phase) -> str:
    """Say days after "from day 6" as a length, "for 5 days": "days 1-5" would look like days before it."""
    unbroken = phase.start and not phase.every and phase.days == tuple(range(1, len(phase.days) + 1))
    return f"for {len(phase.days)} days" if unbroken and len(phase.days) > 1 else days_text(phase.days)
