"""The command `immunode fit`."""

import os
from typing import Annotated

import typer

from immunode.cli.output import Json, Out, show


def fit(
    name: Annotated[str, typer.Argument(help="A fit of the library, such as il2_cd4.")],
    check: Annotated[
        bool, typer.Option("--check", help="Re-evaluate the committed result instead of fitting.")
    ] = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Fit a model to published numbers and print the report, or check a committed fit.

    Example: [bold]immunode fit il2_cd4 --check[/bold]
    """
    from immunode.calibration import declared
    from immunode.report.files import whole_files
    from immunode.report.fits import FitReport

    with whole_files(out) as folder:
        result = declared.run_fit(name, check=check, out=folder, threads=os.cpu_count() or 1)
    if out is not None and out.resolve().parent == declared.folder().resolve():
        declared.write_overview()
    report = FitReport(result)
    show(report, as_json)
    if not report.agrees:
        raise typer.Exit(1)
