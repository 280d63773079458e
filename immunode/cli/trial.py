"""The command `immunode trial`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from immunode.cli.completion import runnable_trial_names
from immunode.cli.options import All, Formats, Json, Out, Patients, Seed, Threads, checked_formats
from immunode.cli.output import show, told
from immunode.internal.defaults import PATIENTS, SEED, THREADS

if TYPE_CHECKING:
    from immunode.report.trials import TrialReport


def trial(
    name: Annotated[
        str,
        typer.Argument(
            help="A library trial (see: immunode trials), or the path of a trial file.",
            show_default=False,
            autocompletion=runnable_trial_names,
        ),
    ],
    n: Patients = PATIENTS,
    seed: Seed = SEED,
    threads: Threads = THREADS,
    everything: All = False,
    as_json: Json = False,
    out: Out = None,
    format_: Formats = None,
) -> None:
    """Run a trial on virtual patients and print what it would have seen, the answer first, beside what it published.

    Example: [bold]immunode trial tincati_2008 --n 10000 --seed 1 --out results[/bold]
    """
    formats = checked_formats(format_, out)
    show(_run(name, n, seed, threads, out, formats, everything=everything), as_json)
    told(out)


def _run(
    name: str, n: int, seed: int, threads: int | None, out: Path | None, formats: list[str], *, everything: bool
) -> "TrialReport":
    """Return the trial and other readings of its assumptions, and its files where these are wanted."""
    from immunode.evidence.library import load
    from immunode.internal.progress import bar
    from immunode.report.files import output_folder, save_trial, whole_files
    from immunode.report.trials import TrialReport
    from immunode.studies.readings_run import reading_trials, readings_begun
    from immunode.studies.trial_endpoints import trial_endpoints
    from immunode.virtual_trials.measured import measured_arms
    from immunode.virtual_trials.trial_run import arm_runs, from_file, labelled

    plan, others = from_file(load(name)), reading_trials(name)
    with output_folder(out):
        with bar("virtual patients") as step:
            runs = arm_runs(plan, n, seed, threads=threads, progress=step)
        with readings_begun(others, n, seed, threads=threads) as finish:
            arms = measured_arms(plan, runs, seed)
            endpoints = trial_endpoints(plan, runs, arms, seed, threads=threads)
            result = labelled(plan, runs, arms, seed)
            with bar("other readings") as step:
                readings = finish(step)
        report = TrialReport(plan, result, readings, endpoints, everything)
        with whole_files(out) as folder:
            if folder is not None:
                save_trial(report, folder, formats)
    return report
