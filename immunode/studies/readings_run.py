"""Run a trial again under every other reading of what its paper leaves open."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np

from immunode.errors import BadValue, ImmunodeError
from immunode.evidence.library import load
from immunode.evidence.readings import Reading, other_readings
from immunode.evidence.trial_file import TrialFile
from immunode.internal.arguments import thread_count
from immunode.internal.progress import Progress
from immunode.regimen import Dose
from immunode.studies.trial_endpoints import EndpointRow, tenth, trial_gains
from immunode.virtual_trials.arm_run import ArmRun, drawn_arm, nobody, run_arm
from immunode.virtual_trials.dataset import figures_of
from immunode.virtual_trials.measured import measured_arms
from immunode.virtual_trials.population import Patients
from immunode.virtual_trials.protocol import Assay
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file


@dataclass(frozen=True, eq=False)
class ReadingTrial:
    """Hold a trial as one reading of one assumption makes it, and its file so read."""

    assumption: str
    reading: str
    trial: Trial
    file: TrialFile


REPLICATES = 500  # of a trial of its own size: enough to see what a reading moves, and there are many readings
RTOL = 1e-4  # of courses and baselines: three digits are shown
_Started = tuple[ReadingTrial, "list[Future[ArmRun]]", "list[Future[Patients]]"]
_ELSEWHERE = ("arms", "figures", "assumptions", "name", "title", "reference", "doi")  # of a file: moves no other arm
_LATER = ("visits", "events", "visit_window", "missed_visits")  # moves no patient as he is drawn
_LATER_OF_ARM = ("rules", "regimen", "label", "n", "adherence", "dropout")  # doses are looked at beside


@dataclass(frozen=True)
class ReadingRun:
    """Hold the figures with a short name, and gains and events of the arms, under one reading of one assumption, from
    `n` virtual patients per arm."""

    assumption: str
    reading: str
    n: int
    figures: list[dict[str, Any]]
    endpoints: Sequence[EndpointRow] = ()


def reading_trials(name: str) -> list[ReadingTrial]:
    """Return a trial (a library name or the path of a trial file) as assumed, then under every other reading.

    All are made, and so checked, before any is run. Nothing for a trial that leaves nothing open. Raise BadValue for a
    reading that makes no trial.
    """
    others = [_made(each) for each in other_readings(name, load)]
    if not others:
        return []
    file = load(name)
    return [_shortened(ReadingTrial("as assumed", "", from_file(file), file)), *others]


def _made(reading: Reading[TrialFile]) -> ReadingTrial:
    try:
        trial = from_file(reading.source)
        return _shortened(ReadingTrial(reading.assumption, reading.label, trial, reading.source))
    except ImmunodeError as error:
        raise _named(reading.assumption, reading.label, error) from error


def _named(assumption: str, label: str, error: ImmunodeError) -> BadValue:
    return BadValue(f"assumption '{assumption}', reading '{label}': {error}")


def _shortened(case: ReadingTrial) -> ReadingTrial:
    """Return a trial with the figures alone that are shown of readings: tests of replicates take their time."""
    return replace(case, trial=replace(case.trial, figures=[one for one in case.trial.figures if one.short]))


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

    A tenth of the `n` virtual patients per arm, at least 200 where there are as many, with the same draws in every run.
    `trials` are those of `reading_trials(name)`, where they were made before. Return nothing for a trial that leaves
    nothing open. Raise BadValue for a reading that makes no trial, and for one of which nobody can have the baseline.
    """
    with readings_begun(reading_trials(name) if trials is None else trials, n, seed, threads=threads) as finish:
        return finish(progress)


