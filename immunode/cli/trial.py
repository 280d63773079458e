"""The command `immunode trial`."""

from typing import Annotated

import typer

from immunode.cli.completion import runnable_trial_names
from immunode.cli.output import Json, Out, Patients, Seed, Threads, show, told
from immunode.internal.defaults import PATIENTS, SEED, THREADS


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
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Run a trial on virtual patients and print what it would have seen beside what it published.

    Example: [bold]immunode trial tincati_2008 --n 10000 --seed 1 --out results[/bold]
    """
    from immunode.evidence.library import load
    from immunode.internal.progress import bar
    from immunode.report.files import output_folder, save_trial, whole_files
    from immunode.report.trials import TrialReport
    from immunode.virtual_trials.readings_run import reading_trials, run_readings
    from immunode.virtual_trials.trial_run import from_file, run_trial

    plan, others = from_file(load(name)), reading_trials(name)
    with output_folder(out):
        with bar("virtual patients") as step:
            result = run_trial(plan, n=n, seed=seed, threads=threads, progress=step)
        with bar("other readings") as step:
            readings = run_readings(name, n, seed, threads=threads, progress=step, trials=others)
        report = TrialReport(plan, result, readings)
        with whole_files(out) as folder:
            if folder is not None:
                save_trial(report, folder)
    show(report, as_json)
    told(out)
