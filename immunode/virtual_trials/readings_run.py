"""Run a trial again under every other reading of what its paper leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from immunode.errors import BadValue, ImmunodeError
from immunode.evidence.library import load
from immunode.evidence.readings import Reading, other_readings
from immunode.evidence.trial_file import TrialFile
from immunode.internal.progress import Progress
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file, run_trial
from immunode.virtual_trials.variables import figure_rows

MOST_PATIENTS = 2000  # per arm: enough to see what a reading moves, and there are many readings


@dataclass(frozen=True, eq=False)
class ReadingTrial:
    """Hold a trial as one reading of one assumption makes it."""

    assumption: str
    reading: str
    trial: Trial


@dataclass(frozen=True)
class ReadingRun:
    """Hold the figures with a short name under one reading of one assumption, from `n` virtual patients per arm."""

    assumption: str
    reading: str
    n: int
    figures: list[dict[str, Any]]


def reading_trials(name: str) -> list[ReadingTrial]:
    """Return a trial (a library name or the path of a trial file) as assumed, then under every other reading.

    All are made, and so checked, before any is run. Nothing for a trial that leaves nothing open. Raise BadValue for a
    reading that makes no trial.
    """
    others = [_made(each) for each in other_readings(name, load)]
    return [ReadingTrial("as assumed", "", from_file(load(name))), *others] if others else []


def _made(reading: Reading[TrialFile]) -> ReadingTrial:
    try:
        return ReadingTrial(reading.assumption, reading.label, from_file(reading.source))
    except ImmunodeError as error:
        raise BadValue(f"assumption '{reading.assumption}', reading '{reading.label}': {error}") from error


def run_readings(
    name: str,
    n: int,
    seed: int,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    trials: Sequence[ReadingTrial] | None = None,
) -> list[ReadingRun]:
    """Run a trial (a library name or the path of a trial file) as assumed, then under every other reading.

    At most MOST_PATIENTS of the `n` virtual patients per arm, with the same draws in every run. `trials` are those of
    `reading_trials(name)`, where they were made before. Return nothing for a trial that leaves nothing open. Raise
    BadValue for a reading that makes no trial.
    """
    cases = reading_trials(name) if trials is None else trials
    runs = []
    for done, case in enumerate(cases, start=1):
        # a bar of its own would stand inside the bar of the readings
        result = run_trial(case.trial, min(n, MOST_PATIENTS), seed, threads=threads, progress=lambda *_: None)
        figures = [row for row in figure_rows(result) if row["short"]]
        runs.append(ReadingRun(case.assumption, case.reading, min(n, MOST_PATIENTS), figures))
        if progress is not None:
            progress(done, len(cases))
    return runs