@contextmanager
def readings_begun(
    cases: Sequence[ReadingTrial], n: int, seed: int, *, threads: int | None = None
) -> Iterator[Callable[[Progress | None], list[ReadingRun]]]:
    """Give a function that waits for trials which run from now on, one arm on a thread; what fails meanwhile, or is
    interrupted, ends them. See `run_readings`."""
    few, stop = tenth(n), Event()
    with warnings.catch_warnings(), ThreadPoolExecutor(thread_count(threads)) as pool:
        warnings.simplefilter("ignore")  # who is lost is told of the trial itself
        try:
            made: list[_Started] = []
            for case in cases:
                count = range(len(case.trial.arms))
                drawn = [_drawn(pool, case, i, few, seed, made) for i in count]
                arms = [_started(pool, case, i, few, seed, drawn[i], made, stop) for i in count]
                made.append((case, arms, drawn))
            yield lambda progress: list(_finished(made, few, seed, progress))
        except BaseException:  # Ctrl-C too
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _finished(made: Sequence[_Started], few: int, seed: int, progress: Progress | None) -> Iterator[ReadingRun]:
    for done, (case, arms, _) in enumerate(made, start=1):
        yield _reading(case, [arm.result() for arm in arms], few, seed)
        if progress is not None:
            progress(done, len(made))


def _drawn(
    pool: ThreadPoolExecutor, case: ReadingTrial, i: int, few: int, seed: int, made: Sequence[_Started]
) -> "Future[Patients]":
    """Return the patients of an arm, those of an earlier reading which draws the same."""
    for other, _, drawn in made:
        if _same_patients(case, other, i):
            return drawn[i]
    arm = case.trial.arms[i]
    assay = Assay(case.trial.noise, seed, case.trial.drawn_as(arm))
    return pool.submit(drawn_arm, case.trial, arm, few, assay, rtol=RTOL)


def _started(
    pool: ThreadPoolExecutor, case: ReadingTrial, i: int, few: int, seed: int, drawn: "Future[Patients]",
    made: Sequence[_Started], stop: Event,
) -> "Future[ArmRun]":  # fmt: skip
    """Return the run of an arm, that of an earlier reading which leaves the arm as it is."""
    for other, arms, _ in made:
        if _same_arm(case, other, i):
            return arms[i]

    def step(done: int, total: int) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    def ran() -> ArmRun:  # the patients were asked for before, so that a thread has them, or is at it
        shown = np.asarray(case.trial.visits, dtype=float)  # pictures need more
        arm = case.trial.arms[i]
        return run_arm(case.trial, arm, few, seed, progress=step, patients=drawn.result(), shown=shown, rtol=RTOL)

    return pool.submit(ran)


def _same_arm(case: ReadingTrial, other: ReadingTrial, i: int) -> bool:
    """Return whether two readings simulate the same arm: their files differ in other arms, figures and words alone."""
    if len(other.file.arms) != len(case.file.arms) or other.file.arms[i] != case.file.arms[i]:
        return False
    return _alike(case.file, other.file, _ELSEWHERE)


def _same_patients(case: ReadingTrial, other: ReadingTrial, i: int) -> bool:
    """Return whether two readings draw the same patients of an arm: they differ only in what comes after baselines."""
    if len(other.file.arms) != len(case.file.arms) or not _alike(case.file, other.file, (*_ELSEWHERE, *_LATER)):
        return False
    return _alike(case.file.arms[i], other.file.arms[i], _LATER_OF_ARM) and _before(case, i) == _before(other, i)


def _alike(one: Any, other: Any, but: Sequence[str]) -> bool:
    names = [name for name in type(one).model_fields if name not in but]
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _before(case: ReadingTrial, i: int) -> list[Dose]:
    """Return the doses of an arm before the last of its baselines is measured."""
    arm = case.trial.arms[i]
    last = max((baseline.day for baseline in arm.baselines), default=case.trial.start)
    return [dose for dose in case.trial.plans[arm.name].regimen.doses if dose.time < last]


def _reading(case: ReadingTrial, arms: Sequence[ArmRun], few: int, seed: int) -> ReadingRun:
    for done in arms:
        if (done.status != 0).all():
            raise _named(case.assumption, case.reading, BadValue(nobody(done.arm.name, done.status)))
    measured = measured_arms(case.trial, arms, seed)
    figures = figures_of(case.trial, measured, seed, REPLICATES)
    gains = trial_gains(case.trial, arms, measured, seed, REPLICATES)
    return ReadingRun(case.assumption, case.reading, few, figures, gains)
