"""The command `immunode predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from immunode.cli.completion import fit_names, trial_names
from immunode.cli.options import Formats, Json, Out, SaidPatients, Seed, Threads, checked_formats
from immunode.cli.output import show, told
from immunode.internal.defaults import COMPARED, SEED, THREADS

if TYPE_CHECKING:
    from immunode.report.predictions import PredictionReport


def predict(
    trial: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL",
            help="A library trial (see: immunode trials), or the path of a trial file.",
            show_default=False,
            autocompletion=trial_names,
        ),
    ],
    fit: Annotated[
        list[str],
        typer.Option(
            "--fit",
            metavar="NAME_OR_FILE",
            help="A fit of the library, a fit.toml of your own, beside which its result lies, or a saved Fit (JSON). "
            "Repeat it for others of the same model: they are averaged in equal shares.",
            show_default=False,
            autocompletion=fit_names,
        ),
    ],
    n: SaidPatients = None,
    seed: Seed = SEED,
    threads: Threads = THREADS,
    as_json: Json = False,
    out: Out = None,
    format_: Formats = None,
) -> None:
    """Predict what a trial would print by a fit, or some, with 95 % intervals and what their width is due to.

    Example: [bold]immunode predict kirchner_1998 --fit piscitelli_1996[/bold]
    """
    formats = checked_formats(format_, out)
    show(_predicted(trial, fit, COMPARED if n is None else n, seed, threads, out, formats), as_json)
    told(out)


def _predicted(
    trial: str, fit: list[str], n: int, seed: int, threads: int | None, out: Path | None, formats: list[str]
) -> "PredictionReport":
    """Return the prediction, and its files where these are wanted."""
    from immunode.calibration.prediction import predict_trial
    from immunode.report.files import output_folder, whole_files
    from immunode.report.predictions import PredictionReport, save_prediction

    with output_folder(out):
        report = PredictionReport(predict_trial(trial, fit, n, seed, threads=threads))
        with whole_files(out) as folder:
            if folder is not None:
                save_prediction(report, folder, formats)
    return report
