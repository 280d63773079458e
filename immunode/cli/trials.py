"""The command `immunode trials`."""

from typing import Annotated

import typer

from immunode.cli.completion import trial_names
from immunode.cli.options import FLAG, Json
from immunode.cli.output import show
from immunode.errors import BadValue


def trials(
    name: Annotated[
        str | None, typer.Argument(help="Show one trial.", show_default=False, autocompletion=trial_names)
    ] = None,
    as_json: Json = False,
    schema: Annotated[
        bool, typer.Option("--schema", metavar=FLAG, help="Print the JSON Schema of a trial file.")
    ] = False,
) -> None:
    """List the published trials, or show one: arms, regimens, assumptions, printed numbers.

    Example: [bold]immunode trials tincati_2008[/bold]
    """
    from immunode.evidence import library
    from immunode.evidence.trial_file import trial_schema
    from immunode.report.trial_files import TrialFileReport, TrialsReport

    if schema and name is not None:
        raise BadValue(f"--schema is of all trial files; leave out {name}, or show that trial without --schema")
    if schema:
        print(trial_schema())
    elif name is None:
        show(TrialsReport([library.load(key) for key in library.trial_names()]), as_json)
    else:
        show(TrialFileReport(library.load(name)), as_json)
