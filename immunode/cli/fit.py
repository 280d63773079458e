"""The command `immunode fit`."""

from pathlib import Path
from typing import Annotated

import typer

from immunode.cli.completion import evidence_names, fit_names
from immunode.cli.options import FLAG, Json, Out, Threads
from immunode.cli.output import show, told
from immunode.errors import BadValue
from immunode.internal.defaults import THREADS

_LeaveOut = Annotated[
    list[str] | None,
    typer.Option(
        "--leave-out",
        metavar="TRIAL",
        autocompletion=evidence_names,
        help="Fit without this trial, and predict what it printed. Repeat it for others.",
        show_default=False,
    ),
]


def fit(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_TOML",
            help="A fit of the library, such as il2_cd4, or the path of a fit.toml.",
            show_default=False,
            autocompletion=fit_names,
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", metavar=FLAG, help="Re-evaluate the committed result instead of fitting.")
    ] = False,
    leave_out: _LeaveOut = None,
    threads: Threads = THREADS,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            help="Folder that keeps what is finished: a fit that was stopped goes on from it.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Fit a model to published numbers and print the report, or check a committed fit.

    Example: [bold]immunode fit il2_cd4 --check[/bold]
    """
    from immunode.calibration.declared import run_fit
    from immunode.calibration.fit_check import check_fit
    from immunode.calibration.fit_file import fits_folder
    from immunode.calibration.report import write, write_overview
    from immunode.report.files import output_folder, whole_files
    from immunode.report.fits import FitCheckReport, FitReport

    if check:
        if out is not None:
            raise BadValue(f"--out {out}: --check writes nothing; leave one of the two out")
        if resume is not None:
            raise BadValue(f"--resume {resume}: --check fits nothing; leave one of the two out")
        if leave_out:
            raise BadValue(f"--leave-out {leave_out[0]}: --check fits nothing; leave one of the two out")
        again = check_fit(name, threads=threads)
        show(FitCheckReport(again), as_json)
        if not again.ok:
            raise typer.Exit(1)
        return
    with output_folder(out):
        result = run_fit(name, leave_out=leave_out or (), threads=threads, resume=resume)
        with whole_files(out) as folder:
            if folder is not None:
                write(result, folder)
    if out is not None and out.resolve().parent == fits_folder().resolve():
        write_overview()
    show(FitReport(result), as_json)
    told(out)
