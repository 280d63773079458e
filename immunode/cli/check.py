"""The command `immunode check`."""

from pathlib import Path
from typing import Annotated

import typer

from immunode.cli.completion import model_names
from immunode.cli.options import Json, TimeUnit
from immunode.cli.output import show


def check(
    file: Annotated[
        Path, typer.Argument(help="An event table as NONMEM reads it: CSV with ID, TIME, AMT, ...", show_default=False)
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The model that it is for (see: immunode models), or my_model.py; without, less is checked.",
            show_default=False,
            autocompletion=model_names,
        ),
    ] = None,
    time_unit: TimeUnit = None,
    as_json: Json = False,
) -> None:
    """Say in words what each patient of an event table gets, and every problem in it; exit code 1 if it has errors.

    Example: [bold]immunode check data.csv --model il2_sc[/bold]
    """
    from immunode import models, nonmem
    from immunode.report.event_tables import CheckReport

    reading = nonmem.reading(file, None if model is None else models.model(model), time_unit)
    report = CheckReport(str(file), model, reading)
    show(report, as_json)
    if report.errors:
        raise typer.Exit(1)
