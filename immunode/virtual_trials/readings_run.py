"""Run a trial again under every other reading of what its paper leaves open."""

from dataclasses import dataclass
from typing import Any

from immunode.evidence.library import load
from immunode.evidence.readings import other_readings
from immunode.internal.progress import Progress
from immunode.virtual_trials.trial_run import from_file, run_trial
from immunode.virtual_trials.variables import figure_rows

MOST_PATIENTS = 2000  # per arm: enough to see what a reading moves, and there are many readings


@dataclass(frozen=True)
class ReadingRun:
    """Hold the figures with a short name under one reading of one assumption, from `n` virtual patients per arm."""

    assumption: str
    reading: str
    n: int
    figures: list[dict[str, Any]]


def run_readings(
    name: str, n: int, seed: int, *, threads: int | None = None, progress: Progress | None = None
) -> list[ReadingRun]:
    """Run a trial (a library name or the path of a trial file) as assumed, then under every other reading.

    At most MOST_PATIENTS of the `n` virtual patients per arm, with the same draws in every run. Return nothing for a
    trial that leaves nothing open. Raise BadValue for a reading that makes no trial.
    """
    readings = list(other_readings(name, load))
    if not readings:
        return []
    # all trials are made, and so checked, before the first is run
    cases = [("as assumed", "", from_file(load(name)))]
    cases += [(each.assumption, each.label, from_file(each.source)) for each in readings]
    runs = []
    for done, (assumption, reading, trial) in enumerate(cases, start=1):
        # a bar of its own would stand inside the bar of the readings
        result = run_trial(trial, min(n, MOST_PATIENTS), seed, threads=threads, progress=lambda *_: None)
        figures = [row for row in figure_rows(result) if row["short"]]
        runs.append(ReadingRun(assumption, reading, min(n, MOST_PATIENTS), figures))
        if progress is not None:
            progress(done, len(cases))
    return runs
